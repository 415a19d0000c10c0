"""Changes of a whole layer become writes to its cells: what a model of one's own learns with, on the chip.

    change_ij = -rate / b_j^2 sum_n x_ni e_nj       x: what drove row i, e: the error at column j, of few vectors n

or changes that were added up elsewhere. Rows whose inputs were all 0 have no change and cost nothing.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.lines import BLOCK, ask_rows, follow
from cimlearn.compiled import entry, kernel
from cimlearn.learning.sparsify import keep_largest
from cimlearn.noise import mixed, next_word


@kernel
def _formed(line, x, error, scale, i):
    """line (columns,) = sum_n x[n, i] error[n] scale; answers whether any input of the row was not 0."""
    lit = False
    for n in range(x.shape[0]):
        a = x[n, i]
        if a == 0:
            continue
        if lit:
            for j in range(line.size):
                line[j] += a * error[n, j]
        else:
            for j in range(line.size):
                line[j] = a * error[n, j]
        lit = True
    if lit:
        for j in range(line.size):
            line[j] *= scale[j]
    return lit


@kernel
def _copied(line, change, row):
    """line (columns,) = change[row]; answers whether any of it is not 0."""
    lit = np.int64(0)
    for j in range(line.size):
        line[j] = change[row, j]
        lit += np.int64(change[row, j] != 0)
    return lit > 0


@entry
def descend(bar, work, tiles, x, error, rate, change, keep, bound, parameter):
    """Ask the weights of `bar` for their changes; the layer's parameter follows.

    work
        scratch (arrays.lines.scratch)
    tiles
        (3, tiles) first input of each tile, its rows, its first output
    x, error, rate
        (vectors, inputs) and (tiles, vectors, columns) the factors, and the learning rate; (0, 0): `change` has the
        changes
    change
        (inputs, columns), of which only the `keep` largest of each column are written; (0, 0) where factors are given
    bound, parameter
        (outputs,) or (1,) the weight that 1 stands for; (outputs, rows) the layer's weight
    """
    if x.size == 0:
        keep_largest(change, keep, work.limits)
    key = mixed(next_word(bar.state.write_words))  # each row has normals of its own
    scale = work.limits[work.limits.shape[0] - 1]
    for t in range(tiles.shape[1]):
        first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
        begin, due = first // parameter.shape[1] * parameter.shape[1], 0
        for j in range(scale.size):
            b = bound[start + j if bound.size > 1 else 0]
            scale[j] = -rate / (b * b)
        for i in range(tall):
            line = work.change[due]
            lit = (
                _formed(line, x, error[t], scale, first + i)
                if x.size > 0
                else _copied(line, change, first + i)
            )
            if lit:
                work.rows[due] = first + i
                due += 1
            if due == BLOCK or (i == tall - 1 and due > 0):
                ask_rows(bar, work, due, key)
                follow(bar.state.weight, work.rows, due, bound, start, begin, parameter)
                due = 0
