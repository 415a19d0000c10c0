"""K winners take all: square-law devices that share one current, an approximation of softmax with true zeros.

    u_k = gain (o_k + offset_k + noise n_k)        the K largest u compete, the others are cut off
    p_k = max(0, (u_k - theta) / 2)^2              saturation current of a device, in units of the tail current
    d theta / ds = sum_k p_k - 1,  theta(0) = max u    the common node, charged until the currents are the tail's

s is time over the node's time constant. Settled, sum p = 1: the 1.5-entmax of Peters, Niculae and Martins, "Sparse
sequence-to-sequence models", ACL 2019, cut to K. A winner that leads by 2 / gain takes all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel
from cimlearn.noise import fill_normal

_STEPS = 8  # of the integration in one time constant


class SettlingScratch(NamedTuple):
    """What holds nothing between two answers."""

    drive: NDArray[np.float32]  # (classes,) overdrives
    draws: NDArray[np.float32]  # (classes,) random numbers; then overdrives of the winners


class Kwta(NamedTuple):
    """The circuit: its description, the generator of its noise, and scratch."""

    winners: int  # K; 0 = softmax is used instead
    gain: float  # overdrive per unit of output
    settling: float  # time that it gets, in time constants of the common node; 0 = all that it needs
    noise: float  # standard deviation of each input in one decision
    offset: NDArray[np.float32]  # (classes,) mismatch of each input
    words: NDArray[np.uint64]  # (4,) state: generator of its noise
    scratch: SettlingScratch


@kernel
def kwta(circuit, out, share):
    """share (classes,) = currents of the winners among out (classes,), in units of the tail current."""
    classes = out.size
    drive, draws = circuit.scratch.drive, circuit.scratch.draws
    if circuit.noise > 0:
        fill_normal(circuit.words, draws)
    for k in range(classes):
        drive[k] = out[k] + circuit.offset[k]
        if circuit.noise > 0:
            drive[k] += np.float32(circuit.noise) * draws[k]
        drive[k] *= np.float32(circuit.gain)
        share[k] = np.float32(0)
    count = min(circuit.winners, classes)
    top, theta = np.float32(0), np.float32(0)
    total, square = 0.0, 0.0  # of the leads below the largest, over those that conduct
    for n in range(count):  # the next largest competes if it lies above theta of those before
        best = -1
        for k in range(classes):
            if share[k] == 0 and (best < 0 or drive[k] > drive[best]):
                best = k
        if n == 0:
            top = drive[best]
        lead = float(drive[best] - top)
        share[best] = np.float32(1)  # a winner
        if n == 0 or lead > theta:
            total, square = total + lead, square + lead * lead
            mean = total / (n + 1)
            theta = np.float32(mean - math.sqrt((4.0 - (square - total * mean)) / (n + 1)))
    if circuit.settling > 0:
        theta = _settled(circuit, drive, share, top)
    for k in range(classes):
        over = max(drive[k] - top - theta, np.float32(0)) * np.float32(0.5)
        share[k] *= over * over


@kernel
def _settled(circuit, drive, winner, top):
    """theta - top after the time that the circuit gets; winner (classes,) is 1 where an input competes."""
    theta, step, lead, count = 0.0, 1.0 / _STEPS, circuit.scratch.draws, 0
    for k in range(drive.size):
        if winner[k] > 0:
            lead[count] = drive[k] - top
            count += 1
    for _ in range(round(circuit.settling * _STEPS)):
        total = 0.0
        for n in range(count):
            over = max(float(lead[n]) - theta, 0.0) * 0.5
            total += over * over
        theta += step * (total - 1.0)
    return np.float32(theta)
