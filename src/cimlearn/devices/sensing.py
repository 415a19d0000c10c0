"""Reading a junction: the current at a small voltage against a reference, with variation of cells and amplifier.

    I_P = V / R_P,  I_AP = V / R_AP(V)

Relative spreads of RA, area and TMR and the offset of the amplifier are independent and normal; to first order

    var I_P  = I_P^2  (s_RA^2 + s_A^2) + s_o^2
    var I_AP = I_AP^2 (s_RA^2 + s_A^2 + (s_TMR T / (1 + T))^2) + s_o^2,      T = TMR at the read voltage

The reference lies where both states are read wrongly equally often: z = (I_P - I_AP) / (s_P + s_AP), error = Phi(-z).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from cimlearn.devices import mtj


class Read(NamedTuple):
    """How a junction is read, and what varies."""

    voltage: float  # across the junction [V]
    time: float  # [s]
    amplifier: float  # energy of the sense amplifier for one decision [J]
    offset: float  # standard deviation of the amplifier's offset, referred to its input [A]
    spread_resistance_area: float  # standard deviation, relative
    spread_area: float  # standard deviation, relative
    spread_tmr: float  # standard deviation, relative


class Sensed(NamedTuple):
    """What the amplifier sees."""

    parallel: float  # mean current of state P [A]
    antiparallel: float  # mean current of state AP [A]
    parallel_spread: float  # standard deviation, with the amplifier's offset [A]
    antiparallel_spread: float  # the same for AP [A]
    reference: float  # [A]
    error: float  # probability of a wrong answer


def sensed(junction: mtj.Junction, read: Read) -> Sensed:
    """Currents, spreads, reference and error of a read."""
    r_p, r_ap = mtj.parallel(junction), float(mtj.antiparallel(junction, read.voltage))
    i_p, i_ap = read.voltage / r_p, read.voltage / r_ap
    conductance = np.hypot(read.spread_resistance_area, read.spread_area)
    s_p = float(np.hypot(i_p * conductance, read.offset))
    s_ap = float(np.hypot(i_ap * np.hypot(conductance, read.spread_tmr * (1 - r_p / r_ap)), read.offset))
    total = s_p + s_ap
    if total == 0:
        return Sensed(i_p, i_ap, s_p, s_ap, 0.5 * (i_p + i_ap), 0.0 if i_p > i_ap else 0.5)
    reference = (i_p * s_ap + i_ap * s_p) / total
    return Sensed(i_p, i_ap, s_p, s_ap, reference, float(ndtr(-(i_p - i_ap) / total)))


def read_energy(junction: mtj.Junction, read: Read) -> float:
    """V (I_P + I_AP) / 2 t + amplifier [J]: both states are equally common."""
    seen = sensed(junction, read)
    return read.voltage * 0.5 * (seen.parallel + seen.antiparallel) * read.time + read.amplifier
