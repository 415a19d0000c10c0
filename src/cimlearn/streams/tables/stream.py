"""A stream of windows over a table of one's own: CSV, Parquet, NumPy columns, a data frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load
from cimlearn.places import expanded
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, NumberShape, StreamShape, Targets, TaskInfo
from cimlearn.streams.checking import infer_scenario
from cimlearn.streams.opened import Opened
from cimlearn.streams.tables.aim import Aim, aim
from cimlearn.streams.tables.files import is_table, load_table
from cimlearn.streams.tables.holes import check_missing
from cimlearn.streams.tables.notes import notes
from cimlearn.streams.tables.table import Table, frame_blocks, make_table
from cimlearn.streams.tables.windows import Windows, cut_windows


class Scale(NamedTuple):
    """What makes a reading a share of full scale: cut off at low and 1, (value - offset) * unit."""

    offset: NDArray[np.float32]  # (features,)
    unit: NDArray[np.float32]  # (features,) 1 / (what becomes 1.0)
    low: float  # -1, or 0 where nothing is negative


class TableStream(Opened):
    """Windows over the rows of a table; each is an example.

    A window of stream.window rows of k inputs is a sequence of window / samples_per_step steps of k x samples_per_step
    values. Training and held-out windows never share a row, and what inputs are scaled by comes from training
    rows only.

    Parameters
    ----------
    table
        A data frame (pandas, polars, PyArrow), a mapping of columns, a structured array, or the path of a .csv,
        .parquet or .npz file.
    seed
        Seed of the order of training windows.
    name
        Name in records; None: 'table', or the path.
    settings
        The parameters of a table's stream without 'stream.': label = "activity", window = 64, ... `cimlearn show
        m2ru --stream FILE.csv` lists them; docs/own-data.md explains them.

    Raises
    ------
    InputError
        If a column is missing, a value is no finite number, no window fits, or a task lacks windows.
    """

    def __init__(self, table: Any, *, seed: int = 0, name: str | None = None, **settings: Any) -> None:
        entries = load("streams").entries().items()
        mine = {key.partition(".")[2]: p for key, p in entries if key.startswith(("common.", "table."))}
        del mine["label_delay"]  # a stream around this one, see delay.py
        known = ParameterSet({f"stream.{key}": parameter for key, parameter in mine.items()})
        self._settings = known.replace({f"stream.{key}": v for key, v in settings.items()}).part("stream")
        self._table = _read(table, name, self._settings)
        self._name, self._seed = name or self._table.name, seed
        check_missing(self._table, self._settings["missing"])
        self._windows = cut_windows(self._table, self._settings)
        self._scale = _scale(self._table, self._windows, self._settings)
        self._aim = None if self._table.target is None else aim(self._table, self._windows, self._settings)
        self._shape = self._measure()
        self._tasks = [self._task(k) for k in range(len(self._windows.names))]
        self._infos = tuple(info for info, _, _ in self._tasks)

    def _measure(self) -> StreamShape:
        """Sizes of the windows."""
        length, per_step = self._settings["window"], self._settings["samples_per_step"]
        if length % per_step:
            raise InputError(
                f"stream.samples_per_step = {per_step} doesn't divide stream.window = {length}; "
                "choose one that does"
            )
        features, classes = len(self._table.features), len(self._table.classes)
        kind = StreamShape if self._aim is None else NumberShape
        return kind(length // per_step, features * per_step, classes, self._scale.low < 0)

    def _task(self, task: int) -> tuple[TaskInfo, NDArray[np.int64], NDArray[np.int64]]:
        """Task number `task`: what is said of it, its training windows, its held-out windows."""
        cut, label = self._windows, f"task {task + 1} ({self._windows.names[task]})"
        train = np.flatnonzero((cut.task == task) & ~cut.test)
        test = np.flatnonzero((cut.task == task) & cut.test)
        if len(train) == 0 or len(test) == 0:
            raise InputError(
                f"{label} of {self._name} has {len(train)} training and {len(test)} held-out windows; shorten "
                "stream.window or stream.block, change stream.test_share, or give it more rows"
            )
        wanted = self._settings
        examples = cutting.how_many("stream.examples", wanted["examples"], len(train), label)
        held_out = cutting.how_many("stream.held_out", wanted["held_out"], len(test), label)
        test = cutting.held_out_draw(test, held_out, task, seed=self._seed)
        return TaskInfo(cut.names[task], examples * wanted["passes"], held_out), train, test

    @property
    def scenario(self) -> str:
        """'class-incremental' if no two tasks share a class, otherwise 'domain-incremental'."""
        if self._aim is not None:
            return "domain-incremental"
        counts = [self.class_counts(k) for k in range(len(self._tasks))]
        return infer_scenario([count.train > 0 for count in counts])

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the file, or of the columns that are used."""
        return dict(self._table.checksums or {self._name: _digest(self._table)})

    @property
    def facts(self) -> dict[str, Any]:
        """What the table was read as: classes, inputs, scale, windows that were left out."""
        return {
            **({} if self._aim else {"classes": list(self._table.classes)}),
            "features": list(self._table.features),
            "rows": len(self._table.label),
            "held_out_rows": int(np.count_nonzero(~self._windows.training_rows)),
            "windows_unlabelled": self._windows.unlabelled,
            "scale_offset": [float(v) for v in self._scale.offset],
            "scale_unit": [float(v) for v in self._scale.unit],
            **notes(self._table, self._windows, self._settings),
        }

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training windows of `task` from number `start` on, shuffled or as in the table (stream.order)."""
        cutting.check_request(self._name, self.tasks, task, size, start)
        return self._yield(self._order(task), size, start)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Held-out windows of `task`, in the order of the table."""
        cutting.check_request(self._name, self.tasks, task, size)
        return self._yield(self._tasks[task][2], size, 0)

    @property
    def targets(self) -> Targets:
        """What the numbers of a table with `stream.target` stand for."""
        return self._aimed().targets

    def predictors(self, task: int) -> dict[str, NDArray[np.float32]]:
        """The mean of the task's training targets; the target's last known value, where rows lie between."""
        cutting.check_request(self._name, self.tasks, task, 1)
        _, train, test = self._tasks[task]
        return self._aimed().predictors(train, test)

    def _aimed(self) -> Aim:
        """The targets. Raises InputError for a table of classes."""
        if self._aim is None:
            raise InputError(
                f"{self._name} has classes, no numbers; name a column of numbers with stream.target"
            )
        return self._aim

    def class_counts(self, task: int) -> ClassCounts:
        """Windows of each class in `task`, all passes together."""
        cutting.check_request(self._name, self.tasks, task, 1)
        if self._aim is not None:
            raise InputError(f"{self._name} has numbers (stream.target), no classes")
        label, classes = self._windows.label, len(self._table.classes)
        return cutting.class_counts(label[self._order(task)], label[self._tasks[task][2]], classes)

    def _order(self, task: int) -> NDArray[np.int64]:
        """Numbers of the training windows of `task` in the order in which they are shown."""
        info, train, _ = self._tasks[task]
        passes = self._settings["passes"]
        order = cutting.train_order(train, info.examples // passes, task, seed=self._seed, passes=passes)
        if self._settings["order"] == "stored":
            return np.sort(order.reshape(passes, -1), axis=1).reshape(-1)
        return order

    def _yield(self, order: NDArray[np.int64], size: int, start: int) -> Iterator[Chunk]:
        """Chunks of the windows `order`."""
        steps, features = self._shape[:2]
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            rows = self._windows.first[which][:, None] + np.arange(
                self._settings["window"]
            )  # (windows, rows)
            x = (
                self._windows.values[rows] - self._scale.offset
            ) * self._scale.unit  # (windows, rows, features)
            np.clip(x, self._scale.low, 1, out=x)
            y = self._windows.label[which] if self._aim is None else self._aim.y[which]
            yield Chunk(x.reshape(len(which), steps, features), y)


def open_table(path: Path, settings: Mapping[str, Any], *, seed: int) -> TableStream:
    """The stream in a file, with all its settings."""
    mine = {key: value for key, value in settings.items() if key != "label_delay"}
    return TableStream(path, seed=seed, name=str(path), **mine)


def _read(table: Any, name: str | None, settings: Mapping[str, Any]) -> Table:
    """The table in a file, or in a data frame."""
    if isinstance(table, str | Path):
        path = expanded(table)
        if not path.is_file() and not (path.is_dir() and is_table(path)):
            raise InputError(
                f"table '{path}' doesn't exist; give the path of a .csv, .parquet or .npz file, or a folder of tables"
            )
        return load_table(path, settings)
    return make_table(name or "table", *frame_blocks(table, name or "table"), settings)


def _scale(table: Table, cut: Windows, settings: Mapping[str, Any]) -> Scale:
    """Offset and unit of each input, from training rows."""
    how, features = settings["normalise"], len(table.features)
    if how == "off":
        low, high = np.nanmin(cut.values, axis=0), np.nanmax(cut.values, axis=0)
        out = np.flatnonzero((low < -1) | (high > 1))
        if len(out):
            raise InputError(
                f"{table.name}: column '{table.features[out[0]]}' goes from {low[out[0]]:g} to {high[out[0]]:g}, "
                "outside [-1, 1]; set stream.normalise"
            )
        return Scale(
            np.zeros(features, np.float32), np.ones(features, np.float32), -1 if low.min() < 0 else 0
        )
    rows = cut.training_rows & ~cut.unusable & ((cut.row_task == 0) | (settings["scale_from"] == "all"))
    if not rows.any():
        raise InputError(f"{table.name} has no training rows in its first task; set stream.scale_from = all")
    offset, unit = np.zeros(features), np.zeros(features)
    for k in range(features):  # a column at a time, so that no second copy of the table is needed
        values = cut.values[rows, k].astype(np.float64)
        least, most = values.min(), values.max()
        if how == "deviation":
            offset[k], reach = values.mean(), settings["deviations"] * values.std()
        elif how == "range":
            offset[k], reach = (least + most) / 2, (most - least) / 2
        else:
            offset[k], reach = least, most - least
        unit[k] = 1 / reach if most > least else 0  # a column that never changes tells nothing
    return Scale(offset.astype(np.float32), unit.astype(np.float32), 0 if how == "unit" else -1)


def _digest(table: Table) -> str:
    """SHA-256 of everything that is read of a data frame."""
    hasher = hashlib.sha256(repr((table.features, table.classes, table.words)).encode())
    for array in (table.values, table.label, *table.codes.values(), table.time, table.target):
        if array is not None:
            hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()
