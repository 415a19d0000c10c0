"""What a digital memory costs and how often it errs: one small interface for every technology.

    technology("sas-mram", {"write.pulse": "12e-9"}) -> Technology
    names() -> ["rram", "sas-mram", "sot-mram", "sram", "stt-mram"]

MRAM figures follow from the physics of the junction (mtj.py, sas_mram.py, sensing.py), those of RRAM and SRAM are
published or assumed numbers. Energies are those of the cell with its transistor, leads and sense amplifier; decoders,
word lines and drivers belong to the array that uses the technology.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cimlearn import parameters
from cimlearn.devices import mtj, sas_mram, sensing, sizing
from cimlearn.devices.risks import NO_RISK, Risks, changed
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet
from cimlearn.units import number, quantity


@dataclass(frozen=True)
class Technology:
    """A memory of one-bit cells."""

    name: str
    bits_per_write: int  # written together by one write
    write_energy: float  # [J/bit]
    write_time: float  # of `bits_per_write` bits [s]
    write_error: float  # probability that a written bit is wrong, mean over what it was and is to be
    read_energy: float  # [J/bit]
    read_time: float  # [s]
    read_error: float  # probability that a bit is read wrongly
    area: float  # [m2/bit]
    endurance: float  # writes until a bit fails; infinite: it doesn't wear
    leakage: float  # at rest [W/bit]
    loss_rate: float  # of a bit at rest with the supply on [1/s]
    volatile: bool  # lost when the supply goes
    endurance_spread: float = 0.0  # standard deviation of ln(endurance) between cells
    risks: Risks = NO_RISK  # probability that a written bit is wrong, by what it was and is to be
    margins: sensing.Margins | None = (
        None  # of cells that are misread again and again; None: reads err at random
    )

    def retention_failure(self, seconds: float, *, powered: bool = True) -> float:
        """Probability that a bit at rest is lost within `seconds` >= 0: 1 - exp(-seconds loss_rate).

        Raises
        ------
        InputError
            If `seconds` is negative or not a number.
        """
        if not seconds >= 0:
            raise InputError(f"retention over {seconds} s; give a time of 0 s or more")
        if seconds == 0:
            return 0.0
        if self.volatile and not powered:
            return 1.0
        return -math.expm1(-seconds * self.loss_rate)

    def as_dict(self) -> dict[str, Any]:
        """The figures for JSON; None for what never ends. The table of read margins is left out."""
        figures = asdict(self)
        del figures["margins"]
        figures["risks"] = self.risks._asdict()
        if math.isinf(self.endurance):
            figures["endurance"] = None
        return figures


def line(p: ParameterSet) -> sas_mram.Line:
    """The line that `junction.*` and `line.*` describe.

    Raises
    ------
    InputError
        If the junction can't hold a bit, or its easy axis doesn't suit the scheme of the write.
    """
    part = p.part("line")
    one = junction(p)
    kicks = p["write.scheme"] == "kick-decide"
    if kicks and not one.perpendicular:
        raise InputError(
            "write.scheme = kick-decide with junction.perpendicular = false: STT decides along an easy axis out of the "
            "plane; use cell.technology = sas-mram-kick (cimlearn device sas-mram-kick), or write.scheme = two-phase"
        )
    if one.perpendicular and not kicks:
        raise InputError(
            "junction.perpendicular = true on a heavy-metal line: its torque is not collinear with the easy axis and "
            "the switching law doesn't hold; use false, or write.scheme = kick-decide"
        )
    if part["assist_density"] is None:
        part["assist_density"] = mtj.stt_critical(one) / mtj.area(one)
    return sas_mram.Line(one, **part)


def junction(p: ParameterSet) -> mtj.Junction:
    """The junction that `junction.*` describes, checked."""
    return mtj.checked(mtj.Junction(**p.part("junction")))


def reading(p: ParameterSet) -> sensing.Read:
    """How `read.*` reads."""
    return sensing.Read(**p.part("read"))


def writing(p: ParameterSet, on: sas_mram.Line) -> sas_mram.Write:
    """The write that `write.*` describes, sized for its target error.

    Raises
    ------
    InputError
        As `sizing.planned`.
    """
    return sizing.planned(on, sizing.Wanted(**p.part("write")))


def cell_area(p: ParameterSet, on: sas_mram.Line, write: sas_mram.Write) -> float:
    """Area of a bit [m2]: its own transistor, its share of the line's, or its piece of strip if that is more.

    A transistor takes (fixed + per_ampere I) F^2; a line of N has 1 + 1 / N of them per bit.
    """
    part = p.part("area")
    drive = max(write.reset_current, write.current)
    own = max(write.voltage, p["read.voltage"]) / mtj.parallel(on.junction)
    fixed, slope = part["transistor_fixed"], part["transistor_per_ampere"]
    transistors = (fixed + slope * own + (fixed + slope * drive) / on.bits) * part["feature"] ** 2
    return max(transistors, on.pitch * (on.strip_width + part["strip_space"]))


def _line_memory(name: str, p: ParameterSet) -> Technology:
    """SAS-MRAM and SOT-MRAM."""
    on = line(p)
    write, read = writing(p, on), reading(p)
    return Technology(
        name=name,
        bits_per_write=on.bits,
        write_energy=sas_mram.write_energy(on, write).total(),
        write_time=sas_mram.write_time(write),
        write_error=sas_mram.write_error(on, write),
        area=cell_area(p, on, write),
        volatile=False,
        risks=sas_mram.write_risks(on, write),
        **_junction_figures(p, on.junction, read),
    )


def _junction_figures(p: ParameterSet, one: mtj.Junction, read: sensing.Read) -> dict[str, Any]:
    """What all memories of junctions share: read, wear, rest."""
    return {
        "read_energy": sensing.read_energy(one, read),
        "read_time": read.time,
        "read_error": sensing.sensed(one, read).error,
        "margins": sensing.margins(one, read),
        "endurance": float(p["cell.endurance"]),
        "endurance_spread": p["cell.endurance_spread"],
        "leakage": p["cell.leakage"],
        "loss_rate": mtj.loss_rate(one._replace(temperature=p["cell.rest_temperature"])),
    }


def _stt(name: str, p: ParameterSet) -> Technology:
    """STT-MRAM: V I t from the supply of its published cell, errors from the junction; changed bits are written."""
    one, read = junction(p), reading(p)
    pulse, target = p["write.pulse"], p["write.target"]
    least = sizing.stt_current(one, pulse, target)
    current = p["write.current"] if p["write.current"] is not None else least
    fails = float(mtj.fails_to_switch(one, current / mtj.stt_critical(one), pulse))
    if p["write.current"] is not None and fails > target:
        raise InputError(
            f"write.current = {quantity(current, 'A')} for {quantity(pulse, 's')} leaves a bit wrong with probability "
            f"{number(fails, 3)}, more than write.target = {number(target)}; give {quantity(least, 'A')} or more, none "
            "for that current, a longer write.pulse, or accept more error"
        )
    if current * mtj.parallel(one) > p["write.voltage"]:
        raise InputError(
            f"write.voltage = {p['write.voltage']:g} V can't drive {quantity(current, 'A')} through a junction of "
            f"{quantity(mtj.parallel(one), 'ohm')}; lengthen write.pulse, raise the voltage or accept more error"
        )
    return Technology(
        name=name,
        bits_per_write=1,
        write_energy=p["write.voltage"] * current * pulse,
        write_time=pulse,
        write_error=0.5 * fails,
        area=p["area.cell"] * p["area.feature"] ** 2,
        volatile=False,
        risks=changed(fails),
        **_junction_figures(p, one, read),
    )


def _listed(name: str, p: ParameterSet) -> Technology:
    """RRAM and SRAM: every figure is a parameter."""
    endurance, kept = p["cell.endurance"], p["cell.kept"]
    return Technology(
        name=name,
        bits_per_write=1,
        write_energy=p["write.energy"],
        write_time=p["write.time"],
        write_error=0.5 * p["write.error"],
        risks=changed(p["write.error"]),
        read_energy=p["read.energy"],
        read_time=p["read.time"],
        read_error=p["read.error"],
        area=p["area.cell"] * p["area.feature"] ** 2,
        endurance=math.inf if endurance is None else float(endurance),
        endurance_spread=p["cell.endurance_spread"],
        leakage=p["cell.leakage"],
        loss_rate=0.0 if kept is None else 1.0 / kept,
        volatile=p["cell.volatile"],
    )


# name -> (preset files, the later ones win; maker)
_KNOWN: Final[dict[str, tuple[tuple[str, ...], Callable[[str, ParameterSet], Technology]]]] = {
    "rram": (("rram_digital_device",), _listed),
    "sas-mram": (("sas_mram_device",), _line_memory),
    "sas-mram-kick": (("sas_mram_device", "sas_mram_kick_device"), _line_memory),
    "sot-mram": (("sas_mram_device", "sot_mram_device"), _line_memory),
    "sram": (("sram_device",), _listed),
    "stt-mram": (("stt_mram_device",), _stt),
}


GROUPS: Final = ("frozen", "trained")  # of weights, each may have a memory of its own
SRAM: Final = "sram"  # priced as the SRAM unit and memories of a chip where it holds what only learning needs


def names() -> list[str]:
    """The names of all technologies."""
    return sorted(_KNOWN)


def has_line(name: str) -> bool:
    """Whether a technology has junctions on a heavy-metal line, so that `line` and `writing` describe it."""
    return _KNOWN[name][1] is _line_memory


def technology_parameters(name: str, changes: Mapping[str, Any] | None = None) -> ParameterSet:
    """Every parameter of a technology with its owner, with `changes` ('part.key' -> text or value).

    Raises
    ------
    InputError
        For an unknown technology or parameter, or a value out of range.
    """
    if name not in _KNOWN:
        raise InputError(f"unknown technology '{name}'; {nearest(name, _KNOWN)}")
    found = ParameterSet({})
    for preset in _KNOWN[name][0]:
        found = found.merged(parameters.load(preset))
    return found.replace(changes or {})


def technology(name: str, changes: Mapping[str, Any] | None = None) -> Technology:
    """The figures of a technology, with `changes` ('part.key' -> text or value) to its parameters.

    Raises
    ------
    InputError
        For an unknown technology or parameter, a value out of range, or a write without a half-select window.
    """
    found = technology_parameters(name, changes)
    return _KNOWN[name][1](name, found)


def memory_cell(p: ParameterSet) -> Technology:
    """The memory cell that the parameters describe."""
    name = p["cell.technology"]
    known = technology_parameters(name)
    changes = {key: p[key] for key in known if key in p and p.entry(key).changed}
    return _cell(name, tuple(sorted(changes.items())))


class Cells(NamedTuple):
    """The memories of both groups of weights, and of what only learning needs."""

    frozen: Technology
    trained: Technology
    learning: Technology | None = None  # None: SRAM

    @property
    def weights(self) -> tuple[Technology, Technology]:
        """Of frozen and of learning weights."""
        return self.frozen, self.trained

    @property
    def hybrid(self) -> bool:
        """Whether they are two."""
        return self.frozen.name != self.trained.name

    def as_dict(self) -> dict[str, Any]:
        """The figures of the trained group's cell; under 'frozen' and 'learning' those of others that differ."""
        found = self.trained.as_dict()
        found |= {"frozen": self.frozen.as_dict()} if self.hybrid else {}
        return found | ({"learning": self.learning.as_dict()} if self.learning else {})


def memory_cells(p: ParameterSet) -> Cells:
    """The memories that `cell.frozen`, `cell.trained` and `cell.learning` name; all but `cell.technology` as they come.

    Raises
    ------
    InputError
        If all weights learn and `cell.frozen` names a memory of its own.
    """
    own = memory_cell(p)
    found = [
        own if p[f"cell.{group}"] in ("same", own.name) else technology(p[f"cell.{group}"])
        for group in GROUPS
    ]
    if p["network.train"] == "full" and found[0].name != found[1].name:
        raise InputError(
            f"cell.frozen = {found[0].name} with network.train = full: all weights learn, none are frozen; leave it out"
        )
    name = p["cell.learning"]
    learning = None if name == SRAM else own if name == own.name else technology(name)
    return Cells(found[0], found[1], learning)


@lru_cache(maxsize=256)
def _cell(name: str, changes: tuple[tuple[str, Any], ...]) -> Technology:
    """The physics takes some milliseconds, and many designs share a cell."""
    return technology(name, dict(changes))
