"""Streams of sensor windows: activities of people, from a smartphone's accelerometer and gyroscope."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, StreamShape, TaskInfo
from cimlearn.streams.opened import Opened
from cimlearn.streams.sources import formats
from cimlearn.streams.sources.find import Found, locate

# Value that becomes 1.0: 2 g is what the accelerometer records at most, 10 rad/s the gyroscope.
FULL_SCALE = (2.0, 2.0, 2.0, 10.0, 10.0, 10.0)  # g, g, g, rad/s, rad/s, rad/s
CHANNELS = len(FULL_SCALE)
ACTIVITIES = 6  # labels 1 to 6; -1 (none) and 7 to 12 (changes of posture) are left out
_lock = threading.Lock()  # so that the threads of a sweep read the file once
_KEYS = ("signal", "scale", "label", "user", "experiment", "label_names")


class Recordings(NamedTuple):
    """All recordings, one after the other."""

    signal: NDArray[np.int16]  # (samples, 6) raw
    unit: NDArray[np.float32]  # (6,) raw value -> share of full scale
    label: NDArray[np.int64]  # (samples,) -1, 1 to 12
    user: NDArray[np.int64]  # (samples,) person
    experiment: NDArray[np.int64]  # (samples,) number of the recording of this person
    label_names: tuple[str, ...]  # name of label k
    checksums: dict[str, str]
    where: str = ""  # 'hapt: data folder'


class Windows(NamedTuple):
    """Windows that lie within one recording and one activity."""

    first: NDArray[np.int64]  # (windows,) first sample
    activity: NDArray[np.int64]  # (windows,) 0 to 5
    user: NDArray[np.int64]  # (windows,)
    experiment: NDArray[np.int64]  # (windows,)


def load_recordings(data: str | Path | None = None) -> Recordings:
    """The HAPT recordings, read and checked; a process keeps the last that it has read.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    found = locate("hapt", data)
    status = found.paths[0].stat()
    with _lock:
        return _load(found, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1)
def _load(found: Found, stamp: tuple[int, int]) -> Recordings:
    """Reads the file; `stamp` (time, size) makes a changed file a different one."""
    path, file = found.paths[0], found.variant.files[0]
    digest = formats.file_digest(path, unpack=False)
    formats.check_digest(path, file.sha256, digest)
    arrays = formats.read_npz(path, _KEYS)
    signal = arrays["signal"]
    samples = len(signal)
    if signal.dtype != np.int16 or signal.shape != (samples, 6) or arrays["scale"].shape != (6,):
        raise InputError(f"{path}: signal is {signal.dtype} {signal.shape}; needed: int16 (samples, 6)")
    for key in ("label", "user", "experiment"):
        if arrays[key].shape != (samples,):
            raise InputError(f"{path}: {key} is {arrays[key].shape}; needed: ({samples},), one per sample")
    signal.flags.writeable = False
    return Recordings(
        signal,
        (arrays["scale"] / FULL_SCALE).astype(np.float32),
        arrays["label"].astype(np.int64),
        arrays["user"].astype(np.int64),
        arrays["experiment"].astype(np.int64),
        tuple(str(name).lower().replace("_", " ") for name in arrays["label_names"]),
        {file.name: digest},
        f"{found.source.name}: {found.where}",
    )


def windows(recordings: Recordings, length: int, hop: int) -> Windows:
    """All windows of `length` samples, `hop` apart, from the start of each activity."""
    label, user, experiment = recordings.label, recordings.user, recordings.experiment
    change = (np.diff(label) != 0) | (np.diff(user) != 0) | (np.diff(experiment) != 0)
    begin = np.concatenate(([0], np.flatnonzero(change) + 1))
    end = np.concatenate((begin[1:], [len(label)]))
    starts = [
        np.arange(a, b - length + 1, hop)
        for a, b in zip(begin.tolist(), end.tolist(), strict=True)
        if 1 <= label[a] <= ACTIVITIES and b - a >= length
    ]
    if not starts:
        raise InputError(f"no activity lasts for stream.window = {length} samples; choose a shorter window")
    first = np.concatenate(starts)
    return Windows(first, label[first] - 1, user[first], experiment[first])


