"""A toy run of two seeds that was stopped in the middle, and the records that it ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.scheduler import Stopped


def stopped_run(folder: Path) -> tuple[Path, bytes]:
    """The folder of the stopped run, and records.jsonl of the same run that was not stopped. Needs the toys."""
    experiment = Experiment("toy", "blobs", seeds=(0, 1), settings={"stream.examples": 120})
    seen: list[object] = []

    def interrupt(event: object) -> None:
        seen.append(event)
        if len(seen) > 19:
            raise KeyboardInterrupt

    with pytest.raises(Stopped):
        experiment.run(folder / "stopped", progress=interrupt)
    whole = experiment.run(folder / "whole")
    return folder / "stopped", (whole / "records.jsonl").read_bytes()
