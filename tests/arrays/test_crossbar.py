"""The analog crossbar: products against literal weighted-bit streaming, writes against their schemes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import SIGMAS, UNIT, bar, multiply, multiply_and_tell, unchecked, write_all
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS, VERIFY_READS
from cimlearn.arrays.build import describe_periphery
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.chips import parameters
from cimlearn.devices.catalog import BUILT_IN, device
from cimlearn.errors import InputError

SUM = 2e-6  # float32 products and sums, relative to the sum of magnitudes
STREAMED = 1e-5  # the same after gains and offset, in the unit of the weights
IN_STEP = 2e-6  # weights and variances recomputed from the cells, relative to the largest
RNG = np.random.default_rng
MAPPINGS = [("reference", 1), ("reference", 3), ("pair", 1), ("pair", 2)]


def mapped(kind: str, cells: int, **more: Any) -> dict[str, Any]:
    return {"mapping.kind": kind, "mapping.cells": cells, "mapping.hidden_range": 1.0, **more}


def device_of(kind: str, **changes: Any) -> Any:
    chosen = parameters(
        "m2ru-lowohmic", {"device.kind": kind, **{f"device.{k}": v for k, v in changes.items()}}
    )
    return device(chosen.part("device"))


def conductances(array: Crossbar) -> np.ndarray:
    """(rows, columns) sum of s_l G_l - G_ref in float64 [S]."""
    total = np.tensordot(array.sign.astype(float), array.state.cells.conductance.astype(float), 1)
    return total - array.reference


def check_in_step(array: Crossbar) -> None:
    """Weight, variance and row conductance are what the cells say."""
    g = array.state.cells.conductance.astype(float)
    weight = array.scale * conductances(array)
    assert np.allclose(array.state.weight, weight, rtol=0, atol=IN_STEP * array.scale * g.sum(axis=0).max())
    variance = array.read_variance * array.scale**2 * (g**2).sum(axis=0)
    assert np.allclose(array.state.variance, variance, rtol=IN_STEP, atol=0)
    assert np.allclose(array.state.row_on, g.sum(axis=(0, 2)), rtol=IN_STEP)
    assert array.state.cells.writes.sum() == array.state.counts[PULSES]


# ---- the product


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 9),
    mapping=st.sampled_from([("reference", 1), ("reference", 2), ("pair", 1), ("pair", 2)]),
    tile=st.integers(1, 80),
    bits=st.integers(2, 8),
    seed=st.integers(0, 99),
)
def test_exact_products_are_exact(
    rows: int, columns: int, mapping: tuple[str, int], tile: int, bits: int, seed: int
) -> None:
    """Weights k / 64 on a window 0 .. 1 S, inputs m / 2^(n_b - 1): every partial sum is a float32. So no
    error at all.
    """
    rng = RNG(seed)
    weight = rng.integers(-64, 65, (rows, columns)) / 64
    one = 2 ** (bits - 1)
    x = rng.integers(-one + 1, one, (3, rows)) / one
    array = bar(weight, mapped(*mapping, **{"tile.rows": tile, "periphery.input_bits": bits}))
    assert len(array.tiles) - 1 == -(-rows // tile)
    assert np.array_equal(array.state.weight, weight)
    got, applied = multiply_and_tell(array, x)
    assert np.array_equal(got, x @ weight)
    assert np.array_equal(applied, x)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
def test_random_products_are_close(mapping: tuple[str, int]) -> None:
    """Exact inputs and no converter: x @ weight, within float32 rounding."""
    rng = RNG(1)
    weight, x = rng.uniform(-1, 1, (129, 40)), rng.uniform(-1, 1, (20, 129))
    array = bar(weight, mapped(*mapping, **{"periphery.input_bits": None}), device_of("continuous", cycle=0))
    assert np.allclose(array.state.weight, weight, atol=IN_STEP)
    wanted, size = x @ array.state.weight.astype(float), np.abs(x) @ np.abs(array.state.weight)
    assert np.all(np.abs(multiply(array, x) - wanted) <= SUM * size)


def test_inputs_go_to_the_nearest_code() -> None:
    """8 bits with sign: 127 magnitudes of 1 / 128 in sign and magnitude; 1 becomes 127 / 128."""
    x = np.array([[0.0, 1.0, -1.0, 0.3, -0.3, 0.4 / 128, 0.6 / 128, 7.0]])
    wanted = np.array([0, 127, -127, 38, -38, 0, 1, 127]) / 128
    array = bar(np.eye(8), mapped("reference", 1, **{"periphery.input_bits": 8}))
    got, applied = multiply_and_tell(array, x)
    assert np.array_equal(applied[0], wanted)
    assert np.array_equal(got[0], wanted)


def stream(array: Crossbar, p: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted-bit streaming as reference/m2ru.md, section 3 says, cycle by cycle, in volts and float64.

    Answers (tiles, columns) voltages before and after the conversion, both in the unit of the weights.
    g_k is read from the codes that have a single bit.
    """
    bits = p["periphery.input_bits"] - 1
    v_read, capacitor = p["periphery.read_voltage"], p["periphery.hidden_capacitance"]
    bit_time, range_ = 1 / p["periphery.clock"], p["periphery.saturation"]
    unit = v_read * bit_time / (capacitor * array.scale)  # volts for a product of 1
    gain = [array.periphery.code[0, 2 ** (bits - k)] * 2.0**k for k in range(1, bits + 1)]
    code = np.minimum(np.rint(np.abs(x) * 2**bits), 2**bits - 1).astype(int)
    g = conductances(array)
    before, after = [], []
    for tile in range(len(array.tiles) - 1):
        rows = slice(array.tiles[tile], array.tiles[tile + 1])
        volts = np.zeros(g.shape[1])
        for k in range(1, bits + 1):
            b = (code[rows] >> (bits - k)) & 1
            current = (np.sign(x[rows]) * b * v_read) @ g[rows]
            volts += gain[k - 1] * 2.0**-k * bit_time / capacitor * current
        volts = volts * array.periphery.column[0, tile] + array.periphery.column[1, tile] * unit
        volts = np.clip(volts, -range_, range_)
        step = 2 * range_ / 2 ** p["periphery.converter_bits"]
        half = 2 ** (p["periphery.converter_bits"] - 1)
        before.append(volts / unit)
        after.append(np.clip(np.rint(volts / step), -half, half - 1) * step / unit)
    return np.array(before), np.array(after)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
