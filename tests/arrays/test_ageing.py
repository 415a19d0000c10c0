"""Time and temperature against float64 programs of their laws, and against closed forms."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hardware import SIGMAS, bar, multiply, unchecked, write_all

from cimlearn.arrays import ageing, calibrate, references
from cimlearn.arrays.base import freeze
from cimlearn.arrays.build import circuit_of
from cimlearn.arrays.crossbar import Crossbar, solve_circuit
from cimlearn.devices.continuous import Continuous

NEAR = 3e-5  # float32 weights that are differences of larger conductances, relative to the largest weight
CELL = Continuous(np.float32(4e-5), np.float32(2.83e-4), np.float32(0), False)
LOW, HIGH = float(CELL.low), float(CELL.high)
MIDDLE, WIDTH = 0.5 * (LOW + HIGH), HIGH - LOW
EXACT = {"periphery.input_bits": None, "mapping.hidden_range": 1.0}
ROWS, COLUMNS = 9, 6
DAY = 86400.0
RNG = np.random.default_rng


@numba.njit
def _freeze(array):
    freeze(array)


def made(changes: dict[str, Any], rows: int = ROWS, columns: int = COLUMNS) -> tuple[Crossbar, np.ndarray]:
    """An array without faults but those of `changes`, and its cells (layers, rows, columns) in float64."""
    array = bar(RNG(3).uniform(-1, 1, (rows, columns)), EXACT | changes, CELL)
    return array, array.state.cells.conductance.astype(float)


def at(array: Crossbar, changes: dict[str, Any], *, now: float = 0.0, kelvin: float = 300.0) -> Crossbar:
    """The array at a time [s] and a temperature [K]."""
    array.state.aged.clock[ageing.NOW], array.state.aged.clock[ageing.TEMPERATURE] = now, kelvin
    ageing.age_cells(array)
    shape = array.state.weight.shape
    solve_circuit(array, circuit_of(CELL, unchecked(EXACT | changes), shape, name="hidden", seed=1))
    return array


def test_what_does_not_age_holds_nothing() -> None:
    array, _ = made({})
    assert not array.ageing.on
    assert (
        sum(field.size for field in (*array.state.aged, array.scratch.frozen, array.state.correction[0])) == 0
    )


def test_drift_is_a_power_of_the_time_since_the_last_write() -> None:
    """G (t / t_0)^-nu with each cell's nu; a fixed reference stays; before t_0 nothing happens."""
    changes = {"cell.drift": 0.03, "cell.drift_spread": 0.01, "cell.drift_start": 5.0}
    array, g = made(changes)
    nu = array.ageing.nu.astype(float)
    for now in (0.0, 5.0, 1e3, DAY):
        wanted = array.scale * (g[0] * max(now / 5.0, 1.0) ** -nu[0] - MIDDLE)
        assert at(array, changes, now=now).state.weight == pytest.approx(wanted, abs=NEAR)


def test_exponents_of_many_cells() -> None:
    array, _ = made({"cell.drift": 0.05, "cell.drift_spread": 0.01}, 60, 50)
    nu = array.ageing.nu.ravel().astype(float)
    assert np.mean(nu) == pytest.approx(0.05, abs=SIGMAS * 0.01 / np.sqrt(nu.size))
    assert np.std(nu) == pytest.approx(0.01, abs=SIGMAS * 0.01 / np.sqrt(2 * nu.size))


def test_every_law_at_once_by_an_equation_of_its_own() -> None:
    changes = {
        "cell.drift": 0.02,
        "cell.drift_spread": 0.01,
        "cell.relaxation": 0.03,
        "cell.relaxation_time": 50.0,
        "cell.retention": 1e6,
        "cell.retention_place": 0.25,
        "cell.temperature_coefficient": -1e-3,
        "cell.temperature_spread": 5e-4,
        "cell.activation": 0.02,
        "mapping.kind": "pair",
    }
    array, g = made(changes)
    laws, aged = array.ageing, array.state.aged
    for now, kelvin in ((30.0, 300.0), (DAY, 343.0), (10 * DAY, 273.0)):
        e, d = np.exp(-now / 1e6), np.maximum(now, 1.0) ** -laws.nu.astype(float)
        h = 1 + laws.per_kelvin.astype(float) * (kelvin - 300)
        h *= np.exp(-0.02 / 8.617333262e-5 * (1 / kelvin - 1 / 300))
        rest, settled = LOW + 0.25 * WIDTH, 1 - np.exp(-now / 50)
        cells = h * (e * d * g + (1 - e) * rest + settled * aged.relaxed)
        wanted = array.scale * (cells[0] - cells[1])
        assert at(array, changes, now=now, kelvin=kelvin).state.weight == pytest.approx(wanted, abs=NEAR)
        assert array.state.row_on == pytest.approx(cells.sum(axis=(0, 2)), rel=1e-5)


