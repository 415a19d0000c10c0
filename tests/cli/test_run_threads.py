"""How many threads a run takes where nobody says, and what a seed gets of those that are given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.cli import run
from cimlearn.experiments.experiment import Experiment


@pytest.mark.parametrize(
    ("seeds", "mine", "cores", "load", "threads"),
    [
        (1, 8, 8, 0.1, 2),  # one seed on an idle machine
        (1, 1, 8, 0.1, 1),  # of whose cores this process may use one
        (1, 8, 8, 7.0, 1),  # that is busy
        (3, 8, 8, 1.9, 6),
        (3, 8, 8, 3.0, 3),  # five cores are idle: a second thread for some seeds is none
        (3, 4, 4, 0.0, 3),
        (9, 4, 4, 0.0, 4),
    ],
)
def test_default(
    seeds: int, mine: int, cores: int, load: float, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(mine)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert run._threads(seeds) == threads


@pytest.mark.parametrize(("threads", "inside"), [(1, None), (2, None), (3, None), (4, 2), (7, 3)])
def test_seeds_come_first(
    threads: int, inside: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left after two seeds have a thread each is shared out inside their chips."""
    told: list[int] = []
    monkeypatch.setattr(M2RU, "use_threads", lambda self, given: told.append(given))
    settings = {"network.hidden": 4, "stream.examples": 5, "stream.tasks": 1, "stream.held_out": 5}
    experiment = Experiment("m2ru", "permuted-digits", seeds=(0, 1), settings=settings)
    build, side = experiment._placed(experiment.build(0)[1], threads)
    assert side == min(threads, 2)
    build(1)
    assert told == ([] if inside is None else [inside])
