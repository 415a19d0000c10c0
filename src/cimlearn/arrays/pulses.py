"""Many equal pulses: what coincidences of random pulses on rows and columns do to the cells (learning/parallel.py).

    write_pulses(array, first, up, down, step)   the weight of row first + i, column j sees up[i, j] pulses of +step and
                                                 down[i, j] of -step, step in units of the weight; both are forgotten

n pulses of one size move a cell by n times the change; their noise, independent from pulse to pulse, is sqrt(n) times
that of one: normal / sqrt(n) in a write of n step. Pulses up and down are each one such write, up first: exact for a
linear cell that stays inside its window. Wear counts every pulse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cimlearn.arrays.base import PULSES
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.plain import Plain
from cimlearn.arrays.refresh import refresh
from cimlearn.arrays.schemes.cells import draw_write_noise, pulse_drawn
from cimlearn.compiled import dispatched, kernel


@dispatched
def write_pulses(array: Any, first: Any, up: Any, down: Any, step: Any) -> Any:
    """Give the weights of rows from `first` on their pulses up and down (n, columns), and forget them."""


@kernel
def _chosen(bar, first, counts, change):
    """Put down the cells of the weights that see pulses, and the change [S] that all pulses of each ask for."""
    pick, ask = bar.scratch.pick, bar.scratch.asked[0]
    writes, count = bar.state.cells.writes, 0
    for i in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            n = counts[i, j]
            if n > 0:
                pick[0, count], pick[1, count], pick[2, count] = 0, first + i, j
                ask[count] = np.float32(n) * change
                writes[0, first + i, j] += n - 1  # the write that follows counts one
                bar.state.counts[PULSES] += n - 1
                count += 1
    return count


@kernel
def _pulses(bar, first, counts, change):
    """The pulses of one direction, each a change [S]."""
    count = _chosen(bar, first, counts, change)
    if count == 0:
        return
    draw_write_noise(bar, count)
    pick, normals = bar.scratch.pick, bar.scratch.asked[2]
    for n in range(count):
        i, j = pick[1, n] - first, pick[2, n]
        normals[n] /= np.sqrt(np.float32(counts[i, j]))
        counts[i, j] = 0
    pulse_drawn(bar, count)


@kernel
def _write_pulses(bar, first, up, down, step):
    change = np.float32(step / bar.scale)
    _pulses(bar, first, up, change)
    _pulses(bar, first, down, -change)
    refresh(bar, first, first + up.shape[0])


@kernel
def _write_plain(array, first, up, down, step):
    bound, weight = np.float32(array.bound), array.state.weight
    for i in range(up.shape[0]):
        for j in range(up.shape[1]):
            moved = weight[first + i, j] + np.float32(step) * np.float32(up[i, j] - down[i, j])
            weight[first + i, j] = min(max(moved, -bound), bound)
            up[i, j] = 0
            down[i, j] = 0


write_pulses.register(Crossbar, _write_pulses)
write_pulses.register(Plain, _write_plain)
