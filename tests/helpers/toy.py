"""A small real learner and a small real stream, to test the loop without the chip.

`python toy.py ARGUMENTS` is the command line with them in place of chips and streams, in its worker processes too;
a Dask worker has them by `--preload toy.py`. A run with the seed TOY_DIE kills its process, with TOY_HANG it hangs.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import cimlearn.chips.catalog
import cimlearn.streams
from cimlearn import random
from cimlearn.chips.base import Kind
from cimlearn.errors import InputError, nearest
from cimlearn.ledger import Ledger
from cimlearn.parameters import Parameter, ParameterSet
from cimlearn.streams.base import Chunk, StreamShape, TaskInfo


def _parameter(value: Any, low: float, high: float) -> Parameter:
    return Parameter(value=value, unit="1", origin="assumed", source="toy", help="toy", range=(low, high))


CHIP = ParameterSet({"mean.step": _parameter(0.05, 0, 1), "read.noise": _parameter(0.3, 0, 10)})
STREAM = ParameterSet(
    {
        "stream.tasks": _parameter(3, 1, 100),
        "stream.examples": _parameter(700, 0, 10**6),
        "stream.pause": _parameter(0.0, 0, 1),
    }
)


BEGUN: list[Any] = []  # called as a stream begins to give examples


class NearestMean:
    """Classes as moving means of noisy inputs; everything it learned and its generator are state."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, seed: int) -> None:
        self.step, self.noise = parameters["mean.step"], parameters["read.noise"]
        self.means = np.zeros((shape.classes, shape.steps * shape.features))
        self.written = np.zeros((shape.classes, shape.steps * shape.features), np.int64)
        self.rng = random.generator(seed, "toy")
        self.seen = self.predicted = self.started = 0

    def start_task(self, task: int) -> None:
        self.started += task + 1

    def end_task(self) -> None:
        pass

    def learn(self, x: np.ndarray, y: np.ndarray) -> None:
        for example, label in zip(x.reshape(len(x), -1), y, strict=True):
            noisy = example + self.noise * self.rng.standard_normal(example.size)
            self.means[label] += self.step * (noisy - self.means[label])
            self.written[label] += noisy > 0.5
        self.seen += len(y)

    def learned(self) -> int:
        return self.seen

    def predict(self, x: np.ndarray, task: int | None = None) -> np.ndarray:
        means = self.means + 0.01 * self.noise * self.rng.standard_normal(self.means.shape)
        self.predicted += len(x)
        return np.argmin(((x.reshape(len(x), 1, -1) - means) ** 2).sum(-1), axis=1)

    def ledger(self) -> Ledger:
        counts = {"learn": {"mean": {"write": self.seen}}, "predict": {"mean": {"read": self.predicted}}}
        return Ledger(counts, {"learn": {"mean": float(self.means.sum())}})

    def writes(self) -> dict[str, np.ndarray]:
        return {"mean": self.written[None]}

    def worn(self) -> dict[str, int]:
        return {"mean": 1}

    def inventory(self) -> dict[str, dict[str, int]]:
        return {"memory": self.memory_bits()}

    def figures(self) -> dict[str, Any]:
        return {}

    def memory_bits(self) -> dict[str, int]:
        return {"means": 64 * self.means.size}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        counters = [self.seen, self.predicted, self.started]
        return {"means": self.means, "written": self.written}, {
            "rng": self.rng.bit_generator.state,
            "counters": counters,
        }

    def load(self, tensors: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        self.means, self.written = tensors["means"], tensors["written"]
        self.rng.bit_generator.state = values["rng"]
        self.seen, self.predicted, self.started = values["counters"]


class Blobs:
    """Task k: two classes of points around two corners of a cube."""

    scenario = "domain-incremental"
    shape = StreamShape(2, 3, 2, False)

    def __init__(self, seed: int, settings: Mapping[str, Any], checksum: str = "0" * 64) -> None:
        self.name = "blobs"
        self.seed = seed
        self.pause = settings["stream.pause"]
        self.checksums = {"blobs.npz": checksum}
        n = settings["stream.examples"]
        self.tasks = tuple(TaskInfo(f"corner {k}", n, 120) for k in range(settings["stream.tasks"]))

    def _all(self, task: int, part: str, n: int) -> Chunk:
        rng = random.generator(self.seed, "blobs", part, str(task))
        centres = random.generator(7, "corners", str(task)).integers(0, 2, (2, 2, 3))
        y = rng.integers(0, 2, n)
        return Chunk((centres[y] + 0.5 * rng.standard_normal((n, 2, 3))).astype(np.float32), y)

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        x, y = self._all(task, "train", self.tasks[task].examples)
        for call in BEGUN:
            call()
        if os.environ.get("TOY_DIE") == str(self.seed):
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ.get("TOY_HANG") == str(self.seed):
            time.sleep(1000)
        for i in range(start, len(y), size):
            time.sleep(self.pause + float(os.environ.get("TOY_PAUSE", "0")))
            yield Chunk(x[i : i + size], y[i : i + size])

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        x, y = self._all(task, "test", self.tasks[task].held_out)
        for i in range(0, len(y), size):
            yield Chunk(x[i : i + size], y[i : i + size])


def chip_parameters(changes: Mapping[str, Any]) -> ParameterSet:
    return CHIP.replace(changes)


def build(on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> NearestMean:
    return NearestMean(parameters, shape, seed)


KIND = Kind("toy", ("chip", "float", "adam"), chip_parameters, build, costs="crossbar")


def stream_parameters(name: str) -> ParameterSet:
    if name != "blobs":
        raise InputError(f"unknown stream '{name}'; {nearest(name, ['blobs'])}")
    return STREAM


def open_stream(name: str, *, seed: int, data: str | None = None, settings: ParameterSet) -> Blobs:
    return Blobs(seed, settings, checksum=data or "0" * 64)


REPLACED = {
    cimlearn.chips.catalog: {"BUILT_IN": {"toy": KIND}},
    cimlearn.streams: {
        "parameters": stream_parameters,
        "open_stream": open_stream,
        "default_stream": lambda data=None, names=(): "blobs",
    },
}


def install() -> None:
    """Put the toys in place; TOY_CHECKPOINT says after how many seconds a state is saved."""
    for module, names in REPLACED.items():
        for name, value in names.items():
            setattr(module, name, value)
    from cimlearn.experiments.experiment import Experiment
    from cimlearn.studies.workers import local

    seconds = float(os.environ.get("TOY_CHECKPOINT", "30"))
    Experiment.run.__kwdefaults__["checkpoint_seconds"] = seconds
    folder = os.path.dirname(os.path.abspath(__file__))
    here = f"sys.path.append({folder!r}); import toy; toy.install(); child.main()"
    local._START = local._START.replace("; child.main()", f"; {here}")


def dask_setup(worker: object) -> None:
    """What `dask worker --preload` calls."""
    install()


def main() -> int:
    """The command line with the toys."""
    install()
    from cimlearn import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
