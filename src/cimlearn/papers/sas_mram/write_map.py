"""Write energy of SAS-MRAM over that of SOT-MRAM, both sized for the same error, over what nobody published.

The line of SOT-MRAM has the same strip, transistor, leads and rail as that of SAS-MRAM, and one junction. Along the
resistance-area product the STT voltage goes in proportion, so that its current density is kept. Pulses and currents
don't depend on transistor, rail and N, so each is sized once; the kick that is best at a lead of 500 ohm is kept for
others, which can only make kick-decide look worse.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from cimlearn.devices import sas_mram
from cimlearn.devices.technology import line, technology_parameters, writing
from cimlearn.errors import InputError

SCHEMES: Final = {"two-phase": "sas-mram", "kick-decide": "sas-mram-kick"}
TRANSISTORS: Final = (100.0, 200.0, 400.0, 579.0, 1000.0, 1800.0, 3176.0)  # [ohm]
PRODUCTS: Final = (5e-12, 7e-12, 10e-12, 14e-12, 20e-12, 31e-12, 45e-12)  # [ohm m2]
SHARED: Final = (2, 3, 4, 6, 8, 16, 32)  # N
RAILS: Final = (None, 0.9, 1.2, 1.5)  # [V]
TARGETS: Final = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


class Point(NamedTuple):
    """What is assumed."""

    scheme: str = "two-phase"
    transistor: float = 400.0  # [ohm]
    product: float | None = None  # resistance-area product [ohm m2]; None: the preset's
    bits: int = 4
    rail: float | None = None  # [V]; None: what the path drops
    target: float = 1e-6


class Ratio(NamedTuple):
    """Write energies [J/bit] at one point; None where no write is possible (`why`)."""

    sas: float | None
    sot: float | None
    why: str = ""

    @property
    def value(self) -> float | None:
        """SAS over SOT."""
        return None if self.sas is None or self.sot is None else self.sas / self.sot


def ratio(at: Point) -> Ratio:
    """Both energies at a point; no write where none is possible or the rail is too low."""
    found: list[float | None] = []
    why = ""
    for name, bits in ((SCHEMES[at.scheme], at.bits), ("sot-mram", 1)):
        try:
            on, write = _sized(name, at.product if name != "sot-mram" else None, at.target)
        except InputError as error:
            found.append(None)
            why = why or str(error)
            continue
        on = on._replace(transistor=at.transistor, bits=bits, rail=at.rail)
        needed = max(write.reset_current, write.current) * sas_mram.path_resistance(on)
        if at.rail is not None and needed > at.rail:
            found.append(None)
            why = why or f"{name} needs {needed:.2f} V"
            continue
        found.append(sas_mram.write_energy(on, write).total())
    return Ratio(found[0], found[1], why)


@lru_cache(maxsize=512)
def _sized(name: str, product: float | None, target: float) -> tuple[sas_mram.Line, sas_mram.Write]:
    """Line and write of a technology at a target error."""
    usual = technology_parameters(name)
    changes: dict[str, Any] = {"write.target": target}
    if product is not None:
        changes |= {
            "junction.resistance_area": product,
            "write.voltage": usual["write.voltage"] * product / usual["junction.resistance_area"],
        }
    p = technology_parameters(name, changes)
    on = line(p)
    return on, writing(p, on)


def axis(scheme: str, name: str, values: tuple[Any, ...]) -> list[tuple[Any, Ratio]]:
    """Ratios along one axis, all else as the presets have it."""
    return [(value, ratio(Point(scheme)._replace(**{name: value}))) for value in values]


def break_even(scheme: str, product: float | None = None) -> float | None:
    """The drive transistor [ohm] at which both energies are equal; None if one wins everywhere up to 100 k ohm."""

    def over(transistor: float) -> float:
        found = ratio(Point(scheme, transistor, product)).value
        return 1.0 if found is None else found - 1.0

    low, high = 0.0, 1e5
    if over(low) <= 0 or over(high) >= 0:
        return None
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if over(middle) > 0 else (low, middle)
    return 0.5 * (low + high)
