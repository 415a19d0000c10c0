"""Writes of chosen cells that are written by whole pulses, many side by side (devices/walk.py); others one by one.

A worn cell sees its pulses and stays; one that a write of several pulses wears out stays where that write began.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cimlearn.compiled import copy, kernel, overloaded
from cimlearn.devices.base import inside, program
from cimlearn.devices.pulsed import Pulsed
from cimlearn.devices.walk import MEAN, SIDE_BY_SIDE, W, enter, line_up, walk, whole_pulses


@kernel
def _place(bar, n):
    """Where the cell of choice n stands in flat arrays of cells."""
    pick, (_, rows, columns) = bar.scratch.pick, bar.state.cells.conductance.shape
    return np.uint64((pick[0, n] * rows + pick[1, n]) * columns + pick[2, n])


@kernel
def _gather(bar, start, count):
    """Line the cells up whose choices, counted from `start`, stand in the order of their pulses."""
    device, room, ages = bar.device, bar.scratch.walk, bar.ageing.on
    ask, normals, uniforms = bar.scratch.asked[0], bar.scratch.asked[2], bar.scratch.asked[3]
    states, held, own = bar.state.cells.state.reshape(-1), bar.scratch.asked[7], bar.state.cells.gain
    own = own.reshape(-1, own.shape[3])
    order = room.order[1]
    for q in range(count):
        n = start + order[q]
        place = _place(bar, n)
        hidden = held[n] if ages else states[place]
        enter(device, room, q, hidden, own[place], ask[n], normals[n], uniforms[n], room.whole[order[q]])


@kernel
def _settle(bar, start, count):
    """Put the cells that were lined up where they landed; answers the pulses."""
    device, room, ages = bar.device, bar.scratch.walk, bar.ageing.on
    uniforms, moved, held = bar.scratch.asked[3], bar.scratch.asked[4], bar.scratch.asked[7]
    conductance, states = bar.state.cells.conductance.reshape(-1), bar.state.cells.state.reshape(-1)
    writes, limits = bar.state.cells.writes.reshape(-1), bar.state.cells.limit.reshape(-1)
    order, places, read_at, pulses = room.order[1], room.numbers[W], room.numbers[MEAN], np.int64(0)
    for q in range(count):
        n = start + order[q]
        place = _place(bar, n)
        pulsed = np.int64(uniforms[n])
        seen = writes[place] + pulsed
        writes[place] = seen
        pulses += pulsed
        if seen > limits[place]:
            continue
        reached = inside(device, device.middle + device.half * read_at[q])
        moved[n] = reached - conductance[place]
        conductance[place] = reached
        states[place] = device.middle + device.half * places[q]
        if ages:
            held[n] = np.float32(1)
    return pulses


@kernel
def _walk_all(bar, count):
    """Writes of the `count` chosen cells with the chance that was drawn; answers the pulses."""
    device, room = bar.device, bar.scratch.walk
    ask, uniforms, moved = bar.scratch.asked[0], bar.scratch.asked[3], bar.scratch.asked[4]
    held, pulses = bar.scratch.asked[7], np.int64(0)
    for start in range(0, count, SIDE_BY_SIDE):
        end = min(start + SIDE_BY_SIDE, count)
        whole = room.whole[: end - start]
        whole_pulses(device, ask[start:end], uniforms[start:end], whole)
        some = line_up(whole, room.order, room.ends)
        _gather(bar, start, some)
        copy(whole, uniforms[start:end])
        moved[start:end] = 0
        if bar.ageing.on:
            held[start:end] = 0
        if some > 0:
            walk(device, room, some)
            pulses += _settle(bar, start, some)
    return pulses


@kernel
def _one_by_one(bar, count):
    """The same, of cells of any kind."""
    device, ages = bar.device, bar.ageing.on
    ask, normals, uniforms, moved = (
        bar.scratch.asked[0],
        bar.scratch.asked[2],
        bar.scratch.asked[3],
        bar.scratch.asked[4],
    )
    conductance, states = bar.state.cells.conductance.reshape(-1), bar.state.cells.state.reshape(-1)
    gains, writes, limits = (
        bar.state.cells.gain,
        bar.state.cells.writes.reshape(-1),
        bar.state.cells.limit.reshape(-1),
    )
    pick, held, held_states = bar.scratch.pick, bar.scratch.asked[6], bar.scratch.asked[7]
    pulses = np.int64(0)
    for n in range(count):
        k, i, j = pick[0, n], pick[1, n], pick[2, n]
        place = _place(bar, n)
        now, before = conductance[place], states[place]
        begun, hidden = (held[n], held_states[n]) if ages else (now, before)
        reached, state, pulsed = program(
            device, begun, hidden, gains[k, i, j], ask[n], normals[n], uniforms[n]
        )
        uniforms[n] = pulsed  # their place serves for the pulses of each cell
        if not pulsed:
            moved[n] = 0
            if ages:
                held_states[n] = 0
            continue
        seen = writes[place] + np.int64(pulsed)
        pulses += np.int64(pulsed)
        alive = seen <= limits[place]
        reached = np.float32(reached) if alive else now
        writes[place] = seen
        conductance[place] = reached
        states[place] = state if alive else before
        moved[n] = reached - now
        if ages:
            held_states[n] = np.float32(1) if alive else np.float32(0)
    return pulses


def pulse_chosen(bar: Any, count: Any) -> Any:
    """Writes of the `count` chosen cells with the chance that was drawn: the pulses of each take the place of its
    uniform number, its move [S] is put down; answers all pulses.
    """
    return _walk_all(bar, count) if isinstance(bar.device, Pulsed) else _one_by_one(bar, count)


@overloaded(pulse_chosen)
def _by_type(bar, count):
    if issubclass(bar.types[bar.fields.index("device")].instance_class, Pulsed):
        return lambda bar, count: _walk_all(bar, count)
    return lambda bar, count: _one_by_one(bar, count)
