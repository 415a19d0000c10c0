"""The shape of a named stream from its settings alone, without opening its data."""

from __future__ import annotations

from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import NumberShape, StreamShape
from cimlearn.streams.catalog import DOMAIN, describe, elsewhere
from cimlearn.streams.images import image_shape, split_classes
from cimlearn.streams.sensors import ACTIVITIES, activity_classes, shape_of
from cimlearn.streams.sequences import sequence_shape
from cimlearn.streams.sources.known import SOURCES


def known_shape(name: str | Path, settings: ParameterSet) -> StreamShape:
    """The shape that `open_stream(name, settings=settings)` would have.

    Parameters
    ----------
    name
        one of `names()`, or data sets in a row: 'mnist+cifar10'
    settings
        all of the stream's parameters, as `parameters(name)` gives them

    Raises
    ------
    InputError
        If the name is unknown, a setting doesn't fit, or only the data knows the shape (a file, a folder).
    """
    named, chosen = describe(name), settings.part("stream")
    if named.family == "elsewhere" and (shape := elsewhere(str(name)).shape) is not None:
        return shape(chosen)
    shared = named.scenario == DOMAIN
    if named.family in ("file", "folder", "table", "elsewhere"):
        raise InputError(
            f"the shape of {name} is known only once its data is read; name a stream of the same shape, "
            f"or run it for its costs: cimlearn run CHIP --stream {name}"
        )
    if named.family == "series":
        return NumberShape(chosen["window"], 1, 1, True)
    if named.family == "people":
        return shape_of(chosen, ACTIVITIES)
    if named.family == "activities":
        return shape_of(chosen, activity_classes(chosen, shared=shared))
    if named.family == "sequence":
        return sequence_shape(str(name), chosen)
    source = SOURCES[named.source]
    classes = source.classes
    if named.family == "split":
        classes = split_classes(str(name), source.classes, chosen, shared=shared)
    return image_shape(source.image, chosen, classes)
