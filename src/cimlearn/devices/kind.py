"""What a name of a device stands for; light, so that parameters are read without compiling anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cimlearn.parameters import ParameterSet, load

PARTS: Final = ("device.", "cell.", "periphery.")  # of parameters that a device may own


@dataclass(frozen=True)
class DeviceKind:
    """What a name of a device stands for: its parameters, and how they become a device."""

    # `device.*` with their owners: a preset of this package, several of which the later ones win, or the parameters.
    # `cell.*` and `periphery.*` among them win over those of a chip.
    parameters: str | tuple[str, ...] | ParameterSet
    build: Callable[[Mapping[str, Any]], Any]  # the `device` part of a parameter set -> a description
    window: Callable[[Mapping[str, Any]], tuple[float, float]] | None = (
        None  # [S] without building; None: build it
    )

    def owned(self) -> ParameterSet:
        """The parameters, read from presets where names of these stand."""
        own = ParameterSet({})
        for one in self.parameters if isinstance(self.parameters, tuple) else (self.parameters,):
            own = own.merged(load(one) if isinstance(one, str) else one)
        return own
