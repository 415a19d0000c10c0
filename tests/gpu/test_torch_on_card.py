"""PyTorch on a real GPU: INT8 learning with the integers of the CPU, and models on a chip. Skipped without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.loss import softmax_error  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, from_float  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule  # noqa: E402
from cimlearn.torch import bit_serial, crossbar, to_chip  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU here"),
    pytest.mark.filterwarnings("default"),
]
DRAWS = 200  # calls of a noisy layer
CALLS_APART = 5.0  # standard errors that means of noise may lie apart


def network() -> nn.Module:
    """Convolutions with strides and groups, and a linear layer."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
        nn.Flatten(), nn.Linear(8 * 4 * 4, 5),
    ).eval()  # fmt: skip


def test_int8_learning_has_the_same_integers() -> None:
    """Outputs, errors, gradients and weights of three steps, bit for bit."""
    x = torch.randn((6, 4, 8, 8), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6) % 5
    graphs = {device: IntGraph(network(), trained=True) for device in ("cpu", "cuda")}
    graphs["cuda"].to("cuda")
    for _ in range(3):
        found: dict[str, list[Any]] = {}
        for device, graph in graphs.items():
            given = from_float(x)
            out = graph.forward(Int8(given.mantissa.to(device), given.exponent))
            error = softmax_error(out, labels.to(device))
            back = graph.backward(error)
            assert back is not None
            parts = [out.mantissa, error.mantissa, back.mantissa, *graph.gradients.values()]
            found[device] = [part.cpu() for part in parts] + [out.exponent, back.exponent]
            graph.update(UpdateRule(bits_kept=3))
        for mine, its in zip(found["cuda"], found["cpu"], strict=True):
            assert torch.equal(mine, its) if torch.is_tensor(its) else mine == its
        for name, weight in graphs["cpu"].weights().items():
            assert np.array_equal(graphs["cuda"].weights()[name], weight), name


def model() -> nn.Module:
    """A small model of linear layers."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 6)).eval()


def test_bit_serial_layers_answer_the_same_integers() -> None:
    x = torch.randn((20, 40), generator=torch.Generator().manual_seed(2))
    chip = to_chip(model(), x, bit_serial(), seed=1).eval()
    with torch.no_grad():
        cpu = chip(x)
        cuda = chip.to("cuda")(x.to("cuda")).cpu()
    assert torch.equal(cuda, cpu)


def test_crossbar_layers_have_the_same_mean_and_noise() -> None:
    """A CPU and a GPU draw other numbers, so means and spreads over calls are compared."""
    x = torch.randn((8, 40), generator=torch.Generator().manual_seed(2))
    chip = to_chip(model(), x, crossbar(), seed=1).eval()
    found = {}
    with torch.no_grad():
        for device in ("cpu", "cuda"):
            chip = chip.to(device)
            there = x.to(device)
            found[device] = torch.stack([chip(there).cpu().double() for _ in range(DRAWS)])
    cpu, cuda = found["cpu"], found["cuda"]
    spread = (cpu.var(0) + cuda.var(0)).sqrt().clamp(min=1e-6)
    assert float(((cpu.mean(0) - cuda.mean(0)).abs() / spread).max()) < CALLS_APART / DRAWS**0.5
    ratio = float(cuda.std(0).mean() / cpu.std(0).mean())
    assert 0.9 < ratio < 1.1


def test_a_layer_learns_through_its_chip_on_the_gpu() -> None:
    x = torch.randn((64, 40), generator=torch.Generator().manual_seed(2)).to("cuda")
    y = (x[:, :6].argmax(1)).to("cuda")
    chip = to_chip(model().to("cuda"), x, crossbar(), seed=1).train()
    adam = torch.optim.Adam(chip.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        adam.zero_grad()
        loss = nn.functional.cross_entropy(chip(x), y)
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
