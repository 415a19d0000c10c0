"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Check:
    """A named check; calling it raises AssertionError where the object breaks its contract."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run it."""
        self.run()

    def __str__(self) -> str:
        return self.name


def bound(functions: Iterable[Callable[..., None]], *arguments: Any, prefix: str = "") -> list[Check]:
    """A check for each function, called with the arguments; `prefix` stands before its name."""
    return [Check(f"{prefix}{one.__name__}", partial(one, *arguments)) for one in functions]
