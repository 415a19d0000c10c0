"""Data sets in a row, a task each: 'mnist+fashion-mnist', 'cifar100:0-9+digits+cifar100:10-19'."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cimlearn.errors import InputError, nearest
from cimlearn.streams.base import StreamShape
from cimlearn.streams.images import ImageStream, image_shape, image_task
from cimlearn.streams.pixels import resized
from cimlearn.streams.sources.imagesets import load_images
from cimlearn.streams.sources.known import SOURCES, Source


class Piece(NamedTuple):
    """One task: some classes of a data set, from `low` to `high`, both in it."""

    source: Source
    low: int
    high: int

    @property
    def classes(self) -> int:
        """How many classes it has."""
        return self.high - self.low + 1

    @property
    def label(self) -> str:
        """'mnist', 'cifar100 classes 0 to 9', 'mnist class 3'."""
        if self.classes == self.source.classes:
            return self.source.name
        which = f"classes {self.low} to {self.high}" if self.classes > 1 else f"class {self.low}"
        return f"{self.source.name} {which}"


def pieces(name: str) -> tuple[Piece, ...]:
    """What 'mnist+cifar100:0-9' stands for.

    Raises
    ------
    InputError
        If a part is no image set, or asks for classes that it doesn't have.
    """
    return tuple(_piece(part.strip(), name) for part in name.split("+"))


def _piece(part: str, name: str) -> Piece:
    """'cifar100:0-9', 'mnist:3' or 'mnist'."""
    images = {key: source for key, source in SOURCES.items() if source.image != (0, 0, 0)}
    source, colon, cut = part.partition(":")
    if source not in images:
        raise InputError(f"stream '{name}': '{source}' is no image set; {nearest(source, images)}")
    known = images[source]
    if not colon:
        return Piece(known, 0, known.classes - 1)
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", cut)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not low <= high < known.classes:
        raise InputError(
            f"stream '{name}': '{part}' asks for no classes of {source}, which are 0 to {known.classes - 1}; "
            f"write it as {source}:0-{known.classes // 2 - 1}"
        )
    return Piece(known, low, high)


def _image(parts: tuple[Piece, ...], settings: dict[str, Any]) -> tuple[int, int, int]:
    """(side, side, channels) that all images are brought to."""
    side = settings["side"] or max(max(piece.source.image[:2]) for piece in parts)
    channels = {"grey": 1, "colour": 3}.get(settings["channels"])
    return side, side, channels or max(piece.source.image[2] for piece in parts)


def sequence_shape(name: str, settings: dict[str, Any]) -> StreamShape:
    """The shape of the stream called `name`, without its data."""
    parts = pieces(name)
    counts = [piece.classes for piece in parts]
    classes = max(counts) if settings["labels"] == "own" else sum(counts)
    return image_shape(_image(parts, settings), settings, classes)


def open_sequence(name: str, settings: dict[str, Any], *, data: str | Path | None, seed: int) -> ImageStream:
    """Task k is the k-th data set (or some classes of it); all images have one size and number of channels.

    Labels (stream.labels):
        own       every task numbers its classes from 0, so the outputs are as many as the largest task has
        disjoint  classes are numbered through all tasks: class-incremental; a class of one data set that two tasks
                  have counts twice

    Memory: one byte per stored value of each different data set, shared by all streams of the process, and a
    sparse matrix of a few numbers per value for each size that has to change.
    """
    parts, shape = pieces(name), sequence_shape(name, settings)
    image, shared = _image(parts, settings), settings["labels"] == "own"
    checksums: dict[str, str] = {}
    tasks, first = [], 0
    for k, piece in enumerate(parts):
        images = load_images(piece.source.name, data)
        checksums |= {f"{piece.source.name}/{file}": digest for file, digest in images.checksums.items()}
        train, test = (
            np.flatnonzero((y >= piece.low) & (y <= piece.high)) for y in (images.y_train, images.y_test)
        )
        pixels = resized(piece.source.image, image, pad=settings["fit"] == "pad")
        offset = piece.low - (0 if shared else first)
        tasks.append(image_task(piece.label, k, images, train, test, pixels, offset, settings, seed=seed))
        first += piece.classes
    scenario = "domain-incremental" if shared else "class-incremental"
    return ImageStream(name, tuple(tasks), shape, scenario=scenario, checksums=checksums, seed=seed)
