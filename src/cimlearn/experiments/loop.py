"""The loop of one seed: learn each task in order, then look at every held-out set so far.

What is written to the run folder depends on the experiment alone. When a state is saved depends on the clock,
but a state holds everything, so a seed that goes on from one writes the same bytes as one that never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from cimlearn.chips.base import Chip, Resting
from cimlearn.experiments.checkpoint import Position, SeedFolder
from cimlearn.experiments.numbers import Measured, measured
from cimlearn.experiments.record import Answers, make_record, told
from cimlearn.streams.base import Chunk, Stream

_BORDERS = (20, 100, 500)  # examples: a task begins with short chunks, so that its rate shows at once
CONFUSED = 20  # classes; of more, no record says which were taken for which
_CHUNK = 500  # examples at a time after that; borders never change a result


@dataclass(frozen=True)
class Learned:
    """A chunk was learned."""

    seed: int
    task: int
    examples: int  # new examples in the chunk
    replayed: int  # old examples that the chip learned again with them
    seconds: float  # time that learning took
    first: bool  # of this seed in this process, so the time may hold compiling


@dataclass(frozen=True)
class Evaluated:
    """A task was learned and its record written."""

    seed: int
    task: int
    record: dict[str, Any]
    followed: Event = field(default_factory=Event, compare=False, repr=False)  # set once everybody was told


Tell = Callable[[Learned | Evaluated], None]


@dataclass(frozen=True)
class SeedLoop:
    """Everything that the loop of one seed needs; `run` learns until the end or until `stop` is set."""

    seed: int
    folder: Path  # of the run
    build: Callable[[int], tuple[Stream, Chip]]
    tell: Tell
    stop: Event
    checkpoint_seconds: float
    warm: Event = field(default_factory=Event)  # set once a chunk was learned

    def run(self) -> None:
        """Go on from the last saved state to the end, or to the next chunk border once `stop` is set."""
        if self.stop.is_set():
            return
        stream, chip = self.build(self.seed)
        files = SeedFolder(self.folder, self.seed)
        position = files.restore(chip)
        for task in range(position.task, len(stream.tasks)):
            example = position.example if task == position.task else 0
            if not (
                self._learn(files, stream, chip, task, example) and self._look_back(files, stream, chip, task)
            ):
                return

    def _learn(self, files: SeedFolder, stream: Stream, chip: Chip, task: int, example: int) -> bool:
        """Learn `task` from number `example` on and save the state; False if asked to stop before its end."""
        if example == 0:
            chip.start_task(task)
        saved = time.monotonic()
        for chunk in _chunks(stream, task, example):
            before, began, new = chip.learned(), time.perf_counter(), len(chunk.y)
            chip.learn(chunk.x, chunk.y)
            seconds = time.perf_counter() - began
            replayed = chip.learned() - before - new
            self.tell(Learned(self.seed, task, new, replayed, seconds, first=not self.warm.is_set()))
            self.warm.set()
            example += new
            if self.stop.is_set() or time.monotonic() - saved >= self.checkpoint_seconds:
                files.save(chip, Position(task, example, task))
                saved = time.monotonic()
            if self.stop.is_set():
                return False
        chip.end_task()
        files.save(chip, Position(task, example, task))
        return True

    def _look_back(self, files: SeedFolder, stream: Stream, chip: Chip, task: int) -> bool:
        """Write the record of `task`, then the state that counts it; False if asked to stop before that.

        Predicting draws read noise, so there is no stopping half way: what was begun is done again on resume. Of a chip
        that rests, the answers after its rest are in the record too: what is left before anything is learned again.
        """
        answers = self._answers(stream, chip, task)
        if answers is None:
            return False
        info = stream.tasks[task]
        record = make_record(
            chip, seed=self.seed, task=task, name=info.name, examples=info.examples, **told(answers)
        )
        if isinstance(chip, Resting) and chip.rests():
            chip.rest()
            rested = self._answers(stream, chip, task)
            if rested is None:
                return False
            record["rested_accuracy"] = [a.score for a in rested]
        files.append(record)
        files.save(chip, Position(task + 1, 0, task + 1))
        self.tell(Evaluated(self.seed, task, record))
        return True

    def _answers(self, stream: Stream, chip: Chip, task: int) -> list[Answers] | list[Measured] | None:
        """How `chip` answers on the held-out set of each task so far; None if asked to stop."""
        if stream.shape.numbers:
            found = [measured(stream, chip, old, _CHUNK, self.stop) for old in range(task + 1)]
            known = [one for one in found if one is not None]
            return known if len(known) == len(found) else None
        last = task == len(stream.tasks) - 1
        answers = []
        for old in range(task + 1):
            one = self._answers_on(stream, chip, old, look=last and stream.shape.classes <= CONFUSED)
            if one is None:
                return None
            answers.append(one)
        return answers

    def _answers_on(self, stream: Stream, chip: Chip, task: int, *, look: bool) -> Answers | None:
        """How `chip` answers on the held-out set of `task`, and with `look` what it takes for what."""
        classes = stream.shape.classes
        seen = right = np.zeros(classes, np.int64)  # held-out examples of each class, right answers
        confusion = np.zeros((classes, classes) if look else (0, 0), np.int64)
        for chunk in stream.held_out(task, _CHUNK):
            if self.stop.is_set():
                return None
            answered = chip.predict(chunk.x, task)
            seen = seen + np.bincount(chunk.y, minlength=classes)
            right = right + np.bincount(chunk.y[answered == chunk.y], minlength=classes)
            if look:
                inside = (answered >= 0) & (answered < classes)
                np.add.at(confusion, (chunk.y[inside], answered[inside]), 1)
        return Answers(seen, right, confusion if look else None)


def _chunks(stream: Stream, task: int, start: int) -> Iterator[Chunk]:
    """The examples of `task` from number `start` on; borders lie at the same examples wherever it starts."""
    total = stream.tasks[task].examples
    for border in _BORDERS:
        if start < min(border, total):
            yield from islice(stream.chunks(task, border - start, start), 1)
            start = border
    if start < total:
        yield from stream.chunks(task, _CHUNK, start)
