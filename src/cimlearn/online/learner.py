"""A chip that learns rows of numbers: M2RU with its input ranges, its placement and its prices.

`learn` changes the learner, `shares` only answers, except that its work is counted. What a learner becomes depends on
its description and the examples in their order; it does not depend on chunk borders or on what was asked between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn import chips
from cimlearn.chips import m2ru
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.chips.m2ru.suited import SAMPLED, suited
from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.costs.lifetime import from_histogram
from cimlearn.costs.models import Done, pricing
from cimlearn.costs.prices import for_chip, is_price
from cimlearn.errors import InputError, nearest
from cimlearn.experiments.record import histogram
from cimlearn.ledger import Ledger
from cimlearn.online.ranges import Ranges, Values, scaled
from cimlearn.streams.base import StreamShape

PLACEMENTS: Final = ("chip", "float")
SAMPLE: Final = 200  # examples that learning rates are made to suit
SCALINGS: Final = ("range", None)
# A table is a short stream: a write after every new example learns most from it (docs/recipe.md, "Short streams").
DEFAULTS: Final[Mapping[str, Any]] = {"rule.batch": 1}


class Learner:
    """M2RU, or its float twin, for examples of `steps` x `features` numbers in `classes` classes.

    Parameters
    ----------
    steps, features, classes
        sizes of an example, and the number of outputs
    on
        'chip', or 'float' for the same rule on float arrays
    scaling
        'range': each input line is scaled to the range that it has seen; None: values are in [-1, 1] already
    settings
        'part.key' -> value of the chip and of its prices; `DEFAULTS` where it says nothing
    seed
        of the chip, 0 or above
    sample
        (examples, steps, features) known before anything is learned, or None: learning rates are made to suit it
        (`rule.suited`)

    Raises
    ------
    InputError
        For an unknown placement, scaling or setting, or a value out of range.
    """

    def __init__(
        self,
        steps: int,
        features: int,
        classes: int,
        *,
        on: str = "chip",
        scaling: str | None = "range",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        sample: Values | None = None,
    ) -> None:
        if on not in PLACEMENTS:
            raise InputError(
                f"on = {on!r} is not a placement of this learner; {nearest(str(on), PLACEMENTS)}"
            )
        if scaling not in SCALINGS:
            raise InputError(f"scaling = {scaling!r} is unknown; give 'range', or None for values in [-1, 1]")
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise InputError(f"seed = {seed!r}: give a whole number from 0 on")
        self.on, self.scaling, self.seed = on, scaling, int(seed)
        self.settings = {**DEFAULTS, **(settings or {})}
        mine = {name: value for name, value in self.settings.items() if is_price(name)}
        rest = for_chip(self.settings, chips.parameters("m2ru"))
        self.prices = prices.parameters(mine, m2ru.KIND.costs, m2ru.KIND.prices)
        self.shape = StreamShape(steps, features, classes, signed=scaling is None)
        p = chips.parameters("m2ru", rest)
        chosen = suited(p, self.shape, None, lambda: _first(sample, scaling), tuple(self.settings))
        for name in SAMPLED:  # said to copies, which have no sample
            if chosen[name] != p[name]:
                self.settings[name] = chosen[name]
        self.chip = M2RU(chosen, self.shape, seed=seed, on=on)
        self.ranges = Ranges(features)
        self.learned = 0  # new examples
        self._lock = Lock()  # a chip has one scratch memory, and its kernels release the interpreter

    def measure(self, x: Values) -> None:
        """Widen the ranges by all of x (examples, steps, features) before it is learned."""
        self.ranges.widen(x)

    def learn(self, x: Values, y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features), NaN = missing, with classes y (examples,), in order."""
        with self._lock:
            if self.scaling is None:
                inputs = _inside(x)
            else:
                low, high = self.ranges.running(x)
                inputs = scaled(x, low, high)
                self.ranges.low, self.ranges.high = low[-1, 0], high[-1, 0]
            self.chip.learn(inputs, y)
            self.learned += len(y)

    def shares(self, x: Values) -> NDArray[np.float64]:
        """(examples, classes) the share of each class in the answer to x (examples, steps, features); rows sum to 1."""
        with self._lock:
            inputs = _inside(x) if self.scaling is None else scaled(x, self.ranges.low, self.ranges.high)
            found = self.chip.shares(inputs).astype(np.float64)
        return found / found.sum(axis=1, keepdims=True)

    def ledger(self) -> Ledger:
        """What was done so far, learning and answering."""
        return self.chip.ledger()

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array (cells per weight, rows, columns) writes of each cell; empty for the float twin."""
        return self.chip.writes()

    def costs(self) -> Costs:
        """Energy, time, area and lifetime of the work so far at this learner's prices.

        Raises
        ------
        InputError
            For the float twin, and before something was learned and something asked.
        """
        if self.on != "chip":
            raise InputError("a float twin has no hardware to price; make the learner with on='chip'")
        if self.learned == 0:
            raise InputError("nothing was learned yet, so there is no work to price; learn something")
        return pricing(m2ru.KIND.costs).costs(
            Done(
                ledger=self.ledger(),
                inventory=self.chip.inventory(),
                parameters=dict(self.chip.parameters),
                cell=self.chip.figures(),
                learned=self.learned,
                rates=from_histogram(map(histogram, self.writes().values()), self.learned),
            ),
            self.prices,
            None,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """How copies are made in memory: the description, and the tensors that the chip has become."""
        description = {"on": self.on, "scaling": self.scaling, "settings": self.settings, "seed": self.seed}
        bounds = (self.ranges.low, self.ranges.high)
        return _restored, (self.shape[:3], description, self.learned, bounds, self.chip.state()[0])


def _restored(
    sizes: tuple[int, int, int],
    description: dict[str, Any],
    learned: int,
    bounds: tuple[Values, Values],
    tensors: dict[str, NDArray[Any]],
) -> Learner:
    """The learner that `__reduce__` described; its arrays may be read-only, so they are copied."""
    learner = Learner(*sizes, **description)
    learner.learned = learned
    learner.ranges.low, learner.ranges.high = (np.array(bound) for bound in bounds)
    learner.chip.load(tensors, {})
    return learner


def _first(sample: Values | None, scaling: str | None) -> NDArray[np.float32] | None:
    """The first examples of a sample as the chip will see them, scaled to the ranges of all of it."""
    if sample is None or len(sample) == 0:
        return None
    if scaling is None:
        return _inside(sample[:SAMPLE])
    ranges = Ranges(sample.shape[2])
    ranges.widen(sample)
    return scaled(sample[:SAMPLE], ranges.low, ranges.high)


def _inside(x: Values) -> NDArray[np.float32]:
    """x as the chip takes it, missing values 0; raises InputError where a value is outside [-1, 1]."""
    values = np.where(np.isnan(x), 0.0, x)
    worst = values.ravel()[np.argmax(np.abs(values))] if values.size else 0.0
    if abs(worst) > 1:
        raise InputError(f"an input is {worst:g}, outside [-1, 1]; scale it, or use scaling='range'")
    return values.astype(np.float32, order="C")
