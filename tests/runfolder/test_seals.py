"""Any damage of a run folder is found: in run.json, in a record, in a state; and the last good one is named."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, described_in
from cimlearn.experiments.scheduler import Stopped
from cimlearn.runfolder.records import read_run

pytestmark = pytest.mark.usefixtures("toys")

EXPERIMENT = Experiment("toy", "blobs", seeds=(0,), settings={"stream.examples": 300})
FILES = ("run.json", "records.jsonl", "seed-0/records.jsonl", "seed-0/state.safetensors", "timing.json")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its third task, so that it can go on."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in toy.REPLACED.items():
            for name, value in names.items():
                patch.setattr(module, name, value, raising=False)
        patch.setattr(os, "fsync", lambda handle: None)
        seen: list[object] = []

        def interrupt(event: object) -> None:
            seen.append(event)
            if len(seen) > 8:
                raise KeyboardInterrupt

        folder = tmp_path_factory.mktemp("stopped") / "run"
        with pytest.raises(Stopped):
            EXPERIMENT.run(folder, progress=interrupt)
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def use(folder: Path) -> None:
    """What a user does with a run folder: look at it, and go on with it."""
    read_run(folder)
    described_in(folder).run(resume=folder)


def same(changed: bytes, good: bytes) -> bool:
    """Whether two texts mean the same JSON value."""
    try:
        return bool(json.loads(changed) == json.loads(good))
    except ValueError:
        return False


def test_an_untouched_folder_goes_on(folder: Path) -> None:
    use(folder)
    assert read_run(folder).complete


@pytest.mark.parametrize("file", FILES[:4])
def test_any_flipped_bit_is_found(folder: Path, file: str) -> None:
    """Every byte of small files, and 300 places of the others."""
    chance, path = random.Random(1), folder / file
    good = path.read_bytes()
    for at in chance.sample(range(len(good)), min(len(good), 300)):
        changed = bytearray(good)
        changed[at] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))
        if file == "run.json" and same(changed, good):
            continue  # such as 1e-05 and 1E-05
        with pytest.raises(InputError) as error:
            use(folder)
        assert "\n" not in str(error.value)
        path.write_bytes(good)
    use(folder)


@pytest.mark.parametrize("file", FILES)
def test_a_file_cut_anywhere_is_found_or_harmless(folder: Path, stopped: Path, file: str) -> None:
    chance, path = random.Random(2), folder / file
    good = path.read_bytes()
    for at in (0, 1, len(good) - 2, *chance.sample(range(len(good)), 20)):
        path.write_bytes(good[:at])
        try:
            use(folder)
        except InputError as error:
            assert "\n" not in str(error)
        else:  # a record that no state counts was lost, or a whole line of the joined file
            assert read_run(folder).complete
        shutil.rmtree(folder)
        shutil.copytree(stopped, folder)


def test_a_damaged_state_names_the_last_good_one(folder: Path) -> None:
    state, before = (folder / "seed-0" / f"state{word}.safetensors" for word in ("", ".previous"))
    content = bytearray(state.read_bytes())
    content[-3] ^= 4
    state.write_bytes(bytes(content))
    with pytest.raises(
        InputError, match=r"digest is wrong.*the last good one is .*previous.*: go on from it with: mv"
    ):
        use(folder)
    before.rename(state)
    use(folder)
    assert read_run(folder).complete


def test_without_an_earlier_state_the_seed_can_begin_anew(folder: Path) -> None:
    (folder / "seed-0" / "state.previous.safetensors").unlink()
    (folder / "seed-0" / "state.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(InputError, match="to learn seed 0 again from its start, remove"):
        use(folder)
    shutil.rmtree(folder / "seed-0")
    (folder / "records.jsonl").unlink()
    use(folder)


def test_the_last_good_record_is_named(folder: Path) -> None:
    path = folder / "seed-0" / "records.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1].replace('"examples": 300', '"examples": 301'))
    with pytest.raises(
        InputError, match=r"line 2 is broken \(its checksum is wrong\); the last good record is line 1"
    ):
        use(folder)


def test_a_run_after_a_damaged_state_gives_the_same_records(folder: Path, tmp_path: Path) -> None:
    """Going on from the state before the last writes the same bytes."""
    whole = EXPERIMENT.run(tmp_path / "whole")
    (folder / "seed-0/state.previous.safetensors").rename(folder / "seed-0/state.safetensors")
    use(folder)
    assert (folder / "records.jsonl").read_bytes() == (whole / "records.jsonl").read_bytes()


def unsealed(folder: Path) -> None:
    """The folder as earlier versions wrote it: no digest anywhere."""
    run = json.loads((folder / "run.json").read_text())
    del run["digest"]
    (folder / "run.json").write_text(json.dumps(run))
    for file in (folder / "records.jsonl", folder / "seed-0" / "records.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            del line["check"]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_folder_from_before_is_read_and_goes_on(folder: Path) -> None:
    unsealed(folder)
    use(folder)
    assert read_run(folder).complete


WRONG: dict[str, Callable[[dict], object]] = {
    "seeds are text": lambda run: run.update(seeds="0"),
    "seeds are true": lambda run: run.update(seeds=[True]),
    "no seeds": lambda run: run.update(seeds=[]),
    "a seed twice": lambda run: run.update(seeds=[0, 0]),
    "tasks are numbers": lambda run: run.update(tasks=[1, 2]),
    "no tasks": lambda run: run.update(tasks=[]),
    "a task without a name": lambda run: run["tasks"][0].pop("name"),
    "a task of minus examples": lambda run: run["tasks"][0].update(examples=-1),
    "parameters are a list": lambda run: run.update(parameters=[]),
    "a parameter is a number": lambda run: run["parameters"].update({"mean.step": 1}),
    "a value is a table": lambda run: run["parameters"]["mean.step"].update(value={}),
    "settings are a list": lambda run: run.update(settings=[1]),
    "data are a number": lambda run: run.update(data=3),
    "an unknown key": lambda run: run.update(sheds=[0]),
    "the inventory is a text": lambda run: run.update(inventory="x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_run_json_is_validated_not_just_parsed(folder: Path, name: str) -> None:
    unsealed(folder)
    run = json.loads((folder / "run.json").read_text())
    WRONG[name](run)
    (folder / "run.json").write_text(json.dumps(run))
    for act in (read_run, lambda f: described_in(f).run(resume=f)):
        with pytest.raises(InputError, match=r"run\.json") as error:
            act(folder)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "timing",
    ["[]", '{"0": 1}', '{"0": {"0": {"seconds": "1", "examples": 1}}}', '{"0": {"0": {"seconds": -1}}}'],
)
def test_timing_is_validated(folder: Path, timing: str) -> None:
    (folder / "timing.json").write_text(timing)
    with pytest.raises(InputError, match="remove it: no result depends on it"):
        use(folder)
    (folder / "timing.json").unlink()
    use(folder)


def test_other_readers_take_the_records(folder: Path) -> None:
    pandas, duckdb = pytest.importorskip("pandas"), pytest.importorskip("duckdb")
    use(folder)
    file = folder / "records.jsonl"
    assert pandas.read_json(file, lines=True)["task"].tolist() == [0, 1, 2]
    assert duckdb.sql(f"select task, examples from '{file}'").fetchall() == [(0, 300), (1, 300), (2, 300)]
