"""Every array of numbers that an object holds, by the path that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


def held(thing: Any) -> dict[str, NDArray[Any]]:
    """Path -> a copy of each array of numbers in `thing`; what lies in a `...Scratch` is left out.

    Arrays of NumPy and tensors of PyTorch are found in attributes, tuples, lists and mappings.
    """
    found = list(_walk(thing, "", set(), scratch=False))
    passing = {id(array) for _, array, scratch in found if scratch}
    return {path: np.array(array) for path, array, _ in found if id(array) not in passing}


def _walk(thing: Any, path: str, seen: set[int], *, scratch: bool) -> Iterator[tuple[str, Any, bool]]:
    """Path, array, and whether it lies in a `...Scratch`, of every array below `thing`."""
    if isinstance(thing, np.ndarray) or _is_tensor(thing):
        yield path, thing.detach().cpu().numpy() if _is_tensor(thing) else thing, scratch
        return
    if id(thing) in seen or thing is None or isinstance(thing, str | bytes | int | float | type | ModuleType):
        return
    seen.add(id(thing))
    scratch = scratch or type(thing).__name__.endswith("Scratch")
    for name, value in _members(thing):
        yield from _walk(value, f"{path}.{name}" if path else name, seen, scratch=scratch)


def _members(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        yield from zip(thing._fields, thing, strict=True)
    elif isinstance(thing, dict):
        yield from ((str(key), value) for key, value in thing.items())
    elif isinstance(thing, list | tuple):
        yield from ((str(k), value) for k, value in enumerate(thing))
    elif (hasattr(thing, "__dict__") and not callable(thing)) or _is_network(thing):
        yield from vars(thing).items()


def _is_tensor(thing: Any) -> bool:
    return type(thing).__module__.partition(".")[0] == "torch" and hasattr(thing, "detach")


def _is_network(thing: Any) -> bool:
    return any(base.__module__.startswith("torch.nn") for base in type(thing).__mro__)
