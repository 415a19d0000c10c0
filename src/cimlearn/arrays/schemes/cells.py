"""Writing cells that count alike: accumulators, blind pulses and write-verify."""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.ageing import hold, restart
from cimlearn.arrays.base import PULSES, ROW_WRITES, VERIFY_READS
from cimlearn.arrays.dense import written_densely
from cimlearn.arrays.schemes.scheme import WriteScheme, write_by
from cimlearn.arrays.walked import pulse_chosen
from cimlearn.compiled import apart, kernel
from cimlearn.devices.base import inside
from cimlearn.noise import fill_normal, fill_normal_at, fill_uniform_at, next_word, pairs, uniform


@kernel
def gathered(scheme, pending, change, words):
    """Leave in change (rows, columns) only what is due now; the rest waits in pending (rows, columns)."""
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            step = change[i, j]
            if step != 0:
                if scheme.resolution > 0:
                    step = np.float32(np.floor(step / scheme.resolution + uniform(words)) * scheme.resolution)
                waiting = pending[i, j] + step
                due = abs(waiting) >= scheme.least
                change[i, j] = waiting if due else np.float32(0)
                pending[i, j] = np.float32(0) if due else waiting


@kernel
def _choose(bar, first, change):
    """Which cells are written (of a weight all, or one in turn) and the change [S] asked of each, from row `first` on.

    Answers how many, and in how many rows.

    Without a branch on what is written, which no processor could foretell: every weight is put down as the next
    choice, and stays if its change isn't 0.
    """
    pick, ask, turn, layers = bar.scratch.pick, bar.scratch.asked[0], bar.state.turn, bar.sign.size
    together = layers if bar.scheme.together else 1
    turns = 1 if bar.scheme.alone else layers
    per_weight = np.float32(1.0 / (bar.scale * together))
    count, rows = 0, 0
    for i in range(change.shape[0]):
        before = count
        for j in range(change.shape[1]):
            step, row = change[i, j], first + i
            written = 1 if step != 0 else 0
            for _ in range(together):
                k = turn[row, j]
                pick[0, count], pick[1, count], pick[2, count] = k, row, j
                ask[count] = step * per_weight * bar.sign[k]
                turn[row, j] = (k + written) % turns if turns > 1 else 0
                count += written
        rows += 1 if count > before else 0
    return count, rows


@kernel
def _aim(bar, count):
    """Where the chosen cells shall land [S], for write-verify."""
    ask, target, held = bar.scratch.asked[0], bar.scratch.asked[1], bar.scratch.asked[6]
    hold(bar, count)
    for n in range(count):
        target[n] = inside(bar.device, held[n] + ask[n])


@apart
def _gamble(key, normals, uniforms):
    """normals (cells,) and uniforms (cells,) of a write of key (uint64), in vectors."""
    fill_normal_at(key, 0, normals)
    fill_uniform_at(key, pairs(normals.size), uniforms)


@kernel
def draw_write_noise(bar, count):
    """Draw what chance does to a write of `count` chosen cells."""
    normals, words = bar.scratch.asked[2][:count], bar.state.write_words
    if bar.gambles:
        _gamble(next_word(words), normals, bar.scratch.asked[3][:count])
    else:
        fill_normal(words, normals)
    if bar.ageing.relaxation > 0:
        fill_normal(words, bar.scratch.asked[5][:count])


@kernel
def pulse(bar, count):
    """A write of each of the `count` chosen cells; answers the pulses that rows see one after the other."""
    draw_write_noise(bar, count)
    return pulse_drawn(bar, count)


@kernel
def pulse_drawn(bar, count):
    """The same with the chance that `draw_write_noise` drew."""
    if bar.ageing.on:
        hold(bar, count)
    bar.state.counts[PULSES] += pulse_chosen(bar, count)
    if bar.ageing.on:
        restart(bar, count)
    return settle_rows(bar, count)[0]


@kernel
def settle_rows(bar, count):
    """The rows' conductance follows the moves of the `count` chosen cells, row after row; answers the pulses that rows
    see one after the other, and how many rows see any.
    """
    pick, uniforms, moved = bar.scratch.pick, bar.scratch.asked[3], bar.scratch.asked[4]
    start, rounds, rows = 0, np.int64(0), np.int64(0)
    while start < count:  # one sum per run of cells of the same row
        row, end = pick[1, start], start
        total, longest = 0.0, np.float32(0)
        while end < count and pick[1, end] == row:
            total += moved[end]
            longest = max(longest, uniforms[end])
            end += 1
        bar.state.row_on[row] += total
        rounds += np.int64(longest)
        rows += 1 if longest > 0 else 0
        start = end
    return rounds, rows


@kernel
def _still_off(bar, count, tolerance):
    """Keep of the chosen cells those that a read finds further from their target than the tolerance, a weight."""
    pick, ask, target = bar.scratch.pick, bar.scratch.asked[0], bar.scratch.asked[1]
    held, left = bar.scratch.asked[6], 0
    hold(bar, count)
    for n in range(count):
        error = target[n] - held[n]
        if abs(error) * bar.scale * abs(bar.sign[pick[0, n]]) > tolerance:
            pick[0, left], pick[1, left], pick[2, left] = pick[0, n], pick[1, n], pick[2, n]
            ask[left], target[left] = error, target[n]
            left += 1
    bar.state.counts[VERIFY_READS] += count
    return left


@kernel
def pulse_until(bar, count, tries, tolerance):
    """A write of each chosen cell, then up to `tries` more of those that a read finds too far off.

    Answers the pulses that rows see one after the other.
    """
    rounds = pulse(bar, count)
    for _ in range(tries):
        count = _still_off(bar, count, tolerance)
        if count == 0:
            break
        rounds += pulse(bar, count)
    return rounds


@kernel
def write_cells(scheme, bar, first, change):
    """Ask the weights of the rows from `first` on for their change (n, columns): of cells that count alike, one in
    turn or all.
    """
    if bar.state.pending.size > 0:
        pending = bar.state.pending[first : first + change.shape[0]]
        gathered(scheme, pending, change, bar.state.write_words)
    if written_densely(bar, first, change):
        return
    count, rows = _choose(bar, first, change)
    if scheme.tries > 0:
        _aim(bar, count)
    rounds = pulse_until(bar, count, scheme.tries, scheme.tolerance)
    bar.state.counts[ROW_WRITES] += max(rows, rounds)


write_by.register(WriteScheme, write_cells)
