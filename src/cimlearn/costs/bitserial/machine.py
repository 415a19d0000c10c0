"""A digital bit-serial chip as prices see it: its memory cell, its inventory and the few numbers a price depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from cimlearn.errors import InputError

PRODUCTS: Final = ("forward", "error", "gradient")
LEARNING: Final = ("kept", "state")  # memories of what only learning needs
WORD_BITS: Final = 8  # of a weight; an int8 product is 8 x 8 ANDs


@dataclass(frozen=True)
class Cell:
    """What prices take of a memory technology (`devices.technology.Technology.as_dict`)."""

    name: str
    bits_per_write: int  # cells of a line, written together
    write_energy: float  # [J/bit]
    write_time: float  # of a line [s]
    read_energy: float  # [J/bit]
    read_time: float  # [s]
    area: float  # [m2/bit]
    endurance: float | None  # writes; None: never wears
    leakage: float  # [W/bit]
    endurance_spread: float = 0.0  # standard deviation of ln(endurance) between cells


def cell(figures: Mapping[str, Any]) -> Cell:
    """The cell that `figures` describe; other keys are left alone.

    Raises
    ------
    InputError
        If a figure is missing, not a number, or negative.
    """
    names = [one.name for one in fields(Cell)]
    figures = {"endurance_spread": 0.0, **figures}  # run folders from before cells had one
    if missing := [name for name in names if name not in figures]:
        raise InputError(
            f"the memory cell lacks {', '.join(missing)}; give the figures of a technology (cimlearn device)"
        )
    for name in names[1:]:
        value = figures[name]
        if value is None and name == "endurance":
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not value >= (1 if name == "bits_per_write" else 0):
            raise InputError(f"the memory cell has {name} = {value!r}; give a number of 0 or more")
    found = {name: figures[name] for name in names}
    if found["endurance"] is not None and math.isinf(found["endurance"]):
        found["endurance"] = None
    return Cell(**found)


@dataclass(frozen=True)
class Array:
    """Sub-arrays of one kind."""

    bits: int  # that hold something
    subarrays: int
    rows: int
    columns: int

    @property
    def cells(self) -> int:
        """Cells, used or not; never fewer than the bits."""
        return max(self.bits, self.subarrays * self.rows * self.columns)


@dataclass(frozen=True)
class DigitalMachine:
    """Sizes and operating point."""

    cell: Cell  # of the weights
    line_bits: int  # cells of a line for which 'bits_driven' was counted
    mram: Array  # weights, whatever their technology
    sram: Array  # the unit for transposes and gradients
    memory_bits: Mapping[str, int]  # memory -> bits
    adders: int  # popcount columns of the weights' sub-arrays that work at the same time
    unit_adders: int  # the same of the SRAM unit
    narrowers: int  # units that round sums to int8
    active: int  # rows that a popcount counts in one cycle
    sum_bits: int  # of an accumulator
    clock: float  # [Hz]
    transpose: str  # where the transposed product is computed: copy, transposable, sram
    gradient: str  # where the weight gradient is computed: mram, sram
    lanes: int = 0  # multiply-add units for layers that are not on sub-arrays
    frozen: Array | None = None  # weights that don't learn, where they are in a memory of their own
    frozen_cell: Cell | None = None  # of these
    learning_cell: Cell | None = (
        None  # of what only learning needs, the unit too; None: SRAM at the chip's prices
    )
    norm_units: int = 0  # multipliers of integer norms, one beside each narrower
    latched: bool = False  # weight bits are read once for the 8 bits of an input
    product_bits: Mapping[str, int] = field(
        default_factory=dict
    )  # of a sum of each product, where it is known

    @property
    def weights(self) -> tuple[tuple[Array, Cell], ...]:
        """The memories that hold weights, each with its cell."""
        more = ((self.frozen, self.frozen_cell),) if self.frozen and self.frozen_cell else ()
        return ((self.mram, self.cell), *more)

    @property
    def unit(self) -> str:
        """What parts of the unit for transposes and gradients are called."""
        return "sram" if self.learning_cell is None else "learning"

    @property
    def learning_bits(self) -> int:
        """Bits that only learning needs, outside the unit: kept for the way back, velocities, running statistics."""
        return sum(self.memory_bits.get(name, 0) for name in LEARNING)

    @property
    def copies(self) -> int:
        """How often a trained weight is stored."""
        return 2 if self.transpose == "copy" else 1

    def counted(self, product: str) -> int:
        """Inputs of one popcount in a product ('forward', 'error', 'gradient').

        `active` rows of a sub-array; all rows of the SRAM unit; all words of a row that is read transposed.
        """
        if product == "error" and self.transpose == "transposable":
            return max(1, self.mram.columns // WORD_BITS)
        return self.sram.rows if self.in_unit(product) else self.active

    def in_unit(self, product: str) -> bool:
        """Whether a product is computed in the SRAM unit."""
        return {"error": self.transpose, "gradient": self.gradient}.get(product) == "sram"

    def latches(self, product: str) -> bool:
        """Whether the stored bits of a product wait in latches beside the AND gates."""
        transposed = product == "error" and self.transpose == "transposable"
        return self.latched and not self.in_unit(product) and not transposed

    def width(self, product: str) -> int:
        """Bits of a sum of a product: what its terms need, at most the accumulator's."""
        return min(self.sum_bits, self.product_bits.get(product, self.sum_bits))

    @property
    def kept_bits(self) -> int:
        """Bits of the memory of activations and what is kept for the way back: all but replay."""
        return sum(bits for name, bits in self.memory_bits.items() if name != "replay")


def digital_machine(
    inventory: Mapping[str, Mapping[str, int]],
    parameters: Mapping[str, Any],
    figures: Mapping[str, Any],
    *,
    instead: Mapping[str, Any] | None = None,
) -> DigitalMachine:
    """The machine of an inventory, the chip's parameters and its cell's figures; `instead`: another cell.

    Raises
    ------
    InputError
        If the inventory is empty, as that of a software twin, or a cell's figure is missing or negative.
    """
    if not inventory:
        raise InputError("a software twin has no hardware to price; price the chip: --on chip")
    own, unit = cell(figures), Array(**inventory["sram"])
    at_work = min(unit.subarrays, parameters["array.available"] or unit.subarrays)
    return DigitalMachine(
        cell=own if instead is None else cell(instead),
        line_bits=own.bits_per_write,
        mram=Array(**inventory["mram"]),
        sram=unit,
        memory_bits=inventory["memory"],
        adders=inventory["digital"]["adders"],
        unit_adders=at_work * unit.columns,
        narrowers=inventory["digital"]["narrowers"],
        active=parameters["array.active"],
        sum_bits=parameters["array.accumulator"],
        clock=parameters["array.clock"],
        transpose=parameters["array.transpose"],
        gradient=parameters["array.gradient"],
        lanes=inventory["digital"].get("lanes", 0),
        frozen=Array(**inventory["frozen"]) if "frozen" in inventory else None,
        frozen_cell=cell(instead or figures["frozen"]) if "frozen" in inventory else None,
        learning_cell=cell(figures["learning"]) if "learning" in figures else None,
        norm_units=inventory["digital"].get("norm_units", 0),
        latched=bool(parameters["array.latch"]) if "array.latch" in parameters else False,
        product_bits={
            name[: -len("_bits")]: bits
            for name, bits in inventory["digital"].items()
            if name.endswith("_bits")
        },
    )
