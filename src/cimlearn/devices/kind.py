"""What a name of a device stands for; light, so that parameters are read without compiling anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cimlearn.parameters import ParameterSet


@dataclass(frozen=True)
class DeviceKind:
    """What a name of a device stands for: its parameters, and how they become a device."""

    parameters: (
        str | ParameterSet
    )  # `device.*` with their owners: a preset of this package, or the parameters
    build: Callable[[Mapping[str, Any]], Any]  # the `device` part of a parameter set -> a description
    window: Callable[[Mapping[str, Any]], tuple[float, float]] | None = (
        None  # [S] without building; None: build it
    )
    gambles: bool = False  # `program` uses `uniform`, so the array draws it
