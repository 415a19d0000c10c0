"""Models on arrays in NeuroBench's own harness: its counts are those of the plain model, ours those of `costs`."""

from __future__ import annotations

from typing import Any

import pytest
from models import nn, torch

pytest.importorskip("neurobench", exc_type=ImportError)

from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, ParameterCount
from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy, SynapticOperations
from neurobench.models import TorchModel

from cimlearn.errors import InputError
from cimlearn.neurobench import (
    Area,
    ChipModel,
    Energy,
    FirstCell,
    Latency,
    LearningEnergy,
    Operations,
    Writes,
)
from cimlearn.torch import InSituSGD, costs, crossbar, ideal, to_chip

THEIRS = [
    [ParameterCount, ConnectionSparsity],
    [ClassificationAccuracy, SynapticOperations, ActivationSparsity],
]
OURS = [Energy, Latency, Area, Operations, LearningEnergy, Writes, FirstCell]


def network() -> nn.Module:
    """A convolution, a linear layer on arrays and one that stays digital."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 12), nn.ReLU(), nn.Linear(12, 4)
    ).eval()


def loader() -> Any:
    """Two batches of different size."""
    draw = torch.Generator().manual_seed(1)
    data = torch.rand(14, 1, 6, 6, generator=draw), torch.randint(4, (14,), generator=draw)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data), batch_size=8)


def run(model: Any, metrics: Any) -> dict[str, Any]:
    """Results of the harness."""
    found: dict[str, Any] = Benchmark(model, loader(), [], [lambda out: out.argmax(1)], metrics).run(
        quiet=True
    )
    return found


def test_their_metrics_are_those_of_the_plain_model() -> None:
    """Exact cells: parameters, sparsity, accuracy and operations are equal; none is 0."""
    plain = network()
    chip = to_chip(plain, torch.rand(8, 1, 6, 6), ideal(), keep=["5"])
    found, wanted = run(ChipModel(chip), THEIRS), run(TorchModel(plain), THEIRS)
    assert found == wanted
    assert wanted["SynapticOperations"]["Dense"] == 3 * 9 * 16 + 48 * 12 + 12 * 4


def test_our_metrics_are_the_costs() -> None:
    """Means over the examples of a run; learning in situ has energy, writes and years."""
    chip = to_chip(network(), torch.rand(8, 1, 6, 6), crossbar(), learn="in-situ").train()
    optimiser = InSituSGD(chip, 0.01)
    for _ in range(3):
        optimiser.zero_grad()
        chip(torch.rand(4, 1, 6, 6)).square().sum().backward()
        optimiser.step()
    found = run(ChipModel(chip), [[], OURS])
    with torch.no_grad():
        for x, _ in loader():
            chip(x)
    whole = costs(chip).total
    assert found["Operations"] == 3 * 9 * 16 + 48 * 12 + 12 * 4
    assert found["Latency"] == pytest.approx(whole.phases["inference"].seconds, rel=0.02)
    assert found["Energy"] == pytest.approx(whole.phases["inference"].joules, rel=0.02)
    assert found["LearningEnergy"] == pytest.approx(whole.phases["learning"].joules, rel=1e-3)
    assert found["Writes"] == pytest.approx(whole.writes_per_example)
    assert found["FirstCell"] == pytest.approx(whole.lifetime["first_cell"])
    assert found["Area"] == pytest.approx(sum(whole.area.values()), rel=0.02)


def test_what_is_no_chip_is_refused() -> None:
    """A plain network has no costs."""
    with pytest.raises(InputError, match="not on arrays"):
        ChipModel(network())
    with pytest.raises(InputError, match="ChipModel"):
        Energy()(TorchModel(network()), torch.zeros(1), (torch.zeros(1), torch.zeros(1)))