@pytest.mark.parametrize("capacitance", [2e-11, 2e-12])
def test_product_is_weighted_bit_streaming(mapping: tuple[str, int], capacitance: float) -> None:
    """All gains, offsets, clipping, two tiles: before the conversion equal, after it at most one step per
    tile off.
    """
    rng = RNG(4)
    changes = mapped(*mapping) | {
        "tile.rows": 20,
        "periphery.hidden_capacitance": capacitance,
        "periphery.input_bits": 6,
        "periphery.cycle_mismatch": 0.05,
        "periphery.column_mismatch": 0.05,
        "periphery.offset": 0.02,
        "periphery.saturation": 0.8,
        "periphery.converter_bits": 6,
    }
    weight, x = rng.uniform(-1, 1, (37, 11)), rng.uniform(-1, 1, (30, 37))
    hfo2 = device_of("continuous", cycle=0)
    array = bar(weight, changes, hfo2)
    p = unchecked(changes)
    before, after = (np.array(v) for v in zip(*(stream(array, p, one) for one in x), strict=True))
    plain = multiply(array._replace(periphery=array.periphery._replace(step=0.0)), x)
    assert np.allclose(plain, before.sum(axis=1), atol=STREAMED * array.periphery.reach)
    step = array.periphery.reach / 32
    gone = np.abs(multiply(array, x) - after.sum(axis=1))
    assert np.all(gone <= 2 * step * (1 + STREAMED))
    assert np.mean(gone > STREAMED * array.periphery.reach) < 0.01  # only where rounding decides
    clipped = np.mean(np.abs(before) >= array.periphery.reach * (1 - STREAMED))
    assert clipped > 0.02 if capacitance < 1e-11 else clipped == 0


