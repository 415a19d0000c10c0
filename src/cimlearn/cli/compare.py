"""`cimlearn compare`: finished runs side by side in one page; or one chip and stream on several memories."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

from cimlearn import chips
from cimlearn.cli.comparing import over_of, show
from cimlearn.cli.explore import explore
from cimlearn.errors import InputError
from cimlearn.report.compare.read import read_runs

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
    device = chips.kind(arguments.chip).device
    if device is None:
        raise InputError(f"{arguments.chip} has one memory cell; --devices needs a chip that has a choice")
    devices = [name.strip() for name in arguments.devices.split(",") if name.strip()]
    return explore(arguments, {device: devices}, arguments.name)
