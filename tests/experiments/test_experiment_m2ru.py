"""The real chip through the loop: stopped and resumed at any moment, in threads, always the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cimlearn.experiments.experiment import Experiment, described_in
from cimlearn.experiments.scheduler import Stopped

SETTINGS = {
    "network.hidden": 12,
    "stream.examples": 130,
    "stream.tasks": 2,
    "stream.held_out": 40,
    "replay.slots": 50,
}


def experiment(on: str) -> Experiment:
    return Experiment("m2ru", "permuted-digits", on, seeds=(0, 1), settings=SETTINGS)


def content(folder: Path) -> dict[str, bytes]:
    names = ("records.jsonl", "run.json", "seed-0/state.safetensors", "seed-1/state.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize("on", ["chip", "float"])
def test_stops_and_threads_change_nothing(on: str, tmp_path: Path) -> None:
    whole = content(experiment(on).run(tmp_path / "whole"))
    folder = tmp_path / "run"
    stops = 0
    resume = None
    for events in (2, 4, 3):  # each start goes a few chunks further
        seen: list[Any] = []

        def interrupt(event: Any, seen: list[Any] = seen, events: int = events) -> None:
            seen.append(event)
            if len(seen) > events:
                raise KeyboardInterrupt

        try:
            experiment(on).run(
                None if resume else folder, resume=resume, progress=interrupt, threads=2, checkpoint_seconds=0
            )
        except Stopped:
            stops += 1
        resume = folder
    assert stops >= 2
    described_in(folder).run(resume=folder)
    assert content(folder) == whole