def test_converter_codes_and_their_ends() -> None:
    """One weight of 1 and a converter of 3 bits over +-R: codes -4 .. 3 of R / 4, halves to even, cut at the
    ends.
    """
    changes = mapped("reference", 1) | {"periphery.input_bits": None, "periphery.converter_bits": 3}
    p = unchecked(changes | {"periphery.saturation": 0.8})
    hidden = bar([[1.0]], changes | {"periphery.saturation": 0.8})
    scale = 2.0  # 2 w_max / (1 S)
    reach = (
        0.8 * p["periphery.hidden_capacitance"] * scale * p["periphery.clock"] / p["periphery.read_voltage"]
    )
    assert hidden.periphery.reach == pytest.approx(reach)
    x = np.array([0, 0.1, 0.2, 0.374, 0.376, 0.7, 0.9, 5, -0.1, -0.2, -0.7, -0.9, -5]) * reach
    wanted = np.array([0, 0, 1, 1, 2, 3, 3, 3, 0, -1, -3, -4, -4]) * reach / 4
    assert multiply(hidden, x[:, None])[:, 0] == pytest.approx(wanted, rel=1e-5)


def test_integrators_clip_each_tile() -> None:
    """Two tiles of one row each: 5 and -5 times the range give +R - R = 0, 5 and 0.5 give 1.5 R."""
    changes = mapped("reference", 1) | {
        "periphery.input_bits": None,
        "periphery.saturation": 0.8,
        "tile.rows": 1,
    }
    array = bar([[1.0], [1.0]], changes)
    reach = array.periphery.reach
    got = multiply(array, np.array([[5, -5], [5, 0.5], [0.25, 0.5]]) * reach)[:, 0]
    assert got == pytest.approx(np.array([0, 1.5, 0.75]) * reach, rel=1e-5, abs=1e-6 * reach)


def test_offset_shifts_every_column_by_its_own() -> None:
    """No input: what comes out is the offset, N(0, offset) in volts; N columns: s (1 +- 1 / sqrt(2 N))."""
    changes = mapped("reference", 1) | {"periphery.offset": 0.01}
    array = bar(np.zeros((1, 2000)), changes)
    got = multiply(array, [[0.0]])[0].astype(float)
    p = unchecked(changes)
    unit = p["periphery.read_voltage"] / p["periphery.clock"] / (p["periphery.hidden_capacitance"] * 2.0)
    assert (got * unit).std() == pytest.approx(0.01, rel=SIGMAS / np.sqrt(4000))
    assert abs((got * unit).mean()) < SIGMAS * 0.01 / np.sqrt(2000)
    again = bar(np.zeros((1, 2000)), changes, seed=2)
    assert abs(np.corrcoef(got, multiply(again, [[0.0]])[0])[0, 1]) < SIGMAS / np.sqrt(2000)


def test_mismatch_spreads_as_asked() -> None:
    """Column gains of N columns are N(1, m); the 14 cycle gains have standard deviation within a factor of
    2.
    """
    changes = mapped("reference", 1) | {
        "periphery.column_mismatch": 0.03,
        "periphery.cycle_mismatch": 0.02,
        "periphery.input_bits": 15,
    }
    array = bar(np.ones((1, 2000)), changes)
    gain = array.periphery.column[0, 0].astype(float)
    assert gain.std() == pytest.approx(0.03, rel=SIGMAS / np.sqrt(4000))
    assert abs(gain.mean() - 1) < SIGMAS * 0.03 / np.sqrt(2000)
    single = 2 ** np.arange(14)
    cycle = array.periphery.code[0, single] * 2.0**14 / single - 1
    assert 0.01 < cycle.std() < 0.04
    # all bits on: the cycles' gains add up as 2^-k
    assert multiply(array, [[1.0]])[0] == pytest.approx(
        gain * ((1 + cycle) * single / 2.0**14).sum(), rel=1e-5
    )


# ---- noise


