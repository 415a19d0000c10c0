"""Pulses and currents of a write for a target error: the worst bit of a line, whatever it was and is to be.

    SOT         the reset current, at which the pulse fails with the target
    two-phase   the shortest second phase with a half-select window of `margin`, the middle of the window, and the
                reset current that leaves a 0 over a 1 the rest of the target
    kick-decide the kick and the shortest decision that together take the least energy
    STT         the current at which the pulse fails with the target

What is given is kept, and held against the target.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from cimlearn.devices import mtj, sas_mram
from cimlearn.devices.sas_mram import Line, Scheme, Write
from cimlearn.errors import InputError
from cimlearn.units import number, quantity

LONGEST: Final = 1e-6  # no pulse is made longer [s]
_HALVINGS: Final = 40
_STRENGTHS: Final = np.geomspace(0.55, 4.0, 25)  # of kicks that are tried
_POWERS: Final = 12  # a decision is up to 2^this steps long
_SLACK: Final = 1e-9  # relative: what was sized for a target may miss it by rounding


class Wanted(NamedTuple):
    """A write as it is asked for; None is found."""

    scheme: Scheme
    reset_current: float | None  # [A]
    reset_pulse: float  # [s]
    current: float | None  # [A]
    voltage: float  # [V]
    pulse: float | None  # [s]; 0: there is no second phase
    gap: float  # [s]
    ones: float
    target: float
    margin: float  # width of the half-select window over its middle, at least


def planned(line: Line, wanted: Wanted) -> Write:
    """The write that errs with at most `wanted.target`.

    Raises
    ------
    InputError
        If no pulse or window reaches it (the message says what is nearest), if what is given misses it, if the line
        needs more than its rail, or if junctions of other lines, that see STT only, switch too often.
    """
    if wanted.scheme == "kick-decide":
        found = _kicked(line, wanted)
    elif wanted.pulse == 0:
        found = _single(line, wanted)
    else:
        found = _two_phases(line, wanted)
    _fits_the_rail(line, found)
    return found


def _write(wanted: Wanted, reset: float, current: float, pulse: float, voltage: float) -> Write:
    return Write(
        reset, wanted.reset_pulse, current, voltage, pulse, wanted.gap, wanted.ones, wanted.target, wanted.scheme
    )  # fmt: skip


def _single(line: Line, wanted: Wanted) -> Write:
    """SOT-MRAM: one pulse of either sign."""
    if line.bits != 1:
        raise InputError(
            f"write.pulse = 0 with line.bits = {line.bits}: without a second phase all bits of a line get the "
            "same value; set line.bits=1 or a pulse"
        )
    return _write(wanted, _reset(line, wanted, wanted.target), 0.0, 0.0, 0.0)


def _reset(line: Line, wanted: Wanted, allowed: float) -> float:
    """The reset current [A] that fails with at most `allowed`, or the given one if it does."""
    least = sas_mram.drive_at(line.junction, wanted.reset_pulse, 1 - allowed) * sas_mram.critical_current(
        line
    )
    if wanted.reset_current is None:
        return least
    fails = float(sas_mram.fails_to_switch(line, wanted.reset_current, 0.0, wanted.reset_pulse))
    if fails > allowed * (1 + _SLACK):
        raise InputError(
            f"write.reset_current = {quantity(wanted.reset_current, 'A')} for {quantity(wanted.reset_pulse, 's')} "
            f"leaves a bit wrong with probability {number(fails, 3)}, more than write.target = "
            f"{number(wanted.target)} allows; give {quantity(least, 'A')} or more, none for that current, a longer "
            "write.reset_pulse, or accept more error"
        )
    return wanted.reset_current


def _two_phases(line: Line, wanted: Wanted) -> Write:
    pulse = wanted.pulse if wanted.pulse is not None else _shortest(line, wanted)
    now = _write(wanted, 0.0, 0.0, pulse, wanted.voltage)
    low, high = sas_mram.window(line, now)
    span = f"{quantity(low, 'A')} to {quantity(high, 'A')}"
    if low >= high:
        raise InputError(
            f"no half-select window at error {number(wanted.target)}: selected junctions need at least "
            f"{quantity(low, 'A')} of SOT current, junctions without STT allow at most {quantity(high, 'A')} "
            f"(write.pulse = {quantity(pulse, 's')}, write.voltage = {wanted.voltage:g} V); lengthen the pulse, "
            f"raise the voltage or accept more error: {_nearest(line, now)}"
        )
    current = wanted.current
    if current is not None and not low <= current <= high:
        raise InputError(
            f"write.current = {quantity(current, 'A')} is outside the half-select window {span}; choose one inside, "
            "or none for its middle"
        )
    stt_only = float(sas_mram.switches(line, 0.0, wanted.voltage, pulse))
    if stt_only > wanted.target:
        raise InputError(
            f"write.voltage = {wanted.voltage:g} V alone switches a junction with probability {number(stt_only, 3)}, "
            f"more than write.target = {number(wanted.target)}; lower the voltage"
        )
    now = now._replace(current=0.5 * (low + high) if current is None else current)
    disturbed = float(sas_mram.switches(line, now.current, 0.0, pulse))
    left = (wanted.target - disturbed) / (1 - disturbed)
    return now._replace(reset_current=_reset(line, wanted, left))


def _shortest(line: Line, wanted: Wanted) -> float:
    """The shortest second phase [s] whose window is wide enough."""

    def enough(pulse: float, margin: float) -> bool:
        low, high = sas_mram.window(line, _write(wanted, 0.0, 0.0, pulse, wanted.voltage))
        return high - low >= margin * 0.5 * (high + low)

    if not enough(LONGEST, wanted.margin):
        at_most = _write(wanted, 0.0, 0.0, LONGEST, wanted.voltage)
        raise InputError(
            f"no second phase up to {quantity(LONGEST, 's')} has a half-select window of {100 * wanted.margin:g} % at "
            f"error {number(wanted.target)} and write.voltage = {wanted.voltage:g} V; raise the voltage, lower "
            f"write.margin, or accept more error: {_nearest(line, at_most, wanted.margin)}"
        )
    short, long = 0.0, LONGEST
    while long - short > 1e-12:
        middle = 0.5 * (short + long)
        short, long = (short, middle) if enough(middle, wanted.margin) else (middle, long)
    return long


def _nearest(line: Line, write: Write, margin: float = 0.0) -> str:
    """The least error, two digits, at which `write` has a half-select window of `margin`."""
    for target in np.geomspace(max(write.target, 1e-15), 0.4, 400):
        low, high = sas_mram.window(line, write._replace(target=float(target)))
        if low < high and high - low >= margin * 0.5 * (high + low):
            return f"write.target = {number(float(f'{1.005 * target:.2g}'))} has one"
    return "none up to write.target = 0.4 has one"


def _kicked(line: Line, wanted: Wanted) -> Write:
    """The kick that takes the least energy with the shortest decision that follows it."""
    pulse = wanted.pulse
    step = (pulse if pulse else _decision_scale(line)) / sas_mram.DECIDING
    by = sas_mram.deciding(line, wanted.voltage, step)
    unit = float(sas_mram.kick_strength(line, 1.0))
    kicks = np.array([wanted.reset_current]) if wanted.reset_current else _STRENGTHS / unit
    starts = sas_mram.kicked(line, kicks, wanted.reset_pulse, wanted.gap)
    best, least, nearest, disturbed = None, np.inf, 1.0, np.inf
    for current, mean, variance in zip(kicks, starts.mean, starts.variance, strict=True):
        start = type(starts)(mean, variance)
        steps = sas_mram.DECIDING if pulse else by.shortest(start, wanted.target, _POWERS)
        wrong = max(by.wrong(start, steps or (1 << _POWERS) - 1))
        nearest = min(nearest, wrong)
        if steps is None or wrong > wanted.target * (1 + 1e-6):
            continue
        write = _write(wanted, float(current), 0.0, steps * step, wanted.voltage)
        if (alone := by.alone(steps)) > wanted.target:
            disturbed = min(disturbed, alone)
            continue
        energy = sas_mram.write_energy(line, write).total()
        if energy < least:
            best, least = write, energy
    if best is None and np.isfinite(disturbed):
        raise InputError(
            f"write.voltage = {wanted.voltage:g} V alone switches a junction with probability "
            f"{number(disturbed, 3)}, more than write.target = {number(wanted.target)}; lower the voltage"
        )
    if best is None:
        raise InputError(
            f"no kick and decision reach write.target = {number(wanted.target)} with write.voltage = "
            f"{wanted.voltage:g} V; the nearest is an error of {number(nearest, 2)}; raise write.voltage or "
            "write.pulse, lower junction.resistance_area, or accept more error"
        )
    return best


def _decision_scale(line: Line) -> float:
    """Two relaxation times of the energy [s]: a decision takes about so long."""
    return 2 / mtj.relaxation_rate(line.junction)


def _fits_the_rail(line: Line, write: Write) -> None:
    """Raise InputError where the line needs more voltage than its rail has."""
    most = max(write.reset_current, write.current)
    needed = most * sas_mram.path_resistance(line)
    if line.rail is not None and needed > line.rail:
        raise InputError(
            f"line.rail = {line.rail:g} V can't drive {quantity(most, 'A')} through "
            f"{quantity(sas_mram.path_resistance(line), 'ohm')}: {needed:.3g} V; raise the rail, lower line.transistor "
            "or line.bits, lengthen the pulse or accept more error (write.target)"
        )


def stt_current(junction: mtj.Junction, pulse: float, target: float) -> float:
    """The STT current [A] at which a pulse [s] fails with the target."""
    return sas_mram.drive_at(junction, pulse, 1 - target) * mtj.stt_critical(junction)
