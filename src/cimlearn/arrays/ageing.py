"""What time and temperature do to cells: drift, relaxation after a write, retention, temperature.

    G'(t) = e d G + (1 - e) G_rest                    what the cell holds, a = t - t_w after its last write at t_w
    seen  = h (G' + s delta), 0 or more               what the circuit sees of it

d  drift: (a / t_0)^-nu from a = t_0 on, 1 before; nu of each cell is normal. After a small write, which leaves a part
   of the cell as old as it was, as arrays/renewal.py says
e  retention: exp(-a / tau), towards a place in the window
delta  relaxation: normal, drawn anew by every write around what was written; s = 1 - exp(-a / tau_s), 1 without tau_s
h  temperature: (1 + alpha (T - T_0)) exp(-E_a / k (1 / T - 1 / T_0)), alpha of each cell is normal

A write begins from G'(t), or without its drift where writes mend it, and starts the cell's clock anew. Cells that are
not written are brought up to date when `age_cells` is called: at stated intervals and after a rest, never at a product.
Telegraph noise is in arrays/telegraph.py.

Sources: drift, Ielmini et al., IEEE TED 54 (2007), 308; one nu per cell, Joshi et al., Nature Communications 11 (2020),
2473; relaxation, Wan et al., Nature 608 (2022), 504. Exponential retention and a linear coefficient are textbook laws.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import rules
from cimlearn.arrays.renewal import drifted, given_back, left_age
from cimlearn.compiled import entry, kernel
from cimlearn.devices.base import inside
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator

NOW: Final = 0  # simulated time [s]
TEMPERATURE: Final = 1  # [K]
REFERENCE: Final = 2  # when the reference cells were last written [s]
CLOCK: Final = 3
BOLTZMANN_EV: Final = 8.617333262e-5  # [eV/K]
TRACKS: Final = ("no", "cells", "rewritten")
Cells3 = NDArray[np.float32]


class Laws(NamedTuple):
    """The description, drawn once (fabrication); (0, 0, 0) arrays where nothing ages."""

    on: bool
    hides: bool  # the device's state is a hidden conductance [S], which ages as the cell does
    update: float  # time that one update of the array takes [s]
    start: float  # t_0 [s]
    mended: bool  # a write erases the drift that has happened to what it renews
    renewal: float  # change that renews a cell whole [S]; 0 = any change does
    relaxation: float  # standard deviation of delta [S]
    settling: float  # tau_s [s]; 0 = at once
    retention: float  # tau [s]; 0 = for ever
    rest: float  # G_rest [S]
    activation: float  # E_a / k [K]
    nominal: float  # T_0 [K]
    nu: Cells3  # (layers, rows, columns)
    per_kelvin: Cells3  # (layers, rows, columns) alpha [1/K]
    trap: Cells3  # (layers, rows, columns) amplitude of telegraph noise, relative; (0, 0, 0) = none
    tracks: int  # place in TRACKS
    reference_nu: NDArray[np.float64]  # (layers, rows, references), or (1, 1, 1) of an exact number
    reference_per_kelvin: NDArray[np.float64]  # the same [1/K]
    reference_trap: Cells3  # (layers, rows, references) amplitude relative to all cells of the reference
    group_of: NDArray[np.int64]  # (columns,) reference of each column


class Aged(NamedTuple):
    """The state; every field is saved with a run. All empty where nothing ages."""

    clock: NDArray[np.float64]  # (CLOCK,)
    written: NDArray[np.float64]  # (layers, rows, columns) t_w [s]
    carried: Cells3  # (layers, rows, columns) age that drift had after that write [s]; (0, 0, 0) = none, ever
    relaxed: Cells3  # (layers, rows, columns) delta [S]
    factor: Cells3  # (layers, rows, columns) seen = factor G + shift, from the last ageing or write
    shift: Cells3  # (layers, rows, columns) [S]
    reference: NDArray[
        np.float64
    ]  # as `reference_nu`: conductance when last written, relative to the nominal
    sway: (
        Cells3  # (layers, rows, columns) what a trap adds to a weight or takes from it; (0, 0, 0) = no traps
    )
    borne: Cells3  # (rows, columns) what the reference takes from a weight; (0, 0) = its traps are not there


def describe(
    p: ParameterSet,
    device: Any,
    shape: tuple[int, int, int],
    group_of: NDArray[np.int64],
    *,
    seed: int,
    name: str,
) -> Laws:
    """The laws of cells of `shape` (layers, rows, columns); `group_of` (columns,) is empty without reference cells."""
    on = rules.ages(p)
    traps, tracks = p["cell.telegraph"] > 0, TRACKS.index(p["periphery.reference_tracks"])
    cells = shape if on else (0, 0, 0)
    draw = generator(seed, name, "ageing")
    low, high = device.window()
    count = int(group_of.max(initial=-1)) + 1
    references = (0, 0, 0) if not on else (shape[0], shape[1], count) if count else (1, 1, 1)
    spread = 1.0 if count else 0.0  # an exact number changes as the mean cell does

    def normal(mean: float, deviation: float, size: tuple[int, ...]) -> NDArray[np.float64]:
        return np.asarray(mean + deviation * draw.standard_normal(size))

    def trapped(size: tuple[int, ...]) -> Cells3:
        return (p["cell.telegraph"] * (draw.random(size) < p["cell.telegraph_share"])).astype(np.float32)

    nu, kelvin = (p["cell.drift"], p["cell.drift_spread"]), _coefficient(p)
    rate = rules.known(p, "operation.rate", None)
    return Laws(
        on=on,
        hides=hasattr(device, "hides") and device.hides(),
        update=p["rule.batch"] / rate if rate and "rule.batch" in p else 0.0,
        start=p["cell.drift_start"],
        mended=p["cell.drift_mended"],
        renewal=p["cell.drift_renewal"] * (high - low),
        relaxation=p["cell.relaxation"] * (high - low),
        settling=p["cell.relaxation_time"],
        retention=p["cell.retention"] or 0.0,
        rest=low + p["cell.retention_place"] * (high - low),
        activation=p["cell.activation"] / BOLTZMANN_EV,
        nominal=p["cell.nominal_temperature"],
        nu=normal(*nu, cells).astype(np.float32),
        per_kelvin=normal(*kelvin, cells).astype(np.float32),
        trap=trapped(cells if traps else (0, 0, 0)),
        tracks=tracks,
        reference_nu=normal(nu[0], spread * nu[1], references),
        reference_per_kelvin=normal(kelvin[0], spread * kelvin[1], references),
        reference_trap=trapped(references if traps and count and tracks else (0, 0, 0))
        / np.float32(shape[0]),
        group_of=group_of,
    )


def _coefficient(p: ParameterSet) -> tuple[float, float]:
    """Mean and spread of alpha [1/K]."""
    return p["cell.temperature_coefficient"], p["cell.temperature_spread"]


def aged(laws: Laws, temperature: float) -> Aged:
    """The state before the cells are programmed."""
    cells, traps = laws.nu.shape, laws.reference_trap.size
    return Aged(
        clock=np.array([0.0, temperature, 0.0]) if laws.on else np.zeros(0),
        written=np.zeros(cells),
        carried=np.zeros(cells if laws.renewal > 0 else (0, 0, 0), np.float32),
        relaxed=np.zeros(cells, np.float32),
        factor=np.ones(cells, np.float32),
        shift=np.zeros(cells, np.float32),
        reference=np.ones(laws.reference_nu.shape),
        sway=np.zeros(laws.trap.shape, np.float32),
        borne=np.zeros(cells[1:] if traps else (0, 0), np.float32),
    )


# Kernels of numbers, not of the array: what an array is made of would be counted in and out for every cell.


@kernel
def retained(retention, age):
    """e."""
    return np.exp(-max(age, 0.0) / retention) if retention > 0 else 1.0


@kernel
def settled(settling, age):
    """s."""
    return 1.0 - np.exp(-max(age, 0.0) / settling) if settling > 0 else 1.0


@kernel
def warmed(nominal, activation, per_kelvin, temperature):
    """h."""
    linear = max(1.0 + per_kelvin * (temperature - nominal), 0.0)
    return linear * np.exp(-activation * (1.0 / temperature - 1.0 / nominal))


@kernel
def seen(factor, shift, conductance):
    """What the circuit sees of a cell as it was last brought up to date [S]."""
    return max(factor * conductance + shift, np.float32(0))


@kernel
def hold(bar, count):
    """Put down what each of the `count` chosen cells holds now [S], which is where a write begins and what a verifying
    read finds, its state, and what the circuit sees of it [S].

    The device's state ages where it is a hidden conductance. Without drift where writes erase all of it.
    """
    pick, laws, aged = bar.scratch.pick, bar.ageing, bar.state.aged
    held, states, known = bar.scratch.asked[6], bar.scratch.asked[7], bar.scratch.asked[8]
    conductance, state, factor, shift = (
        bar.state.cells.conductance,
        bar.state.cells.state,
        aged.factor,
        aged.shift,
    )
    if not laws.on:
        for n in range(count):
            held[n] = conductance[pick[0, n], pick[1, n], pick[2, n]]
        return
    now, written, nu, carried = aged.clock[NOW], aged.written, laws.nu, aged.carried
    retention, start, rest, hides = laws.retention, laws.start, laws.rest, laws.hides
    carries, drifts = carried.size > 0, laws.renewal > 0 or not laws.mended
    for n in range(count):
        k, i, j = pick[0, n], pick[1, n], pick[2, n]
        age = now - written[k, i, j]
        kept, old = retained(retention, age), carried[k, i, j] if carries else 0.0
        part = kept * drifted(start, nu[k, i, j], age, old) if drifts else kept
        left = (1.0 - kept) * rest
        held[n] = np.float32(part * conductance[k, i, j] + left)
        states[n] = np.float32(part * state[k, i, j] + left) if hides else state[k, i, j]
        known[n] = seen(factor[k, i, j], shift[k, i, j], conductance[k, i, j])


@kernel
def restart(bar, count):
    """Start the clock of each of the chosen cells that was written (1 where `hold` put its state), and put down what
    it settles by from a standard normal; the change that the circuit sees [S] takes the place of the cell's own.
    """
    pick, laws, aged = bar.scratch.pick, bar.ageing, bar.state.aged
    moved, settles = bar.scratch.asked[4], bar.scratch.asked[5]
    alive, known = bar.scratch.asked[7], bar.scratch.asked[8]
    if laws.renewal > 0:
        _renew(bar, count)
    conductance, factor, shift = bar.state.cells.conductance, aged.factor, aged.shift
    written, relaxed, per_kelvin = aged.written, aged.relaxed, laws.per_kelvin
    now, temperature, relaxation = aged.clock[NOW], aged.clock[TEMPERATURE], np.float32(laws.relaxation)
    nominal, activation, at_once = laws.nominal, laws.activation, settled(laws.settling, 0.0)
    for n in range(count):
        if alive[n] == 0:
            continue
        k, i, j = pick[0, n], pick[1, n], pick[2, n]
        written[k, i, j] = now
        relaxed[k, i, j] = relaxation * settles[n]
        h = warmed(nominal, activation, per_kelvin[k, i, j], temperature)
        factor[k, i, j] = np.float32(h)
        shift[k, i, j] = np.float32(h * at_once * relaxed[k, i, j])
        moved[n] = seen(factor[k, i, j], shift[k, i, j], conductance[k, i, j]) - known[n]


@kernel
def _renew(bar, count):
    """How old the drift of each of the chosen cells that was written is now (arrays/renewal.py)."""
    pick, laws, aged = bar.scratch.pick, bar.ageing, bar.state.aged
    begun, alive = bar.scratch.asked[6], bar.scratch.asked[7]
    conductance, state, written, carried = (
        bar.state.cells.conductance,
        bar.state.cells.state,
        aged.written,
        aged.carried,
    )
    now, start, renewal, mends, hides = aged.clock[NOW], laws.start, laws.renewal, laws.mended, laws.hides
    retention, rest, nu = laws.retention, laws.rest, laws.nu
    for n in range(count):
        if alive[n] == 0:
            continue
        k, i, j = pick[0, n], pick[1, n], pick[2, n]
        age = carried[k, i, j] + (now - written[k, i, j])
        left = left_age(start, renewal, age, conductance[k, i, j] - begun[n])
        if mends:
            drifting = begun[n] - (1.0 - retained(retention, now - written[k, i, j])) * rest
            back = given_back(start, nu[k, i, j], age, left, drifting)
            conductance[k, i, j] = inside(bar.device, np.float32(conductance[k, i, j] + back))
            if hides:
                state[k, i, j] += np.float32(back)
        carried[k, i, j] = left


@entry
def age_cells(bar):
    """Bring factor and shift of every cell, and the conductance of each row, up to the array's clock.

    The weights are those of before until the circuit is solved (arrays/crossbar.py, solve_circuit).
    """
    laws, aged, conductance = bar.ageing, bar.state.aged, bar.state.cells.conductance
    now, temperature = aged.clock[NOW], aged.clock[TEMPERATURE]
    factor, shift, written, relaxed = aged.factor, aged.shift, aged.written, aged.relaxed
    carried, carries = aged.carried, aged.carried.size > 0
    nu, per_kelvin, row_on = laws.nu, laws.per_kelvin, bar.state.row_on
    retention, start, rest, settling = laws.retention, laws.start, laws.rest, laws.settling
    nominal, activation = laws.nominal, laws.activation
    layers, rows, columns = factor.shape
    for i in range(rows):
        total = 0.0
        for k in range(layers):
            for j in range(columns):
                age = now - written[k, i, j]
                kept, old = retained(retention, age), carried[k, i, j] if carries else 0.0
                part, left = kept * drifted(start, nu[k, i, j], age, old), (1.0 - kept) * rest
                h = warmed(nominal, activation, per_kelvin[k, i, j], temperature)
                left += settled(settling, age) * relaxed[k, i, j]
                factor[k, i, j] = np.float32(h * part)
                shift[k, i, j] = np.float32(h * left)
                total += seen(factor[k, i, j], shift[k, i, j], conductance[k, i, j])
        row_on[i] = total


def seen_cells(bar: Any) -> NDArray[np.float64]:
    """(layers, rows, columns) what the circuit sees of the cells as they were last brought up to date [S]."""
    cells = bar.state.cells.conductance.astype(np.float64)
    if not bar.ageing.on:
        return cells
    return np.asarray(np.maximum(bar.state.aged.factor * cells + bar.state.aged.shift, 0.0))
