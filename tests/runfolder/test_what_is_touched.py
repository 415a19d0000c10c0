"""What may be written and deleted: only files of our own names, in folders that we made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.runfolder.files import remove_left, remove_own
from cimlearn.studies.sweep import FILES, Point, _place, run_points
from cimlearn.studies.workers.here import Here

pytestmark = pytest.mark.usefixtures("toys")
SHORT = Experiment("toy", "blobs", settings={"stream.examples": 20, "stream.tasks": 1})
THEIRS = (
    ".git/.lock.tmp",
    ".git/.run.json.12-34.tmp",
    ".notes.tmp",
    ".run.json.tmp",
    ".run.json.12-34.tmp.bak",
    ".thesis.tex.12-34.tmp",
    ".seed-0/.state.safetensors.1-2.tmp",
    "seed-x/.run.json.1-2.tmp",
)
OURS = (
    ".run.json.12-34.tmp",
    "seed-0/.state.safetensors.7-140.tmp",
    "seed-0/.records.jsonl.7-1.tmp",
    "figures/.accuracy.png.7-1.tmp",
    ".report.html.7-1.tmp",
    "seed-0/.state.previous.safetensors.5-0.tmp",
)


def put(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_a_folder_of_hidden_files_keeps_them(tmp_path: Path) -> None:
    hidden = tuple(name for name in THEIRS if name.startswith("."))
    put(tmp_path, hidden)
    SHORT.run(tmp_path)
    SHORT.run(resume=tmp_path)
    assert all((tmp_path / name).read_text() == name for name in hidden)


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    folder = SHORT.run(tmp_path / "run")
    outside = tmp_path / "outside"
    put(outside, (".run.json.1-2.tmp",))
    put(folder, (*THEIRS, *OURS))
    (folder / ".timing.json.1-2.tmp").symlink_to(outside / ".run.json.1-2.tmp")
    (folder / "seed-7").symlink_to(outside)
    SHORT.run(resume=folder)
    assert all((folder / name).read_text() == name for name in THEIRS)
    assert not any((folder / name).exists() for name in OURS)
    assert (outside / ".run.json.1-2.tmp").exists()


def test_a_run_from_elsewhere_leaves_other_files_alone(tmp_path: Path) -> None:
    done = SHORT.run(tmp_path / "done")
    files = {name: (done / name).read_text() for name in FILES}
    begun = SHORT.run(tmp_path / "begun")
    put(begun, ("notes.txt", ".hidden", "seed-0/mine.npy"))
    _place(begun, files)
    assert sorted(p.name for p in begun.iterdir()) == sorted([".hidden", "notes.txt", "seed-0", *FILES])
    assert os.listdir(begun / "seed-0") == ["mine.npy"]
    (tmp_path / "other").mkdir()
    put(tmp_path / "other", ("thesis.tex",))
    with pytest.raises(InputError, match="holds other files"):
        _place(tmp_path / "other", files)
    with pytest.raises(InputError, match="none of a run's"):
        _place(tmp_path / "new", {**files, "../x": ""})


def test_remove_own_stays_in_the_folder(tmp_path: Path) -> None:
    folder = SHORT.run(tmp_path / "run")
    put(folder, ("a/run.json", "run.json.bak"))
    remove_own(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["a", "run.json.bak"]
    assert (folder / "a" / "run.json").exists()


@pytest.mark.parametrize("name", ["..", ".", "...", "a\0b"])
def test_a_run_s_name_cannot_leave_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be called"):
        run_points([Point(name, SHORT)], tmp_path / "runs", on=Here())
    assert [p.name for p in tmp_path.iterdir()] in ([], ["runs"])


def test_a_study_s_leftovers_are_removed_in_a_study_only(tmp_path: Path) -> None:
    left, theirs = (
        ".results.parquet.12-34.tmp",
        (".thesis.tex.12-34.tmp", ".results.parquet.tmp", "results.parquet"),
    )
    for name, described in (("study", True), ("home", False)):
        folder = tmp_path / name
        put(folder, (left, *theirs))
        if described:
            (folder / "study.toml").write_text("")
        run_points([Point("a", SHORT)], folder / "runs", on=Here())
        assert (folder / left).exists() is not described
        assert all((folder / other).exists() for other in theirs)


def test_in_a_folder_that_others_may_write_into_only_old_leftovers_go(tmp_path: Path) -> None:
    """A search on several machines: what one of them is just writing stays; its pages and its id are a study's too."""
    put(tmp_path, ("study.toml", ".front.csv.12-34.tmp", ".search.html.12-34.tmp", ".front.csv.56-78.tmp"))
    (tmp_path / "search").mkdir()
    put(tmp_path / "search", (".id.12-34.tmp", "id"))
    for file in (*tmp_path.glob(".*.12-34.tmp"), tmp_path / "search" / ".id.12-34.tmp"):
        os.utime(file, (0, 0))
    remove_left(tmp_path, shared=True)
    left = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"study.toml", ".front.csv.56-78.tmp", "id"}
