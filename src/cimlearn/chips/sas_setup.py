"""What SAS-MRAM starts from: the size of its images, its frozen backbone, its memory cell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.technology import Technology, technology, technology_parameters
from cimlearn.errors import InputError
from cimlearn.learning.int8 import Int8, torch
from cimlearn.learning.intpool import resized
from cimlearn.networks.backbone import Backbone
from cimlearn.networks.backbones import build, shipped
from cimlearn.networks.equalise import equalised
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

HALF: Final = 128  # grey, in 8-bit pixels


def image_size(shape: StreamShape, side: int) -> tuple[int, int, int]:
    """(rows, rows, channels) of the images that a stream's examples are, at most `side` pixels high."""
    rows, features = shape.steps, shape.features
    for channels in (1, 3):
        if features == rows * channels and rows <= side and not shape.signed:
            return rows, rows, channels
    raise InputError(
        f"examples of {rows} steps of {features} values are no square images of 1 or 3 channels up to {side} pixels; "
        "choose an image stream with stream.form = rows, or set network.side"
    )


def fitted(images: NDArray[np.uint8], side: int, how: str) -> NDArray[np.uint8]:
    """(images, side, side, channels) of images (images, rows, rows, channels): zeros around them, or enlarged.

    'resize' is bilinear in whole numbers, rounded half up, so that it is the same everywhere.
    """
    rows = images.shape[1]
    if rows == side:
        return images
    if how == "pad":
        before = (side - rows) // 2
        around = (before, side - rows - before)
        return np.pad(images, ((0, 0), around, around, (0, 0)))
    centred = torch.from_numpy(images).permute(0, 3, 1, 2).float() - HALF  # -128 to 127
    acc = resized(Int8(centred, 0), (side, side), "bilinear")
    whole = (acc.sums.double() * 2.0**acc.exponent + 0.5).floor() + HALF
    return np.ascontiguousarray(whole.to(torch.uint8).permute(0, 2, 3, 1).numpy())


def frozen_backbone(p: ParameterSet) -> Backbone:
    """The frozen network with its weights, its channels equalised if that is asked for."""
    found = _weighted(p)
    return equalised(found) if p["network.equalise"] else found


def _weighted(p: ParameterSet) -> Backbone:
    name, weights = p["network.backbone"], p["network.weights"]
    if weights == "shipped":
        if name != "resnet8":
            raise InputError(f"no weights of {name} come with the package; name a file with network.weights")
        return shipped()
    found = Path(weights).expanduser()
    below = Path(os.environ.get("CIMLEARN_DATA", "")) / weights
    return build(name, weights=found if found.exists() or not below.exists() else below)


def error_rate(p: ParameterSet, name: str, of_device: float) -> float:
    """The probability that `name` ('faults.write_error', ...) asks for: the device's, or a number from 0 to 1."""
    given = p[name]
    if given == "device":
        return of_device
    try:
        rate = float(given)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise InputError(f"{name} = {given!r} is no probability; give device, or a number from 0 to 1")
    return rate


def memory_cell(p: ParameterSet) -> Technology:
    """The memory cell that the parameters describe."""
    name = p["cell.technology"]
    known = technology_parameters(name)
    return technology(name, {key: p[key] for key in known if key in p and p.entry(key).changed})
