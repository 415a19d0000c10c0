"""Streams of forecasts: windows of a series, whose target is the next value; each series is a task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, NumberShape, Targets, TaskInfo
from cimlearn.streams.forecasting import mackey_glass, windows
from cimlearn.streams.opened import Opened

MOST_TASKS: Final = 1000


class _Task(NamedTuple):
    """One series."""

    info: TaskInfo
    x: NDArray[np.float32]  # (windows, steps, 1), scaled and cut to -1 .. 1
    y: NDArray[np.float32]  # (windows, 1), scaled
    last: NDArray[np.float32]  # (windows, 1) the value before y, scaled and not cut
    train: NDArray[np.int64]  # windows to learn from
    test: NDArray[np.int64]  # held-out windows


class SeriesStream(Opened):
    """Tasks of one-step forecasts.

    A window of `window` values is an example, the value after it its target. Windows whose target is among the first
    `points` values are learned; those of later targets are held out (their inputs may reach back into the first part,
    which is known by then). Inputs and targets are scaled alike: the smallest and largest training value of all tasks
    become -1 and 1.

    Parameters
    ----------
    series
        name -> (values,) of each task
    points
        values to learn from
    window
        values that an example shows
    settings
        `examples`, `held_out`, `passes`, `order`, as the parameters of the stream
    seed
        of the order of the windows

    Raises
    ------
    InputError
        For a series that never changes, or a window that leaves nothing to learn.
    """

    def __init__(
        self,
        name: str,
        series: Mapping[str, NDArray[np.float64]],
        *,
        points: int,
        window: int,
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        if window >= points:
            raise InputError(
                f"stream.window = {window} leaves no target among the {points} values to learn from; set it below "
                f"{points}, or stream.points above {window}"
            )
        self._name, self._seed, self._settings = name, seed, settings
        self._scenario = "domain-incremental"  # every task forecasts, from another series
        known = np.concatenate([values[:points] for values in series.values()])
        low, high = float(known.min()), float(known.max())
        if not low < high:
            raise InputError(f"{name}: all values to learn from are {low:g}; give a series that changes")
        self._offset, self._unit = (low + high) / 2, (high - low) / 2
        self._shape = NumberShape(window, 1, 1, True)
        self._values = dict(series)
        self._tasks = [self._task(k, key, values, points) for k, (key, values) in enumerate(series.items())]
        self._infos = tuple(task.info for task in self._tasks)

    def _task(self, task: int, name: str, values: NDArray[np.float64], points: int) -> _Task:
        """Cut one series."""
        window = self._shape.steps
        x, y = windows((values - self._offset) / self._unit, window)
        target = np.arange(len(y)) + window  # place of each target
        train, test = np.flatnonzero(target < points), np.flatnonzero(target >= points)
        label, wanted = f"task {task + 1} ({name})", self._settings
        examples = cutting.how_many("stream.examples", wanted["examples"], len(train), label)
        held_out = cutting.how_many("stream.held_out", wanted["held_out"], len(test), label)
        test = cutting.held_out_draw(test, held_out, task, seed=self._seed)
        info = TaskInfo(name, examples * wanted["passes"], held_out)
        return _Task(info, np.clip(x, -1, 1), y, x[:, -1].copy(), train, test)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the values of each series."""
        return {
            f"{self._name}: {key}": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
            for key, values in self._values.items()
        }

    @property
    def targets(self) -> Targets:
        """The next value."""
        return Targets(("next value",), np.array([self._offset]), np.array([self._unit]))

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training windows of `task` from number `start` on."""
        cutting.check_request(self._name, self.tasks, task, size, start)
        return self._yield(task, self._order(task), size, start)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Held-out windows of `task`, as time goes."""
        cutting.check_request(self._name, self.tasks, task, size)
        return self._yield(task, self._tasks[task].test, size, 0)

    def class_counts(self, task: int) -> ClassCounts:
        """Raises InputError: numbers have no classes."""
        raise InputError(f"{self._name} has numbers, no classes")

    def predictors(self, task: int) -> dict[str, NDArray[np.float32]]:
        """The mean of the training targets, and the last value before each target."""
        cutting.check_request(self._name, self.tasks, task, 1)
        one = self._tasks[task]
        mean = one.y[one.train].mean(axis=0, dtype=np.float64).astype(np.float32)
        return {"mean": np.broadcast_to(mean, (len(one.test), 1)), "last": one.last[one.test]}

    def _order(self, task: int) -> NDArray[np.int64]:
        """Numbers of the training windows of `task` in the order in which they are shown."""
        info, passes = self._tasks[task].info, self._settings["passes"]
        order = cutting.train_order(
            self._tasks[task].train, info.examples // passes, task, seed=self._seed, passes=passes
        )
        if self._settings["order"] == "stored":
            return np.sort(order.reshape(passes, -1), axis=1).reshape(-1)
        return order

    def _yield(self, task: int, order: NDArray[np.int64], size: int, start: int) -> Iterator[Chunk]:
        """Chunks of the windows `order`."""
        one = self._tasks[task]
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            yield Chunk(one.x[which], one.y[which])


def open_mackey_glass(name: str, settings: Mapping[str, Any], *, seed: int) -> SeriesStream:
    """The Mackey-Glass series of each delay (streams/forecasting.py).

    Raises
    ------
    InputError
        For delays that are no numbers above 0, or given twice.
    """
    words = [word.strip() for word in str(settings["taus"]).strip("[] ").split(",")]
    series: dict[str, NDArray[np.float64]] = {}
    for word in words:
        try:
            tau = float(word)
        except ValueError:
            raise InputError(f"stream.taus holds {word!r}; give delays, such as 17,20,30") from None
        key = f"tau = {tau:g}"
        if key in series or len(series) == MOST_TASKS:
            raise InputError(
                f"stream.taus holds {word} twice, or more than {MOST_TASKS}; give each delay once"
            )
        count = settings["points"] + settings["ahead"]
        series[key] = mackey_glass(count, tau=tau, skip=settings["skip"])
    return SeriesStream(
        name, series, points=settings["points"], window=settings["window"], settings=settings, seed=seed
    )
