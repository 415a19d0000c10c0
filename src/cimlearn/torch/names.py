"""What a user says of layers by name: digital, frozen, or on other cells than the rest of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cimlearn.errors import InputError
from cimlearn.torch.hardware import Hardware

# What all crossbars of a model share: circuits and clocks have one price, and lifetimes one law.
ALIKE: Final = (
    "periphery.clock", "periphery.read_voltage", "periphery.converter_bits", "periphery.integration",
    "periphery.reference_group", "periphery.transconductance", "mapping.kind", "network.state_bits", "digital.lanes",
    "digital.clock", "digital.change_bits", "activation.bits", "cell.endurance", "cell.endurance_spread",
)  # fmt: skip


@dataclass(frozen=True)
class Names:
    """Layers, or modules that hold them, by name."""

    keep: Sequence[str] = ()  # digital
    frozen: Sequence[str] = ()  # that don't learn
    place: Mapping[str, Hardware] = field(default_factory=dict)  # on arrays of another kind of cell

    def placed(self, name: str) -> str:
        """The entry of `place` that a layer belongs to, the innermost; '' where none names it."""
        inside = [one for one in self.place if one == name or name.startswith(f"{one}.")]
        return max(inside, key=len, default="")


def largest_of(hardware: Hardware) -> int:
    """The most rows of a tile."""
    return int(hardware.parameters["tile.rows"]) if hardware.kind == "crossbar" else 1 << 31


def check_alike(base: Hardware, other: Hardware, name: str) -> None:
    """Raise InputError where the layer `name` can't be on `other` beside layers on `base`."""
    if base.kind != other.kind:
        raise InputError(
            f"place: {name} is on {other.kind} arrays and the model on {base.kind} ones, which have no common "
            f"price; give {base.kind} ones too, or keep the layer and convert it alone"
        )
    for key in ALIKE:
        mine, its = base.parameters.get(key), other.parameters.get(key)
        if mine != its:
            raise InputError(
                f"place: {name} has {key} = {its} and the model {mine}; layers of a model share circuits, clocks and "
                "the endurance law: set both alike (device, cell, write, tile, range and training may differ)"
            )
    prices = [{k: e.value for k, e in one.prices.entries().items()} for one in (base, other)]
    if prices[0] != prices[1]:
        key = next(k for k in prices[0] if prices[0][k] != prices[1].get(k))
        raise InputError(
            f"place: {name} has another {key} than the model; set prices in the model's hardware alone"
        )
