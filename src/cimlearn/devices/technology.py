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
from typing import TYPE_CHECKING, Any, Final

from cimlearn import parameters
from cimlearn.devices import mtj, sas_mram, sensing
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Technology:
    """A memory of one-bit cells."""

    name: str
    bits_per_write: int  # written together by one write
    write_energy: float  # [J/bit]
    write_time: float  # of `bits_per_write` bits [s]
    write_error: float  # probability that a written bit is wrong
    read_energy: float  # [J/bit]
    read_time: float  # [s]
    read_error: float  # probability that a bit is read wrongly
    area: float  # [m2/bit]
    endurance: float  # writes until a bit fails; infinite: it doesn't wear
    leakage: float  # at rest [W/bit]
    loss_rate: float  # of a bit at rest with the supply on [1/s]
    volatile: bool  # lost when the supply goes
    endurance_spread: float = 0.0  # standard deviation of ln(endurance) between cells

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
        """The figures for JSON; None for what never ends."""
        figures = asdict(self)
        if math.isinf(self.endurance):
            figures["endurance"] = None
        return figures


def line(p: ParameterSet) -> sas_mram.Line:
    """The line that `junction.*` and `line.*` describe.

    Raises
    ------
    InputError
        If the junction can't hold a bit.
    """
    part = p.part("line")
    one = junction(p)
    if one.perpendicular:
        raise InputError(
            "junction.perpendicular = true on a heavy-metal line: its torque is not collinear with the easy axis and "
            "the switching law doesn't hold; use false"
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
    """The write that `write.*` describes, its current inside the half-select window.

    Raises
    ------
    InputError
        If there is no window, or the current or the voltage lies outside what it allows.
    """
    part = p.part("write")
    current = part.pop("current")
    return sas_mram.planned(on, sas_mram.Write(current=math.nan, **part), current)


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
        **_junction_figures(p, on.junction, read),
    )


def _junction_figures(p: ParameterSet, one: mtj.Junction, read: sensing.Read) -> dict[str, float]:
    """What all memories of junctions share: read, wear, rest."""
    return {
        "read_energy": sensing.read_energy(one, read),
        "read_time": read.time,
        "read_error": sensing.sensed(one, read).error,
        "endurance": float(p["cell.endurance"]),
        "endurance_spread": p["cell.endurance_spread"],
        "leakage": p["cell.leakage"],
        "loss_rate": mtj.loss_rate(one._replace(temperature=p["cell.rest_temperature"])),
    }


def _stt(name: str, p: ParameterSet) -> Technology:
    """STT-MRAM: published energy and area, errors from the junction; half of the bits written change."""
    one, read = junction(p), reading(p)
    drive = p["write.current"] / mtj.stt_critical(one)
    return Technology(
        name=name,
        bits_per_write=1,
        write_energy=p["write.energy"],
        write_time=p["write.pulse"],
        write_error=0.5 * float(mtj.fails_to_switch(one, drive, p["write.pulse"])),
        area=p["area.cell"] * p["area.feature"] ** 2,
        volatile=False,
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
        write_error=p["write.error"],
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
    "sot-mram": (("sas_mram_device", "sot_mram_device"), _line_memory),
    "sram": (("sram_device",), _listed),
    "stt-mram": (("stt_mram_device",), _stt),
}


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


@lru_cache(maxsize=256)
def _cell(name: str, changes: tuple[tuple[str, Any], ...]) -> Technology:
    """The physics takes some milliseconds, and many designs share a cell."""
    return technology(name, dict(changes))
