"""What SAS-MRAM starts from: the size of its images, its frozen backbone, its memory cell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cimlearn.arrays.wear import Law, Lines
from cimlearn.devices.technology import Technology
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet
from cimlearn.places import expanded
from cimlearn.streams.base import StreamShape

if TYPE_CHECKING:
    from cimlearn.learning.integer.graph import IntGraph
    from cimlearn.networks.backbone import Backbone


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


def check_replay(p: ParameterSet) -> None:
    """Raise InputError if replay is asked for where every task has its own network, which never forgets."""
    for name in ("replay.slots", "replay.ratio"):
        if p["network.tasks"] == "own" and p.entry(name).changed and p[name]:
            raise InputError(
                f"{name} = {p[name]} has no effect with network.tasks = own, where nothing is replayed; "
                "set network.tasks=shared, or leave it out"
            )


def check_exponents(p: ParameterSet) -> None:
    """Raise InputError where two settings say what exponents are."""
    if p["network.static"] and p["network.exponents"] == "last":
        raise InputError(
            "network.exponents = last with network.static = true: exponents of the frozen blocks can't be fixed and "
            "follow the last batch; leave one of them out"
        )
    if p["network.refold"] and p["network.norm"] != "batch":
        raise InputError(
            f"network.refold = {p['network.refold']} has no effect with network.norm = none, where nothing is folded "
            "anew; set network.norm=batch, or leave it out"
        )
    if p["network.norm"] == "batch" and p["network.train"] in ("last", "bias"):
        raise InputError(
            f"network.norm = batch has no effect with network.train = {p['network.train']}, where no layer in front "
            "of a norm learns; use repnet, repnet+bias or full, or leave it out"
        )
    if p["network.norm"] == "batch" and p["network.train"] == "full" and p["network.weights"] == "shipped":
        raise InputError(
            "network.norm = batch with network.train = full: the norms of the shipped backbone are folded already; "
            "name a file of another with network.weights, or train repnet"
        )


def frozen_backbone(p: ParameterSet, *, equal: bool) -> Backbone:
    """The frozen network with its weights, its channels equalised if that is asked for and `equal` (for INT8)."""
    from cimlearn.networks.equalise import equalised

    found = _weighted(p)
    return equalised(found) if equal and p["network.equalise"] else found


def _weighted(p: ParameterSet) -> Backbone:
    from cimlearn.networks.backbones import build, shipped

    name, weights = p["network.backbone"], p["network.weights"]
    if weights == "shipped":
        if name != "resnet8":
            raise InputError(f"no weights of {name} come with the package; name a file with network.weights")
        return shipped()
    found = expanded(weights)
    below = Path(os.environ.get("CIMLEARN_DATA", "")) / weights
    return build(name, weights=found if found.exists() or not below.exists() else below)


def wear_law(p: ParameterSet, cell: Technology) -> Law:
    """How the chip's cells stick."""
    return Law(cell.endurance, cell.endurance_spread, p["faults.stuck"])


def stick(blocks: Iterable[IntGraph], law: Law, *, seed: int) -> None:
    """Put into frozen blocks what cells hold of which some are stuck from the start."""
    for number, block in enumerate(blocks):
        for name, weights in block.weights().items():
            lines = Lines(weights, 1, law, seed=seed, names=("frozen", str(number), name))
            block.load({name: lines.born(weights)})
