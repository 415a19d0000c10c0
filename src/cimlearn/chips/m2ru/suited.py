"""Batch, learning rates and memory of the state that suit a stream, by one rule for all (`rule.suited`).

The presets' values were chosen on permuted MNIST: 28 steps of 28 inputs, 300,000 examples. Elsewhere

    batch = 2 below 15,000 new examples, 4 below 60,000, else 8                     (a short stream needs larger steps)
    1 / (1 - lambda) = 1 / (1 - lambda') * (steps / 28, from 1 to 4)                (a longer example, a longer memory)
    scale = 2^min(0, round(log2(0.023 / E))),   E = mean of z^2,   z = sum_t (1 - lambda) lambda^(T-t) x_t
    rate of recurrent weights, times 2^round(log2(E / 0.023) / 2), from 1/2 to 2, below 15,000 new examples
    scale * rate of the outputs at most 0.025 below 100 units                               (no state overshoots)
    widest = 1 where numbers are answered                               (noise of reads is an error in full there)

lambda' is the preset's, T the last step, x the inputs less their mean; E is a mean over examples and inputs. z is what
the state would be if each input were a unit, so E is what a change of an input weight moves the state by: with twice
the drive rates are halved. Of permuted MNIST it is 0.023, and it is larger where neighbouring steps are alike.

A recurrent weight is driven by a state, which tanh bounds, so where E is large its rate falls by the root of what the
inputs' falls by. Where E is small states are driven by biases and integrators' offsets too, alike in each example, and
recurrent weights would learn faster than those of inputs. The factor comes on top of the scale. It is 1 while E is
within a factor of 2 of 0.023, for single steps, which have no state before them, where numbers are answered, and from
15,000 new examples on: split CIFAR-10, the one long stream with another E that was measured, loses 3 points by it.

An update moves outputs along a state h by rate * |h|^2 * slope times the error; from 2 on, errors grow. At 100 units
the rate is as given and it falls with their number, so |h|^2 counts as 100 where all units saturate. The K-WTA's slope
is largest with two alike, 1 / sqrt(2): below 0.028 no state overshoots. Few units saturate sooner; from 100 units on
the preset's 0.05 stays. Answers other than K-WTA keep their rates, and so do learners of tables.

docs/decisions/0033-suited.md has the measurements. A value that the user sets holds as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.m2ru.setup import RATED_UNITS
from cimlearn.chips.m2ru.sizes import is_parallel, is_recursive
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

BATCHES: Final = ((15_000, 2), (60_000, 4))  # new examples below which a batch has so many
STEPS: Final = 28  # of the examples that the presets' lambda was chosen on
LONGEST: Final = 4.0  # times the preset's memory: beyond, what swings within an example is averaged away
DRIVE: Final = 0.023  # E of the stream that the presets' rates were chosen on
LEAST: Final = -4  # smallest log2 of the scale
OUTPUT: Final = 0.025  # rate of the outputs that no state overshoots: below 2 / (100 * 0.71), a tenth in hand
STEADY: Final = ("network.hidden", "rule.scale", "rule.answer", "rule.probed_rate_output")
MEMORIES: Final = ("network.lambda", "adam.lambda")
SAMPLED: Final = ("rule.scale", "rule.rate_recurrent")  # what a sample of the inputs decides
NUMBERS: Final = {"rule.answer": "linear", "mapping.widest": 1.0}  # where a stream wants numbers
RULE: Final = "chosen for this stream by rule.suited"


def suited(
    p: ParameterSet,
    shape: StreamShape,
    examples: int | None,
    sample: Callable[[], NDArray[Any] | None],
    given: Collection[str] = (),
) -> ParameterSet:
    """`p` with the values that suit a stream of `examples` new examples (None: not known, taken for few).

    `sample` gives some of them, (examples, steps, features), or None where none is known yet; it is asked only if it is
    needed. Values of the names in `given` were set, to whatever value, and stay.
    """
    found: dict[str, Any] = {}
    if shape.numbers:
        found = {name: value for name, value in NUMBERS.items() if name not in given}
    if not p["rule.suited"] or is_parallel(p):
        return _derived(p, found)
    longer = min(LONGEST, max(1.0, shape.steps / STEPS))
    found |= {name: 1 - (1 - p[name]) / longer for name in MEMORIES if longer > 1}
    found["rule.batch"] = next((b for most, b in BATCHES if (examples or 0) < most), p["rule.batch"])
    found = {name: value for name, value in found.items() if name not in given}
    if "rule.scale" not in given:
        x = sample()
        size = DRIVE if x is None else drive(x, found.get("network.lambda", p["network.lambda"]))
        found["rule.scale"] = scale(size)
        short = (examples or 0) < BATCHES[0][0]
        if short and shape.steps > 1 and not shape.numbers and "rule.rate_recurrent" not in given:
            found["rule.rate_recurrent"] = p["rule.rate_recurrent"] * recurrent(size)
    if examples is not None and "rule.probed_rate_output" not in given and not is_recursive(p):
        found |= _steady({name: found.get(name, p[name]) for name in STEADY})
    return _derived(p, found)


def _steady(now: Mapping[str, Any]) -> dict[str, float]:
    """The rate of the outputs that no state overshoots, where `now`, what was found so far, has a larger one."""
    most = OUTPUT / now["rule.scale"] if now["rule.scale"] > 0 else math.inf
    if now["network.hidden"] >= RATED_UNITS or now["rule.answer"] != "kwta":
        return {}
    if now["rule.probed_rate_output"] <= most:
        return {}
    return {"rule.probed_rate_output": most}


def _derived(p: ParameterSet, found: Mapping[str, Any]) -> ParameterSet:
    """`p` with what the stream decided."""
    chosen = {
        name: p.entry(name).model_copy(update={"value": value, "origin": "derived", "source": RULE})
        for name, value in found.items()
        if value != p[name]
    }
    return p.merged(ParameterSet(chosen))


def drive(x: NDArray[Any], keep: float) -> float:
    """E of x (examples, steps, features), whose states keep the part `keep` from step to step."""
    centred = x.astype(np.float64) - x.mean(dtype=np.float64)
    weight = (1 - keep) * keep ** np.arange(x.shape[1] - 1, -1, -1)
    return float(np.square(np.tensordot(weight, centred, axes=(0, 1))).mean())


def scale(drive: float) -> float:
    """The factor of all learning rates, a power of two, that makes up for a drive above `DRIVE`."""
    return 1.0 if drive <= DRIVE else 2.0 ** max(LEAST, round(math.log2(DRIVE / drive)))


def recurrent(drive: float) -> float:
    """The factor of the recurrent weights' rate, on top of the scale: a power of two from 1/2 to 2."""
    return 1.0 if drive == 0 else 2.0 ** min(1, max(-1, round(math.log2(drive / DRIVE) / 2)))
