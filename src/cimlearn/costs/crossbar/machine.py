"""The chip as prices see it: its inventory and the few numbers of its parameters that a price depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cimlearn.errors import InputError

VERIFY_CYCLES: Final = 2  # of a verifying read: one to read a cell, one to convert


@dataclass(frozen=True)
class Machine:
    """Sizes and operating point."""

    arrays: Mapping[str, Mapping[str, int]]  # array -> piece -> how many
    memory_bits: Mapping[str, int]  # memory -> bits
    lanes: int  # digital multiply-add units
    kwta_inputs: int
    clock: float  # [Hz]
    read_voltage: float  # V_r [V]
    converter_bits: int | None
    capacitance: Mapping[str, float]  # array -> C_f [F]
    referenced: bool  # cells against a fixed reference, not pairs
    classes: int
    state_bits: int  # of the digital state
    word_bits: int  # of coefficients and feedback numbers
    change_bits: int  # of a change while it is added up
    integration: float = 1.0  # part of a cycle in which rows are driven
    reference_group: int | None = None  # columns that share a reference column; None: price.reference_columns
    digital_clock: float | None = None  # of the digital part [Hz]; None: that of the arrays
    transconductance: float | None = None  # that holds a column's virtual ground [S]; None: as settling asks
    own_transconductance: Mapping[str, float] = field(default_factory=dict)  # of arrays that have another [S]
    selected_rows: Mapping[str, int] = field(
        default_factory=dict
    )  # rows of arrays whose other rows are switched off

    @property
    def digital_cycle(self) -> float:
        """A cycle of the digital part [s]."""
        return 1.0 / (self.digital_clock or self.clock)

    @property
    def register_bits(self) -> float:
        """Bits of the registers of one lane, that hold the deltas of its units."""
        units = self.arrays["hidden"]["columns"] if "hidden" in self.arrays else 1
        return self.memory_bits.get("deltas", 0) / max(1, min(self.lanes, units))

    def layers(self, name: str) -> int:
        """Cells per weight of an array."""
        a = self.arrays[name]
        return a["cells"] // a["weights"]

    def column_tiles(self, name: str) -> int:
        """Column tiles of an array."""
        a = self.arrays[name]
        return a["level_shifters"] // (a["rows"] * self.layers(name))

    def tile_columns(self, name: str) -> int:
        """Columns of the widest tile of an array."""
        return -(-self.arrays[name]["columns"] // self.column_tiles(name))

    def tile_rows(self, name: str) -> int:
        """Rows of the tallest tile of an array."""
        return -(-self.arrays[name]["rows"] // self.row_tiles(name))

    def hanging_rows(self, name: str) -> int:
        """Rows whose cells load a column together: of the tallest tile, or those that are read at once."""
        return min(self.tile_rows(name), self.selected_rows.get(name, self.tile_rows(name)))

    def holding(self, name: str) -> float | None:
        """Transconductance that holds the virtual grounds of an array [S]; None: as settling asks."""
        return self.own_transconductance.get(name, self.transconductance)

    def row_tiles(self, name: str) -> int:
        """Row tiles of an array."""
        a = self.arrays[name]
        return a["integrators"] // a["columns"]


def machine(inventory: Mapping[str, Mapping[str, int]], p: Mapping[str, Any]) -> Machine:
    """The machine of an inventory (see chips) and the chip's parameters.

    Raises
    ------
    InputError
        If the inventory is empty, as that of a software twin.
    """
    if not inventory:
        raise InputError("a software twin has no hardware to price; price the chip: --on chip")
    names = [name for name in inventory if name not in ("memory", "digital")]
    return Machine(
        arrays={name: inventory[name] for name in names},
        memory_bits=inventory["memory"],
        lanes=inventory["digital"]["lanes"],
        kwta_inputs=inventory["digital"]["kwta_inputs"],
        clock=p["periphery.clock"],
        read_voltage=p["periphery.read_voltage"],
        converter_bits=p["periphery.converter_bits"],
        capacitance={name: p[f"periphery.{name}_capacitance"] for name in names},
        referenced=p["mapping.kind"] == "reference",
        classes=inventory["output"]["columns"],
        state_bits=p["network.state_bits"] or 32,
        word_bits=8,
        change_bits=p["digital.change_bits"],
        own_transconductance=_own(p, names),
        selected_rows=_selected(p, inventory),
        **circuit(p),
    )


def _own(p: Mapping[str, Any], names: list[str]) -> dict[str, float]:
    """Transconductances of arrays that have one of their own [S]."""
    given = {name: p.get(f"periphery.{name}_transconductance") for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _selected(p: Mapping[str, Any], inventory: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Rows read at once of the feedback array, where transistors switch off all others."""
    if "feedback" not in inventory or p.get("periphery.feedback_select", "tile") == "tile":
        return {}
    return {"feedback": inventory["output"]["columns"]}


def circuit(p: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Machine that the circuit decides; runs from before they were parameters had an exact one."""
    return {
        "integration": p.get("periphery.integration", 1.0),
        "reference_group": p.get("periphery.reference_group"),
        "transconductance": p.get("periphery.transconductance"),
        "digital_clock": p.get("digital.clock"),
    }
