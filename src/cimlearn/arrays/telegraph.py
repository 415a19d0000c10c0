"""Random telegraph noise: a trap in a cell is full or empty, and its conductance is G (1 - a) or G (1 + a).

A trap changes its state in a time between that of a product and that between two inferences, or longer: within an
inference it stands still, so its error is the same in every step of a sequence, and averaging over cycles or steps
doesn't help; from inference to inference it is drawn anew, both states alike. Variance of a cell: a^2 G^2 times the
share of cells with a trap. That both states are as likely, and independent from one inference to the next, are
assumptions; slower traps look like a weight that is wrong for longer, which learning can mend.

    w frozen = w + sum_l x_l sway_l - borne sum_l x'_l a'_l,   x = +1 or -1 at random

Sources: Ambrogio et al., IEEE TED 61 (2014), 2920; Veksler et al., IEDM 2012, 10.1109/IEDM.2012.6479013.
"""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.noise import next_word

BITS = 32  # signs from one random word


@kernel
def freeze_traps(bar):
    """bar.scratch.frozen (rows, columns) = the weights of one inference; nothing where cells have no traps."""
    if bar.ageing.trap.size == 0:
        return
    weight, frozen = bar.state.weight, bar.scratch.frozen
    rows, columns = weight.shape
    for i in range(rows):
        for j in range(columns):
            frozen[i, j] = weight[i, j]
        for k in range(bar.sign.size):
            _add_signs(bar.state.read_words, bar.state.aged.sway[k, i], frozen[i])
        if bar.ageing.reference_trap.size > 0:
            _take_reference(bar, i, frozen[i])


@kernel
def _add_signs(words, sway, out):
    """out (columns,) += sway (columns,) with random signs."""
    columns = out.size
    for start in range(0, columns, BITS):
        bits = np.uint32(next_word(words) >> np.uint64(BITS))
        for n in range(min(BITS, columns - start)):
            sign = np.float32(1) - np.float32(2) * np.float32((bits >> np.uint32(n)) & np.uint32(1))
            out[start + n] += sign * sway[start + n]


@kernel
def _take_reference(bar, i, out):
    """out (columns,) less what the traps of row i's reference cells do to each column."""
    trap, moved = bar.ageing.reference_trap, bar.scratch.column[2]
    count = trap.shape[2]
    moved[:count] = 0
    for k in range(trap.shape[0]):
        _add_signs(bar.state.read_words, trap[k, i], moved[:count])
    for j in range(out.size):
        out[j] -= bar.state.aged.borne[i, j] * moved[bar.ageing.group_of[j]]