@pytest.mark.parametrize("mended", [False, True])
def test_a_write_begins_from_what_is_left_and_starts_the_clock_anew(mended: bool) -> None:
    """Or from what was written, where a write erases drift; any write renews the cell whole."""
    changes = {"cell.drift": 0.05, "cell.drift_spread": 0.02, "cell.drift_mended": mended}
    changes |= {"cell.drift_renewal": 0}
    array, g = made(changes)
    nu = array.ageing.nu[0].astype(float)
    at(array, changes, now=1e4)
    change = np.zeros((1, ROWS, COLUMNS))
    change[0, 2, 3] = 0.1
    write_all(array, change)
    cells = g[0] * 1e4**-nu
    cells[2, 3] = min((g[0, 2, 3] if mended else cells[2, 3]) + 0.1 / array.scale, HIGH)
    assert array.state.weight == pytest.approx(array.scale * (cells - MIDDLE), abs=NEAR)
    later = g[0] * 5e4**-nu
    later[2, 3] = cells[2, 3] * 4e4 ** -nu[2, 3]
    assert at(array, changes, now=5e4).state.weight == pytest.approx(array.scale * (later - MIDDLE), abs=NEAR)


def written_at(array: Crossbar, changes: dict[str, Any], times: tuple[float, ...], size: float) -> np.ndarray:
    """(times, ROWS, COLUMNS) random changes [weight] up to `size`, asked of the array at these times [s]."""
    asked = RNG(5).uniform(-size, size, (len(times), ROWS, COLUMNS))
    for now, change in zip(times, asked, strict=True):
        at(array, changes, now=now)
        write_all(array, change[None])
    return asked


TIMES = (3.0, 1e3, 1e3 + 2.0, 4e4)


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize("renewal", [0.02, 1e6])
def test_a_small_write_renews_a_share_of_a_cells_drift(renewal: float, mended: bool) -> None:
    """Against the law in float64, cell by cell: some writes here are larger than the one that renews all, some not."""
    changes = {"cell.drift": 0.05, "cell.drift_spread": 0.02, "cell.drift_start": 2.0}
    changes |= {"cell.drift_renewal": renewal, "cell.drift_mended": mended}
    array, g = made(changes)
    nu, cells, age = array.ageing.nu[0].astype(float), g[0], np.zeros((ROWS, COLUMNS))
    asked = written_at(array, changes, TIMES, 0.08) / array.scale

    def law(old: np.ndarray) -> np.ndarray:
        return np.maximum(old / 2.0, 1.0) ** -nu

    for now, before, change in zip(TIMES, (0.0, *TIMES), asked, strict=False):
        old = age + now - before
        left = cells * law(old) / law(age)
        moved = np.clip(left + change, LOW, HIGH) - left
        share = np.minimum(np.abs(moved) / (renewal * WIDTH), 1)
        age = 2.0 * ((1 + old / 2.0) ** (1 - share) - 1)
        cells = left + moved + (left * (law(age) / law(old) - 1) if mended else 0)
        cells = np.clip(cells, LOW, HIGH)
    assert array.state.aged.carried[0] == pytest.approx(age, rel=2e-3, abs=1e-3)
    later = cells * law(age + DAY - TIMES[-1]) / law(age)
    assert at(array, changes, now=DAY).state.weight == pytest.approx(
        array.scale * (later - MIDDLE), abs=10 * NEAR
    )


