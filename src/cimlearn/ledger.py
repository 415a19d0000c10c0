"""The ledger: whole-number counts of what was done. It never holds joules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ledger:
    """Counts of what a chip did.

    Attributes
    ----------
    counts
        phase ('learn' or 'predict') -> part ('hidden', 'output', 'buffer', 'digital', 'time') -> action -> count
    conductance_on
        phase -> array -> sum over cycles and active inputs of the conductance that the input bit switched on [S]
    """

    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    conductance_on: dict[str, dict[str, float]] = field(default_factory=dict)

    def total(self, part: str, action: str) -> int:
        """The count of one action over all phases."""
        return sum(parts.get(part, {}).get(action, 0) for parts in self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values: {'counts': ..., 'conductance_on_S': ...}."""
        return {"counts": self.counts, "conductance_on_S": self.conductance_on}
