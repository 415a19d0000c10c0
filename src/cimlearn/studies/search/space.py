"""One dimension of the search space: a range, a range with steps, or a list of choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, is_whole
from cimlearn.studies.axes import Choice, Range, spread_of

if TYPE_CHECKING:
    from optuna.trial import Trial

_DIGITS = 6  # of a chosen number, so that a command line holds it exactly
FORMS: Final = (
    "{low = 0.1, high = 1.0}, {low = 10, high = 90, step = 20}, {low = 1e5, high = 1e9, log = true} "
    "or {choices = [1, 2]}"
)


@dataclass(frozen=True)
class Dimension:
    """The values that the parameter `name` may take."""

    name: str
    spread: Range | Choice
    step: float | None = None
    whole: bool = False

    def suggest(self, trial: Trial) -> Any:
        """The value that Optuna chooses for a trial; the same one when asked again."""
        if isinstance(self.spread, Choice):
            return trial.suggest_categorical(self.name, self.spread.values)
        low, high, log = self.spread.low, self.spread.high, self.spread.log
        if self.whole:
            return trial.suggest_int(self.name, int(low), int(high), step=int(self.step or 1), log=log)
        return self.value(trial.suggest_float(self.name, low, high, step=self.step, log=log))

    def value(self, chosen: Any) -> Any:
        """The value that is run for what Optuna chose: a number is rounded to six digits."""
        if isinstance(self.spread, Choice) or self.whole:
            return chosen
        return min(max(float(f"{chosen:.{_DIGITS}g}"), self.spread.low), self.spread.high)

    def ends(self) -> tuple[Any, ...]:
        """Values such that if these are allowed, all are."""
        return self.spread.values if isinstance(self.spread, Choice) else (self.spread.low, self.spread.high)

    def described(self) -> str:
        """What a storage remembers of it."""
        return f"{self.spread}, step {self.step}, whole {self.whole}"


def dimension_of(name: str, given: Any, entries: ParameterSet) -> Dimension:
    """The dimension that a study file gives for the parameter `name` of an experiment that has `entries`.

    Raises
    ------
    InputError
        For an unknown parameter, keys that make no range, an empty range, and steps that don't fit.
    """
    entry = entries.entry(name)
    if not isinstance(given, Mapping):
        raise InputError(f"{name} = {given!r} is not a range; write one of {FORMS}")
    spread = spread_of(name, {key: value for key, value in given.items() if key != "step"})
    if isinstance(spread, Choice):
        if "step" in given:
            raise InputError(f"{name}: choices have no step; remove one of them")
        return Dimension(name, Choice(_distinct(name, spread.values)))
    if not isinstance(spread, Range):
        raise InputError(f"{name}: a search takes no distributions; write one of {FORMS}")
    if isinstance(entry.value, bool | str | tuple):
        raise InputError(f"{name} is no number (it is {entry.value!r}); give its values: {{choices = [...]}}")
    dimension = Dimension(name, spread, whole=is_whole(entry))
    return dimension if "step" not in given else _stepped(dimension, spread, given["step"])


def _distinct(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Choices as Optuna can store them: a list is its text. InputError for one that is there twice."""
    plain = tuple(",".join(map(str, v)) if isinstance(v, list | tuple) else v for v in values)
    again = next((value for i, value in enumerate(plain) if value in plain[:i]), None)
    if again is not None:
        raise InputError(f"{name}: choices hold {again} twice; remove one")
    wrong = next((value for value in plain if not isinstance(value, bool | int | float | str)), None)
    if wrong is not None:
        raise InputError(f"{name}: the choice {wrong!r} is neither number nor text")
    return plain


def _stepped(dimension: Dimension, spread: Range, step: Any) -> Dimension:
    """The dimension with values low, low + step, ... up to high at most."""
    if (
        isinstance(step, bool)
        or not isinstance(step, int | float)
        or not 0 < step <= spread.high - spread.low
    ):
        raise InputError(
            f"{dimension.name}: step = {step!r} must be a number above 0 and "
            f"up to high - low = {spread.high - spread.low:g}"
        )
    if spread.log:
        raise InputError(f"{dimension.name}: a logarithmic range has no step; remove one of them")
    if dimension.whole and step != int(step):
        raise InputError(f"{dimension.name}: step = {step:g}, but the parameter takes whole numbers")
    low, high, by = (Decimal(repr(x)) for x in (spread.low, spread.high, step))
    last = low + (high - low) // by * by
    high_end = int(last) if isinstance(spread.low, int) and isinstance(step, int) else float(last)
    return replace(dimension, spread=replace(spread, high=high_end), step=step)
