"""Weights as they are wanted, with the error that programming would leave: what a model in training multiplies with.

    w' = w + noise (m(w) + s(w) z),     w = clip(weight / bound, -1, 1),   z standard normal

m and s are the mean and the spread of the error of programming, given at evenly spaced weights and linear between them
(torch/cells.py). The variance of a read of w is  v = unit (rest + slope w + bend w^2)  (torch/crossbar.py).
"""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import entry
from cimlearn.noise import fill_normal_at, mixed, pairs


@entry
def wanted(weight, bound, curve, noise, read, key, w, variance, inside):
    """Fill w, variance and inside from weight, all (outputs, rows).

    bound
        (outputs,) or (1,)
    curve
        (2, points) m and s
    noise
        0: without the error of programming
    read
        (4,) unit, rest, slope, bend of the variance of a read
    key
        of the normals (uint64)
    variance
        (0, 0): not asked for
    inside
        whether weight / bound lies in -1 .. 1, for gradients; (0, 0): not asked for
    """
    rows = weight.shape[1]
    key = mixed(key)
    last = curve.shape[1] - 1
    draws, place = np.empty(rows, np.float32), np.empty(rows, np.uint32)
    half, one = np.float32(0.5 * last), np.float32(1)
    unit, rest, slope, bend = read[0], read[1], read[2], read[3]
    for o in range(weight.shape[0]):
        scale = bound[o if bound.size > 1 else 0]
        for i in range(rows):
            value = weight[o, i] / scale
            value = one if value > one else value
            w[o, i] = -one if value < -one else value
        if inside.size:
            for i in range(rows):
                inside[o, i] = abs(weight[o, i]) <= scale
        if variance.size:
            for i in range(rows):
                variance[o, i] = unit * (rest + w[o, i] * (slope + bend * w[o, i]))
        if noise == 0:
            continue
        fill_normal_at(key, o * pairs(rows), draws)
        for i in range(rows):
            at = (w[o, i] + one) * half
            place[i] = np.uint32(np.int32(min(at, np.float32(last - 1)) if at >= 0 else np.float32(0)))
        for i in range(rows):
            k = place[i]
            part = (w[o, i] + one) * half - np.float32(k)
            mean = curve[0, k] + part * (curve[0, k + np.uint32(1)] - curve[0, k])
            spread = curve[1, k] + part * (curve[1, k + np.uint32(1)] - curve[1, k])
            w[o, i] += noise * (mean + spread * draws[i])
