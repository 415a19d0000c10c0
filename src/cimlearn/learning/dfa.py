"""Feedback of the output error to every unit and step of MiRU-2, and the changes that follow.

    delta_t = g_t * (1 - c_t^2) * (1 - lambda)
    dW = -sum_t delta_t x_t^T   dU = -sum_t delta_t (beta h_{t-1})^T   db = -sum_t delta_t   dW_o = -e h_T^T

Direct feedback alignment: g_t = Psi_t e with Psi_t fixed; nothing is propagated back. Three choices of Psi_t:
'direct' Psi_t = Psi; 'decayed' Psi_t = lambda^(T-t) Psi; 'timed' Psi_t = (lambda I + (1 - lambda) beta U_0)^(T-t) Psi
with U_0 the random matrix that the recurrent weights were programmed with: what a linear network with the initial
weights would ask for, computed once and kept in a memory.

Feedback through time ('through'): g_T = Psi e and g_{t-1} = lambda g_t + beta B delta_t, with Psi and B copies of the
output and recurrent weights in a digital memory. Copies that are never renewed are feedback alignment through time;
copies read from the arrays every N examples come close to backpropagation (docs/decisions/0003-feedback.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cimlearn import extensions
from cimlearn.arrays.matmul import add_product
from cimlearn.compiled import kernel
from cimlearn.errors import InputError

GROUP: Final = "cimlearn.feedback"  # of entry points


@dataclass(frozen=True)
class FeedbackKind:
    """A direct feedback that lives outside this package.

    `table(psi, recurrent, steps, keep, feed)` answers Psi_t (steps, classes, hidden) for psi (hidden, classes), the
    recurrent weights U_0 (hidden, hidden) that were programmed, lambda and beta. It is kept in a digital memory.
    """

    table: Callable[[NDArray[np.float32], NDArray[np.float32], int, float, float], NDArray[np.float32]]


def elsewhere(
    kind: str, psi: NDArray[np.float32], recurrent: NDArray[np.float32], steps: int, keep: float, feed: float
) -> NDArray[np.float32]:
    """(steps, classes, hidden) Psi_t of a feedback outside this package ('myrule.py:NAME').

    Raises
    ------
    InputError
        If the object is no FeedbackKind, or its table has another shape or holds a value that is not finite.
    """
    found = extensions.load(kind, GROUP, FeedbackKind)
    table = np.asarray(found.table(psi.copy(), recurrent.copy(), steps, keep, feed), np.float32)
    wanted = (steps, psi.shape[1], psi.shape[0])
    if table.shape != wanted:
        raise InputError(
            f"{kind}: the table has the shape {table.shape}; it must be (steps, classes, hidden) = {wanted}"
        )
    if not np.isfinite(table).all():
        raise InputError(f"{kind}: the table holds values that are not finite")
    return np.ascontiguousarray(table)


def feedback(
    kind: str, psi: NDArray[np.float32], recurrent: NDArray[np.float32], steps: int, keep: float, feed: float
) -> NDArray[np.float32]:
    """(steps, classes, hidden) Psi_t for psi (hidden, classes) and U_0 (hidden, hidden), row = sending unit."""
    if extensions.is_outside(kind, GROUP):
        return elsewhere(kind, psi, recurrent, steps, keep, feed)
    table = np.zeros((steps, psi.shape[1], psi.shape[0]), np.float32)
    now = psi.astype(np.float64)
    step = keep * np.eye(psi.shape[0]) + (1 - keep) * feed * recurrent.astype(np.float64)
    for t in range(steps - 1, -1, -1):
        table[t] = now.T
        if kind == "timed":
            now = step @ now
        elif kind == "decayed":
            now = keep * now
    return table


@kernel
def deltas(feedback, error, candidate, new, delta):
    """delta (steps, hidden) of one example: error (classes,), candidate (steps, hidden), new = 1 - lambda."""
    steps, hidden = candidate.shape
    for t in range(steps):
        d = delta[t]
        for j in range(hidden):
            d[j] = 0
        for k in range(error.size):
            e = error[k]
            if e != 0:
                psi = feedback[t, k]
                for j in range(hidden):
                    d[j] += e * psi[j]
        c = candidate[t]
        for j in range(hidden):
            d[j] *= (np.float32(1) - c[j] * c[j]) * np.float32(new)


@kernel
def deltas_through(output, recurrent, error, candidate, keep, feed, delta, back):
    """delta (steps, hidden) of one example by feedback through time.

    output (classes, hidden) is Psi^T, recurrent (hidden, hidden) is B^T: row = receiving unit of the forward pass.
    back (hidden,) is scratch.
    """
    steps, hidden = candidate.shape
    keep, feed = np.float32(keep), np.float32(feed)
    new = np.float32(1) - keep
    for i in range(hidden):
        back[i] = 0
    for k in range(error.size):
        e, psi = error[k], output[k]
        for i in range(hidden):
            back[i] += e * psi[i]
    for t in range(steps - 1, -1, -1):
        c, d = candidate[t], delta[t]
        for j in range(hidden):
            d[j] = back[j] * (np.float32(1) - c[j] * c[j]) * new
        if t == 0:
            break
        for i in range(hidden):
            back[i] *= keep
        for j in range(0, hidden - 3, 4):
            a, b, f, g = feed * d[j], feed * d[j + 1], feed * d[j + 2], feed * d[j + 3]
            ra, rb, rf, rg = recurrent[j], recurrent[j + 1], recurrent[j + 2], recurrent[j + 3]
            for i in range(hidden):
                back[i] += (a * ra[i] + b * rb[i]) + (f * rf[i] + g * rg[i])
        for j in range(hidden - hidden % 4, hidden):
            a, ra = feed * d[j], recurrent[j]
            for i in range(hidden):
                back[i] += a * ra[i]


@kernel
def add_products(total, rows, delta):
    """total (inputs, hidden) += sum_t rows[t] (outer) delta[t], in the order of t."""
    add_product(total, rows.T, delta, total.shape[0], 0, delta.shape[0])
