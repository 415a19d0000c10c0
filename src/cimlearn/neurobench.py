"""Converted models in the harness of NeuroBench (https://neurobench.ai), and what a chip costs as its metrics.

chip = to_chip(network, sample, crossbar()).eval()
Benchmark(
    ChipModel(chip), loader, [], [], [[ParameterCount, ConnectionSparsity], [SynapticOperations, Energy, Latency]]
).run()

NeuroBench looks for layers of PyTorch. `ChipModel` shows it a plain twin, with the weights that the cells hold now,
for what it reads of weights, and the inputs of the chip's own layers for what it counts. It has no count of recurrent
layers of several steps (nn.RNN, GRU, LSTM); `Operations` has what the arrays did in all layers. Every metric of this
file is the mean over the examples of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cimlearn.errors import InputError
from cimlearn.torch import ModelCosts, costs, from_chip, reset
from cimlearn.torch.chip import conversion
from cimlearn.torch.convert import KINDS
from cimlearn.torch.library import nn, torch

try:
    from neurobench.blocks.layer import SUPPORTED_LAYERS
    from neurobench.hooks.neuron import NeuronHook
    from neurobench.metrics.abstract import AccumulatedMetric
    from neurobench.models import NeuroBenchModel
except ImportError:
    raise InputError("cimlearn.neurobench needs NeuroBench: pip install neurobench") from None

__all__ = ["Area", "ChipModel", "Energy", "FirstCell", "Latency", "LearningEnergy", "Operations", "Writes"]
Tensor = torch.Tensor


class ChipHook:
    """The inputs of a layer of the chip, beside the plain layer that NeuroBench counts with."""

    def __init__(self, runs: nn.Module, layer: nn.Module) -> None:
        """`runs` is called; `layer` is looked at."""
        self.runs, self.layer = runs, layer
        self.inputs: list[Any] = []
        self.register_hook()

    def register_hook(self) -> None:
        """Look at the inputs from now on."""
        self.hook: Any = self.runs.register_forward_pre_hook(self._saw)

    def _saw(self, _: nn.Module, given: Any) -> None:
        self.inputs.append(given)

    def reset(self) -> None:
        """Forget the inputs."""
        self.inputs.clear()

    def close(self) -> None:
        """Look no more."""
        self.hook.remove()


class ChipModel(NeuroBenchModel):
    """A model on arrays, as NeuroBench runs it; its counters are reset at each batch."""

    def __init__(self, chip: nn.Module) -> None:
        """`chip` is what `to_chip` returned, put into `eval()` mode.

        Raises
        ------
        InputError
            For a model that is not on arrays.
        """
        super().__init__()
        conversion(chip)
        self.chip = chip.eval()
        self.plain = from_chip(chip)
        self._costs: ModelCosts | None = None

    def __call__(self, batch: Any) -> Any:
        """What the chip answers for a batch (examples, ...)."""
        reset(self.chip)
        self._costs = None
        with torch.no_grad():
            return self.chip(batch)

    def __net__(self) -> nn.Module:
        """A plain network with the weights that the cells hold."""
        return self.plain

    def costs(self) -> ModelCosts:
        """What the last batch cost, for each example."""
        if self._costs is None:
            self._costs = costs(self.chip)
        return self._costs

    def activation_layers(self) -> list[dict[str, Any]]:
        """The chip's activation layers, which are the plain network's."""
        kinds = tuple(self.activation_modules)
        return [
            {"layer_name": name, "layer": one}
            for name, one in self.chip.named_modules()
            if isinstance(one, kinds)
        ]

    def connection_layers(self) -> list[nn.Module]:
        """Plain layers of a kind that NeuroBench counts, on arrays or digital."""
        return [layer for _, layer in self._pairs()]

    def register_hooks(self) -> None:
        """Look at what the chip's layers are given."""
        self.activation_hooks += [
            NeuronHook(one["layer"], one["layer_name"]) for one in self.activation_layers()
        ]
        self.connection_hooks += [ChipHook(runs, layer) for runs, layer in self._pairs()]

    def _pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """(what runs, its plain twin)."""
        found = []
        for name, one in self.chip.named_modules():
            if isinstance(one, (*KINDS, *SUPPORTED_LAYERS)):
                plain = self.plain.get_submodule(name)
                if isinstance(plain, SUPPORTED_LAYERS):
                    found.append((one, plain))
        return found


class _Mean(AccumulatedMetric):
    """The mean over examples of something that a chip costs."""

    of: Callable[[ModelCosts], float]

    def __init__(self) -> None:
        """Nothing seen yet."""
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """Nothing seen yet."""
        self.total, self.examples = 0.0, 0

    def __call__(self, model: ChipModel, preds: Tensor, data: tuple[Tensor, Tensor]) -> float:
        """The mean up to this batch."""
        if not isinstance(model, ChipModel):
            raise InputError(f"{type(self).__name__} is what a chip costs; give ChipModel(chip)")
        examples = len(data[0])
        self.total += type(self).of(model.costs()) * examples
        self.examples += examples
        return self.compute()

    def compute(self) -> float:
        """The mean of all batches."""
        return self.total / self.examples if self.examples else 0.0


class Energy(_Mean):
    """Energy of an inference [J]."""

    of = staticmethod(lambda found: found.total.phases["inference"].joules)


class Latency(_Mean):
    """Time of an inference [s]."""

    of = staticmethod(lambda found: found.total.phases["inference"].seconds)


class Area(_Mean):
    """Area of the chip [m2]."""

    of = staticmethod(lambda found: sum(found.total.area.values()))


class Operations(_Mean):
    """Multiply-adds that the arrays do for an inference, dense: zeros count too."""

    of = staticmethod(lambda found: found.total.phases["inference"].operations / 2)


class LearningEnergy(_Mean):
    """Energy of an example that was learned in situ [J]; 0 where nothing was."""

    of = staticmethod(
        lambda found: found.total.phases["learning"].joules if "learning" in found.total.phases else 0.0
    )


class Writes(_Mean):
    """Writes that a cell has seen for each example learned in situ, the mean of all cells."""

    of = staticmethod(lambda found: found.total.writes_per_example or 0.0)


class FirstCell(_Mean):
    """Years of learning at `operation.rate` until the first cell is worn out; infinite where none wears out."""

    of = staticmethod(lambda found: _years(found.total.lifetime))


def _years(lifetime: Any) -> float:
    """Of the first cell."""
    first = lifetime.get("first_cell") if lifetime else None
    return float("inf") if first is None else float(first)
