"""The loop and its files, on the toy chip: records, threads, resume, a full disk."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, described_in
from cimlearn.experiments.loop import Evaluated, Learned
from cimlearn.experiments.record import make_record
from cimlearn.experiments.scheduler import Stopped
from cimlearn.runfolder.records import read_run

pytestmark = pytest.mark.usefixtures("toys")

EXPERIMENT = Experiment("toy", "blobs", seeds=(0, 3), settings={"stream.examples": "600"})
FINAL = (
    "records.jsonl",
    "run.json",
    *(f"seed-{s}/{f}" for s in (0, 3) for f in ("records.jsonl", "state.safetensors")),
)


def content(folder: Path) -> dict[str, bytes]:
    """The files that must be the same however a run came to its end."""
    return {name: (folder / name).read_bytes() for name in FINAL}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that was never stopped."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in toy.REPLACED.items():
            for name, value in names.items():
                patch.setattr(module, name, value, raising=False)
        return content(EXPERIMENT.run(tmp_path_factory.mktemp("whole") / "run"))


def resume_until_done(experiment: Experiment, folder: Path) -> dict[str, bytes]:
    experiment.run(resume=folder)
    assert not list(folder.rglob(".*.tmp"))
    return content(folder)


def test_records_are_what_the_report_reads(whole: dict[str, bytes], tmp_path: Path) -> None:
    run = read_run(EXPERIMENT.run(tmp_path / "run"))
    assert run.complete
    assert [(r.seed, r.task) for r in run.records] == [(0, 0), (0, 1), (0, 2), (3, 0), (3, 1), (3, 2)]
    last = run.records[-1]
    assert last.counts == {
        "learn": {"mean": {"write": 3 * 600}},
        "predict": {"mean": {"read": (1 + 2 + 3) * 120}},
    }
    assert last.examples == 600
    assert last.accuracy[-1] > 0.85  # a task just learned; guessing gives 0.5
    assert last.writes["mean"].worn == 1
    assert sum(last.writes["mean"].counts) == last.writes["mean"].cells == 12
    assert run.config["settings"] == {"stream.examples": 600}
    assert run.config["parameters"]["stream.examples"]["changed"]
    timed = {(seed, task): t["examples"] for seed, tasks in run.timing.items() for task, t in tasks.items()}
    assert timed["0", "0"] == timed["3", "0"] == 600 - 20  # a seed's first chunk may hold compiling
    assert timed["0", "2"] == timed["3", "1"] == 600


def test_run_json_is_the_same_for_the_same_experiment(whole: dict[str, bytes], tmp_path: Path) -> None:
    folder = EXPERIMENT.run(tmp_path / "elsewhere")
    assert (folder / "run.json").read_bytes() == whole["run.json"]
    assert str(tmp_path).encode() not in whole["run.json"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seconds", [0.0, 0.002, 1e9])
def test_threads_and_saving_change_nothing(
    whole: dict[str, bytes], tmp_path: Path, threads: int, seconds: float
) -> None:
    folder = EXPERIMENT.run(tmp_path / "run", threads=threads, checkpoint_seconds=seconds)
    assert content(folder) == whole


def test_seeds_differ_and_do_not_depend_on_each_other(whole: dict[str, bytes], tmp_path: Path) -> None:
    alone = replace(EXPERIMENT, seeds=(3,)).run(tmp_path / "alone")
    assert (alone / "records.jsonl").read_bytes() == whole["seed-3/records.jsonl"]
    assert whole["seed-3/records.jsonl"] != whole["seed-0/records.jsonl"].replace(b'"seed": 0', b'"seed": 3')


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("events", [0, 1, 2, 4, 5, 9, 12, 17])
def test_a_stop_is_resumed_exactly(
    whole: dict[str, bytes], tmp_path: Path, threads: int, events: int
) -> None:
    seen = []

    def interrupt(event: Any) -> None:
        seen.append(event)
        if len(seen) > events:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt) as stop:
        EXPERIMENT.run(folder, progress=interrupt, threads=threads)
    assert events == 0 or isinstance(stop.value, Stopped)
    assert resume_until_done(described_in(folder), folder) == whole


def test_a_chip_without_its_generator_in_the_state_is_caught(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = toy.NearestMean.load

    def forgetful(chip: toy.NearestMean, tensors: dict[str, Any], values: dict[str, Any]) -> None:
        load(chip, tensors, {**values, "rng": chip.rng.bit_generator.state})

    monkeypatch.setattr(toy.NearestMean, "load", forgetful)

    def interrupt(event: Any) -> None:
        if isinstance(event, Learned) and event.task == 1:
            raise KeyboardInterrupt

    with pytest.raises(Stopped):
        EXPERIMENT.run(tmp_path / "run", progress=interrupt)
    assert resume_until_done(EXPERIMENT, tmp_path / "run") != whole


class PowerCut(BaseException):
    """The process is gone: nothing after it happens."""


@pytest.mark.parametrize("cut", [*range(1, 24), 30, 35])
def test_a_cut_at_any_write_leaves_a_run_that_goes_on(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    move, moves = os.replace, []

    def cut_off(source: Any, target: Any) -> None:
        moves.append(target)
        if len(moves) > cut:
            raise PowerCut
        move(source, target)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_off)
        with pytest.raises(PowerCut):
            EXPERIMENT.run(folder, checkpoint_seconds=0)
    assert resume_until_done(EXPERIMENT, folder) == whole


@pytest.mark.parametrize("writes", [0, 1, 5, 8, 14])
def test_a_full_disk_is_said_and_survived(
    whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    flush, done = os.fsync, []

    def full(handle: int) -> None:
        done.append(handle)
        if len(done) > 2 * writes:  # a file and its folder are flushed for each write
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="disk full") as error:
            EXPERIMENT.run(folder, checkpoint_seconds=0)
    if writes == 0:
        assert content(EXPERIMENT.run(folder)) == whole  # not begun, so the folder is still free
    else:
        assert f"--resume {folder}" in str(error.value)
        assert resume_until_done(EXPERIMENT, folder) == whole


def test_resume_refuses_what_is_not_the_same(tmp_path: Path) -> None:
    folder = EXPERIMENT.run(tmp_path / "run")
    before = content(folder)
    others = {
        "read.noise = 0.5": {"settings": {**EXPERIMENT.settings, "read.noise": 0.5}},
        "stream.examples = 700": {"settings": {}},
        r"seeds = \[0\]": {"seeds": (0,)},
        "on = float": {"on": "float"},
        "data file blobs.npz": {"data": "1" * 64},
    }
    for message, change in others.items():
        with pytest.raises(InputError, match=message):
            replace(EXPERIMENT, **change).run(resume=folder)
    assert content(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": 2}, "run format 2"), ({"cimlearn": "9.9.9"}, "written by cimlearn 9.9.9")],
)
def test_resume_refuses_other_formats_and_versions(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = EXPERIMENT.run(tmp_path / "run")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, **change}))
    with pytest.raises(InputError, match=message):
        described_in(folder)


def test_damage_is_named(tmp_path: Path) -> None:
    folder = EXPERIMENT.run(tmp_path / "run")
    state = folder / "seed-0" / "state.safetensors"
    kept = state.read_bytes()
    state.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(InputError, match=r"state.safetensors is damaged"):
        EXPERIMENT.run(resume=folder)
    state.write_bytes(kept)
    (folder / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run.json is damaged"):
        EXPERIMENT.run(resume=folder)


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    folder = EXPERIMENT.run(tmp_path / "run")
    before = content(folder)
    with pytest.raises(InputError, match=r"already holds a run.*--resume"):
        EXPERIMENT.run(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("words")
    with pytest.raises(InputError, match="holds other files"):
        EXPERIMENT.run(tmp_path / "mine")
    assert content(folder) == before


def test_two_processes_cannot_write_into_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def second(event: Any) -> None:
        if isinstance(event, Evaluated) and event.seed == 0 and event.task == 0:
            with pytest.raises(InputError, match="another process is running"):
                EXPERIMENT.run(resume=folder)

    EXPERIMENT.run(folder, progress=second)


def test_folders_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = Experiment("toy", "blobs", settings={"stream.examples": 10, "stream.tasks": 1})
    assert [str(short.run()) for _ in range(2)] == ["runs/toy-blobs-chip-1", "runs/toy-blobs-chip-2"]


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,)])
def test_seeds_are_checked(seeds: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="seeds ="):
        Experiment("toy", "blobs", seeds=seeds)


def test_a_misspelled_stream_setting_gets_the_stream_s_name() -> None:
    with pytest.raises(InputError, match=r"'strem.examples'; did you mean 'stream.examples'"):
        _ = Experiment("toy", "blobs", settings={"strem.examples": 1}).parameters


class Wide(toy.NearestMean):
    """A chip whose array is larger than the map of a record."""

    def writes(self) -> dict[str, np.ndarray]:
        return {"wide": np.arange(2 * 3 * 130).reshape(2, 3, 130)}


def test_write_statistics_are_those_of_the_cells() -> None:
    chip = Wide(toy.CHIP, toy.Blobs.shape, 0)
    record = make_record(chip, seed=0, task=0, name="t", accuracy=[0.5], examples=1)
    wide, cells = record["writes"]["wide"], chip.writes()["wide"]
    assert (wide["cells"], wide["total"], wide["max"]) == (780, int(cells.sum()), 779)
    assert wide["mean"] == cells.mean()
    counts, _ = np.histogram(cells, wide["histogram"]["edges"])
    assert counts.tolist() == wide["histogram"]["counts"]
    assert wide["map"]["block"] == [1, 3]
    drawn, cells = np.array(wide["map"]["mean"]), cells.mean(axis=0)  # of the two cells of each weight
    assert drawn.shape == (3, 44)
    assert drawn[1, 0] == pytest.approx(cells[1, :3].mean(), abs=5e-4)
    assert drawn[2, 43] == pytest.approx(cells[2, 129:].mean(), abs=5e-4)  # the last block is narrower


def test_whoever_raises_after_a_task_stops_the_run_there(tmp_path: Path) -> None:
    """The loop waits until its record was followed, however long that takes."""

    class Enough(Exception):
        pass

    def once(event: object) -> None:
        if isinstance(event, Evaluated):
            time.sleep(0.2)  # many tasks of the toy
            raise Enough

    with pytest.raises(Enough):
        replace(EXPERIMENT, seeds=(0,)).run(tmp_path / "run", progress=once)
    assert len((tmp_path / "run" / "seed-0" / "records.jsonl").read_text("utf-8").splitlines()) == 1
