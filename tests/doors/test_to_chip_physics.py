"""The arrays of cimlearn.torch against the compiled crossbar, literal bit planes, and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hardware import SIGMAS, multiply
from models import EIGHT_BITS, nn, torch

from cimlearn.arrays import bitserial as planes
from cimlearn.learning.integer.products import connected
from cimlearn.learning.integer.tensor import Int8, from_float
from cimlearn.torch import bit_serial, crossbar, drift, ideal, program, to_chip
from cimlearn.torch.cells import TARGETS, curve, programmed
from cimlearn.torch.quantisers import codes, converted, mantissas, streamed

QUIET = {"cell.read_noise": 0, "periphery.thermal": 0}
SAME = 2e-5  # of sums around 1 in float32, added up in another order
FLIPPED = 0.002  # share of conversions that another order may round the other way

# --- the crossbar


@pytest.mark.parametrize("kind", ["pair", "reference"])
@pytest.mark.parametrize("device", ["continuous", "levels"])
@pytest.mark.parametrize("rows", [1000, 16], ids=["one tile", "three tiles"])
def test_a_linear_layer_is_the_compiled_crossbar(kind: str, device: str, rows: int) -> None:
    """The same cells, bits, mismatch and converters, vector by vector: tile sums differ by rounding only."""
    settings = {
        **QUIET,
        "mapping.kind": kind,
        "mapping.scale": "array",
        "tile.rows": rows,
        "mapping.cells": 2,
    }
    hardware = crossbar({**settings, "periphery.cycle_mismatch": 0.02}, device=device)
    torch.manual_seed(0)
    plain, x = nn.Linear(40, 12, bias=False), 2 * torch.rand(200, 40) - 1
    chip = to_chip(plain, x, hardware, seed=5).eval()
    array: Any = chip.array
    bound, unit = float(array.bound), float(array.input_range)
    bar = programmed(
        hardware.parameters,
        array.layout,
        (plain.weight / bound).detach().numpy(),
        name=array.name,
        seed=5,
        reach=float(array.reach),
    )
    with torch.no_grad():
        ours = chip(x).numpy() / (bound * unit)
    theirs = multiply(bar, x.numpy() / np.float32(unit))
    off = np.abs(ours - theirs)
    step = bar.periphery.step
    assert step > 100 * SAME, "a conversion step is far more than rounding"
    assert np.mean(off > SAME) < FLIPPED
    assert off.max() < step + SAME
    assert np.abs(theirs).max() > 0.3


def test_converters_and_codes_are_seen() -> None:
    """With few bits the outputs of one tile lie on the converter's steps, and fewer inputs differ."""
    x = torch.rand(300, 8)
    few = {**QUIET, "periphery.converter_bits": 3, "periphery.input_bits": 3}
    chip: Any = to_chip(nn.Linear(8, 1, bias=False), x, ideal().replace({**EIGHT_BITS, **few})).eval()
    with torch.no_grad():
        seen = chip(x) / (chip.array.bound * chip.array.input_range * chip.array.reach)
    assert torch.allclose(seen * 4, torch.round(seen * 4), atol=1e-5)
    assert 2 < len(torch.unique(torch.round(seen * 4))) <= 8


def test_groups_are_matrices_of_their_own() -> None:
    """A convolution of three groups is three convolutions side by side, quantised with the same ranges."""
    torch.manual_seed(1)
    x, plain = torch.rand(6, 6, 7, 7), nn.Conv2d(6, 9, 3, groups=3, bias=False)
    hardware = ideal().replace({**EIGHT_BITS, "tile.rows": 7})
    whole: Any = to_chip(plain, x, hardware).eval()
    with torch.no_grad():
        for group in range(3):
            alone = nn.Conv2d(2, 3, 3, bias=False)
            alone.weight.copy_(plain.weight[3 * group : 3 * group + 3])
            part: Any = to_chip(alone, x[:, 2 * group : 2 * group + 2], hardware).eval()
            part.array.input_range.copy_(whole.array.input_range)
            part.array.reach.copy_(whole.array.reach)
            ours = whole(x)[:, 3 * group : 3 * group + 3]
            assert torch.allclose(ours, part(x[:, 2 * group : 2 * group + 2]), atol=1e-5)


# --- noise


