"""A magnetic tunnel junction: resistances, stability, critical currents, switching, read disturb, retention.

SI throughout; magnetisation and fields H in A/m. A junction is a description (`Junction`), the rest are functions of
it; currents, voltages and times may be arrays. Two kinds of free layer: in-plane with the easy axis across the current
(type y), where the spin-orbit torque of the line and the spin-transfer torque of the junction's own current are
collinear with the easy axis and simply add; and perpendicular.

| symbol | name | symbol | name |
|---|---|---|---|
| M_s | magnetisation | H_k | anisotropy (easy-axis field) |
| t_F | thickness | M_eff | easy_plane (0 for perpendicular layers) |
| alpha | damping | eta | polarisation |
| Delta | stability | theta | spin Hall angle |
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices import switching
from cimlearn.errors import InputError

ELECTRON: Final = 1.602176634e-19  # [C]
HBAR: Final = 1.054571817e-34  # [J s]
BOLTZMANN: Final = 1.380649e-23  # [J/K]
MU0: Final = 4e-7 * np.pi  # [T m/A]
GAMMA: Final = 1.76085963e11  # gyromagnetic ratio of the electron [1/(s T)]

Array = NDArray[np.float64]


class Junction(NamedTuple):
    """An elliptic junction."""

    length: float  # long axis [m]
    width: float  # short axis [m]
    thickness: float  # of the free layer [m]
    magnetisation: float  # saturation magnetisation [A/m]
    anisotropy: float  # easy-axis field [A/m]
    easy_plane: float  # M_eff, field that holds the magnetisation in the plane [A/m]
    perpendicular: bool  # easy axis out of the plane
    damping: float  # Gilbert damping
    polarisation: float  # efficiency of the spin-transfer torque
    resistance_area: float  # parallel state [ohm m2]
    tmr: float  # (R_AP - R_P) / R_P at no voltage
    half_voltage: float  # at which the TMR is half [V]
    temperature: float  # [K]


def checked(junction: Junction) -> Junction:
    """The junction, if it can hold a bit.

    Raises
    ------
    InputError
        For a perpendicular layer with an easy-plane field, or a barrier below 10 k T, where no law here holds.
    """
    if junction.perpendicular and junction.easy_plane != 0:
        raise InputError(
            f"junction.easy_plane = {junction.easy_plane:g} A/m in a perpendicular layer; set it to 0 (its "
            "anisotropy already counts the demagnetising field)"
        )
    delta = stability(junction)
    if delta < 10:
        raise InputError(
            f"the junction's stability is {delta:.3g} k T, too low to hold a bit; raise junction.anisotropy, "
            "magnetisation or thickness until it is at least 10"
        )
    return junction


def area(junction: Junction) -> float:
    """pi/4 length width [m2]."""
    return np.pi / 4 * junction.length * junction.width


def volume(junction: Junction) -> float:
    """Of the free layer [m3]."""
    return area(junction) * junction.thickness


def stability(junction: Junction) -> float:
    """Delta = mu0 M_s H_k V / (2 k T)."""
    energy = MU0 * junction.magnetisation * junction.anisotropy * volume(junction)
    return energy / (2 * BOLTZMANN * junction.temperature)


def parallel(junction: Junction) -> float:
    """R_P = RA / A [ohm]."""
    return junction.resistance_area / area(junction)


def antiparallel(junction: Junction, voltage: Any) -> Array:
    """`R_AP(V) = R_P [1 + TMR / (1 + (V / V_h)^2)]` [ohm]."""
    ratio = np.asarray(voltage, float) / junction.half_voltage
    return np.asarray(parallel(junction) * (1 + junction.tmr / (1 + ratio * ratio)))


def damping_field(junction: Junction) -> float:
    """H_d, the mean stiffness that damping works on [A/m]: H_k + M_eff / 2; H_k for a perpendicular layer."""
    return junction.anisotropy + junction.easy_plane / 2


def stt_critical(junction: Junction) -> float:
    """I_c0 = (2 e / hbar) (alpha / eta) mu0 M_s V H_d [A].

    For a perpendicular layer that is (4 e / hbar) (alpha / eta) Delta k T. Sun, Phys. Rev. B 62 (2000), 570.
    """
    moment = MU0 * junction.magnetisation * volume(junction)
    return float(
        2 * ELECTRON / HBAR * junction.damping / junction.polarisation * moment * damping_field(junction)
    )


def sot_critical(junction: Junction, spin_hall: float) -> float:
    """J_c0 = (2 e / hbar) (alpha mu0 M_s t_F / theta) (H_k + M_eff / 2) [A/m2]: torque collinear with the easy axis.

    In-plane layers of type y (Liu et al., Science 336 (2012), 555).
    """
    return float(
        2 * ELECTRON / HBAR * junction.damping * _sheet(junction) / spin_hall * damping_field(junction)
    )


def sot_critical_perpendicular(junction: Junction, spin_hall: float, field: Any) -> Array:
    """J_c = (2 e / hbar) (mu0 M_s t_F / theta) (H_k / 2 - H_x / sqrt 2) [A/m2]; not below 0.

    Perpendicular layers under a torque across the easy axis and a field H_x [A/m] along the current; without a damping
    factor (Lee et al., Appl. Phys. Lett. 102 (2013), 112410).
    """
    rest = junction.anisotropy / 2 - np.asarray(field, float) / np.sqrt(2)
    return np.asarray(2 * ELECTRON / HBAR * _sheet(junction) / spin_hall * np.maximum(rest, 0.0))


def _sheet(junction: Junction) -> float:
    """mu0 M_s t_F [T m]."""
    return MU0 * junction.magnetisation * junction.thickness


def relaxation_rate(junction: Junction) -> float:
    """2 alpha gamma mu0 H_d / (1 + alpha^2) [1/s]: how fast the energy of small motion decays."""
    alpha = junction.damping
    return float(2 * alpha * GAMMA * MU0 * damping_field(junction) / (1 + alpha * alpha))


def attempt_rate(junction: Junction) -> float:
    """gamma mu0 sqrt(H_k (H_k + M_eff)) / pi [1/s]: two ways over the barrier in each period of the in-plane orbit."""
    frequency = np.sqrt(junction.anisotropy * (junction.anisotropy + junction.easy_plane))
    return float(GAMMA * MU0 * frequency / np.pi)


def switches(junction: Junction, drive: Any, pulse: Any) -> Array:
    """Probability that a pulse switches; `drive` is current over critical current, `pulse` its length [s].

    The law and where it holds: `devices/switching.py`.

    Raises
    ------
    InputError
        If a pulse is negative or not a number.
    """
    return switching.probability(_log_exponent(junction, drive, pulse))


def fails_to_switch(junction: Junction, drive: Any, pulse: Any) -> Array:
    """Write error rate 1 - P of one pulse, exact far below the rounding of 1. Arguments as in `switches`."""
    return switching.complement(_log_exponent(junction, drive, pulse))


def _log_exponent(junction: Junction, drive: Any, pulse: Any) -> Array:
    """ln(-ln(1 - P)) of a pulse."""
    length = np.asarray(pulse, float)
    if not np.all(length >= 0):
        raise InputError(f"a pulse of {np.min(length):g} s; give a length of 0 s or more")
    if np.any(np.isnan(drive)):
        raise InputError("a drive that is not a number; give current over critical current")
    rate = relaxation_rate(junction)
    return switching.log_exponent(
        drive,
        rate * length,
        stability(junction),
        attempt_rate(junction) / rate,
        perpendicular=junction.perpendicular,
    )


def read_disturb(junction: Junction, current: Any, time: Any) -> Array:
    """Probability that a read current [A] flowing for `time` [s] switches the junction (worst direction)."""
    return switches(junction, np.asarray(current, float) / stt_critical(junction), time)


def loss_rate(junction: Junction) -> float:
    """f exp(-Delta) [1/s]: thermal loss of the state at rest, the switching law at no drive.

    f is `attempt_rate` for in-plane layers, (1/2) sqrt(Delta / pi) `relaxation_rate` for perpendicular ones (Brown).
    """
    second = switching.log_exponent(
        0.0,
        relaxation_rate(junction),
        stability(junction),
        attempt_rate(junction) / relaxation_rate(junction),
        perpendicular=junction.perpendicular,
    )
    return float(np.exp(second))


def lost(junction: Junction, time: Any) -> Array:
    """Retention failure P = 1 - exp(-t f exp(-Delta)) over `time` [s]: `switches` at no drive."""
    return np.asarray(-np.expm1(-np.asarray(time, float) * loss_rate(junction)))
