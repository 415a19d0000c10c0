"""Which checks belong to which object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cimlearn.chips.base import Kind
from cimlearn.devices.kind import DeviceKind
from cimlearn.errors import InputError
from cimlearn.learning.dfa import FeedbackKind
from cimlearn.streams.base import StreamKind
from cimlearn.testing import arrays, chips, devices, feedback, streams
from cimlearn.testing.base import Check

CHECKS: Final[dict[type, Callable[..., list[Check]]]] = {
    DeviceKind: devices.checks,
    arrays.ArrayKind: arrays.checks,
    Kind: chips.checks,
    StreamKind: streams.checks,
    FeedbackKind: feedback.checks,
}


def checks(thing: Any, **options: Any) -> list[Check]:
    """The named checks of an object.

    Parameters
    ----------
    thing
        A `cimlearn.devices.DeviceKind`, `cimlearn.chips.Kind`, `cimlearn.streams.StreamKind`,
        `cimlearn.learning.dfa.FeedbackKind`, or `cimlearn.testing.arrays.ArrayKind`.
    options
        device: `settings` 'device.key' -> value. chip: `settings` that make it small and quick, `shape` of examples
        (4 steps of 4 values, 3 classes unless told), `placements` (all unless told). stream: `settings`, `data` folder.

    Raises
    ------
    InputError
        For an object that is none of these.
    """
    for kind, of_that_kind in CHECKS.items():
        if isinstance(thing, kind):
            return of_that_kind(thing, **options)
    raise InputError(
        f"there are no checks for a {type(thing).__name__}; give a DeviceKind, ArrayKind, Kind of chip, "
        "StreamKind or FeedbackKind"
    )