def test_writes_that_renew_nothing_leave_drift_as_if_nobody_had_written() -> None:
    """What each adds drifts on at the age of the cell: G_0 D(t) + sum of dG D(t) / D(t_k)."""
    changes = {"cell.drift": 0.05, "cell.drift_renewal": 1e6}
    array, g = made(changes)
    asked = written_at(array, changes, TIMES, 0.02) / array.scale
    wanted = DAY**-0.05 * (g[0] + sum(one / now**-0.05 for now, one in zip(TIMES, asked, strict=True)))
    seen = at(array, changes, now=DAY).state.weight
    free = (g[0] > 2 * LOW) & (g[0] < HIGH - 0.05 * WIDTH)  # of cells that no write takes to a bound
    assert np.sum(free) > ROWS
    assert seen[free] == pytest.approx(array.scale * (wanted[free] - MIDDLE), abs=10 * NEAR)


def test_writes_that_renew_all_are_those_of_cells_that_any_write_renews() -> None:
    """To the bit, though the age of drift is kept for each cell."""
    kept = []
    for renewal in (0.0, 1e-6):
        changes = {"cell.drift": 0.05, "cell.drift_renewal": renewal}
        array, _ = made(changes)
        written_at(array, changes, TIMES, 0.1)
        at(array, changes, now=DAY)
        kept.append((array.state.cells.conductance, array.state.weight, array.state.aged.factor))
    assert all(np.array_equal(one, other) for one, other in zip(*kept, strict=True))


def test_a_stuck_cell_drifts_and_no_write_mends_it() -> None:
    changes = {"cell.drift": 0.05, "cell.stuck": 1.0}
    array, g = made(changes)
    at(array, changes, now=1e4)
    write_all(array, np.full((1, ROWS, COLUMNS), 0.1))
    assert array.state.cells.conductance == pytest.approx(g, rel=1e-6)
    assert array.state.weight == pytest.approx(array.scale * (g[0] * 1e4**-0.05 - MIDDLE), abs=NEAR)


def test_relaxation_is_drawn_by_every_write_around_what_was_written() -> None:
    """Its deviation is a part of the window, and it does not add up over writes."""
    changes = {"cell.relaxation": 0.02}
    array, g = made(changes, 60, 50)
    seen = []
    for _ in range(20):
        write_all(array, np.full((1, 60, 50), 1e-6))
        seen.append(array.state.weight / array.scale + MIDDLE - array.state.cells.conductance[0])
    drawn = np.array(seen) / WIDTH
    assert np.std(drawn) == pytest.approx(0.02, abs=SIGMAS * 0.02 / np.sqrt(2 * drawn.size))
    assert np.corrcoef(drawn[0].ravel(), drawn[1].ravel())[0, 1] == pytest.approx(
        0, abs=SIGMAS / np.sqrt(3000)
    )
    assert array.state.cells.conductance == pytest.approx(g, abs=1e-3 * WIDTH)


def test_telegraph_noise_stands_still_within_an_inference() -> None:
    """Two values of each cell with a trap, G (1 - a) and G (1 + a), as often; variance a^2 G^2 times the share."""
    changes = {"cell.telegraph": 0.05, "cell.telegraph_share": 0.4}
    array, g = made(changes, 20, 33)
    seen = []
    for _ in range(400):
        _freeze(array)
        seen.append(array.scratch.frozen.astype(float) - array.state.weight)
    moved, size = np.array(seen), array.scale * 0.05 * g[0]
    trapped = array.ageing.trap[0] > 0
    assert np.abs(moved) == pytest.approx(np.broadcast_to(size * trapped, moved.shape), abs=NEAR)
    assert np.mean(trapped) == pytest.approx(0.4, abs=SIGMAS * np.sqrt(0.24 / trapped.size))
    up = moved[:, trapped] > 0
    assert np.mean(up) == pytest.approx(0.5, abs=SIGMAS * 0.5 / np.sqrt(up.size))
    assert np.var(moved) == pytest.approx(np.mean((size * trapped) ** 2), rel=1e-3)
    x = RNG(1).uniform(-1, 1, (1, 20))
    assert np.array_equal(multiply(array, x), multiply(array, x))
    assert multiply(array, x)[0] == pytest.approx(x[0] @ array.scratch.frozen, abs=20 * NEAR)


