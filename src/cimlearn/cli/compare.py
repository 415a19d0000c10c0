"""`cimlearn compare`: one chip and stream on several memories or devices, side by side."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from cimlearn.cli import explore
from cimlearn.errors import InputError, nearest

CHOOSES: Final = {"m2ru": "device.kind", "sas-mram": "cell.technology"}  # the parameter that names the device


def command(arguments: Namespace) -> None:
    """A grid over the devices alone: accuracy, energy, area and lifetime of each."""
    if arguments.chip not in CHOOSES:
        raise InputError(f"unknown chip '{arguments.chip}'; {nearest(arguments.chip, CHOOSES)}")
    arguments.vary = [f"{CHOOSES[arguments.chip]}={arguments.devices}"]
    arguments.out = arguments.out or f"compared/{arguments.chip}"
    explore.command(arguments)
