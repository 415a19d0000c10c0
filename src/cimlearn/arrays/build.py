"""Make a crossbar from parameters: mapping, tiles, cells, periphery, write scheme."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import ageing, calibrate, rules
from cimlearn.arrays.base import COUNTERS
from cimlearn.arrays.circuit import Circuit, describe, group_of, loads, seen
from cimlearn.arrays.crossbar import (
    Crossbar,
    CrossbarScratch,
    CrossbarState,
    program_all,
    row_tiles,
    solve_circuit,
)
from cimlearn.arrays.dense import dense_scratch
from cimlearn.arrays.periphery import PeripheryDescription, periphery
from cimlearn.arrays.reading import side_scratch
from cimlearn.arrays.schemes.scheme import SLICES, write_scheme
from cimlearn.devices.base import Wear, new_cells
from cimlearn.devices.pulsed import Pulsed
from cimlearn.devices.walk import walk_scratch
from cimlearn.parameters import ParameterSet
from cimlearn.random import kernel_state


def is_selected(p: ParameterSet, name: str) -> bool:
    """Whether transistors switch the cells of array `name` off, but those of the rows that are driven together."""
    return name == "feedback" and rules.known(p, "periphery.feedback_select", "tile") == "group"


def held_by(p: ParameterSet, name: str) -> float | None:
    """Transconductance [S] that holds the virtual grounds of array `name`; None = ideal."""
    own = rules.known(p, f"periphery.{name}_transconductance", None)
    return p["periphery.transconductance"] if own is None else own


def describe_periphery(p: ParameterSet, name: str) -> PeripheryDescription:
    """The periphery that the parameters ask for; `name` is 'hidden', 'output' or 'feedback'."""
    rules.check(p, ())
    return PeripheryDescription(
        input_bits=p["periphery.input_bits"],
        converter_bits=p["periphery.converter_bits"],
        read_voltage=p["periphery.read_voltage"],
        bit_time=p["periphery.integration"] / p["periphery.clock"],
        capacitance=p[f"periphery.{name}_capacitance"],
        saturation=p["periphery.saturation"],
        cycle_mismatch=p["periphery.cycle_mismatch"],
        column_mismatch=p["periphery.column_mismatch"],
        offset=p["periphery.offset"],
        thermal=p["periphery.thermal"],
        transconductance=held_by(p, name),
        noise_factor=p["periphery.noise_factor"],
        temperature=p["periphery.temperature"],
    )


def circuit_of(
    device: Any, p: ParameterSet, shape: tuple[int, int], *, name: str, seed: int, together: int = 1
) -> Circuit:
    """The circuit of an array of `shape` (rows, columns) called `name`: the same each time it is asked for."""
    rows, columns = shape
    layers = p["mapping.cells"] * (2 if p["mapping.kind"] == "pair" else 1)
    tiles = len(row_tiles(rows, p["tile.rows"], together)) - 1
    middle = 0.5 * sum(device.window())
    return describe(p, (layers, rows, columns), tiles, middle=middle, seed=seed, name=name)


def crossbar(
    device: Any, p: ParameterSet, weight: NDArray[np.float32], *, name: str, seed: int, together: int = 1
) -> Crossbar:
    """An array called `name` ('hidden', 'output' or 'feedback'), programmed once to weight (rows, columns).

    `together` neighbouring rows are read at once and stay in one tile.
    """
    rows, columns = weight.shape
    cells, (low, high) = p["mapping.cells"], device.window()
    bound = p[f"mapping.{name}_range"]
    paired = p["mapping.kind"] == "pair"
    sign = np.array([1.0] * cells + [-1.0] * (cells if paired else 0), np.float32)
    scheme = write_scheme(p, bound)
    if scheme.kind == SLICES:
        sign[1] = 1.0 / p["write.significance"]
    significance = float(np.abs(sign[:cells]).sum(dtype=np.float64))
    counted = 1.0 if scheme.kind == SLICES else cells  # the coarse slice alone spans the range of weights
    scale = (1 if paired else 2) * bound / (counted * (high - low))
    reference = 0.0 if paired else 0.5 * significance * (low + high)
    shape = (len(sign), rows, columns)
    wear = Wear(p["cell.endurance"], p["cell.endurance_spread"], p["cell.stuck"], p["cell.stuck_at"])
    tiles = row_tiles(rows, p["tile.rows"], together)
    circuit = circuit_of(device, p, (rows, columns), name=name, seed=seed, together=together)
    together_on = np.arange(0, rows + 1, together) if is_selected(p, name) and rows else tiles
    tallest = int(np.diff(together_on).max())
    grouped = together > 1 or name == "feedback"  # of one output, a feedback's groups are single rows
    hanging = len(sign) + (cells if circuit.group == 1 else 0)  # cells of a row on one virtual ground
    fresh = new_cells(device, shape, variation=p["cell.variation"], wear=wear, seed=seed, name=name)
    laws = ageing.describe(p, device, shape, group_of(circuit), seed=seed, name=name)
    warm = rules.known(p, "operation.temperature", (laws.nominal,))[0]
    corrects = rules.known(p, "operation.calibration", "none")
    waits = name != "feedback" and rules.known(p, "rule.remainder", "forgotten") == "kept"
    gathers = p["write.least"] > 0 and not waits  # or changes wait in the chip's memory of changes
    scheme = scheme._replace(returns=scheme.returns and waits)
    bar = Crossbar(
        device=device,
        gambles=hasattr(device, "gambles") and device.gambles(),
        scheme=scheme,
        significance=significance,
        periphery=periphery(
            describe_periphery(p, name),
            scale=scale,
            tiles=len(tiles) - 1,
            columns=columns,
            seed=seed,
            name=name,
            column=0.5 * (low + high) * hanging * tallest,
        ),
        sign=sign,
        scale=float(scale),
        reference=float(reference),
        read_variance=float(p["cell.read_noise"] ** 2),
        tiles=tiles,
        hanging=together_on,
        loads=loads(circuit),
        ageing=laws,
        state=CrossbarState(
            cells=fresh,
            weight=np.zeros((rows, columns), np.float32),
            variance=np.zeros((rows, columns), np.float32),
            row_on=np.zeros(rows),
            pending=np.zeros((rows, columns) if gathers else (0, 0), np.float32),
            turn=np.zeros((rows, columns), np.uint8),
            read_words=kernel_state(seed, name, "read"),
            write_words=kernel_state(seed, name, "write"),
            counts=np.zeros(COUNTERS, np.int64),
            on=np.zeros(1),
            seen=seen(circuit, shape, len(tiles) - 1),
            aged=ageing.aged(laws, warm),
            correction=calibrate.correction(corrects, len(tiles) - 1, columns),
        ),
        scratch=CrossbarScratch(
            side=side_scratch(1, rows, columns, groups=rows // together if grouped else 1),
            dense=dense_scratch(columns),
            walk=walk_scratch(isinstance(device, Pulsed)),
            column=np.zeros((3, columns), np.float32),
            pick=np.zeros((3, len(sign) * rows * columns + 1), np.int32),
            asked=np.zeros((9, len(sign) * rows * columns + 1), np.float32),
            frozen=np.zeros((rows, columns) if laws.trap.size else (0, 0), np.float32),
            wanted=np.zeros((rows, columns) if scheme.returns else (0, 0), np.float32),
        ),
    )
    program_all(bar, np.clip(weight, -bound, bound).astype(np.float32), 0.5 * (low + high))
    bar.state.row_on[:] = bar.state.cells.conductance.sum(axis=(0, 2), dtype=np.float64)
    if laws.on:
        ageing.age_cells(bar)
    solve_circuit(bar, circuit)
    return bar