def test_traps_of_a_reference_column_move_all_its_columns() -> None:
    changes = {"cell.telegraph": 0.05, "periphery.reference_group": 3, "periphery.reference_tracks": "cells"}
    array, g = made(changes)
    _freeze(array)
    moved = array.scratch.frozen.astype(float) - array.state.weight
    own = array.scale * 0.05 * g[0]
    common = array.scale * 0.05 * MIDDLE
    for columns in (slice(0, 3), slice(3, 6)):
        for row in range(ROWS):
            fits = [
                np.allclose(np.abs(moved[row, columns] - sign * common), own[row, columns], atol=NEAR)
                for sign in (1, -1)
            ]
            assert any(fits)


@pytest.mark.parametrize(("tracks", "group"), [("no", None), ("cells", None), ("cells", 2), ("no", 2)])
def test_a_reference_that_tracks_leaves_a_common_factor(tracks: str, group: int | None) -> None:
    """Two percent of common change: w (1 + 0.02) with a tracking reference, and 0.02 G_ref more without one."""
    changes = {"cell.temperature_coefficient": 5e-4, "periphery.reference_tracks": tracks}
    changes |= {"periphery.reference_group": group}
    array, g = made(changes)
    before = array.scale * (g[0] - MIDDLE)
    wanted = 1.02 * before + (0.0 if tracks == "cells" else 0.02 * array.scale * MIDDLE)
    assert at(array, changes, kelvin=340.0).state.weight == pytest.approx(wanted, abs=NEAR)


def test_references_that_are_rewritten_age_as_cells_that_are() -> None:
    changes = {"cell.drift": 0.05, "periphery.reference_tracks": "rewritten"}
    array, _ = made(changes)
    kept = []
    for day in (1, 2, 3):
        at(array, changes, now=day * DAY)
        kept.append(float(references.reference_share(array)[0, 0, 0]))
        assert references.rewrite_reference(array) == 2 * ROWS
    assert kept == pytest.approx([DAY ** (-0.05 * day) for day in (1, 2, 3)], rel=1e-6)
    fixed, _ = made({"cell.drift": 0.05, "periphery.reference_tracks": "cells"})
    assert references.rewrite_reference(fixed) == 0


def test_a_rewritten_reference_starts_from_where_weights_start() -> None:
    """Where a write erases drift, a reference and weights that are both written stay together."""
    changes = {"cell.drift": 0.05, "cell.drift_mended": True, "periphery.reference_tracks": "rewritten"}
    changes |= {"cell.drift_renewal": 0}
    array, g = made(changes)
    for now in (1e4, 2e4, 3e4):
        at(array, changes, now=now)
        write_all(array, np.full((1, ROWS, COLUMNS), 1e-6))
        references.rewrite_reference(array)
    weights = array.scale * (g[0] - MIDDLE)
    assert at(array, changes, now=3e4).state.weight == pytest.approx(weights, abs=1e-4)
    assert float(references.reference_share(array)[0, 0, 0]) == 1


@pytest.mark.parametrize("kind", ["gain", "sum"])
def test_calibration_brings_sums_back(kind: str) -> None:
    """A common change of all cells is a gain with a tracking reference; without one, a part of the inputs' sum too."""
    changes = {
        "cell.temperature_coefficient": 5e-4,
        "periphery.reference_tracks": "cells" if kind == "gain" else "no",
        "tile.rows": 5,
        "operation.calibration": kind,
    }
    array, _ = made(changes)
    x = calibrate.stored_vectors(ROWS, 12, seed=1, name="hidden")
    right = calibrate.read(array, x)
    tested = RNG(7).uniform(-1, 1, (5, ROWS))
    before = multiply(array, tested)
    at(array, changes, kelvin=340.0)
    off = np.abs(multiply(array, tested) - before).max()
    calibrate.fit(array, kind, x, right)
    left = np.abs(multiply(array, tested) - before).max()
    assert left < 0.02 * off  # what 16 bits leave


def test_offset_calibration_takes_what_a_read_without_input_shows() -> None:
    changes = {"periphery.offset": 0.04, "operation.calibration": "offset"}
    array, _ = made(changes)
    nothing = np.zeros((1, ROWS), np.float32)
    assert np.abs(multiply(array, nothing)).max() > 0.05
    calibrate.zero(array, 4)
    assert np.abs(multiply(array, nothing)).max() <= 0.5 / calibrate.STEPS + 1e-6
