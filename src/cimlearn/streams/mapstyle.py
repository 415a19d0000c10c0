"""One map-style data set: its labels, and its examples, checked as they are read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.labels import is_missing
from cimlearn.streams.checking import as_array, known_labels

LOOKED_AT: Final = 64  # examples of a data set that are read when it is opened, evenly spaced


class Part(NamedTuple):
    """The training or test examples of one task."""

    dataset: Any  # len() and [i] -> (x, y, ...)
    y: NDArray[np.int64]  # (examples,), -1 where there is no label
    where: str  # for errors

    @property
    def which(self) -> NDArray[np.int64]:
        """(labelled examples,) their numbers."""
        return np.flatnonzero(self.y >= 0)


class Range(NamedTuple):
    """What values mean."""

    full_scale: float  # the value that becomes 1.0
    clip: bool  # whether larger ones are cut off
    signed: bool  # whether they may be negative


def looked_at(count: int) -> list[int]:
    """At most LOOKED_AT numbers below `count`, evenly spaced."""
    return sorted({k * count // LOOKED_AT for k in range(LOOKED_AT)})


def read_examples(part: Part, numbers: NDArray[np.int64], of: Range) -> NDArray[np.float32]:
    """(examples, values) or (examples, steps, features) as shares of full scale.

    Raises
    ------
    InputError
        If a value isn't finite, is beyond full scale, or has a sign where none is expected.
    """
    return np.stack([_scaled(part, number, of) for number in numbers.tolist()])


def _scaled(part: Part, number: int, of: Range) -> NDArray[np.float32]:
    """One example as shares of full scale, checked."""
    stored = read_example(part, number)
    x = stored / np.float32(255 if stored.dtype == np.uint8 else of.full_scale)
    low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{part.where}: example {number} holds NaN or infinity; remove or replace it")
    if low < 0 and not of.signed:
        raise InputError(f"{part.where}: example {number} has negative values; give signed = True")
    if max(-low, high) > 1 and not of.clip:
        raise InputError(
            f"{part.where}: example {number} reaches {max(-low, high) * of.full_scale:g}, beyond full_scale = "
            f"{of.full_scale:g}; give a larger full_scale, or clip = True"
        )
    return np.clip(x, -1, 1).astype(np.float32, copy=False)


def _item(part: Part, number: int) -> tuple[Any, Any]:
    """(x, y) of one example, as the data set gives it."""
    item = part.dataset[number]
    if not isinstance(item, tuple | list) or len(item) < 2:
        raise InputError(f"{part.where}: example {number} is a {type(item).__name__}; needed: (x, y)")
    return item[0], item[1]


def read_example(part: Part, number: int) -> NDArray[Any]:
    """x of one example: (values,) or (steps, features); the rows of an image are its steps."""
    x = as_array(_item(part, number)[0], f"{part.where}, example {number}")
    if x.ndim == 3 and x.shape[0] in (1, 3):
        x = x.transpose(1, 2, 0)  # (height, width, channels)
    if x.ndim == 3 and x.shape[2] in (1, 3):
        x = x.reshape(len(x), -1)  # (height, width x channels)
    if x.ndim not in (1, 2) or x.size == 0 or x.dtype.kind not in "iufb":
        raise InputError(
            f"{part.where}: example {number} is {x.dtype} of shape {x.shape}; needed: numbers (values,), "
            "(steps, features), or an image with 1 or 3 channels"
        )
    return x


def make_part(dataset: Any, labels: Any, where: str) -> Part:
    """A data set with its labels, read once to see that it always gives the same."""
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise InputError(f"{where}: {type(dataset).__name__} has no len() and [i]; give a map-style data set")
    if len(dataset) == 0:
        raise InputError(f"{where} is empty; give at least one example")
    part = Part(dataset, np.empty(0, np.int64), where)
    if not np.array_equal(read_example(part, 0), read_example(part, 0)):
        raise InputError(f"{where}: example 0 is another one each time; switch off random transforms")
    known = labels if labels is not None else getattr(dataset, "targets", None)
    y = None if known is None else np.array([_label(part, label) for label in known])
    if (
        y is None
        or len(y) != len(dataset)
        or any(_differ(y[k], _label(part, _item(part, k)[1])) for k in looked_at(len(y)))
    ):
        y = np.array([_label(part, _item(part, k)[1]) for k in range(len(dataset))])
    return part._replace(y=known_labels(y, where))


def _differ(one: Any, other: Any) -> bool:
    """Whether two labels are different; two missing ones are not."""
    if is_missing(one) or is_missing(other):
        return is_missing(one) != is_missing(other)
    return bool(one != other)


def _label(part: Part, given: Any) -> Any:
    """A label as a plain number."""
    if is_missing(given):
        return np.nan
    label = as_array(given, part.where)
    if label.size != 1:
        raise InputError(f"{part.where}: a label has shape {label.shape}; give one whole number per example")
    return label.reshape(-1)[0]
