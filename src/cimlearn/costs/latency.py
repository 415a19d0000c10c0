"""Seconds of each phase from its serial cycles. Arrays, tiles and lanes work side by side; that is in the counts.

    forward   = stream + convert + state          stream + max(convert, state) where pipelined
    learning  = forward + gradient                max(forward, gradient) where pipelined
              + sweep over the changes + writes
    writes    = rows x phases x pulse + verifying reads, as many at a time as there are converters

Pipelined: the state unit takes what one group of converters gives while the next group converts, and the gradient of
an example is computed while the next example runs forward. A step can't begin before the state of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cimlearn.costs.machine import Machine
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet


@dataclass(frozen=True)
class Seconds:
    """Time of one phase [s], and how many examples and steps it took."""

    forward: float
    gradient: float  # the part that doesn't overlap with forward
    sweep: float
    writes: float
    examples: int  # passes, replayed ones too
    steps: int

    @property
    def total(self) -> float:
        """All of the phase [s]."""
        return self.forward + self.gradient + self.sweep + self.writes


def seconds(ledger: Ledger, phase: str, machine: Machine, p: ParameterSet) -> Seconds:
    """The time of one phase."""
    n = ledger.counts[phase].get("time", {})

    def get(name: str) -> int:
        return n.get(name, 0)

    cycle, pipelined = 1.0 / machine.clock, p["operation.pipelined"]
    convert, state = get("convert_cycles"), get("state_cycles")
    forward = get("stream_cycles") + (max(convert, state) if pipelined else convert + state)
    gradient = get("gradient_cycles")
    reads = sum(ledger.counts[phase].get(name, {}).get("verify_reads", 0) for name in machine.arrays)
    converters = max(1, sum(a["converters"] for a in machine.arrays.values()))
    pulses = get("update_row_cycles") * p["price.write_phases"] * p["price.write_pulse"]
    return Seconds(
        forward=forward * cycle,
        gradient=(max(0, gradient - forward) if pipelined else gradient) * cycle,
        sweep=get("sweep_cycles") * cycle,
        writes=pulses + reads / converters * cycle,
        examples=get("examples"),
        steps=get("steps"),
    )
