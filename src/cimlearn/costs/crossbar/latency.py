"""Seconds of each phase from its serial cycles. Arrays, tiles and lanes work side by side; that is in the counts.

    forward   = stream + convert + state          stream + max(convert, state) where pipelined
    learning  = forward + g + sweep over the changes + writes
    g         = gradient + reads of a feedback array; where pipelined only what outlasts forward:
              = u g + (1 - u) max(0, g + state - forward),   u = updates / passes
    writes    = (rows of cells, or slots of parallel pulses) x parts of a row x phases x length of a pulse
              + verifying reads

Stream, conversions and a feedback array's reads take cycles of periphery.clock; state, gradient and sweep cycles of
digital.clock. Pipelined: the state unit takes what one group of converters gives while the next group converts, and
the gradient of an example is computed while the next example runs forward. The state unit and the gradients share the
multiply-add units, and the last gradient before a write has no next example to hide behind: that one waits for the
write. A step can't begin before the state of the one before it. A row of weights is one row of cells per layer,
written one after the other. A verifying read takes a cycle to read and one to convert, as many at a time as the row's
tiles have converters.
"""

from __future__ import annotations

from dataclasses import dataclass

from cimlearn.costs.crossbar.machine import VERIFY_CYCLES, Machine
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet


@dataclass(frozen=True)
class Seconds:
    """Time of one phase [s], and how many examples and steps it took."""

    forward: float
    gradient: float  # the part that forward doesn't hide
    sweep: float
    writes: float
    examples: int  # passes, replayed ones too
    steps: int

    @property
    def total(self) -> float:
        """All of the phase [s]."""
        return self.forward + self.gradient + self.sweep + self.writes


def seconds(ledger: Ledger, phase: str, machine: Machine, p: ParameterSet) -> Seconds:
    """The time of one phase of a ledger."""
    n = ledger.counts[phase].get("time", {})

    def get(name: str) -> int:
        return n.get(name, 0)

    cycle, pipelined, digital = 1.0 / machine.clock, p["operation.pipelined"], machine.digital_cycle
    convert, state = get("convert_cycles") * cycle, get("state_cycles") * digital
    forward = get("stream_cycles") * cycle + (max(convert, state) if pipelined else convert + state)
    gradient = get("gradient_cycles") * digital + get("feedback_cycles") * cycle
    if pipelined and gradient:
        alone = min(1.0, get("updates") / get("examples"))
        gradient = alone * gradient + (1 - alone) * max(0.0, gradient + state - forward)
    layers = max(machine.layers(name) for name in machine.arrays)
    groups = max(_write_groups(machine, p, name) for name in machine.arrays)
    trains = get("update_row_cycles") * p["price.write_pulse"] + get("pulse_slots") * p["price.slot"]
    pulses = trains * layers * groups * p["price.write_phases"]
    verify = sum(_verify_cycles(ledger, phase, machine, name) for name in machine.arrays)
    return Seconds(
        forward=forward,
        gradient=gradient,
        sweep=get("sweep_cycles") * digital,
        writes=pulses + verify * cycle,
        examples=get("examples"),
        steps=get("steps"),
    )


def _write_groups(machine: Machine, p: ParameterSet, name: str) -> int:
    """Parts in which a row is written, each for both polarities."""
    together = p["price.write_together"]
    return 1 if together is None else -(-machine.tile_columns(name) // int(together))


def _verify_cycles(ledger: Ledger, phase: str, machine: Machine, name: str) -> float:
    """Cycles of the verifying reads of one array; without converters one after the other."""
    reads = ledger.counts[phase].get(name, {}).get("verify_reads", 0)
    beside = machine.arrays[name]["converters"] / machine.row_tiles(name)
    return reads * VERIFY_CYCLES / max(1.0, beside)
