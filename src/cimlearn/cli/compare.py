"""`cimlearn compare`: finished runs side by side in one page; or one chip and stream on several memories."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

from cimlearn.cli.comparing import over_of, show
from cimlearn.cli.explore import explore
from cimlearn.errors import InputError, nearest
from cimlearn.report.compare.read import read_runs

CHOOSES: Final = {"m2ru": "device.kind", "sas-mram": "cell.technology"}  # the parameter that names the device
_CHIP: Final = "sas-mram"
_FOLDER: Final = "compared"
_OF_DEVICES: Final = (
    "chip",
    "stream",
    "seeds",
    "set",
    "data",
    "workers",
    "name",
)  # say what is run, so not with runs


def command(arguments: Namespace) -> int:
    """With run folders: a page of them. With --devices: run each device, then the same page."""
    if arguments.runs and arguments.devices:
        raise InputError("give run folders, or --devices to run a chip on several memories; not both")
    if arguments.devices is not None:
        return _devices(arguments)
    if not arguments.runs:
        raise InputError(
            "nothing to compare: name run folders (cimlearn compare runs/a runs/b) or --devices NAME,..."
        )
    _runs(arguments)
    return 0


def _runs(arguments: Namespace) -> None:
    """Compare what is there."""
    for name in _OF_DEVICES:
        if getattr(arguments, name):
            raise InputError(f"--{name} goes with --devices: these runs are finished; leave it out")
    compared = read_runs(arguments.runs)
    over = over_of(arguments.over, compared)
    show(compared, Path(arguments.out or _FOLDER), over, as_json=arguments.json)


def _devices(arguments: Namespace) -> int:
    """A study that varies the device alone: accuracy, energy, area and lifetime of each."""
    if arguments.over:
        raise InputError("--over goes with run folders; to average over it, compare the finished runs")
    arguments.chip = arguments.chip or _CHIP
    if arguments.chip not in CHOOSES:
        raise InputError(f"unknown chip '{arguments.chip}'; {nearest(arguments.chip, CHOOSES)}")
    devices = [name.strip() for name in arguments.devices.split(",") if name.strip()]
    return explore(arguments, {CHOOSES[arguments.chip]: devices}, arguments.name)