@pytest.mark.parametrize("kind", ["pair", "reference"])
@pytest.mark.parametrize("live", [False, True], ids=["cells", "wanted"])
def test_read_noise_is_the_closed_form(kind: str, live: bool) -> None:
    """var y_j = (s_x b_j sigma scale)^2 sum_i q_i sum_l G_ijl^2, q = 2^-2 + 2^-4 + ... of the bits that are 1."""
    hardware = ideal().replace({"cell.read_noise": 0.1, "mapping.kind": kind, "periphery.input_bits": 4})
    torch.manual_seed(2)
    plain = nn.Linear(6, 3, bias=False)
    x = torch.tensor([[1.0, 5 / 7, -3 / 7, 0.0, 4 / 7, -1.0]])
    chip: Any = to_chip(plain, x, hardware).eval()
    array = chip.array
    cells = array.conductance.double().numpy()
    if live:
        array.programmed = False
    many = 40000
    with torch.no_grad():
        y = chip(x.expand(many, 6)).double().numpy()
    squares = np.array([1 / 4 + 1 / 16 + 1 / 64, 1 / 4 + 1 / 64, 1 / 16 + 1 / 64, 0, 1 / 4, 21 / 64])
    unit = float(array.input_range) * array.bound.double().numpy()
    power = (0.1 * array.mapping.scale * unit) ** 2 * ((cells**2).sum(0) @ squares)
    assert np.all(np.abs(y.var(0) / power - 1) < SIGMAS * math.sqrt(2 / many))
    exact = plain(x).double().detach().numpy()[0]
    assert np.all(np.abs(y.mean(0) - exact) < SIGMAS * np.sqrt(power / many) + 1e-6)
    assert abs(np.mean(((y - y.mean(0)) / y.std(0)) ** 4) - 3) < SIGMAS * math.sqrt(96 / many), "normal"


def test_thermal_noise_is_the_closed_form() -> None:
    """An integrator's noise of 10 mV in 0.8 V, in each of three weighted cycles."""
    quiet = ideal().replace({**EIGHT_BITS, "periphery.converter_bits": None, "periphery.input_bits": 4})
    x, many = torch.full((1, 5), 0.5), 20000
    chip: Any = to_chip(nn.Linear(5, 2, bias=False), x, quiet.replace({"periphery.thermal": 0.01})).eval()
    chip.array.reach.mul_(2)  # so that nothing is cut
    with torch.no_grad():
        y = chip(x.expand(many, 5)).double()
    unit = chip.array.reach * chip.array.input_range * chip.array.bound
    wanted = unit * (0.01 / 0.8) * math.sqrt(1 / 4 + 1 / 16 + 1 / 64)
    assert torch.all((y.std(0) / wanted - 1).abs() < SIGMAS * math.sqrt(0.5 / many))