@pytest.mark.parametrize("mapping", [("reference", 2), ("pair", 1)], ids=str)
def test_read_noise_is_that_of_every_cell_in_every_cycle(mapping: tuple[str, int]) -> None:
    """20,000 noisy products against a simulation of each cell in each cycle: variances within their errors.

    A sample variance of N normals has relative error sqrt(2 / N), the ratio of two such sqrt(4 / N).
    """
    rng = RNG(5)
    rows, columns, draws, noise = 9, 4, 20_000, 0.3
    changes = mapped(*mapping) | {"periphery.input_bits": 4, "cell.read_noise": noise, "tile.rows": 5}
    array = bar(rng.uniform(-1, 1, (rows, columns)), changes, device_of("continuous", cycle=0))
    x = rng.uniform(-1, 1, rows)
    code = np.minimum(np.rint(np.abs(x) * 8), 7).astype(int)
    g = array.state.cells.conductance.astype(float)  # (layers, rows, columns)
    wanted = np.full((draws, columns), 0.0)
    for k in (1, 2, 3):
        drive = np.sign(x) * ((code >> (3 - k)) & 1)
        factor = 1 + noise * rng.standard_normal((draws, *g.shape))
        signed = np.einsum("l,nlij,i->nj", array.sign, g * factor, drive) - array.reference * drive.sum()
        wanted += 2.0**-k * array.scale * signed
    got = multiply(array, np.tile(x, (draws, 1))).astype(float)
    error = SIGMAS * np.sqrt(4 / draws)
    assert got.var(axis=0) == pytest.approx(wanted.var(axis=0), rel=error)
    exact = multiply(array._replace(read_variance=0.0), x[None])[0].astype(float)
    spread = got.std(axis=0) / np.sqrt(draws)
    assert np.all(np.abs(got.mean(axis=0) - exact) < SIGMAS * spread)
    assert np.all(np.abs(wanted.mean(axis=0) - exact) < SIGMAS * spread)
    between = np.corrcoef(got.T)[np.triu_indices(columns, 1)]
    assert np.all(np.abs(between) < SIGMAS / np.sqrt(draws))
    assert min(stats.kstest((c - c.mean()) / c.std(), "norm").pvalue for c in got.T) > 1e-3


def test_thermal_noise_of_the_integrator() -> None:
    """Noise u_k in cycle k counts 2^-k, in each of the tiles: variance tiles (u / unit)^2 sum_k 4^-k,
    without any input.
    """
    changes = mapped("reference", 1) | {"periphery.thermal": 0.01, "periphery.input_bits": 5, "tile.rows": 1}
    array = bar(np.zeros((2, 50)), changes)
    p = unchecked(changes)
    unit = p["periphery.read_voltage"] / p["periphery.clock"] / (p["periphery.hidden_capacitance"] * 2.0)
    got = multiply(array, np.zeros((4000, 2))).astype(float)
    wanted = 2 * (0.01 / unit) ** 2 * (1 / 4 + 1 / 16 + 1 / 64 + 1 / 256)
    assert got.var() == pytest.approx(wanted, rel=SIGMAS * np.sqrt(2 / got.size))
    assert abs(got.mean()) < SIGMAS * np.sqrt(wanted / got.size)


# ---- counts


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
def test_counts_of_reading(mapping: tuple[str, int]) -> None:
    """Active bits are the ones of the codes; each switches on all cells of its row for one cycle."""
    rng = RNG(6)
    array = bar(rng.uniform(-1, 1, (17, 5)), mapped(*mapping) | {"periphery.input_bits": 8, "tile.rows": 6})
    x = rng.uniform(-1, 1, (9, 17)) * (rng.random((9, 17)) < 0.7)
    multiply(array, x)
    code = np.minimum(np.rint(np.abs(x) * 128), 127).astype(np.uint8)
    ones = np.unpackbits(code[..., None], axis=-1).sum(axis=-1)  # (vectors, rows)
    assert array.state.counts[VECTORS] == 9
    assert array.state.counts[ACTIVE_BITS] == ones.sum()
    assert array.state.on[0] == pytest.approx(
        (ones @ array.state.cells.conductance.astype(float).sum(axis=(0, 2))).sum(), rel=1e-6
    )


def test_exact_inputs_are_one_cycle() -> None:
    """Without input bits every input that is not 0 is one active cycle."""
    array = bar(np.ones((4, 2)), mapped("reference", 1) | {"periphery.input_bits": None})
    multiply(array, [[0, 0.5, -2, 1e-9], [0, 0, 0, 0]])
    assert (array.state.counts[VECTORS], array.state.counts[ACTIVE_BITS]) == (2, 3)
    assert array.state.on[0] == pytest.approx(3 * 2 * 1.0)  # each row: two cells of 1 S


# ---- writes

SCHEMES: dict[str, dict[str, Any]] = {
    "blind": {},
    "accumulator": {"write.least": 0.05},
    "verify": {"write.tries": 3, "write.tolerance": 0.05},
    "both": {"write.least": 0.05, "write.tries": 3, "write.tolerance": 0.05},
}


