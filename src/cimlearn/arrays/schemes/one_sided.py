"""Writing pairs of cells that pulses move up alone: up on G_+ for more, on G_- for less, and a RESET of full pairs.

    w = scale (G_+ - G_-)
    change > 0: pulses on G_+;  change < 0: pulses on G_-
    verified: the pair is read, and what is missing goes to the cell of its sign, up to `tries` times
    max(G_+, G_-) above `upper` and min above `lower` of the window: both are read and RESET, then the difference (or
    what a verified write wants) is written anew, a pulse at a time on the cell of the error's sign, until a read finds
    it within the tolerance

Every pair that saw pulses is read afterwards (two verifying reads); the controller keeps nothing about it. A RESET is a
pulse and wears. Pairs of phase-change cells with such a refresh: Suri et al., IEDM 2011; Nandakumar et al., Front.
Neurosci. 14 (2020), 406; thresholds: as IBM aihwkit's unit cell of two one-sided devices.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.ageing import hold
from cimlearn.arrays.base import ROW_WRITES, VERIFY_READS
from cimlearn.arrays.schemes.cells import gathered, pulse
from cimlearn.compiled import kernel

DOWN = np.float32(-1)  # any change down is a RESET


@kernel
def _read_pairs(bar, first, change):
    """Put down what both cells of each weight whose change isn't 0 hold [S], one pair after the other; how many."""
    pick, count = bar.scratch.pick, 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                for k in range(2):
                    pick[0, 2 * count + k], pick[1, 2 * count + k], pick[2, 2 * count + k] = k, first + i, j
                count += 1
    hold(bar, 2 * count)
    return count


@kernel
def _want(bar, first, change, moves):
    """Note where each weight whose change isn't 0 shall land: where it is, or moved by its change; answers how many."""
    held, wanted, columns = bar.scratch.asked[6], bar.scratch.asked[1], change.shape[1]
    count, n = _read_pairs(bar, first, change), 0
    for i in range(change.shape[0]):
        for j in range(columns):
            if change[i, j] != 0:
                lies = np.float32(bar.scale) * (held[2 * n] - held[2 * n + 1])
                wanted[(first + i) * columns + j] = lies + change[i, j] if moves else lies
                n += 1
    return count


@kernel
def _errors(bar, first, change, tolerance):
    """Leave in change (rows, columns) what a read finds missing to where weights shall land, and 0 where it is within
    the tolerance; answers how many are left.
    """
    held, wanted, columns = bar.scratch.asked[6], bar.scratch.asked[1], change.shape[1]
    bar.state.counts[VERIFY_READS] += 2 * _read_pairs(bar, first, change)
    n, left = 0, 0
    for i in range(change.shape[0]):
        for j in range(columns):
            if change[i, j] != 0:
                lies = np.float32(bar.scale) * (held[2 * n] - held[2 * n + 1])
                error = wanted[(first + i) * columns + j] - lies
                change[i, j] = error if abs(error) > tolerance else np.float32(0)
                left += 1 if change[i, j] != 0 else 0
                n += 1
    return left


@kernel
def _pulse_up(bar, first, change, single):
    """Pulses for each change on the cell of its sign, or of them a `single` one; notes which weights saw any, and
    answers the rounds of all rows.
    """
    pick, ask, pulsed, n = bar.scratch.pick, bar.scratch.asked[0], bar.scratch.asked[3], 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                pick[0, n], pick[1, n], pick[2, n] = 0 if change[i, j] > 0 else 1, first + i, j
                ask[n] = bar.device.pulse if single else abs(change[i, j]) / np.float32(bar.scale)
                n += 1
    rounds = pulse(bar, n)
    for m in range(n):
        if pulsed[m] > 0:
            bar.state.turn[pick[1, m], pick[2, m]] = 1
    return rounds


@kernel
def _reset_all(bar, first, change):
    """RESET both cells of each weight whose change isn't 0; answers the rounds of all rows."""
    pick, ask, rounds = bar.scratch.pick, bar.scratch.asked[0], 0
    for k in range(2):
        n = 0
        for i in range(change.shape[0]):
            for j in range(change.shape[1]):
                if change[i, j] != 0:
                    pick[0, n], pick[1, n], pick[2, n], ask[n] = k, first + i, j, DOWN
                    n += 1
        rounds += pulse(bar, n)
    return rounds


@kernel
def _land(bar, first, change, tries, single):
    """Up to `tries` writes of each weight until a read finds it where it shall land; answers the rounds of all rows."""
    rounds = 0
    for _ in range(tries):
        if _errors(bar, first, change, bar.scheme.tolerance) == 0:
            break
        rounds += _pulse_up(bar, first, change, single)
    return rounds


@kernel
def _leave_full(bar, first, change):
    """Leave in change (rows, columns) 1 for each weight that was written and whose pair is full; answers how many."""
    device, scheme, turn = bar.device, bar.scheme, bar.state.turn
    bottom, window = device.middle - device.half, np.float32(2) * device.half
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            change[i, j] = np.float32(turn[first + i, j])
            turn[first + i, j] = 0
    bar.state.counts[VERIFY_READS] += 2 * _read_pairs(bar, first, change)
    held, n, full = bar.scratch.asked[6], 0, 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                one, other = (held[2 * n] - bottom) / window, (held[2 * n + 1] - bottom) / window
                is_full = max(one, other) > scheme.upper and min(one, other) > scheme.lower
                change[i, j] = np.float32(1) if is_full else np.float32(0)
                full += 1 if is_full else 0
                n += 1
    return full


@kernel
def _refresh_pairs(bar, first, change):
    """RESET the pairs whose change isn't 0 and write their differences anew; answers the rounds of all rows."""
    if bar.scheme.tries == 0:
        _want(bar, first, change, False)  # as the read that found them full says
    rounds = _reset_all(bar, first, change)
    rounds += _land(bar, first, change, bar.scheme.refresh_tries, True)
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            bar.state.turn[first + i, j] = 0
    return rounds


@kernel
def write_one_sided(scheme, bar, first, change):
    """Ask the weights of the rows from `first` on for their change (n, columns)."""
    if bar.state.pending.size > 0:
        pending = bar.state.pending[first : first + change.shape[0]]
        gathered(scheme, pending, change, bar.state.write_words)
    rows = 0
    for i in range(change.shape[0]):
        written = 0
        for j in range(change.shape[1]):
            written = 1 if change[i, j] != 0 else written
        rows += written
    if rows == 0:
        return
    if scheme.tries > 0:
        bar.state.counts[VERIFY_READS] += 2 * _want(bar, first, change, True)
    rounds = _pulse_up(bar, first, change, False)
    if scheme.tries > 0:
        rounds += _land(bar, first, change, scheme.tries, False)
    if _leave_full(bar, first, change) > 0:
        rounds += _refresh_pairs(bar, first, change)
    bar.state.counts[ROW_WRITES] += max(rows, rounds)


@kernel
def begin_one_sided(scheme, bar, wanted, middle):
    """Bring every weight from rest to wanted (rows, columns), which is used up, a pulse at a time."""
    rows, columns = wanted.shape
    for i in range(rows):
        for j in range(columns):
            bar.scratch.asked[1, i * columns + j] = wanted[i, j]
            wanted[i, j] = 1
    _land(bar, 0, wanted, max(scheme.first_tries, 1), True)
    for i in range(rows):
        for j in range(columns):
            bar.state.turn[i, j] = 0
