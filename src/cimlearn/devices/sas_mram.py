"""SAS-MRAM: N junctions on one heavy-metal line, written by a spin-orbit current that spin transfer helps.

A write has two phases (precedent with a line of eight: IEEE Electron Device Lett. 42 (2021), 513):
1. reset: one current through the line switches all its junctions to 0 by spin-orbit torque (SOT);
2. a smaller current the other way, during which those junctions that are to hold 1 also carry a spin-transfer (STT)
   current. The others on the line see SOT only, junctions elsewhere on the same bit lines may see STT only.

Both torques are collinear with the easy axis (devices/mtj.py), so the drive of a junction is a sum,

    i = I_SOT / I_c + J_STT / J_a,     I_c = J_c0 w t_HM

with J_a, `assist_density`, the STT current density that could take the place of all the SOT current. A write is
possible where the selected junctions switch and the others do not: I_c(with STT) < I_SOT < I_c(no STT), each I_c being
the current at which the pulse errs with the accepted rate. The same line without a second phase and N = 1 is SOT-MRAM.

    E / bit = [I_reset^2 t_reset + I_SOT^2 t] (R_strip(N) + R_transistor + R_lead) / N + ones V_STT I_STT t

R_strip grows with N, so sharing divides the transistor's and the lead's share only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices import mtj
from cimlearn.errors import InputError
from cimlearn.units import number, quantity

Array = NDArray[np.float64]
_HALVINGS = 25  # of a bracket of drives, four at a time
_MOST_DRIVE = 1e4


class Line(NamedTuple):
    """N junctions on a strip of heavy metal with one drive transistor."""

    junction: mtj.Junction
    bits: int  # N
    pitch: float  # of the junctions along the strip [m]
    strip_width: float  # [m]
    strip_thickness: float  # [m]
    resistivity: float  # of the heavy metal [ohm m]
    spin_hall: float  # spin Hall angle
    lead: float  # both leads [ohm]
    transistor: float  # drive transistor, switched on [ohm]
    assist_density: float  # J_a [A/m2]


class Write(NamedTuple):
    """The pulses of a write."""

    reset_current: float  # through the line [A]
    reset_pulse: float  # [s]
    current: float  # through the line in the second phase [A]
    voltage: float  # across selected junctions in the second phase [V]
    pulse: float  # of the second phase [s]; 0 = there is none: one pulse of either sign writes
    gap: float  # between the phases [s]
    ones: float  # share of bits that are 1
    target: float  # accepted error per junction and pulse


class Roles(NamedTuple):
    """What a write does to the junctions."""

    reset_fails: float  # probability that a junction keeps its 1 in the reset
    selected_fails: float  # that one with SOT and STT doesn't switch
    sot_only: float  # that one on the line without STT switches
    stt_only: float  # that one elsewhere with STT, without SOT, switches


class Energy(NamedTuple):
    """Energy of a write [J/bit], by cause."""

    reset: float
    line: float  # SOT current of the second phase
    assist: float  # STT current of the selected junctions

    def total(self) -> float:
        """[J/bit]."""
        return self.reset + self.line + self.assist


def strip_resistance(line: Line) -> float:
    """rho N pitch / (w t_HM) [ohm]."""
    return line.resistivity * line.bits * line.pitch / (line.strip_width * line.strip_thickness)


def path_resistance(line: Line) -> float:
    """Strip, leads and transistor [ohm]."""
    return strip_resistance(line) + line.lead + line.transistor


def critical_current(line: Line) -> float:
    """I_c = J_c0 w t_HM [A]: SOT alone, a pulse without end, no temperature."""
    density = mtj.sot_critical(line.junction, line.spin_hall)
    return density * line.strip_width * line.strip_thickness


def stt_current(line: Line, voltage: Any) -> Array:
    """V / R_P [A]: the junction in its parallel state, which bounds the energy from above."""
    return np.asarray(voltage, float) / mtj.parallel(line.junction)


def drive(line: Line, current: Any, voltage: Any) -> Array:
    """i = I_SOT / I_c + J_STT / J_a of a junction on a line with `current` [A] and `voltage` [V] across it."""
    density = stt_current(line, voltage) / mtj.area(line.junction)
    return np.asarray(current, float) / critical_current(line) + density / line.assist_density


def switches(line: Line, current: Any, voltage: Any, pulse: Any) -> Array:
    """Switching probability of a junction under SOT `current` [A] and STT `voltage` [V] for `pulse` [s]."""
    return mtj.switches(line.junction, drive(line, current, voltage), pulse)


def fails_to_switch(line: Line, current: Any, voltage: Any, pulse: Any) -> Array:
    """1 - `switches`, exact where it is tiny."""
    return mtj.fails_to_switch(line.junction, drive(line, current, voltage), pulse)


def roles(line: Line, write: Write) -> Roles:
    """Probabilities of the four things that a write does."""
    reset = float(fails_to_switch(line, write.reset_current, 0.0, write.reset_pulse))
    if write.pulse == 0:
        return Roles(reset, 0.0, 0.0, 0.0)
    return Roles(
        reset,
        float(fails_to_switch(line, write.current, write.voltage, write.pulse)),
        float(switches(line, write.current, 0.0, write.pulse)),
        float(switches(line, 0.0, write.voltage, write.pulse)),
    )


def write_error(line: Line, write: Write) -> float:
    """Probability that a bit of the line is wrong after a write.

    With a share p of ones before and after, kept = p reset_fails (still 1 after the reset): a 1 is wrong with
    (1 - kept) selected_fails, a 0 with kept + (1 - kept) sot_only. Without a second phase it is reset_fails for a bit
    that changes, which 2 p (1 - p) of them do. Junctions elsewhere, that see STT only, are not counted here.
    """
    r, p = roles(line, write), write.ones
    if write.pulse == 0:
        return 2 * p * (1 - p) * r.reset_fails
    kept = p * r.reset_fails
    return p * (1 - kept) * r.selected_fails + (1 - p) * (kept + (1 - kept) * r.sot_only)


def write_energy(line: Line, write: Write) -> Energy:
    """Energy of a write [J/bit] by cause (the equation is at the top)."""
    per_bit = path_resistance(line) / line.bits
    return Energy(
        write.reset_current**2 * write.reset_pulse * per_bit,
        write.current**2 * write.pulse * per_bit,
        write.ones * write.voltage * float(stt_current(line, write.voltage)) * write.pulse,
    )


def write_time(write: Write) -> float:
    """Length of a write of the whole line [s]."""
    return write.reset_pulse + (write.gap + write.pulse if write.pulse > 0 else 0.0)


def window(line: Line, write: Write) -> tuple[float, float]:
    """(lowest, highest) SOT current [A] of the second phase at the target error; no window if lowest >= highest.

    lowest: selected junctions fail with the target rate; highest: junctions with SOT only switch with it.
    """
    helped = float(drive(line, 0.0, write.voltage))
    low = _drive_at(line.junction, write.pulse, 1.0 - write.target) - helped
    high = _drive_at(line.junction, write.pulse, write.target)
    return max(low, 0.0) * critical_current(line), high * critical_current(line)


def _drive_at(junction: mtj.Junction, pulse: float, wanted: float) -> float:
    """The drive at which a pulse switches with probability `wanted`, by halving (the law rises with the drive).

    The law is asked for all middles of four halvings at once: it takes as long for 15 drives as for one.
    """
    low, high = 0.0, _MOST_DRIVE
    for _ in range(_HALVINGS):
        middles = _middles(low, high)
        if wanted < 0.5:
            below = mtj.switches(junction, middles, pulse) < wanted
        else:
            below = mtj.fails_to_switch(junction, middles, pulse) > 1.0 - wanted
        before, node = (low, high), 0
        while node < len(middles):
            low, high = (middles[node], high) if below[node] else (low, middles[node])
            node = 2 * node + (2 if below[node] else 1)
        if (low, high) == before:
            break  # no number lies between
    return high


def _middles(low: float, high: float) -> list[float]:
    """The middles that four halvings may come to: node k has 2 k + 1 below it and 2 k + 2 above."""
    spans, found = [(low, high)], []
    for node in range(15):
        bottom, top = spans[node]
        found.append(0.5 * (bottom + top))
        spans += [(bottom, found[-1]), (found[-1], top)]
    return found


def planned(line: Line, write: Write, current: float | None) -> Write:
    """`write` with the second phase's SOT current: the middle of the window, or `current` [A] if it lies inside.

    Raises
    ------
    InputError
        If there is no window, if `current` is outside it, or if junctions that see only STT switch too often.
    """
    if write.pulse == 0:
        if line.bits != 1:
            raise InputError(
                f"write.pulse = 0 with line.bits = {line.bits}: without a second phase all bits of a line get the "
                "same value; set line.bits=1 or a pulse"
            )
        return write._replace(current=0.0, voltage=0.0)
    low, high = window(line, write)
    span = f"{quantity(low, 'A')} to {quantity(high, 'A')}"
    if low >= high:
        raise InputError(
            f"no half-select window at error {number(write.target)}: selected junctions need at least "
            f"{quantity(low, 'A')} of SOT current, junctions without STT allow at most {quantity(high, 'A')} "
            f"(write.pulse = {quantity(write.pulse, 's')}, write.voltage = {write.voltage:g} V); lengthen the pulse, "
            "raise the voltage or accept more error (write.target)"
        )
    if current is not None and not low <= current <= high:
        raise InputError(
            f"write.current = {quantity(current, 'A')} is outside the half-select window {span}; choose one inside, "
            "or none for its middle"
        )
    stt_only = float(switches(line, 0.0, write.voltage, write.pulse))
    if stt_only > write.target:
        raise InputError(
            f"write.voltage = {write.voltage:g} V alone switches a junction with probability {number(stt_only, 3)}, "
            f"more than write.target = {number(write.target)}; lower the voltage"
        )
    return write._replace(current=0.5 * (low + high) if current is None else current)