# vteam's writes are held by the contract of arrays: each kind of device takes half a minute to compile.
@pytest.mark.parametrize("kind", [kind for kind in BUILT_IN if kind != "vteam"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mapping", [("reference", 1), ("pair", 2)], ids=str)
def test_writes_are_conserved(kind: str, scheme: str, mapping: tuple[str, int]) -> None:
    """After any writes: sum of what cells saw = pulses counted; weight, variance, rows as the cells say; in
    the window.
    """
    rng = RNG(7)
    wear = {"cell.variation": 0.1, "cell.stuck": 0.1, "cell.endurance": 6, "cell.read_noise": 0.01}
    array = bar(rng.uniform(-1, 1, (8, 6)), mapped(*mapping) | SCHEMES[scheme] | wear, device_of(kind))
    check_in_step(array)
    first = int(array.state.counts[PULSES])
    change = rng.normal(0, 0.1, (12, 8, 6)) * (rng.random((12, 8, 6)) < 0.6)
    write_all(array, change)
    check_in_step(array)
    assert array.state.counts[PULSES] > first
    most = getattr(array.device, "most", 1) * (
        1 + array.scheme.tries
    )  # pulses that a row may see in one write
    assert 0 < array.state.counts[ROW_WRITES] <= 12 * 8 * most
    assert (array.state.counts[VERIFY_READS] > 0) == ("write.tries" in SCHEMES[scheme])
    g = array.state.cells.conductance
    assert array.device.low * (1 - 1e-6) <= g.min() and g.max() <= array.device.high * (1 + 1e-6)


def test_exact_writes_add_up() -> None:
    """Dyadic changes on the exact device: the weight is the sum, and a change of 0 is no pulse."""
    rng = RNG(8)
    change = rng.integers(-4, 5, (5, 6, 7)) / 64
    for mapping in (("reference", 1), ("reference", 2), ("pair", 1)):
        array = bar(np.zeros((6, 7)), mapped(*mapping))
        first = array.state.counts[PULSES]
        write_all(array, change)
        assert np.array_equal(array.state.weight, change.sum(axis=0))
        assert array.state.counts[PULSES] - first == np.count_nonzero(change)
        assert array.state.counts[ROW_WRITES] == np.count_nonzero(change.any(axis=2))


def test_weights_stay_in_their_range() -> None:
    """Beyond the window a write ends at its border: |w| = w_max, however much is asked."""
    for mapping in MAPPINGS:
        array = bar(np.zeros((1, 2)), mapped(*mapping))
        write_all(array, np.tile([[[5.0, -5.0]]], (12, 1, 1)))
        assert array.state.weight[0] == pytest.approx([1, -1])


@pytest.mark.parametrize("kind", BUILT_IN)
@pytest.mark.parametrize("mapping", [("reference", 1), ("pair", 1)], ids=str)
def test_every_device_reaches_its_range(kind: str, mapping: tuple[str, int]) -> None:
    """Pushed up, and then down, again and again, 200 weights reach +w_max and -w_max (on average: levels are noisy)."""
    array = bar(np.zeros((200, 1)), mapped(*mapping), device_of(kind))
    for sign in (1, -1):
        for pushes in (1, 2) * 20:  # odd and even numbers of writes, so that every cell has its turn
            write_all(array, np.full((pushes, 200, 1), 2.0 * sign))
        assert sign * array.state.weight.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_programming_follows_the_weights_asked(kind: str) -> None:
    """Seven weights, each 200 times: without chance as asked for linear devices, on average for levels
    (stochastic rounding), in the same order for VTEAM (nonlinear, pulse taken for the middle).
    """
    asked = np.linspace(-0.45, 0.45, 7, dtype=np.float32)
    changes = {} if kind in ("ideal", "levels") else {"cycle": 0}
    array = bar(np.tile(asked, (200, 1)), mapped("reference", 1), device_of(kind, **changes))
    landed = array.state.weight.astype(float).mean(axis=0)
    # pulsed cells end where the most pulses of one write take them, so the ends lie together
    assert np.all(np.diff(landed) > (-0.01 if kind == "pulsed" else 0.03))
    assert landed[-1] - landed[0] > 0.1
    if kind in ("ideal", "continuous"):
        assert landed == pytest.approx(asked, abs=1e-5)
    if (
        kind == "levels"
    ):  # a level's mean conductance is above 1 / mean resistance: up to 3 % (variance 2 % of it)
        error = SIGMAS * array.state.weight.std(axis=0) / np.sqrt(200)
        assert np.all(np.abs(landed - asked) < error + 0.05)


@pytest.mark.parametrize("mapping", [("pair", 1), ("reference", 2), ("reference", 3)], ids=str)
def test_cells_of_a_weight_take_turns(mapping: tuple[str, int]) -> None:
    """m2ru.toml: cells of a weight are "written in turn". 60 dense writes to 12 x 6 weights: 30 or 20 for
    each of their 2 or 3 cells, and each gets at least half of its share, whatever the number of weights.
    """
    array = bar(np.zeros((12, 6)), mapped(*mapping))
    before = array.state.cells.writes.copy()
    signs = np.resize([1, 1, -1, -1], 60)[:, None, None] / 64
    write_all(array, np.broadcast_to(signs, (60, 12, 6)))
    seen = array.state.cells.writes - before
    assert seen.sum() == 60 * 72
    assert seen.min() >= 60 / len(array.sign) / 2


@pytest.mark.parametrize("mapping", [("pair", 1), ("reference", 4)], ids=str)
def test_cells_of_a_weight_can_share_a_change(mapping: tuple[str, int]) -> None:
    """write.cells = all: a change of 1/8 is a pulse on each of a weight's cells, which together move it by 1/8."""
    array = bar(np.zeros((5, 6)), mapped(*mapping, **{"write.cells": "all"}))
    before = array.state.cells.writes.copy()
    write_all(array, np.full((1, 5, 6), 0.125))
    assert np.all(array.state.cells.writes - before == 1)
    assert array.state.weight == pytest.approx(np.full((5, 6), 0.125), abs=1e-6)


def test_first_programming_is_verified() -> None:
    """Up to 50 pulses per cell before learning: all 400 noisy cells within the tolerance, blind not."""
    asked = np.linspace(-0.7, 0.7, 400).reshape(20, 20)
    noisy = device_of("continuous", cycle=0.4)
    changes = mapped("reference", 1) | {"cell.variation": 0.2, "write.tolerance": 0.01}
    verified = bar(asked, changes | {"write.first_tries": 50}, noisy)
    blind = bar(asked, changes, noisy)
    assert np.abs(verified.state.weight - asked).max() <= 0.01 + IN_STEP
    assert np.abs(blind.state.weight - asked).max() > 0.1
    assert blind.state.counts[VERIFY_READS] == 0
    # every cell's last read finds it near, and every other is followed by a pulse
    assert verified.state.counts[VERIFY_READS] == verified.state.counts[PULSES] > 400
    check_in_step(verified)


def test_worn_cells_stick_and_the_run_goes_on() -> None:
    """Endurance 3, no spread: programming is write 1, writes 2 and 3 land, the fourth and later don't."""
    array = bar(np.zeros((2, 3)), mapped("reference", 1) | {"cell.endurance": 3, "cell.endurance_spread": 0})
    for n, weight in enumerate([1, 2, 2, 2], start=1):
        write_all(array, np.full((1, 2, 3), 1 / 64))
        assert np.all(array.state.weight == weight / 64)
        assert np.all(array.state.cells.writes == n + 1)
        assert array.state.counts[PULSES] == array.state.cells.writes.sum()
    assert multiply(array, [[1.0, 1.0]])[0] == pytest.approx(2 * 127 / 128 * 2 / 64)


def test_stuck_cells_never_move() -> None:
    array = bar(np.full((3, 4), 0.5), mapped("reference", 1) | {"cell.stuck": 1.0, "cell.stuck_at": "high"})
    write_all(array, np.full((5, 3, 4), -0.25))
    assert np.all(array.state.weight == 1)
    assert np.all(array.state.cells.writes == 6)


# ---- accumulator


def test_accumulator_writes_nothing_below_its_least() -> None:
    """Changes of 0.03125 gather up to 0.125: one pulse every fourth time, and nothing is lost."""
    array = bar(
        np.zeros((2, 2)), mapped("reference", 1) | {"write.least": 0.125, "write.accumulator_bits": None}
    )
    first = array.state.counts[PULSES]
    for n in range(1, 13):
        write_all(array, np.full((1, 2, 2), 0.03125))
        assert array.state.counts[PULSES] - first == 4 * (n // 4)
        assert np.all(array.state.weight == 0.125 * (n // 4))
        assert np.all(array.state.pending == 0.03125 * (n % 4))


def test_accumulator_keeps_what_it_does_not_write() -> None:
    """Ideal cells, exact accumulators: written + pending = asked; pending < least; every landed step >=
    least.
    """
    rng, least = RNG(9), 0.06
    array = bar(np.zeros((10, 8)), mapped("pair", 1) | {"write.least": least, "write.accumulator_bits": None})
    asked = np.zeros((10, 8))
    steps = []
    for _ in range(60):
        change = rng.normal(0, 0.02, (10, 8)).astype(np.float32) * (rng.random((10, 8)) < 0.5)
        before = array.state.weight.copy()
        write_all(array, change[None])
        asked += change
        steps.append(np.abs(array.state.weight - before))
        assert np.abs(array.state.pending).max() < least
        assert np.allclose(array.state.weight + array.state.pending, asked, atol=60 * IN_STEP)
    landed = np.array(steps)
    assert 50 < np.count_nonzero(landed) < 2400 / 3
    assert landed[landed > 0].min() > least - IN_STEP


def test_coarse_accumulator_has_no_bias() -> None:
    """8 bits: steps of least / 128, rounded at random: n additions of c have mean n c and variance n s^2 f
    (1 - f).
    """
    least, c, n = 1.0, 0.0023, 100
    changes = mapped("reference", 1, **{"mapping.hidden_range": 4.0}) | {
        "write.least": least,
        "write.accumulator_bits": 8,
    }
    array = bar(np.zeros((60, 50)), changes)
    step = least / 2**7
    for sign in (1, -1):
        array.state.pending[:] = 0
        write_all(array, np.full((n, 60, 50), sign * c))
        assert np.allclose(array.state.pending / step, np.rint(array.state.pending / step))
        f = c / step
        error = step * np.sqrt(n * f * (1 - f) / 3000)
        assert array.state.pending.mean() == pytest.approx(sign * n * c, abs=SIGMAS * error)
    assert not array.state.weight.any()


# ---- write-verify


def test_write_verify_ends_near_its_target() -> None:
    """A cell that needed fewer than 1 + tries pulses was read within the tolerance; reads = cells still in
    work per round.
    """
    rng = RNG(10)
    tries, tolerance = 12, 0.004
    noisy = device_of("continuous", cycle=0.5)
    changes = mapped("reference", 1) | {"cell.variation": 0.3}
    start = np.zeros((30, 20))
    change = rng.uniform(0.05, 0.5, (1, 30, 20)) * rng.choice([-1, 1], (1, 30, 20))
    array = bar(start, changes | {"write.tries": tries, "write.tolerance": tolerance}, noisy)
    wanted = array.state.weight + change[0]
    first = array.state.cells.writes.copy()
    write_all(array, change)
    pulses = (array.state.cells.writes - first)[0]
    off = np.abs(array.state.weight - wanted)
    early = pulses < tries + 1
    assert np.all(off[early] <= tolerance + IN_STEP)
    assert early.mean() > 0.9
    assert pulses.min() >= 1 and pulses.max() <= tries + 1
    # a cell with q pulses was read q times, one that used all its tries was not read after the last
    assert array.state.counts[VERIFY_READS] == np.where(early, pulses, tries).sum()
    blind = bar(start, changes, noisy)
    wanted = blind.state.weight + change[0]
    write_all(blind, change)
    assert np.median(np.abs(blind.state.weight - wanted)) > 10 * np.median(off)


def test_exact_cells_need_no_second_pulse() -> None:
    array = bar(np.zeros((3, 3)), mapped("pair", 1) | {"write.tries": 5, "write.tolerance": 1e-4})
    first = array.state.counts[PULSES]
    write_all(array, np.full((1, 3, 3), 0.25))
    assert (array.state.counts[PULSES] - first, array.state.counts[VERIFY_READS]) == (9, 9)


# ---- bad input


def test_a_converter_needs_a_range() -> None:
    p = unchecked({"periphery.saturation": None})
    with pytest.raises(InputError, match=r"periphery\.saturation = none gives the converter no range"):
        describe_periphery(p, "hidden")


def test_unit_device_is_exact() -> None:
    """The device of the exact tests: 0 .. 1 S, no chance."""
    assert UNIT == (0.0, 1.0, 0.0, False)
