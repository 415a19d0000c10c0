"""References, loads, wires and calibration of a crossbar against float64 programs of their equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import bar, multiply, unchecked, write_all
from nodal import currents

from cimlearn.arrays.build import circuit_of
from cimlearn.arrays.crossbar import Crossbar, solve_circuit
from cimlearn.arrays.periphery import BOLTZMANN, PeripheryDescription, circuit_noise
from cimlearn.devices.continuous import Continuous

NEAR = 3e-5  # float32 weights that are differences of larger conductances, relative to the largest weight
CELL = Continuous(np.float32(4e-5), np.float32(2.83e-4), np.float32(0), False)
EXACT = {"periphery.input_bits": None, "mapping.hidden_range": 1.0, "write.first_tries": 0}
RNG = np.random.default_rng


def made(rows: int, columns: int, seed: int = 3, **changes: Any) -> tuple[Crossbar, np.ndarray]:
    """An array without faults of cells of 3.5 to 25 k ohm, and its cells (layers, rows, columns) in float64."""
    weight = RNG(seed).uniform(-1, 1, (rows, columns))
    array = bar(weight, EXACT | {name.replace("__", "."): value for name, value in changes.items()}, CELL)
    return array, array.state.cells.conductance.astype(float)


def middle() -> float:
    return 0.5 * (float(CELL.low) + float(CELL.high))


def test_a_reference_column_without_faults_is_the_number() -> None:
    exact, _ = made(9, 6)
    for group in (1, 4, 6):
        array, _ = made(9, 6, periphery__reference_group=group)
        assert array.state.weight == pytest.approx(exact.state.weight, abs=NEAR)


@pytest.mark.parametrize(
    ("group", "columns_of_it"), [(1, [0, 1, 2, 3, 4]), (2, [0, 0, 1, 1, 2]), (5, [0] * 5)]
)
def test_reference_cells_and_copies(group: int, columns_of_it: list[int]) -> None:
    """Columns of a group share the errors of its reference cells; each copy has a gain of its own, in each row tile."""
    settings = {"periphery__reference_spread": 0.05, "periphery__copy_mismatch": 0.02, "tile__rows": 4}
    array, g = made(7, 5, periphery__reference_group=group, **settings)
    p = unchecked(
        {"periphery.reference_group": group, **{k.replace("__", "."): v for k, v in settings.items()}}
    )
    circuit = circuit_of(CELL, p, (7, 5), name="hidden", seed=1)
    wanted = np.empty((7, 5))
    for i in range(7):
        tile = 0 if i < array.tiles[1] else 1
        for j in range(5):
            subtracted = circuit.cells[0, i, columns_of_it[j]] * circuit.copies[tile, j]
            wanted[i, j] = array.scale * (g[0, i, j] - subtracted)
    assert array.state.weight == pytest.approx(wanted, abs=NEAR)
    assert np.std(circuit.cells / middle()) == pytest.approx(0.05, rel=0.5)


def test_reference_cells_are_read_with_noise() -> None:
    exact, g = made(9, 6, cell__read_noise=0.01)
    noisy, _ = made(9, 6, cell__read_noise=0.01, periphery__reference_group=3)
    more = (0.01 * exact.scale * middle()) ** 2
    assert noisy.state.variance - exact.state.variance == pytest.approx(np.full((9, 6), more), rel=1e-4)
    assert exact.state.variance == pytest.approx((0.01 * exact.scale * g[0]) ** 2, rel=1e-4)


@pytest.mark.parametrize("calibration", ["none", "mean", "column"])
def test_an_amplifier_takes_what_the_column_leaves_it(calibration: str) -> None:
    """g_m / (g_m + G_column) of each column of each tile, or relative to their mean, or made good."""
    exact, g = made(8, 5, tile__rows=4, periphery__reference_group=1)
    array, _ = made(
        8,
        5,
        tile__rows=4,
        periphery__reference_group=1,
        periphery__transconductance=1e-3,
        periphery__calibration=calibration,
    )
    wanted = exact.state.weight.astype(float)
    for tile in (slice(0, 4), slice(4, 8)):
        kept = 1e-3 / (1e-3 + g[0, tile].sum(axis=0) + 4 * middle())
        wanted[tile] *= {"none": kept, "mean": kept / kept.mean(), "column": 1.0}[calibration]
    assert array.state.weight == pytest.approx(wanted, abs=NEAR)


def test_the_load_follows_every_write() -> None:
    array, _ = made(6, 4, periphery__transconductance=1e-3)
    write_all(array, RNG(1).uniform(-0.3, 0.3, (3, 6, 4)))
    g = array.state.cells.conductance[0].astype(float)
    wanted = array.scale * (g - middle()) * 1e-3 / (1e-3 + g.sum(axis=0))
    assert array.state.weight == pytest.approx(wanted, abs=NEAR)


@pytest.mark.parametrize("kind", ["reference", "pair"])
def test_products_through_wires(kind: str) -> None:
    """Every tile of 4 rows and 3 columns, its reference column at the end, by a nodal analysis of its own."""
    settings: dict[str, Any] = {
        "mapping__kind": kind,
        "tile__rows": 4,
        "tile__columns": 3,
        "periphery__wire": 2.0,
    }
    settings |= {"periphery__source_resistance": 10.0, "periphery__sink_resistance": 5.0}
    if kind == "reference":
        settings["periphery__reference_group"] = 3
    array, g = made(8, 6, **settings)
    x = RNG(2).uniform(-1, 1, 8)
    wanted = np.zeros(6)
    for top in (0, 4):
        for left in (0, 3):
            for layer, sign in enumerate(array.sign):
                cells = g[layer, top : top + 4, left : left + 3]
                if kind == "reference":
                    cells = np.column_stack([cells, np.full(4, middle())])
                amperes = currents(cells, x[top : top + 4], segment=2.0, source=10.0, sink=5.0, both=False)
                less = amperes[3] if kind == "reference" else 0.0
                wanted[left : left + 3] += array.scale * sign * (amperes[:3] - less)
    assert multiply(array, x[None])[0] == pytest.approx(wanted, abs=10 * NEAR)


def test_an_amplifier_at_the_end_of_a_wire() -> None:
    """1 / g_m stands in series with the column."""
    array, _ = made(5, 4, mapping__kind="pair", periphery__wire=1.0, periphery__transconductance=0.01)
    other, _ = made(5, 4, mapping__kind="pair", periphery__wire=1.0, periphery__sink_resistance=100.0)
    assert array.state.weight == pytest.approx(other.state.weight, abs=NEAR)


@pytest.mark.parametrize(("calibration", "axis"), [("mean", None), ("column", 0)])
def test_calibration_makes_the_sums_right(calibration: str, axis: int | None) -> None:
    """The sum of all cells of the tile, or of each column, seen through the wires, is that of the cells."""
    array, g = made(
        12, 7, periphery__wire=3.0, periphery__reference_group=7, periphery__calibration=calibration
    )
    seen = array.state.seen.trim[0] * (g[0] * array.state.seen.path[0])
    assert np.sum(seen, axis) == pytest.approx(np.sum(g[0], axis), rel=1e-5)


def test_a_cell_keeps_its_share_until_the_wires_are_solved() -> None:
    """After small writes the kept shares err by less than a twentieth of what the wires take."""
    changes = {"periphery__wire": 1.0, "mapping__kind": "pair"}
    array, _ = made(24, 16, **changes)
    change = RNG(5).uniform(-0.05, 0.05, (1, 24, 16))
    write_all(array, change)
    kept, size = array.state.weight.astype(float), 2 / (2.83e-4 - 4e-5)
    p = unchecked({name.replace("__", "."): value for name, value in changes.items()})
    solve_circuit(array, circuit_of(CELL, p, (24, 16), name="hidden", seed=1))
    solved = array.state.weight.astype(float)
    straight = size / 2 * (array.state.cells.conductance[0] - array.state.cells.conductance[1]).astype(float)
    assert 0 < np.abs(kept - solved).max() < 0.05 * np.abs(straight - solved).max()


def test_exact_circuits_hold_nothing() -> None:
    array, _ = made(5, 4)
    assert [field.size for field in array.state.seen] == [0, 0, 0]


def test_noise_of_amplifier_and_column_by_hand() -> None:
    """sqrt(4 k T (gamma / g_m G^2 + G) T_b / 2) / C_f: 20.8 mS, 1 mS, 2 pF, 50 ns: 7.9 mV (the audit's figure)."""
    d = PeripheryDescription(8, 8, 0.1, 50e-9, 2e-12, 0.8, 0, 0, 0, 0, 998e-6, 4 / 3, 300.0)
    column = 20.82e-3
    by_hand = (4 * BOLTZMANN * 300 * (4 / 3 / 998e-6 * column**2 + column) * 50e-9 / 2) ** 0.5 / 2e-12
    assert circuit_noise(d, column) ** 0.5 == pytest.approx(by_hand)
    assert by_hand == pytest.approx(7.9e-3, abs=0.05e-3)
    assert circuit_noise(d._replace(noise_factor=0.0), column) == 0


def test_noise_reaches_the_result() -> None:
    """The spread of a product without input is the noise of all cycles, in units of weight x input."""
    settings = {
        "periphery__input_bits": 8,
        "periphery__transconductance": 1e-3,
        "periphery__noise_factor": 1.3,
    }
    array, _ = made(40, 30, **settings)
    seen = multiply(array, np.zeros((400, 40), np.float32))
    assert np.std(seen) == pytest.approx(array.periphery.thermal**0.5, rel=0.02)
    p = unchecked({**{k.replace("__", "."): v for k, v in settings.items()}, "mapping.hidden_range": 1.0})
    volts = (
        p["periphery.read_voltage"] / p["periphery.clock"] / p["periphery.hidden_capacitance"] / array.scale
    )
    column = 40 * middle()
    density = 4 * BOLTZMANN * 300 * (1.3 / 1e-3 * column**2 + column)
    a_cycle = density / p["periphery.clock"] / 2 / p["periphery.hidden_capacitance"] ** 2
    assert array.periphery.thermal == pytest.approx(a_cycle / volts**2 * (1 - 4.0**-7) / 3, rel=1e-4)
