"""Products on a CPU run in kernels: they give what the tensor operations give, value and gradient, noise apart."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hardware import SIGMAS
from models import EIGHT_BITS, nn, torch

from cimlearn.torch import bit_serial, crossbar, ideal, to_chip
from cimlearn.torch import fast as compiled

QUIET = {"cell.read_noise": 0, "periphery.thermal": 0, "periphery.cycle_mismatch": 0.02, "training.noise": 0}
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(37, 9), (20, 37)),
    "convolution of two groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), (3, 4, 6, 6)),
    "one vector": (lambda: nn.Linear(37, 9, bias=False), (1, 37)),
}
CASES = {
    "tiles": {**QUIET, "tile.rows": 16},
    "one range": {**QUIET, "mapping.scale": "array", "mapping.kind": "reference"},
    "no range": {
        **QUIET,
        "periphery.saturation": None,
        "periphery.converter_bits": None,
        "periphery.offset": 0,
        "periphery.input_bits": None,
    },
}


def answers(chip: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, and its gradients by input and parameters."""
    x = x.clone().requires_grad_()
    chip.zero_grad()
    y = chip(x)
    (y * torch.linspace(-1, 2, y.numel()).reshape(y.shape)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in chip.parameters())]  # type: ignore[list-item]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("layer", LAYERS)
def test_kernels_and_tensor_operations_agree(layer: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value in eval and train, gradients by inputs, weights and bias, counts of active bits."""
    make, shape = LAYERS[layer]
    torch.manual_seed(0)
    x = 2.2 * torch.rand(shape) - 1.1
    chip: Any = to_chip(make(), 0.9 * x, crossbar(CASES[case]), seed=3)
    found: list[Any] = []
    for fits in (compiled.fits, lambda *_: False):
        monkeypatch.setattr(compiled, "fits", fits)
        one = copy.deepcopy(chip)
        with torch.no_grad():
            still = one.eval()(x)
        tally = one.array.tally
        counts = float(tally.active_bits), float(tally.on) * 1e6, tally.vectors
        found.append((still, counts, answers(one.train(), x)))
    (ours, count, learned), (theirs, expected, wanted) = found
    step = float(chip.array.bound.max() * chip.array.input_range * chip.array.reach) / 128
    assert torch.allclose(ours, theirs, atol=step * 1.01) and (ours - theirs).abs().median() < 1e-5
    assert np.allclose(count, expected, rtol=1e-5) and count[0] > 0
    for a, b in zip(learned, wanted, strict=True):
        assert (a - b).abs().median() < 1e-4 * (1 + b.abs().median())
        assert b.abs().max() > 0


def test_wanted_weights_are_those_of_tensor_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """W and variance of the same weights, and the error of programming: mean and spread at every weight."""
    torch.manual_seed(0)
    settings = {
        "write.first_tries": 0,
        "device.cycle": 0.2,
        "training.noise": 2.0,
        "mapping.kind": "reference",
    }
    chip: Any = to_chip(nn.Linear(400, 3), torch.rand(2, 400), crossbar(settings), seed=1).train()
    array, weight = chip.array, torch.linspace(-1, 1, 1200).reshape(3, 400)
    draws = torch.stack([array.prepare(weight).w for _ in range(300)])[:, 0]
    variance = array.prepare(weight).variance
    monkeypatch.setattr(compiled, "fits", lambda *_: False)
    others = torch.stack([array.prepare(weight).w for _ in range(300)])[:, 0]
    assert torch.allclose(array.prepare(weight).variance, variance, rtol=1e-4)
    spread, expected = draws.std(0), others.std(0)
    assert expected.max() > 0.05
    assert torch.all((draws.mean(0) - others.mean(0)).abs() < SIGMAS * expected * math.sqrt(2 / 300) + 1e-6)
    assert torch.all((spread - expected).abs() < SIGMAS * expected / math.sqrt(300) + 1e-6)
    inner = draws[:, 5] - draws[:, 5].mean(0)
    assert (
        abs(float((inner[:, 0] * inner[:, 1]).mean() / (inner[:, 0].std() * inner[:, 1].std() + 1e-12))) < 0.3
    )


@pytest.mark.parametrize("vectors", [1, 64])
def test_noise_is_the_closed_form_and_repeats(vectors: int) -> None:
    """One vector a call and many: variance sum_i q_i v_i, other noise in each call, the same after `program`."""
    hardware = ideal().replace({"cell.read_noise": 0.1, "periphery.input_bits": 4})
    torch.manual_seed(2)
    chip: Any = to_chip(nn.Linear(6, 5, bias=False), torch.ones(1, 6), hardware, seed=4).eval()
    x = torch.ones(vectors, 6)
    calls = 6400 // vectors
    with torch.no_grad():
        y = torch.stack([chip(x) for _ in range(calls)]).reshape(-1, 5).double().numpy()
        chip.array.chance.restart(4)
        assert torch.equal(chip(x), torch.from_numpy(y[:vectors]).float())
    cells = chip.array.conductance.double().numpy()
    unit = float(chip.array.input_range) * chip.array.bound.double().numpy()
    power = (0.1 * chip.array.mapping.scale * unit) ** 2 * (cells**2).sum((0, 2)) * (1 / 4 + 1 / 16 + 1 / 64)
    assert np.all(np.abs(y.var(0) / power - 1) < SIGMAS * math.sqrt(2 / len(y)))
    assert abs(np.corrcoef(y.T)[0, 1]) < SIGMAS / math.sqrt(len(y))
    assert abs(np.corrcoef(y[:-1, 0], y[1:, 0])[0, 1]) < SIGMAS / math.sqrt(len(y))


@pytest.mark.parametrize("hardware", [crossbar(), ideal().replace(EIGHT_BITS), ideal(), bit_serial()])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("vectors", [2, 20])
def test_what_is_not_a_number_stays_none(hardware: Any, double: bool, vectors: int) -> None:
    """Every kind of array answers NaN for a vector with a NaN, and only for that one."""
    plain = nn.Linear(8, 3)
    x = torch.rand(vectors, 8)
    if double:
        plain, x = plain.double(), x.double()
    chip = to_chip(plain, x, hardware).eval()
    x[1, 2] = math.nan
    with torch.no_grad():
        y = chip(x)
    assert y[1].isnan().all() and not y[0].isnan().any() and not y[2:].isnan().any()


def test_a_copy_and_a_moved_model_have_memory_of_their_own() -> None:
    """Kernels see the tensors of the object that they are asked for."""
    torch.manual_seed(0)
    x = torch.rand(3, 8)
    chip: Any = to_chip(nn.Linear(8, 4), x, crossbar(QUIET)).eval()
    with torch.no_grad():
        before = chip(x)
        other = copy.deepcopy(chip)
        other.array.gain.mul_(0.5)
        other.array.offset.zero_()
        assert torch.equal(chip(x), before)
        assert not torch.allclose(other(x), before, atol=1e-2)
        assert torch.allclose(chip.double().float()(x), before, atol=1e-6)
