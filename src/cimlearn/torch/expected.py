"""What a model that learns in situ costs before it has learned anything: a few steps on a copy.

Steps are made on a copy with fresh weights, and counted as ever; counts for more examples are in proportion. Sizes,
cycles and passes are exact. What depends on data (bits that are 1, conductances, cells that are written) is that of
the inputs of these steps: of `model_chip` uniformly random ones, so nearly every row is driven and written.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cimlearn.chips.base import Design
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.streams.base import StreamShape
from cimlearn.torch.chip import IN_SITU, conversion, program, reset
from cimlearn.torch.costs import ModelCosts, costs
from cimlearn.torch.integer import IntegerSGD
from cimlearn.torch.learner import SAMPLE, Build, ModelChip, Wanted
from cimlearn.torch.library import nn, torch
from cimlearn.torch.optimiser import InSituSGD

STEPS: Final = 16  # updates that stand for all
Loss = Callable[[Any], torch.Tensor]


def squares(output: Any) -> torch.Tensor:
    """Half the mean over examples of the squares of an output (examples, ...), or of the first of several."""
    first: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return 0.5 * first.flatten(1).square().sum(1).mean()


def expected_costs(
    model: nn.Module, sample: Any, *, rate: float = 0.01, keep: float = 1.0, loss: Loss = squares
) -> ModelCosts:
    """`costs` of a model as it would be after one step on `sample`; the model itself is left as it is.

    Parameters
    ----------
    model
        what `to_chip` returned; with learn="in-situ" there are costs of learning too
    sample
        one batch, as the model sees it: a tensor, a tuple of arguments or a dict of keyword arguments
    rate, keep
        of `InSituSGD`; both decide how many cells are written (bit-serial arrays: one step of a weight at most)
    loss
        of the model's output; only the error that it sends back matters

    Raises
    ------
    InputError
        For a model that is not on arrays, or a missing price.
    """
    twin, carried = copy.deepcopy(model), conversion(model)
    program(twin)
    reset(twin)
    args = () if isinstance(sample, dict) else sample if isinstance(sample, tuple) else (sample,)
    named = sample if isinstance(sample, dict) else {}
    if carried.learners:
        twin.train()
        with torch.enable_grad():
            bits = carried.hardware.kind != "crossbar"
            made: Any = IntegerSGD(twin, 1.0, digital=rate) if bits else InSituSGD(twin, rate, keep=keep)
            loss(twin(*args, **named)).backward()
            made.step()
    twin.eval()
    with torch.no_grad():
        twin(*args, **named)
    return costs(twin)


def design(
    build: Build,
    prices: ParameterSet,
    p: ParameterSet,
    shape: StreamShape,
    wanted: Wanted,
    *,
    learned: int,
    predicted: int,
) -> Design:
    """The `chips.base.Design` of a model as a chip; p has its parameters, and others.

    One batch is learned before counting, since nothing is replayed in the first; then `STEPS` are counted.
    """
    chip = ModelChip(build, p, prices, shape, seed=0, on="chip", wanted=wanted)
    draw, batch = generator(0, "expected", IN_SITU), p["rule.batch"]
    low = -1.0 if shape.signed else 0.0

    def examples(count: int) -> Any:
        size = (count, shape.steps, shape.features)
        x = draw.uniform(low, 1.0, size).astype(np.float32)
        if shape.numbers:
            return x, draw.uniform(-1, 1, (count, shape.classes)).astype(np.float32)
        return x, draw.integers(shape.classes, size=count)

    chip.learn(*examples(batch))
    before = chip.ledger()
    chip.learn(*examples(STEPS * batch))
    chip.predict(examples(SAMPLE)[0])
    after = chip.ledger()
    learning = _difference(after.counts["learn"], before.counts["learn"], learned / (STEPS * batch))
    on = after.conductance_on
    each = {
        name: (value - before.conductance_on.get("learn", {}).get(name, 0.0)) * learned / (STEPS * batch)
        for name, value in on.get("learn", {}).items()
    }
    asked = predicted / SAMPLE
    predict = _difference(after.counts["predict"], {}, asked)
    done = Ledger(
        {"learn": learning, "predict": predict},
        {"learn": each, "predict": {name: value * asked for name, value in on.get("predict", {}).items()}},
    )
    cells = sum(one.size for one in chip.writes().values())
    return Design(done, chip.inventory(), chip.figures(), cells, chip.placed.written(learning))


Counts = dict[str, dict[str, int]]


def _difference(after: Counts, before: Counts, times: float) -> Counts:
    """`times` what was counted in between."""
    return {
        part: {
            action: round((count - before.get(part, {}).get(action, 0)) * times)
            for action, count in actions.items()
        }
        for part, actions in after.items()
    }
