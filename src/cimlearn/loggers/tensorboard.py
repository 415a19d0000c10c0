"""TensorBoard event files, written by TensorBoard's own writer; neither TensorFlow nor PyTorch is needed.

    DIR/RUN/seed-N/events.out.tfevents...      RUN: the name of the run folder

Scalars as named in base.py, hyper-parameters (HParams), and texts: the run folder, every parameter
with its origin.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.loggers.base import Point, identity, owned, plain, settings
from cimlearn.runfolder.records import Run

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ImportError:
    raise InputError(f"--log tensorboard needs TensorBoard: {install('tensorboard')}") from None

IDENTITY = "run/identity"


class TensorBoard:
    """Event files below a folder; open it with `tensorboard --logdir DIR`."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._writers: dict[Path, Any] = {}
        self._known: dict[Path, set[tuple[str, int]]] = {}

    def write(self, run: Run, seed: int, points: Sequence[Point]) -> None:
        """Add what is missing.

        Raises
        ------
        InputError
            If the folder holds the log of another run, or can't be written.
        """
        place = self._folder / run.folder.resolve().name / f"seed-{seed}"
        try:
            if place not in self._writers:
                self._open(place, run, seed)
            writer, known = self._writers[place], self._known[place]
            for point in points:
                if (point.name, point.step) not in known:
                    value = Summary.Value(tag=point.name, simple_value=point.value)
                    writer.add_event(_event(Summary(value=[value]), point.step))
                    known.add((point.name, point.step))
            writer.flush()
        except OSError as error:
            raise InputError(
                f"can't write the log in {place}: {error.strerror}; the run is intact, go on with: "
                f"cimlearn run --resume {run.folder}"
            ) from None

    def close(self) -> None:
        """Close the event files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _open(self, place: Path, run: Run, seed: int) -> None:
        """Read what is there; a new log gets its head first."""
        there = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0})
        if place.exists():
            there.Reload()
        mine, tags = identity(run), there.Tags()
        if IDENTITY in tags["tensors"]:
            found = there.Tensors(IDENTITY)[0].tensor_proto.string_val[0].decode()
            if found != mine:
                raise InputError(
                    f"{place} holds the log of another run; name another folder with --log tensorboard=DIR"
                )
        self._known[place] = {(tag, event.step) for tag in tags["scalars"] for event in there.Scalars(tag)}
        self._writers[place] = writer = EventFileWriter(str(place))
        if IDENTITY not in tags["tensors"]:
            for summary in _head(run, seed, mine):
                writer.add_event(_event(summary, 0))


def _event(summary: Any, step: int) -> Any:
    return Event(wall_time=time.time(), step=step, summary=summary)


def _head(run: Run, seed: int, mine: str) -> list[Any]:
    """What stands at the beginning of a log. The identity is last: a head that was cut off is written again."""
    rows = [
        f"| {name} | {plain(entry['value'])} | {entry['unit']} | {entry['origin']} | {entry['source']} |"
        for name, entry in owned(run).items()
    ]
    table = "\n".join(["| parameter | value | unit | origin | source |", "|---|---|---|---|---|", *rows])
    return [
        hparams_pb({**settings(run), "seed": seed}, trial_id=f"{run.folder.resolve().name}/seed-{seed}"),
        text_pb("run/folder", str(run.folder)),
        text_pb("run/parameters", table),
        text_pb(IDENTITY, mine),
    ]