def shape_of(settings: dict[str, Any], classes: int) -> StreamShape:
    """The shape of windows cut into steps of samples_per_step samples."""
    length, per_step = settings["window"], settings["samples_per_step"]
    if length % per_step:
        raise InputError(
            f"stream.samples_per_step = {per_step} doesn't divide stream.window = {length}; "
            "choose one that does"
        )
    return StreamShape(length // per_step, CHANNELS * per_step, classes, True)


def activity_classes(settings: dict[str, Any], *, shared: bool) -> int:
    """Classes of a stream of activities; `shared`: every task numbers its own from 0."""
    count, per_task = settings["tasks"], settings["classes_per_task"]
    if count * per_task > ACTIVITIES:
        raise InputError(
            f"stream.tasks = {count} times stream.classes_per_task = {per_task} is more than the "
            f"{ACTIVITIES} activities; set stream.tasks to {ACTIVITIES // per_task} or fewer"
        )
    return per_task if shared else count * per_task


class SensorTask(NamedTuple):
    """One task: which windows, and how activities are numbered."""

    info: TaskInfo
    train: NDArray[np.int64]  # (available,) numbers of windows
    test: NDArray[np.int64]  # (held_out,)
    first_class: int  # the activity that is class 0 here


class SensorStream(Opened):
    """Tasks over windows of one set of recordings.

    A window of stream.window samples of 6 channels is a sequence of window / samples_per_step steps of
    6 x samples_per_step values in [-1, 1] (share of FULL_SCALE, clipped).

    Each person's first recording is for training and the later ones are held out, so that a training window
    and a test window never share a sample.
    """

    def __init__(
        self,
        name: str,
        recordings: Recordings,
        cut: Windows,
        tasks: tuple[SensorTask, ...],
        *,
        scenario: str,
        classes: int,
        settings: dict[str, Any],
        seed: int,
    ) -> None:
        self._name, self._recordings, self._windows, self._tasks = name, recordings, cut, tasks
        self._infos = tuple(task.info for task in tasks)
        self._scenario, self._seed, self._order = scenario, seed, settings["order"]
        self._length = settings["window"]
        self._shape = shape_of(settings, classes)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the data file."""
        return dict(self._recordings.checksums)

    @property
    def data_from(self) -> list[str]:
        """Where the data set was found: 'hapt: data folder'."""
        return [self._recordings.where]

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training windows of `task` from number `start` on, shuffled or as recorded (stream.order)."""
        cutting.check_request(self._name, self.tasks, task, size, start)
        return self._yield(self._tasks[task], self._train(task), size, start)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test windows of `task`, as recorded."""
        cutting.check_request(self._name, self.tasks, task, size)
        return self._yield(self._tasks[task], self._tasks[task].test, size, 0)

    def class_counts(self, task: int) -> ClassCounts:
        """Windows of each activity in `task`."""
        cutting.check_request(self._name, self.tasks, task, 1)
        mine, activity = self._tasks[task], self._windows.activity
        train, test = activity[self._train(task)], activity[mine.test]
        return cutting.class_counts(train - mine.first_class, test - mine.first_class, self._shape.classes)

    def _train(self, task: int) -> NDArray[np.int64]:
        """Numbers of the training windows of `task`, in the order in which they are shown."""
        mine = self._tasks[task]
        order = cutting.train_order(mine.train, mine.info.examples, task, seed=self._seed)
        return np.sort(order) if self._order == "stored" else order

    def _yield(self, task: SensorTask, order: NDArray[np.int64], size: int, start: int) -> Iterator[Chunk]:
        """Chunks of the windows `order`."""
        steps, features = self._shape.steps, self._shape.features
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            samples = self._windows.first[which][:, None] + np.arange(self._length)  # (windows, samples)
            x = self._recordings.signal[samples] * self._recordings.unit  # (windows, samples, 6)
            x = np.clip(x, -1, 1).astype(np.float32, copy=False).reshape(len(which), steps, features)
            yield Chunk(x, self._windows.activity[which] - task.first_class)


def open_sensors(
    name: str,
    recordings: Recordings,
    settings: dict[str, Any],
    *,
    by: str,
    scenario: str,
    seed: int,
) -> SensorStream:
    """The stream with tasks `by` 'people' (groups of them) or by 'activities' (a few at a time)."""
    cut = windows(recordings, settings["window"], settings["hop"])
    shared = scenario == "domain-incremental"
    if by == "people":
        groups = _people(cut, settings["tasks"])
        classes = ACTIVITIES
    else:
        classes = activity_classes(settings, shared=shared)
        groups = _activities(recordings, cut, settings["tasks"], settings["classes_per_task"])
    tasks = []
    for k, (label, mine) in enumerate(groups):
        train = np.flatnonzero(mine & (cut.experiment == 0))
        test = np.flatnonzero(mine & (cut.experiment > 0))
        if len(train) == 0 or len(test) == 0:
            raise InputError(
                f"task {k} ({label}) of {name} has {len(train)} training and {len(test)} test windows; "
                "choose a shorter stream.window or fewer tasks"
            )
        examples = cutting.how_many(
            "stream.examples", settings["examples"], len(train), f"task {k} ({label})"
        )
        held_out = cutting.how_many("stream.held_out", settings["held_out"], len(test), f"task {k} ({label})")
        test = cutting.held_out_draw(test, held_out, k, seed=seed)
        first = k * settings["classes_per_task"] if by == "activities" and shared else 0
        tasks.append(SensorTask(TaskInfo(label, examples, held_out), train, test, first))
    return SensorStream(
        name,
        recordings,
        cut,
        tuple(tasks),
        scenario=scenario,
        classes=classes,
        settings=settings,
        seed=seed,
    )


def _people(cut: Windows, count: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The people in `count` groups of (nearly) equal size, in the order of their numbers."""
    everybody = np.unique(cut.user)
    if count > len(everybody):
        raise InputError(f"stream.tasks = {count}, but there are {len(everybody)} people; ask for fewer")
    groups = np.array_split(everybody, count)
    return [("people " + ", ".join(map(str, group)), np.isin(cut.user, group)) for group in groups]


def _activities(
    recordings: Recordings, cut: Windows, count: int, per_task: int
) -> list[tuple[str, NDArray[np.bool_]]]:
    """`per_task` activities at a time, in the order of their labels."""
    groups = []
    for k in range(count):
        low, high = k * per_task, (k + 1) * per_task
        label = ", ".join(recordings.label_names[low + 1 : high + 1])
        groups.append((label, (cut.activity >= low) & (cut.activity < high)))
    return groups