def test_training_draws_the_error_that_programming_leaves() -> None:
    """A blind write of a change d lands at d g (1 + c n): its spread is |d| sqrt(v^2 + c^2 + v^2 c^2)."""
    blind = {"write.first_tries": 0, "device.cycle": 0.2, "cell.variation": 0.1, "mapping.kind": "reference"}
    hardware = crossbar({**blind, **QUIET, "training.noise": 2.0})
    found = curve(hardware.parameters, seed=1)
    wanted = np.linspace(-1, 1, TARGETS)
    inside = np.abs(wanted) < 0.6  # further out the window cuts
    spread = np.abs(wanted) * math.sqrt(0.2**2 + 0.1**2 + 0.02**2)
    assert np.all(np.abs(found.spread - spread)[inside] < SIGMAS * spread[inside] / math.sqrt(2 * 256) + 1e-6)
    assert np.all(np.abs(found.mean)[inside] < SIGMAS * spread[inside] / 16 + 1e-6)
    x = torch.eye(2, dtype=torch.float64)
    plain = nn.Linear(2, 1, bias=False).double()
    with torch.no_grad():
        plain.weight.copy_(torch.tensor([[1.0, 0.5]]))
    exact = {"periphery.input_bits": None, "periphery.converter_bits": None, "periphery.saturation": None}
    exact |= {"periphery.column_mismatch": 0, "periphery.offset": 0}
    chip: Any = to_chip(plain, x, hardware.replace(exact)).train()
    draws = torch.stack([chip(x).detach()[1, 0] for _ in range(4000)])
    middle = found.spread[TARGETS * 3 // 4]
    assert abs(float(draws.std()) / (2 * middle) - 1) < SIGMAS * math.sqrt(0.5 / 4000) + 1e-3


# --- drift


@pytest.mark.parametrize("kind", ["pair", "reference"])
def test_drift_is_the_power_law(kind: str) -> None:
    """G(t) = G (t / 20 s)^-nu; a pair keeps its zero, a reference doesn't drift along."""
    hardware = ideal().replace({"drift.exponent": 0.1, "mapping.kind": kind})
    plain, x = nn.Linear(5, 3, bias=False), torch.eye(5)
    chip: Any = to_chip(plain, x, hardware).eval()
    array = chip.array
    for seconds in (0.0, 19.0, 2000.0):
        drift(chip, seconds)
        kept = max(1.0, seconds / 20) ** -0.1
        m = array.mapping
        shift = m.scale * m.reference * array.bound * (kept - 1)
        with torch.no_grad():
            assert torch.allclose(chip(x).T, plain.weight * kept + shift[:, None], rtol=0, atol=2e-6)


def test_compensated_drift_and_its_spread() -> None:
    """One exponent for all cells is made good; their spread s is left: std of ln G = s ln(t / 20 s)."""
    plain, x = nn.Linear(200, 50, bias=False), torch.eye(200)
    one = ideal().replace({"drift.exponent": 0.1, "drift.compensated": True})
    chip: Any = to_chip(plain, x, one).eval()
    drift(chip, 2e5)
    with torch.no_grad():
        assert torch.allclose(chip(x).T, plain.weight, rtol=0, atol=2e-6)
    several: Any = to_chip(plain, x, one.replace({"drift.spread": 0.01})).eval()
    drift(several, 2e5)
    log = torch.log(several.array.drifted() / several.array.conductance).double()
    count = log.numel()
    assert abs(float(log.std()) / (0.01 * math.log(1e4)) - 1) < SIGMAS * math.sqrt(0.5 / count)
    assert abs(float(log.mean()) + 0.1 * math.log(1e4)) < SIGMAS * float(log.std()) / math.sqrt(count)
    first = several.array.drifted()
    drift(several, 100.0)
    drift(several, 2e5)
    assert torch.equal(several.array.drifted(), first), "times count from programming"


# --- bits


@pytest.mark.parametrize("rows", [37, 1500], ids=["float32", "float64"])
def test_bit_serial_products_are_the_bit_planes(rows: int) -> None:
    torch.manual_seed(4)
    plain, x = nn.Linear(rows, 9, bias=False), 3 * torch.randn(8, rows)
    with torch.no_grad():
        plain.weight[0] *= 50  # outputs have exponents of their own
    chip: Any = to_chip(plain, x, bit_serial({"faults.write_error": 0, "faults.read_error": 0})).eval()
    exponent = int(chip.array.input_exponent)
    whole = from_float(x, exponent=exponent)
    stored = chip.array.kept
    sums = planes.product(whole.mantissa.numpy().astype(np.int8), stored.numpy().T.copy())
    scale = 2.0 ** (chip.array.weight_exponent.numpy().astype(float) + exponent)
    with torch.no_grad():
        y = chip(x).numpy()
    assert np.array_equal(y, (sums * scale).astype(np.float32))
    library = connected(whole, Int8(stored.float(), 0))
    assert np.array_equal(sums, library.sums.numpy())
    rounded = from_float(plain.weight.detach()[1:2])
    assert torch.equal(stored[1:2].float(), rounded.mantissa)
    assert int(chip.array.weight_exponent[1]) == rounded.exponent


def test_wrong_bits_follow_their_rates() -> None:
    """Only bits that are to be 1 can be written wrongly over 0; at rest and while they are read all can fail."""
    x, plain, rate = torch.rand(2, 200), nn.Linear(200, 100, bias=False), 0.01
    right: Any = to_chip(plain, x, bit_serial({"faults.write_error": 0, "faults.read_error": 0})).eval().array
    wrong: Any = to_chip(plain, x, bit_serial({"faults.write_error": rate, "faults.read_error": rate})).eval()

    def failed(a: Any, b: Any) -> int:
        return int(np.bitwise_count((a ^ b).numpy().view(np.uint8)).sum())

    def likely(count: int, bits: int) -> bool:
        return abs(count - rate * bits) < SIGMAS * math.sqrt(rate * bits)

    ones = failed(right.kept, torch.zeros_like(right.kept))
    assert likely(failed(wrong.array.kept, right.kept), ones)
    read, again = wrong.array._read(), wrong.array._read()
    assert likely(failed(read, wrong.array.kept), 8 * 20000)
    assert not torch.equal(read, again)
    cell = wrong.array.cell
    drift(wrong, -math.log(1 - rate) / cell.loss_rate)
    assert likely(failed(wrong.array.kept, wrong.array.written), 8 * 20000)
    drift(wrong, 0)
    assert torch.equal(wrong.array.kept, wrong.array.written)


# --- gradients


def test_gradients_are_numerically_right() -> None:
    """Whatever is smooth: convolution, recurrence, mismatch, tiles, a range that nothing leaves."""
    torch.manual_seed(5)
    smooth = {
        "periphery.column_mismatch": 0.1,
        "periphery.saturation": 0.8,
        "tile.rows": 7,
    }
    hardware = ideal().replace(smooth)
    for plain, shape in (
        (nn.Conv2d(2, 4, 3, groups=2), (2, 2, 4, 4)),
        (nn.LSTM(3, 2, batch_first=True), (2, 3, 3)),
    ):
        x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
        chip: Any = to_chip(plain.double(), x.detach(), hardware).train()
        for array in (m for m in chip.modules() if hasattr(m, "reach")):
            array.reach.mul_(3)
        names, values = zip(*chip.named_parameters(), strict=True)

        def outputs(x: Any, *values: Any, chip: Any = chip, names: Any = names) -> Any:
            found = torch.func.functional_call(chip, dict(zip(names, values, strict=True)), (x,))
            return found[0] if isinstance(found, tuple) else found

        assert torch.autograd.gradcheck(outputs, (x, *values))


def test_straight_through_is_what_it_is_defined_as() -> None:
    x = torch.tensor([-1.2, -0.99, -0.3, 0.0, 0.26, 0.8, 0.95, 1.1], requires_grad=True)
    table = torch.arange(8) / 8
    seen = streamed(x, codes(x, 8), table)
    assert seen.tolist() == [-0.875, -0.875, -0.25, 0.0, 0.25, 0.75, 0.875, 0.875]
    assert torch.autograd.grad(seen.sum(), x)[0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    v = torch.tensor([-1.0, -0.3, 0.1, 0.13, 0.9, 1.0], requires_grad=True)
    told = converted(v, 3)  # steps of 1/4, from -4 to 3
    assert told.tolist() == [-1.0, -0.25, 0.0, 0.25, 0.75, 0.75]
    assert torch.autograd.grad(told.sum(), v)[0].tolist() == [1] * 6
    w = torch.tensor([-300.0, -2.6, 2.5, 254.9, 256.0], requires_grad=True)
    whole = mantissas(w, torch.tensor(1), 127)
    assert whole.tolist() == [-127, -1, 1, 127, 127]
    assert torch.autograd.grad(whole.sum(), w)[0].tolist() == [0, 0.5, 0.5, 0.5, 0]


@pytest.mark.parametrize("hardware", [crossbar(), bit_serial()], ids=["analog", "bits"])
def test_gradients_go_through_quantisers(hardware: Any) -> None:
    """With bits and noise the gradient is near the float model's."""
    torch.manual_seed(6)
    plain, x = nn.Linear(30, 10), torch.rand(64, 30)
    chip = to_chip(plain, x, hardware).train()
    found, exact = (torch.autograd.grad(m(x).square().sum(), m.weight)[0] for m in (chip, plain))
    assert torch.nn.functional.cosine_similarity(found.flatten(), exact.flatten(), 0) > 0.98


def test_each_seed_is_another_chip_with_errors_of_the_tolerance() -> None:
    """Verified weights lie within 1 % of the range for each cell; two chips err differently."""
    plain, x = nn.Linear(50, 20, bias=False), torch.rand(3, 50)
    chip: Any = to_chip(plain, x, crossbar({"mapping.kind": "reference"}), seed=1)
    first = chip.array.weights().detach()
    program(chip, seed=2)
    for weights in (first, chip.array.weights()):
        error = (weights - plain.weight).abs() / chip.array.bound[:, None]
        assert 0.001 < error.max() < 0.01 + 1e-6
    assert not torch.equal(first, chip.array.weights())
