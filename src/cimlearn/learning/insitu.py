"""Changes of a whole layer become writes to its cells: what a model of one's own learns with, on the chip.

    change_ij = -rate / b_j^2 sum_n x_ni e_nj       x: what drove row i, e: the error at column j, of vectors n

or changes that were added up elsewhere. Rows whose inputs were all 0 have no change and cost nothing.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.learned import turn_over
from cimlearn.arrays.lines import ask_rows, follow
from cimlearn.arrays.matmul import add_product
from cimlearn.compiled import apart, entry
from cimlearn.learning.sparsify import keep_largest
from cimlearn.noise import mixed, next_word


@apart
def _scaled(error, scale, out):
    """out (vectors, columns) = error scale, scale (columns,)."""
    for n in range(error.shape[0]):
        for j in range(scale.size):
            out[n, j] = error[n, j] * scale[j]


@apart
def _put(given, taken):
    """taken (n,) = given; answers whether any of it is not 0."""
    some = np.int32(0)
    for j in range(given.size):
        taken[j] = given[j]
    for j in range(given.size):
        some += np.int32(given[j] != 0)
    return some > 0


@apart
def units(bound, start, unit):
    """unit (columns,): the weight that 1 stands for, of the columns from output `start` on."""
    for j in range(unit.size):
        unit[j] = bound[start + j if bound.size > 1 else 0]


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
    vectors, inputs = x.shape
    block, columns = work.change.shape
    if vectors == 0:
        keep_largest(change, keep, work.limits)
    key = mixed(next_word(bar.state.write_words))  # each cell has chance of its own
    scale, unit = work.limits[work.limits.shape[0] - 2], work.limits[work.limits.shape[0] - 1]
    turned, scaled = np.empty((inputs, vectors), np.float32), np.empty((vectors, columns), np.float32)
    factor, written = np.empty((block, vectors), np.float32), np.empty(bar.state.weight.shape[0], np.int64)
    turn_over(x, turned)
    for t in range(tiles.shape[1]):
        first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
        begin, due, done = first // parameter.shape[1] * parameter.shape[1], 0, 0
        units(bound, start, unit)
        for j in range(columns):
            scale[j] = -rate / (unit[j] * unit[j])
        if vectors > 0:
            _scaled(error[t], scale, scaled)
        for i in range(first, first + tall):
            if vectors > 0:
                lit = _put(turned[i], factor[due])
            else:
                lit = _put(change[i], work.change[due])
            work.rows[due], written[done] = i, i
            due += 1 if lit else 0
            done += 1 if lit else 0
            if due == block or (i == first + tall - 1 and due > 0):
                if vectors > 0:
                    work.change[:due] = 0
                    add_product(work.change, factor, scaled, due, 0, vectors)
                ask_rows(bar, work, due, key)
                due = 0
        follow(bar.state.weight, written[:done], unit, start, begin, parameter)
