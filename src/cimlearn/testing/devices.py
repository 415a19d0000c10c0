"""Checks of a device: whatever is asked, a cell stays a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import entry
from cimlearn.devices.base import program
from cimlearn.devices.kind import PARTS, DeviceKind
from cimlearn.testing.base import Check, bound

SINGLE: Final = 3e-7  # float32: relative rounding of a stored conductance, after a few operations


class Landed(NamedTuple):
    """Where a pulse left many cells."""

    conductance: NDArray[np.float32]  # (cells,) [S]
    state: NDArray[np.float32]  # (cells,)
    written: NDArray[np.bool_]  # (cells,)


@entry
def _program(device, conductance, state, gain, change, normal, uniform, written):
    for n in range(conductance.size):
        conductance[n], state[n], written[n] = program(
            device, conductance[n], state[n], gain[n], change[n], normal[n], uniform[n]
        )


def pulse(
    device: Any,
    start: Any,
    change: Any,
    *,
    state: Any = 0.0,
    gain: Any = 1.0,
    normal: Any = 0.0,
    uniform: Any = 0.5,
) -> Landed:
    """One pulse on each of many cells; everything is broadcast. Of a device with traits, all are the same cell."""
    given = np.broadcast_arrays(
        *(np.asarray(v, np.float32) for v in (start, state, gain, change, normal, uniform))
    )
    g, s, own, *rest = (v.flatten() for v in given)
    if hasattr(device, "traits"):
        one = device.traits((), np.random.default_rng(0))
        own = np.where(np.arange(one.size) < 2, own[:, None] * one, one).astype(np.float32)
    written = np.zeros(g.size, np.bool_)
    _program(device, g, s, own, *rest, written)
    return Landed(g, s, written)


def made(kind: DeviceKind, settings: Mapping[str, Any] | None = None) -> Any:
    """The device of a kind, with `settings` 'device.key' -> value."""
    return kind.build(kind.owned().replace(dict(settings or {})).part("device"))


def cells(device: Any, count: int) -> Landed:
    """`count` cells that a device itself has brought to places all over its window, from rest."""
    rest, state = device.rest()
    draw, window = np.random.default_rng(1), float(device.high - device.low)
    now = Landed(np.full(count, rest, np.float32), np.full(count, state, np.float32), np.ones(count, bool))
    for _ in range(20):
        change = window * draw.uniform(-0.5, 0.5, count)
        now = pulse(device, now.conductance, change, state=now.state, uniform=draw.random(count))
    return now


def begins_with_its_window(kind: DeviceKind, settings: Any) -> None:
    """`low` and `high` come first, `window()` lies within them, and `rest()` too."""
    device = made(kind, settings)
    assert device._fields[:2] == ("low", "high"), "the first two fields of a device are low and high"
    assert 0 <= device.low < device.high, f"low = {device.low} is not below high = {device.high}"
    low, high = device.window()
    rest, _ = device.rest()
    slack = SINGLE * device.high
    assert device.low - slack <= low < high <= device.high + slack, "window() is not inside low ... high"
    assert device.low - slack <= rest <= device.high + slack, "rest() is not inside low ... high"
    if kind.window is not None:
        told = kind.window(kind.owned().replace(dict(settings or {})).part("device"))
        assert np.allclose(told, (low, high), rtol=1e-6), "DeviceKind.window disagrees with window()"


def stays_in_the_window(kind: DeviceKind, settings: Any) -> None:
    """Whatever is asked, up to a hundred windows, with the wildest chance."""
    device, draw, n = made(kind, settings), np.random.default_rng(0), 5_000
    start, window = cells(device, n), device.high - device.low
    change = window * draw.choice([-100, -1, -0.1, -1e-3, 1e-3, 0.1, 1, 100], n)
    got = pulse(
        device,
        start.conductance,
        change,
        state=start.state,
        gain=3 * draw.random(n),
        normal=3 * draw.standard_normal(n),
        uniform=draw.random(n, np.float32),
    )
    assert np.all(got.conductance >= device.low * (1 - SINGLE)), "a cell fell below low"
    assert np.all(got.conductance <= device.high * (1 + SINGLE)), "a cell rose above high"
    assert np.all(np.isfinite(got.state)), "a state is not finite"


def no_change_asked_changes_nothing(kind: DeviceKind, settings: Any) -> None:
    """A change of 0 moves no cell."""
    device = made(kind, settings)
    start = cells(device, 50)
    got = pulse(device, start.conductance, 0.0, state=start.state, normal=2.0, uniform=0.0)
    assert np.allclose(got.conductance, start.conductance, rtol=SINGLE, atol=0), "asked for 0, a cell moved"


def follows_the_sign(kind: DeviceKind, settings: Any) -> None:
    """Without chance, a third of the window asked upwards from rest raises, downwards lowers."""
    device = made(kind, settings)
    rest, state = device.rest()
    for sign in (1, -1):
        got = pulse(device, np.full(10, rest), sign * 0.3 * (device.high - device.low), state=state)
        moved = sign * (got.conductance - np.float32(rest))
        assert np.all(moved > 0), f"asked for a change of sign {sign:+d}, a cell moved the other way or not"
        assert np.all(got.written), "a cell moved without a pulse: `written` must be True"


def stops_at_the_ends(kind: DeviceKind, settings: Any) -> None:
    """Without chance, three windows asked, again and again, lead all cells to one end, and they stay there."""
    device = made(kind, settings)
    window = device.high - device.low
    for sign in (1, -1):
        now = cells(device, 10)
        for _ in range(200):
            now = pulse(device, now.conductance, sign * 3 * window, state=now.state)
        assert np.ptp(now.conductance) <= 1e-4 * window, "cells asked for the same end stay apart"
        again = pulse(device, now.conductance, sign * 3 * window, state=now.state)
        assert np.allclose(again.conductance, now.conductance, rtol=1e-4), "a cell at its end still moves"


def is_a_function_of_its_arguments(kind: DeviceKind, settings: Any) -> None:
    """The same arguments give the same answer: chance comes from outside."""
    device = made(kind, settings)
    start, change = cells(device, 50), 0.01 * (device.high - device.low)
    one, two = (
        pulse(device, start.conductance, change, state=start.state, gain=1.1, normal=0.7, uniform=0.3)
        for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True)), "two equal calls differ"


def has_owned_parameters(kind: DeviceKind, settings: Any) -> None:
    """Every parameter is called device.something (cell and periphery may be too), and has unit, source and help."""
    for name, parameter in kind.owned().entries().items():
        assert name.startswith(PARTS), f"{name} is not called device.something"
        assert parameter.unit and parameter.source and parameter.help, (
            f"{name} lacks a unit, a source or a help"
        )


def checks(kind: DeviceKind, settings: Mapping[str, Any] | None = None) -> list[Check]:
    """The checks of a device."""
    functions = (
        begins_with_its_window,
        has_owned_parameters,
        stays_in_the_window,
        no_change_asked_changes_nothing,
        follows_the_sign,
        stops_at_the_ends,
        is_a_function_of_its_arguments,
    )
    return bound(functions, kind, settings)
