"""Cells, arrays and periphery of cimlearn as HWComponents models. Each figure is cimlearn's own (figures.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwcomponents import ActionCost, ComponentModel, action

from hwcomponents_cimlearn import figures


class _Model(ComponentModel):
    """A component with the figures of one of cimlearn's."""

    def __init__(self, found: figures.Figures) -> None:
        super().__init__(leak_power=found.leakage, area=found.area)
        self._found = found

    def _cost(self, name: str) -> ActionCost:
        """Energy [J], latency [s] and throughput [1/s] of an action; one waits for the one before."""
        joules, seconds = self._found.actions[name]
        return ActionCost(energy=joules, latency=seconds, throughput=1 / seconds)


class CimlearnCrossbar(_Model):
    """A crossbar of rows x columns weights with its drivers, integrators and converters, as M2RU has them."""

    def __init__(
        self,
        rows: int,
        columns: int,
        device: str = "continuous",
        node: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(figures.crossbar(rows, columns, device, node, settings))
        self.rows, self.columns, self.device = rows, columns, device

    @action
    def compute(self) -> ActionCost:
        """One vector of `rows` inputs, streamed bit by bit, and the conversion of all columns."""
        return self._cost("compute")

    @action
    def write(self) -> ActionCost:
        """One pulse to one cell."""
        return self._cost("write")

    @action
    def verify_read(self) -> ActionCost:
        """The read of one cell after a write."""
        return self._cost("verify_read")


class CimlearnBitSerial(_Model):
    """A digital bit-serial sub-array of rows x columns bits, as SAS-MRAM has them."""

    def __init__(
        self,
        rows: int,
        columns: int,
        technology: str = "sas-mram",
        node: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(figures.bit_serial(rows, columns, technology, node, settings))
        self.rows, self.columns, self.technology = rows, columns, technology

    @action
    def compute(self) -> ActionCost:
        """One vector of `rows` int8 inputs times columns / 8 int8 weights each."""
        return self._cost("compute")

    @action
    def write_row(self) -> ActionCost:
        """All bits of one row."""
        return self._cost("write_row")


class CimlearnCell(_Model):
    """One bit of a memory technology: sas-mram, sot-mram, stt-mram, rram, sram."""

    def __init__(self, technology: str = "sas-mram", settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(figures.cell(technology, settings))

    @action(bits_per_action=1)
    def read(self) -> ActionCost:
        """One bit."""
        return self._cost("read")

    @action(bits_per_action=1)
    def write(self) -> ActionCost:
        """One bit."""
        return self._cost("write")


class CimlearnConverter(_Model):
    """An analog-to-digital converter of M2RU."""

    def __init__(
        self, bits: int = 8, node: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(figures.converter(bits, node, settings))

    @action
    def convert(self) -> ActionCost:
        """One conversion."""
        return self._cost("convert")

    @action
    def read(self) -> ActionCost:
        """The same, as AccelForge calls what passes a component on the way (Toll)."""
        return self._cost("convert")


class CimlearnMemory(_Model):
    """A static memory of `bits` bits, of which `width` are moved together."""

    def __init__(
        self, bits: int, width: int = 1, node: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(figures.memory(bits, width, node, settings))
        self.width = width

    @action(bits_per_action="width")
    def read(self) -> ActionCost:
        """`width` bits, or as many as are asked for."""
        return self._cost("read")

    @action(bits_per_action="width")
    def write(self) -> ActionCost:
        """`width` bits, or as many as are asked for."""
        return self._cost("write")


class CimlearnMultiplyAdd(_Model):
    """A digital multiply-add unit."""

    def __init__(
        self,
        input_bits: int = 8,
        weight_bits: int = 8,
        sum_bits: int = 32,
        node: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(figures.multiply_add(input_bits, weight_bits, sum_bits, node, settings))

    @action
    def compute(self) -> ActionCost:
        """One product, added to a sum."""
        return self._cost("compute")
