"""Pulses on many cells side by side: what `pulsed` does to one, in loops of which the compiler makes vectors.

Cells stand in the order of their pulses, the most first: those that see one more pulse are the first ones, so a round
of pulses is one loop over them. Chance is that of the cell alone (`pulsed.key_of`), so neither this order nor who else
is written changes anything. Each loop writes one piece of memory: with more, the compiler would have to prove that
they are apart.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import apart, copy, kernel
from cimlearn.devices.pulsed import (
    BEND_UP,
    CONSTANT,
    EXPONENTIAL,
    HIGHEST,
    LINEAR,
    LOWEST,
    POWER,
    SOFT,
    UP,
    exponential_factor,
    independent_spread,
    is_noisy,
    key_of,
    later_key,
    linear_factor,
    power_factor,
    reset_place,
    soft_factor,
    summed_spread,
    table_factor,
    written_normal,
)
from cimlearn.noise import mixed, normal_pair

SIDE_BY_SIDE: Final = 512  # cells whose pulses run side by side, in the nearest memory
MANY: Final = 64  # from so many pulses on cells stand in no order

# Rows of numbers, a column for each cell.
W: Final = 0  # place in the window
STEP: Final = 1  # the cell's own step, in the direction of its pulses
BEND: Final = 2  # the same of the law
LOW: Final = 3  # the cell's own bounds
HIGH: Final = 4
SIGN: Final = 5  # 1: pulses up, -1: down
PULSES: Final = 6  # of this write; 0: none, whatever the order says (a RESET)
MEAN: Final = 7  # mean step of the next pulse
NORMAL: Final = 8  # of the next pulse
OTHER: Final = 9  # of the pulse after the next
ROWS: Final = 10


class WalkScratch(NamedTuple):
    """Memory of pulses that holds nothing between two writes."""

    numbers: NDArray[np.float32]  # (ROWS, SIDE_BY_SIDE)
    keys: NDArray[np.uint64]  # (SIDE_BY_SIDE,) `pulsed.key_of` each cell
    order: NDArray[np.int32]  # (2, SIDE_BY_SIDE + 1) cells that see pulses, as they come; by how many
    ends: NDArray[np.int64]  # (MANY + 1,) how many cells see at least so many
    whole: NDArray[np.float32]  # (SIDE_BY_SIDE,) pulses of each cell, as they come


def walk_scratch(used: bool) -> WalkScratch:
    """Memory, if pulses are `used`."""
    n = SIDE_BY_SIDE if used else 0
    return WalkScratch(
        np.zeros((ROWS, n), np.float32),
        np.zeros(n, np.uint64),
        np.zeros((2, n + 1), np.int32),
        np.zeros(MANY + 1, np.int64),
        np.zeros(n, np.float32),
    )


@apart
def _whole(pulse, most, ask, uniforms, whole):
    for n in range(ask.size):
        whole[n] = np.float32(np.int32(min(abs(ask[n]) / pulse + uniforms[n], most)))


@kernel
def whole_pulses(device, ask, uniforms, whole):
    """whole (cells,): the pulses of the writes that ask (cells,) [S] for a change, with uniforms (cells,) in [0, 1)."""
    _whole(device.pulse, np.float32(device.most), ask, uniforms, whole)
    if device.one_way:
        for n in range(ask.size):
            whole[n] = np.float32(1) if ask[n] < 0 else whole[n]


@apart
def line_up(pulses, order, ends):
    """Put those of pulses (cells,) that are not 0 into order[1], the most first; answers how many there are."""
    chosen, sorted_by, count = order[0], order[1], 0
    for n in range(pulses.size):
        chosen[count] = n
        count += 1 if pulses[n] > 0 else 0
    ends[:] = 0
    for q in range(count):
        ends[min(np.int64(pulses[chosen[q]]), MANY)] += 1
    start = np.int64(0)
    for b in range(MANY, 0, -1):
        start, ends[b] = start + ends[b], start
    for q in range(count):
        seen = min(np.int64(pulses[chosen[q]]), MANY)
        sorted_by[ends[seen]] = chosen[q]
        ends[seen] += 1
    return count


@kernel
def enter(device, room, q, hidden, own, ask, normal, uniform, pulses):
    """Line up as number q a cell of the hidden conductance [S] and its own numbers: what a write asks, its chance."""
    numbers, side = room.numbers, 0 if ask > 0 else 1
    numbers[STEP, q], numbers[BEND, q] = own[UP + side], own[BEND_UP + side]
    numbers[LOW, q], numbers[HIGH, q] = own[LOWEST], own[HIGHEST]
    numbers[SIGN, q] = np.float32(1 - 2 * side)
    numbers[W, q] = (hidden - device.middle) / device.half
    numbers[PULSES, q], numbers[NORMAL, q] = pulses, normal
    room.keys[q] = key_of(normal, uniform)
    if device.one_way and side == 1:  # a RESET, no matter how much is asked for
        numbers[W, q] = reset_place(device, own[LOWEST], normal)
        numbers[PULSES, q] = 0


@apart
def _linear(w, step, bend, sign, mean):
    for j in range(mean.size):
        mean[j] = step[j] * max(linear_factor(bend[j], sign[j] * w[j]), np.float32(0))


@apart
def _soft(w, step, low, high, sign, mean):
    for j in range(mean.size):
        edge = high[j] if sign[j] > 0 else low[j]
        mean[j] = step[j] * max(soft_factor(edge, w[j]), np.float32(0))


@apart
def _exponential(rate_up, rate_down, w, step, bend, low, high, sign, mean):
    for j in range(mean.size):
        rate = rate_up if sign[j] > 0 else rate_down
        f = exponential_factor(bend[j], rate, high[j] - low[j], w[j])
        mean[j] = step[j] * max(f, np.float32(0))


@apart
def _power(w, step, bend, low, high, sign, mean):
    for j in range(mean.size):
        edge = high[j] if sign[j] > 0 else low[j]
        mean[j] = step[j] * power_factor(bend[j], sign[j] * (edge - w[j]), high[j] - low[j])


@apart
def _table(table, w, step, sign, mean):
    for j in range(mean.size):
        side = 0 if sign[j] > 0 else 1
        mean[j] = step[j] * max(table_factor(table, side, w[j]), np.float32(0))


@kernel
def _means(device, numbers, count):
    """MEAN of the first `count` cells."""
    w, step, bend = numbers[W][:count], numbers[STEP][:count], numbers[BEND][:count]
    low, high, sign = numbers[LOW][:count], numbers[HIGH][:count], numbers[SIGN][:count]
    mean = numbers[MEAN][:count]
    if device.law == CONSTANT:
        copy(step, mean)
    elif device.law == LINEAR:
        _linear(w, step, bend, sign, mean)
    elif device.law == SOFT:
        _soft(w, step, low, high, sign, mean)
    elif device.law == EXPONENTIAL:
        _exponential(device.rate[0], device.rate[1], w, step, bend, low, high, sign, mean)
    elif device.law == POWER:
        _power(w, step, bend, low, high, sign, mean)
    else:
        _table(device.table, w, step, sign, mean)


@apart
def _spread_relative(cycle, mean, normal):
    """normal (cells,) becomes the noise of a pulse of mean (cells,)."""
    for j in range(mean.size):
        normal[j] *= cycle * mean[j]


@apart
def _spread_independent(cycle, absolute, step, mean, normal):
    for j in range(mean.size):
        normal[j] *= independent_spread(cycle, absolute, step[j], mean[j])


@apart
def _spread_summed(cycle, absolute, slope, step, w, low, mean, normal):
    for j in range(mean.size):
        normal[j] *= summed_spread(cycle, absolute, slope, step, mean[j], w[j] - low[j])


@apart
def _move(n, mean, noise, low, high, sign, pulses, w):
    """Pulse n (0: the first) of every cell that sees more than n."""
    for j in range(w.size):
        moved = min(max(w[j] + sign[j] * (mean[j] + noise[j]), low[j]), high[j])
        w[j] = moved if n < pulses[j] else w[j]


@kernel
def _pulse(device, numbers, n, count):
    """Pulse n of the first `count` cells."""
    _means(device, numbers, count)
    w, mean, normal = numbers[W][:count], numbers[MEAN][:count], numbers[NORMAL][:count]
    low, high, step = numbers[LOW][:count], numbers[HIGH][:count], numbers[STEP][:count]
    if device.summed:
        absolute, slope = device.cycle_absolute, device.cycle_slope
        _spread_summed(device.cycle, absolute, slope, device.step, w, low, mean, normal)
    elif device.cycle_absolute > 0:
        _spread_independent(device.cycle, device.cycle_absolute, step, mean, normal)
    else:
        _spread_relative(device.cycle, mean, normal)
    sign, pulses = numbers[SIGN][:count], numbers[PULSES][:count]
    _move(np.float32(n), mean, normal, low, high, sign, pulses, w)


@apart
def _later(keys, pair, normal, other):
    """The normals of two pulses more."""
    further = later_key(np.uint64(0), pair)
    for j in range(normal.size):
        normal[j], other[j] = normal_pair(mixed(keys[j] + further))


@apart
def _hide(keys, noise, pulses, w, seen):
    """seen (cells,): where the cells are read after a write, in half windows."""
    for j in range(seen.size):
        seen[j] = w[j] + (noise * written_normal(keys[j]) if pulses[j] > 0 else np.float32(0))


@kernel
def walk(device, room, count):
    """All pulses of the first `count` cells of `room`, lined up by `line_up`; MEAN becomes where they are read."""
    numbers, keys, noisy = room.numbers, room.keys, is_noisy(device)
    most = np.int64(numbers[PULSES][0]) if count > 0 else 0
    for q in range(1, count if most >= MANY else 0):
        most = max(most, np.int64(numbers[PULSES][q]))
    most = max(most, 1)
    for n in range(most):
        live = room.ends[min(n + 1, MANY)]
        if n > 0 and noisy:
            if n % 2 == 1:
                _later(keys[:live], (n - 1) // 2, numbers[NORMAL][:live], numbers[OTHER][:live])
            else:
                copy(numbers[OTHER][:live], numbers[NORMAL][:live])
        _pulse(device, numbers, n, live)
    noise = device.step * device.write_noise
    if noise > 0:
        _hide(keys[:count], noise, numbers[PULSES][:count], numbers[W][:count], numbers[MEAN][:count])
    else:
        copy(numbers[W][:count], numbers[MEAN][:count])
