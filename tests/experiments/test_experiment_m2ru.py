"""The real chip through the loop: stopped and resumed at any moment, in threads, always the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cimlearn.chips.m2ru import helpers
from cimlearn.experiments.experiment import Experiment, described_in
from cimlearn.experiments.scheduler import Stopped
from cimlearn.report.run.rested import sentences
from cimlearn.report.run.summary import summarise
from cimlearn.runfolder.records import read_run

SETTINGS = {
    "network.hidden": 12,
    "stream.examples": 130,
    "stream.tasks": 2,
    "stream.held_out": 40,
    "replay.slots": 50,
}
RESTING = {  # cells that age, and a day after each task
    "cell.drift": 0.01,
    "cell.drift_spread": 0.01,
    "cell.relaxation": 0.01,
    "cell.telegraph": 0.02,
    "cell.temperature_coefficient": 5e-4,
    "operation.age_interval": 2,
    "operation.calibration": "sum",
    "operation.refresh": 20,
    "operation.rest": 86400.0,
    "operation.temperature": "280,340",
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "chip": ("chip", {}),
    "float": ("float", {}),
    "resting": ("chip", RESTING),
}


def experiment(kind: str) -> Experiment:
    on, more = KINDS[kind]
    return Experiment("m2ru", "permuted-digits", on, seeds=(0, 1), settings=SETTINGS | more)


def content(folder: Path) -> dict[str, bytes]:
    names = ("records.jsonl", "run.json", "seed-0/state.safetensors", "seed-1/state.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize("kind", KINDS)
def test_stops_and_threads_change_nothing(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_WEIGHTS", "LEAST_EXAMPLES", "LEAST_PASSES"):
        monkeypatch.setattr(helpers, name, 1)  # so that threads are left for the inside of chips
    whole = content(experiment(kind).run(tmp_path / "whole"))
    folder = tmp_path / "run"
    stops = 0
    resume = None
    for events, threads in ((2, 2), (4, 4), (3, 6)):  # each start goes a few chunks further
        seen: list[Any] = []

        def interrupt(event: Any, seen: list[Any] = seen, events: int = events) -> None:
            seen.append(event)
            if len(seen) > events:
                raise KeyboardInterrupt

        try:
            experiment(kind).run(
                None if resume else folder,
                resume=resume,
                progress=interrupt,
                threads=threads,
                checkpoint_seconds=0,
            )
        except Stopped:
            stops += 1
        resume = folder
    assert stops >= 2
    described_in(folder).run(resume=folder)
    assert content(folder) == whole
    rested = read_run(folder).records[-1].rested
    assert len(rested) == (2 if kind == "resting" else 0)
    said = summarise(read_run(folder))
    assert ("rested" in said) == (kind == "resting")
    if "rested" in said:
        assert said["rested"]["after_each"][-1] == said["rested"]["after"]
        assert len(said["rested"]["relearned"]) == 1 and "followed by a rest" in sentences(said)[0]
