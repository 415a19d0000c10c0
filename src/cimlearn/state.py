"""State stands apart from description: a NamedTuple of arrays, of which every field is saved and loaded by name.

A state may hold other states and mappings of names to arrays. Nobody lists what is saved, so nothing is forgotten.

    class CounterState(NamedTuple):
        seen: NDArray[np.int64]             # (1,)

    tensors(state, "counter")               {"counter.seen": ...}: the state dict, by reference
    load(state, given, "counter")           copies `given` into these very arrays
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError


class StateError(InputError):
    """A saved state doesn't belong to this object: a tensor is missing or has another shape or type."""


def tensors(state: Any, name: str = "") -> dict[str, NDArray[Any]]:
    """The state dict of a NamedTuple or mapping: 'name.field' -> its array itself, not a copy."""
    return dict(_walk(state, name))


def copied(state: Any, name: str = "") -> dict[str, NDArray[Any]]:
    """The state dict with a copy of every array."""
    return {key: array.copy() for key, array in _walk(state, name)}


def load(state: Any, given: Mapping[str, NDArray[Any]], name: str = "") -> None:
    """Copy the arrays of a state dict into those of `state`; nothing is changed where one doesn't fit.

    Raises
    ------
    StateError
        If a tensor is missing, or has another shape or type.
    """
    places = tensors(state, name)
    for key, place in places.items():
        check(key, given, place.shape, place.dtype)
    for key, place in places.items():
        place[...] = given[key]


def check(key: str, given: Mapping[str, NDArray[Any]], shape: tuple[int, ...], dtype: Any) -> None:
    """Raise StateError where a state dict lacks the tensor `key` of this shape and type."""
    found = given.get(key)
    wanted = f"{key} of shape {shape} {np.dtype(dtype)}"
    if found is None:
        raise StateError(f"the state lacks {wanted}; load one that the same chip, parameters and shape saved")
    if found.shape != shape or found.dtype != dtype:
        raise StateError(
            f"the state has {key} of shape {found.shape} {found.dtype}, not {wanted}; load one that the same chip, "
            "parameters and shape saved"
        )


def _walk(state: Any, name: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each array below `state` with its name."""
    if isinstance(state, np.ndarray):
        yield name, state
        return
    if isinstance(state, Mapping):
        fields: Mapping[str, Any] = state
    elif isinstance(state, tuple) and hasattr(state, "_fields"):
        fields = dict(zip(state._fields, state, strict=True))
    else:
        raise TypeError(
            f"{name or 'a state'} is a {type(state).__name__}; a state holds arrays and states only"
        )
    for field, value in fields.items():
        yield from _walk(value, f"{name}.{field}" if name else field)
