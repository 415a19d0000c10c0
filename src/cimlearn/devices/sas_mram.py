"""SAS-MRAM: N junctions on one heavy-metal line, written by a spin-orbit current that spin transfer helps.

Two schemes (`write.scheme`). *two-phase*, in-plane junctions (precedent with a line of eight: IEEE Electron Device
Lett. 42 (2021), 513):
1. reset: one current through the line switches all its junctions to 0 by spin-orbit torque (SOT);
2. a smaller current the other way, during which those junctions that are to hold 1 also carry a spin-transfer (STT)
   current. The others on the line see SOT only, junctions elsewhere on the same bit lines may see STT only.

Both torques are collinear with the easy axis (devices/mtj.py), so the drive of a junction is a sum,

    i = I_SOT / I_c + J_STT / J_a,     I_c = J_c0 w t_HM

with J_a, `assist_density`, the STT current density that could take the place of all the SOT current. A write is
possible where the selected junctions switch and the others do not: I_c(with STT) < I_SOT < I_c(no STT), each I_c being
the current at which the pulse errs with the accepted rate. The same line without a second phase and N = 1 is SOT-MRAM.

*kick-decide*, perpendicular junctions: one SOT pulse turns all junctions of the line into the plane, then each one's
own STT current, of either sign, decides (devices/kick.py). No reset, nothing half-selected on the line, no field.

    E / bit = [I_reset^2 t_reset + I_SOT^2 t] (R_strip(N) + R_transistor + R_lead) / N + share V_STT I_STT t

with share = ones (two-phase) or 1 (kick-decide, where I_SOT = 0). From a rail of given voltage the line takes V_rail I
instead of I^2 R. R_strip grows with N, so sharing divides the transistor's and the lead's share only.
devices/sizing.py finds pulses and currents for a target error.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices import kick, mtj
from cimlearn.devices.risks import Risks

Array = NDArray[np.float64]
Scheme = Literal["two-phase", "kick-decide"]
DECIDING = 512  # steps that a deciding pulse is cut into
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
    rail: float | None = None  # supply of the line [V]; None: as much as its path drops


class Write(NamedTuple):
    """The pulses of a write."""

    reset_current: float  # through the line, in the reset or the kick [A]
    reset_pulse: float  # [s]
    current: float  # through the line in the second phase [A]; 0 where STT decides by itself
    voltage: float  # across selected (or deciding) junctions in the second phase [V]
    pulse: float  # of the second phase [s]; 0 = there is none: one pulse of either sign writes
    gap: float  # between the phases [s]
    ones: float  # share of bits that are 1
    target: float  # accepted error of a written bit, whatever it was and is to be
    scheme: Scheme = "two-phase"


class Roles(NamedTuple):
    """What a write does to the junctions."""

    reset_fails: float  # probability that a junction keeps its 1 in the reset
    selected_fails: float  # that one with SOT and STT doesn't switch
    sot_only: float  # that one on the line without STT switches
    stt_only: float  # that one elsewhere with STT, without SOT, switches


class Decided(NamedTuple):
    """What 'kick-decide' does to the junctions."""

    change_fails: float  # probability that one that is to change doesn't
    keep_fails: float  # that one that is to keep its bit doesn't
    stt_only: float  # that one elsewhere with STT, without a kick, switches


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


def kick_strength(line: Line, current: Any) -> Array:
    """a = J / (2 J_c) of a line `current` [A] (devices/kick.py)."""
    density = np.asarray(current, float) / (line.strip_width * line.strip_thickness)
    return np.asarray(density / (2 * mtj.sot_critical_perpendicular(line.junction, line.spin_hall, 0.0)))


def kicked(line: Line, current: Any, pulse: float, gap: float) -> kick.Landed:
    """Where a kick of `current` [A] for `pulse` [s] leaves the junctions, after `gap` [s]."""
    one = line.junction
    landed = kick.landed(
        kick_strength(line, current),
        mtj.GAMMA * mtj.MU0 * one.anisotropy * pulse,
        one.damping,
        mtj.stability(one),
    )
    return kick.waited(landed, 0.5 * mtj.relaxation_rate(one) * gap, mtj.stability(one))


def deciding(line: Line, voltage: float, step: float) -> kick.Decision:
    """STT of `voltage` [V] on the line's junctions, in steps of `step` [s]."""
    drive = float(stt_current(line, voltage)) / mtj.stt_critical(line.junction)
    half = 0.5 * mtj.relaxation_rate(line.junction) * step
    return kick.Decision(drive, mtj.stability(line.junction), half)


def decided(line: Line, write: Write) -> Decided:
    """Probabilities of the three things that a kick and its decision do."""
    start = kicked(line, write.reset_current, write.reset_pulse, write.gap)
    by = deciding(line, write.voltage, write.pulse / DECIDING)
    return Decided(*by.wrong(start, DECIDING), by.alone(DECIDING))


def write_risks(line: Line, write: Write) -> Risks:
    """Probability that a bit of a written line is wrong, by what it was and is to be.

    two-phase, one that was 1 and is kept by the reset with r: to 1 it is wrong with (1 - r) selected_fails, to 0 with
    r + (1 - r) sot_only; one that was 0: selected_fails, sot_only. Without a second phase changed bits are at risk.
    Junctions of other lines, that see STT only, are not in it.
    """
    if write.scheme == "kick-decide":
        change, keep, _ = decided(line, write)
        return Risks(keep, change, change, keep)
    r = roles(line, write)
    if write.pulse == 0:
        return Risks(0.0, r.reset_fails, r.reset_fails, 0.0)
    left = 1 - r.reset_fails
    return Risks(r.sot_only, r.selected_fails, r.reset_fails + left * r.sot_only, left * r.selected_fails)


def write_error(line: Line, write: Write) -> float:
    """Probability that a bit of the line is wrong after a write, with a share `ones` of ones before and after."""
    return write_risks(line, write).mean(write.ones)


def write_energy(line: Line, write: Write) -> Energy:
    """Energy of a write [J/bit] by cause (the equation is at the top)."""
    share = 1.0 if write.scheme == "kick-decide" else write.ones
    return Energy(
        line_power(line, write.reset_current) * write.reset_pulse / line.bits,
        line_power(line, write.current) * write.pulse / line.bits,
        share * write.voltage * float(stt_current(line, write.voltage)) * write.pulse,
    )


def line_power(line: Line, current: float) -> float:
    """Of `current` [A] through a line [W]: I^2 R of its path, or V I from its rail."""
    return current * (current * path_resistance(line) if line.rail is None else line.rail)


def write_time(write: Write) -> float:
    """Length of a write of the whole line [s]."""
    return write.reset_pulse + (write.gap + write.pulse if write.pulse > 0 else 0.0)


def window(line: Line, write: Write) -> tuple[float, float]:
    """(lowest, highest) SOT current [A] of the second phase at the target error; no window if lowest >= highest.

    lowest: selected junctions fail with the target rate; highest: junctions with SOT only switch with half of it, as
    the reset may take the other half of a 0's error.
    """
    helped = float(drive(line, 0.0, write.voltage))
    low = drive_at(line.junction, write.pulse, 1.0 - write.target) - helped
    high = drive_at(line.junction, write.pulse, 0.5 * write.target)
    return max(low, 0.0) * critical_current(line), high * critical_current(line)


def drive_at(junction: mtj.Junction, pulse: float, wanted: float) -> float:
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
