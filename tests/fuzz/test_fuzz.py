"""The short form of `make fuzz` (scripts/fuzz.py): the same campaigns, a few cases each, the same every time."""

from __future__ import annotations

from pathlib import Path

import fuzzing
import pytest


def clean(tally: fuzzing.Tally) -> None:
    assert not tally.faults, "\n".join(tally.faults[:3])
    assert tally.tried and tally.refused + tally.accepted == tally.tried


def test_mutated_configurations(tmp_path: Path) -> None:
    tally = fuzzing.campaign("configurations", fuzzing.configuration, tmp_path, seed=0, count=250)
    clean(tally)
    assert tally.refused > 100


def test_damaged_files_of_every_format(tmp_path: Path) -> None:
    case = fuzzing.damaged_file(fuzzing.good_files())
    tally = fuzzing.campaign("files", case, tmp_path, seed=0, count=200)
    clean(tally)
    assert tally.refused > 80


@pytest.mark.usefixtures("toys")
def test_damaged_run_folders(tmp_path: Path) -> None:
    from stopped import stopped_run

    folder, records = stopped_run(tmp_path)
    tally = fuzzing.campaign("run folders", fuzzing.damaged_run(folder, records), tmp_path, seed=0, count=60)
    clean(tally)
    assert tally.refused > 20


def test_kills_at_random_moments(tmp_path: Path) -> None:
    whole = fuzzing.never_killed(tmp_path, ("run", "sweep"))  # test_search.py kills a search
    clean(
        fuzzing.campaign(
            "kills", fuzzing.kills(whole), tmp_path, seed=0, count=3, longest=4 * fuzzing.PATIENCE
        )
    )


def test_the_campaigns_can_fail(tmp_path: Path) -> None:
    def wrong(rng: object, folder: Path) -> str:
        raise KeyError("records")

    def slow(rng: object, folder: Path) -> str:
        raise fuzzing.Hang

    assert "KeyError" in fuzzing.campaign("wrong", wrong, tmp_path, seed=0, count=1).faults[0]
    assert "more than 20 s" in fuzzing.campaign("slow", slow, tmp_path, seed=1, count=1).faults[0]
