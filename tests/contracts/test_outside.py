"""A device, a chip, a stream and a feedback that live outside the package: found, checked, run, recorded, resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cimlearn
from cimlearn import extensions
from cimlearn.chips import catalog as chips
from cimlearn.devices import DeviceKind
from cimlearn.devices import catalog as devices
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import same_experiment
from cimlearn.learning.dfa import FeedbackKind
from cimlearn.streams import StreamKind
from cimlearn.streams import catalog as streams
from cimlearn.streams.catalog import elsewhere
from cimlearn.testing import checks

SOURCE = """
from typing import NamedTuple

import numpy as np

from cimlearn.chips import Kind, m2ru
from cimlearn.compiled import kernel
from cimlearn.devices import DeviceKind
from cimlearn.devices.base import bounds, inside, middle, program
from cimlearn.learning.dfa import FeedbackKind
from cimlearn.parameters import Parameter, ParameterSet
from cimlearn.streams import Chunk, ClassCounts, StreamKind, StreamShape, TaskInfo


def number(value, unit, low, high):
    return Parameter(
        value=value, unit=unit, origin="assumed", source="measured here", help="a number", range=(low, high)
    )


class Memristor(NamedTuple):
    low: float
    high: float
    noise: float

    def window(self):
        return bounds(self)

    def rest(self):
        return middle(self)


@kernel
def moved(device, conductance, state, gain, change, normal, uniform):
    step = np.float32(change * gain * (1 + device.noise * normal))
    return inside(device, conductance + step), state, change != 0


program.register(Memristor, moved)
CELL = DeviceKind(
    ParameterSet(
        {
            "device.low": number(1e-6, "S", 1e-9, 1e-2),
            "device.high": number(1e-5, "S", 1e-9, 1e-2),
            "device.noise": number(0.1, "1", 0, 1),
        }
    ),
    lambda p: Memristor(np.float32(p["low"]), np.float32(p["high"]), np.float32(p["noise"])),
)


def table(psi, recurrent, steps, keep, feed):
    return np.stack([keep ** (steps - 1 - t) * psi.T for t in range(steps)])


FADING = FeedbackKind(table)


class Dots:
    scenario = "domain-incremental"
    name = "dots"
    checksums = {}

    def __init__(self, examples, seed):
        self.shape = StreamShape(3, 4, 2, False)
        self.tasks = (TaskInfo("one", examples, 20), TaskInfo("two", examples, 20))
        self.seed = seed

    def _part(self, task, part, count):
        draw = np.random.default_rng([self.seed, task, part])
        y = draw.integers(0, 2, count)
        x = 0.5 + 0.3 * (2 * y[:, None, None] - 1) + 0.1 * draw.random((count, 3, 4))
        return np.clip(x, 0, 1).astype(np.float32), y.astype(np.int64)

    def _chunks(self, x, y, size, start=0):
        for low in range(start, len(y), size):
            yield Chunk(x[low : low + size].copy(), y[low : low + size].copy())

    def chunks(self, task, size, start=0):
        return self._chunks(*self._part(task, 0, self.tasks[task].examples), size, start)

    def held_out(self, task, size):
        return self._chunks(*self._part(task, 1, 20), size)

    def class_counts(self, task):
        parts = (self._part(task, 0, self.tasks[task].examples), self._part(task, 1, 20))
        return ClassCounts(*(np.bincount(y, minlength=2) for _, y in parts))


