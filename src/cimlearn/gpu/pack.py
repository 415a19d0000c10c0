"""Chips of the CPU into `Many` and back: the same state, so records and ledgers come from the same code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.refresh import refresh
from cimlearn.chips.m2ru import loop
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.compiled import entry
from cimlearn.gpu import layout
from cimlearn.gpu.layout import Bars, Many, Plan
from cimlearn.random import kernel_state

NAMES = ("hidden", "output", "feedback")
MOST = np.iinfo(np.int32).max  # pulses that a cell can count on a GPU


def plan(chip: M2RU) -> Plan:
    """What all chips of this design share."""
    rule, probed, memory, circuit = chip.rule, chip.work.probed, chip.memory, chip.rule.circuit
    return Plan(
        keep=float(rule.keep),
        feed=float(rule.feed),
        state_steps=float(chip.net.state_steps),
        winners=int(circuit.winners),
        winner_gain=circuit.gain,
        winner_settling=circuit.settling,
        winner_noise=circuit.noise,
        keep_hidden=int(rule.keep_hidden),
        keep_output=int(rule.keep_output),
        batch=int(rule.batch),
        ratio=int(rule.ratio),
        replay_weight=float(rule.replay_weight),
        soft=float(rule.soft),
        centre_over=int(rule.centre_over),
        refresh=int(rule.refresh),
        groups=int(probed.groups),
        sharing=int(probed.sharing),
        together=int(probed.together),
        every=int(probed.every),
        sigma=float(probed.sigma),
        rate=float(probed.rate),
        code_steps=float(memory.steps),
        share_steps=float(memory.share_steps),
        quantiser=int(memory.kind),
        hidden_rate=rule.hidden_rate,
        output_rate=rule.output_rate,
    )


def _bars(chip: M2RU, name: str, chips: int) -> Bars:
    """Empty arrays for `chips` chips; a single cell, never used, where this one has none."""
    array = _array(chip, name)
    if not isinstance(array, Crossbar):  # the feedback array of a rule without one
        empty = _array(chip, "output")
        return _sized(empty, chips, 1, 1)
    rows, columns = array.state.weight.shape
    return _sized(array, chips, rows, columns)


def _sized(array: Crossbar, chips: int, rows: int, columns: int) -> Bars:
    p = array.periphery
    return Bars(
        device=array.device,
        scale=float(array.scale),
        reference=float(array.reference),
        read_variance=float(array.read_variance),
        steps=p.steps,
        reach=p.reach,
        step=p.step,
        top=p.top,
        thermal=p.thermal,
        tiles=array.tiles,
        ones=p.ones,
        code=np.zeros((chips, *p.code.shape), np.float32),
        column=np.zeros((chips, *p.column.shape), np.float32),
        hanging=array.hanging,
        loaded=array.state.seen.path.size > 0,
        transconductance=float(array.loads.transconductance),
        calibration=int(array.loads.calibration),
        noisy=bool(array.loads.cells),
        beside=bool(array.loads.beside),
        trim=np.ones((chips, *p.column.shape[1:]), np.float32),
        cells=np.zeros((chips, layout.PLANES, rows, columns), np.float32),
        wear=np.zeros((chips, 2, rows, columns), np.int32),
        row_on=np.zeros((chips, rows)),
    )


def _array(chip: M2RU, name: str) -> Any:
    return {"hidden": chip.net.hidden, "output": chip.net.output, "feedback": chip.work.probed.array}[name]


def empty(chip: M2RU, chips: int) -> Many:
    """Memory on the host for `chips` chips like this one, to be filled by `put`."""
    shape, memory, together = chip.shape, chip.memory.state, max(1, chip.work.probed.together)
    rows, hidden = chip.net.hidden.state.weight.shape
    steps, features, classes = shape.steps, shape.features, shape.classes
    slots = memory.labels.size

    def numbers(*size: int) -> Any:
        return np.zeros((chips, *size), np.float32)

    return Many(
        plan=plan(chip),
        hidden=_bars(chip, "hidden", chips),
        output=_bars(chip, "output", chips),
        feedback=_bars(chip, "feedback", chips),
        counts=np.zeros((chips, layout.UNIFORM), np.int64),
        tallies=np.zeros((chips, layout.TALLIES), np.int64),
        asked=np.zeros((chips, 2), np.int64),
        sums=np.zeros((chips, layout.SUMS)),
        keys=np.zeros((chips, layout.KEYS), np.uint64),
        hidden_change=numbers(rows, hidden),
        output_change=numbers(hidden + 1, classes),
        output_copy=numbers(classes, hidden),
        recurrent_copy=numbers(hidden, hidden),
        winner_offset=numbers(classes),
        words=np.zeros((chips, 4), np.uint64),
        codes=np.zeros((chips, slots, steps, features), np.int16),
        labels=np.zeros((chips, slots), np.int64),
        share=numbers(slots, classes),
        rows=numbers(steps, rows),
        candidate=numbers(steps, hidden),
        states=numbers(steps, hidden),
        delta=numbers(steps, hidden),
        x=numbers(steps, features),
        signs=numbers(together, hidden),
        ask=numbers(classes, hidden),
    )


def put(chip: M2RU, seed: int, many: Many, place: int) -> None:
    """Copy the state of `chip` to `place` of memory on the host."""
    for name in NAMES:
        array, bars = _array(chip, name), getattr(many, name)
        if not isinstance(array, Crossbar):
            continue
        bars.code[place], bars.column[place] = array.periphery.code, array.periphery.column
        cells = array.state.cells
        bars.cells[place, layout.CONDUCTANCE] = cells.conductance[0]
        bars.cells[place, layout.WEIGHT] = array.state.weight
        bars.cells[place, layout.GAIN] = cells.gain[0]
        bars.cells[place, layout.VARIANCE] = array.state.variance
        seen = array.state.seen
        bars.cells[place, layout.REFERENCE] = seen.reference if seen.path.size else array.reference
        if seen.path.size:
            bars.trim[place] = seen.trim
        bars.wear[place, layout.WRITES] = cells.writes[0]
        bars.wear[place, layout.LIMIT] = np.minimum(cells.limit[0], MOST)
        bars.row_on[place] = array.state.row_on
    for tensor, own in _shared(chip, many):
        tensor[place] = own
    many.keys[place] = [kernel_state(seed, "gpu", name)[0] for name in layout.KEY_NAMES]
    many.winner_offset[place] = chip.rule.circuit.offset
    counts, tallies = many.counts[place], many.tallies[place]
    for n, counter in enumerate(_counters(chip)):
        counts[n] = counter[0]
    for n, array in enumerate(_driven(chip)):
        counts[layout.DRIVES + n] = array.state.counts[VECTORS]
        many.sums[place, layout.ON + n] = array.state.on[0]
    for n, name in enumerate(NAMES):
        array = _array(chip, name)
        if isinstance(array, Crossbar):
            tallies[layout.BITS + n] = array.state.counts[ACTIVE_BITS]
            tallies[layout.PULSES + n] = array.state.counts[PULSES]
            tallies[layout.ROWS + n] = array.state.counts[ROW_WRITES]
    tallies[layout.LIT] = chip.work.state.progress[loop.LIT]
    many.asked[place] = [a.state.counts[ACTIVE_BITS] for a in _driven(chip)[3:]]
    many.sums[place, layout.OFFSET] = chip.work.state.offset[0]


def take(chip: M2RU, many: Many, place: int) -> None:
    """Copy what has changed at `place` of memory on the host into the state of `chip`."""
    for name in NAMES:
        array, bars = _array(chip, name), getattr(many, name)
        if not isinstance(array, Crossbar):
            continue
        array.state.cells.conductance[0] = bars.cells[place, layout.CONDUCTANCE]
        array.state.cells.writes[0] = bars.wear[place, layout.WRITES]
        array.state.row_on[:] = bars.row_on[place]
        _in_step(array)
    for tensor, own in _shared(chip, many):
        own[...] = tensor[place]
    counts, tallies = many.counts[place], many.tallies[place]
    for n, counter in enumerate(_counters(chip)):
        counter[0] = counts[n]
    for n, array in enumerate(_driven(chip)):
        array.state.counts[VECTORS] = counts[layout.DRIVES + n]
        array.state.on[0] = many.sums[place, layout.ON + n]
    for n, name in enumerate(NAMES):
        array = _array(chip, name)
        if isinstance(array, Crossbar):
            array.state.counts[ACTIVE_BITS] = tallies[layout.BITS + n]
            array.state.counts[PULSES] = tallies[layout.PULSES + n]
            array.state.counts[ROW_WRITES] = tallies[layout.ROWS + n]
    chip.work.state.progress[loop.LIT] = tallies[layout.LIT]
    for array, bits in zip(_driven(chip)[3:], many.asked[place], strict=True):
        array.state.counts[ACTIVE_BITS] = bits
    chip.work.state.offset[0] = many.sums[place, layout.OFFSET]


@entry
def _refresh(bar):
    refresh(bar, 0, bar.state.weight.shape[0])


def _in_step(array: Crossbar) -> None:
    """Weights and variances from the cells, by the code of the CPU."""
    _refresh(array)


def _shared(chip: M2RU, many: Many) -> Sequence[tuple[Any, Any]]:
    """Tensors with a first axis of chips, and the array of `chip` that each holds at its place."""
    work, memory = chip.work.state, chip.memory.state
    return (
        (many.hidden_change, work.hidden),
        (many.output_change, work.output),
        (many.output_copy, work.output_copy),
        (many.recurrent_copy, work.recurrent_copy),
        (many.words, work.answer_words),
        (many.codes, memory.codes),
        (many.labels, memory.labels),
        (many.share, memory.share),
    )


def _counters(chip: M2RU) -> list[Any]:
    """(1,) views of the counters that all lanes keep alike, in the order of layout.py; LIT is a tally instead."""
    progress, probe, memory = chip.work.state.progress, chip.work.state.probe, chip.memory.state
    own = [probe.register, probe.turn, probe.probes, probe.again, probe.driven, memory.seen, memory.stored]
    return [progress[n : n + 1] if n != loop.LIT else np.zeros(1, np.int64) for n in range(8)] + own


def _driven(chip: M2RU) -> list[Any]:
    """What counts vectors: the arrays as learning reads them, then as predictions do."""
    learning = [_array(chip, name) for name in NAMES]
    unused = chip.net.output._replace(
        state=chip.net.output.state._replace(counts=np.zeros(5, np.int64), on=np.zeros(1))
    )
    learning = [one if isinstance(one, Crossbar) else unused for one in learning]
    return [*learning, *chip.tested()]
