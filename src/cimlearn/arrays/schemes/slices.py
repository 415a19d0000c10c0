"""Writing weights of two slices: a coarse cell, and a fine one that counts a fraction, with carry.

    w = scale (G_1 + G_2 / r - G_ref)                    r: significance
    |fine part + change| <= carry: the fine cell alone takes the change
    beyond: the coarse cell takes the fine part and the change, then the fine cell what is left of the error
    a fine cell that can't get there (by the verifying read): the same once more

    write.missed = kept: what a last read of both finds missing is given back, up to the carry, to the memory of changes

Both are read before and after (write-verify), so nothing but the accumulators is kept in digital memory. The ratio of
the slices is exact (no mismatch of the mirrors or capacitors that make it). Two cells of unequal significance with a
carry: Agarwal et al., "Achieving ideal accuracies in analog neuromorphic computing using periodic carry", VLSI
Technology 2017.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.base import ROW_WRITES, VERIFY_READS
from cimlearn.arrays.schemes.cells import gathered, pulse_until
from cimlearn.arrays.schemes.scheme import SliceScheme, write_by
from cimlearn.compiled import kernel
from cimlearn.devices.base import inside

COARSE = 0
FINE = 1
NOWHERE = np.float32(np.inf)  # no weight is written there
HALF = 0.5  # of what the fine cell can mend: how far off the coarse cell may stay


@kernel
def weight_of(bar, i, j, count):
    """What the first `count` slices of a weight add to it; the others count as if at the middle."""
    total = 0.0
    middle = bar.reference / bar.significance
    for k in range(count):
        total += bar.sign[k] * (bar.state.cells.conductance[k, i, j] - middle)
    return np.float32(bar.scale * total)


@kernel
def _due(bar, first, change):
    """Note each weight that is written and where it shall land; answers how many, and in how many rows."""
    pick, wanted = bar.scratch.pick, bar.scratch.asked[5]
    count, rows = 0, 0
    for i in range(change.shape[0]):
        before = count
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                pick[1, count], pick[2, count] = first + i, j
                wanted[count] = weight_of(bar, first + i, j, 2) + change[i, j]
                count += 1
        rows += 1 if count > before else 0
    return count, rows


@kernel
def _remember(bar, first, change):
    """Put down where each weight that is written shall land."""
    wanted = bar.scratch.wanted
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            lands = weight_of(bar, first + i, j, 2) + change[i, j]
            wanted[first + i, j] = lands if change[i, j] != 0 else NOWHERE


@kernel
def _give_back(bar, first, change):
    """Leave in change (rows, columns) what a read finds missing, up to the carry: a weight that can't get
    there asks for no more.
    """
    wanted, most, read = bar.scratch.wanted, np.float32(bar.scheme.carry), np.int64(0)
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            change[i, j] = 0
            if wanted[first + i, j] < NOWHERE:
                error = wanted[first + i, j] - weight_of(bar, first + i, j, 2)
                change[i, j] = min(max(error, -most), most)
                read += 2
    bar.state.counts[VERIFY_READS] += read


@kernel
def _ask(bar, n, k, i, j, moved):
    """Ask the cell of slice k for a change of the weight by `moved`, as choice n."""
    change = np.float32(moved / (bar.scale * bar.sign[k]))
    bar.scratch.pick[0, n], bar.scratch.pick[1, n], bar.scratch.pick[2, n] = k, i, j
    bar.scratch.asked[0, n] = change
    bar.scratch.asked[1, n] = inside(bar.device, bar.state.cells.conductance[k, i, j] + change)


@kernel
def _land_coarse(bar, first, change, every):
    """Let the coarse cells take their fine part and the change: of all weights that are written, or where it is due."""
    count = 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                part = weight_of(bar, first + i, j, 2) - weight_of(bar, first + i, j, 1) + change[i, j]
                if every or abs(part) > bar.scheme.carry:
                    _ask(bar, count, COARSE, first + i, j, part)
                    count += 1
    bar.state.counts[VERIFY_READS] += count
    return pulse_until(bar, count, bar.scheme.tries, HALF * bar.scheme.carry) if count > 0 else 0


@kernel
def _land_fine(bar, first, change):
    """Let the fine cell of every weight that is written take what is left."""
    count = 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                _ask(
                    bar,
                    count,
                    FINE,
                    first + i,
                    j,
                    bar.scratch.asked[5, count] - weight_of(bar, first + i, j, 2),
                )
                count += 1
    return pulse_until(bar, count, bar.scheme.tries, bar.scheme.tolerance)


@kernel
def _missed(bar, first, change):
    """Leave in change (rows, columns) the errors of weights whose fine cell can't get there; answers how many."""
    wanted, limit = bar.scratch.asked[5], bar.scheme.tolerance + HALF * bar.scheme.least
    count, left = 0, 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                error = wanted[count] - weight_of(bar, first + i, j, 2)
                change[i, j] = error if abs(error) > limit else np.float32(0)
                if change[i, j] != 0:
                    wanted[left] = wanted[count]
                    left += 1
                count += 1
    return left


@kernel
def write_slices(scheme, bar, first, change):
    """Ask the weights of the rows from `first` on for their change (n, columns).

    Where the fine cell doesn't get there (its own bounds are narrow, say), the weight is carried once more.
    """
    if bar.state.pending.size > 0:
        pending = bar.state.pending[first : first + change.shape[0]]
        gathered(scheme, pending, change, bar.state.write_words)
    count, rows = _due(bar, first, change)
    if count == 0:
        return
    bar.state.counts[VERIFY_READS] += 2 * count
    if scheme.returns:
        _remember(bar, first, change)
    rounds = _land_coarse(bar, first, change, False) + _land_fine(bar, first, change)
    if scheme.tries > 0 and _missed(bar, first, change) > 0:
        rounds += _land_coarse(bar, first, change, True) + _land_fine(bar, first, change)
    bar.state.counts[ROW_WRITES] += max(rows, rounds)
    if scheme.returns:
        _give_back(bar, first, change)


write_by.register(SliceScheme, write_slices)