DOTS = StreamKind(
    ParameterSet({"stream.examples": number(60, "count", 1, 1000)}),
    lambda settings, *, seed, data: Dots(settings["examples"], seed),
    lambda settings: StreamShape(3, 4, 2, False),
)
SMALL = Kind(
    "small",
    ("chip", "float"),
    lambda changes: m2ru.parameters({"network.hidden": 6, **changes}),
    m2ru.build,
    m2ru.design,
    costs="crossbar",
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a file and an installed-like package of the same source, which is the current one."""
    (tmp_path / "mine.py").write_text(SOURCE)
    package = tmp_path / "site" / "their_memristors"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SOURCE)
    points = tmp_path / "site" / "their_memristors-1.0.dist-info"
    points.mkdir()
    (points / "METADATA").write_text("Metadata-Version: 2.1\nName: their-memristors\nVersion: 1.0\n")
    (points / "entry_points.txt").write_text(
        "".join(
            f"[cimlearn.{group}]\n{name} = their_memristors:{target}\n"
            for group, name, target in (
                ("devices", "their-cell", "CELL"),
                ("chips", "their-chip", "SMALL"),
                ("streams", "their-dots", "DOTS"),
                ("feedback", "their-feedback", "FADING"),
            )
        )
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for cached in (extensions.names, extensions._load):
        cached.cache_clear()
    yield tmp_path
    for cached in (extensions.names, extensions._load):
        cached.cache_clear()


@pytest.mark.parametrize("where", ["mine.py:", "their_memristors:", "entry points"])
def test_objects_elsewhere_pass_the_public_checks(folder: Path, where: str) -> None:
    names = ["CELL", "DOTS", "FADING"]
    if where == "entry points":
        found = [devices.kind("their-cell"), elsewhere("their-dots")]
        found.append(extensions.load("their-feedback", "cimlearn.feedback", FeedbackKind))
        assert chips.kind("their-chip").name == "small"
    else:
        wanted = (
            (devices.GROUP, DeviceKind),
            (streams.GROUP, StreamKind),
            ("cimlearn.feedback", FeedbackKind),
        )
        found = [extensions.load(where + name, *one) for name, one in zip(names, wanted, strict=True)]
    several = [check for one in found for check in checks(one)]
    assert len(several) > 10
    for check in several:
        check()


def test_a_run_of_nothing_but_objects_elsewhere(folder: Path) -> None:
    settings = {
        "device.kind": "mine.py:CELL",
        "device.noise": 0.2,
        "rule.feedback": "mine.py:FADING",
        "rule.batch": 1,
        "stream.examples": 200,
    }
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    done = _cli("run", "mine.py:SMALL", "--stream", "mine.py:DOTS", *words, "--out", "run", "--quiet")
    assert done.returncode == 0, done.stderr
    run = json.loads((folder / "run" / "run.json").read_text())
    assert sorted(run["outside"]) == ["mine.py:CELL", "mine.py:DOTS", "mine.py:FADING", "mine.py:SMALL"]
    assert run["parameters"]["network.hidden"]["value"] == 6
    noise = run["parameters"]["device.noise"]
    assert (noise["value"], noise["source"]) == (0.2, "measured here")
    records = (folder / "run" / "records.jsonl").read_bytes()
    assert json.loads(records.splitlines()[-1])["accuracy"][-1] > 0.8
    cimlearn.run("mine.py:SMALL", stream="mine.py:DOTS", settings=settings, resume="run")
    assert (folder / "run" / "records.jsonl").read_bytes() == records
    priced = _cli("price", "mine.py:SMALL", "--stream", "mine.py:DOTS", "--json")
    assert priced.returncode == 0 and json.loads(priced.stdout)["power_W"] > 0, priced.stderr
    (folder / "mine.py").write_text(SOURCE.replace("0.1 * draw", "0.2 * draw"))
    for cached in (extensions.names, extensions._load):
        cached.cache_clear()
    experiment = cimlearn.Experiment("mine.py:SMALL", "mine.py:DOTS", settings=settings)
    assert not same_experiment(run, experiment)  # so a sweep runs it again
    with pytest.raises(InputError, match="is not what the run in run began with; restore its source"):
        experiment.run(resume="run")


def _cli(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cimlearn", *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py:CELL", r"there is no file absent.py"),
        ("mine.py:CEL", r"mine.py has no 'CEL'; did you mean 'CELL'"),
        ("no.such.module:CELL", r"can't be imported: ModuleNotFoundError"),
        ("mine.py:number", r"mine.py:number is a function; a device is a cimlearn.devices.DeviceKind"),
        ("broken.py:CELL", r"broken.py:CELL can't be imported: SyntaxError"),
        ("contnuous", r"is not one of: continuous, pulsed, levels"),
    ],
)
def test_a_wrong_name_is_one_clear_error(folder: Path, name: str, message: str) -> None:
    (folder / "broken.py").write_text("def (")
    with pytest.raises(InputError, match=message):
        chips.parameters("m2ru", {"device.kind": name})
