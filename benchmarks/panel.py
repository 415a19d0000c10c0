"""Streams of many kinds, each learned with the defaults by the chip, its float twin and Adam.

    python benchmarks/panel.py [--only WORD] [--seeds N] [--chip m2ru] [--on chip,float,adam] [--set part.key=value]

4 to 1,000 inputs, 1 to 500 steps, 2 to 100 classes; all come with scikit-learn or are drawn here, nothing is fetched.
Printed: mean accuracy over the tasks after the last one, in percent. Nothing is tuned for a stream: the settings are
those of the command line, for all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.cli.wanted import settings_of
from cimlearn.experiments.experiment import Experiment
from cimlearn.streams.arrays import ArrayStream
from cimlearn.streams.base import Stream
from cimlearn.streams.catalog import open_stream

Array = NDArray[Any]
HELD_OUT: Final = 0.25


def _tables(name: str, passes: int) -> Callable[[int], Stream]:
    """A table of scikit-learn, a row an example, shown `passes` times."""

    def opened(seed: int) -> Stream:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return _one_task(name, found.data[:, None, :], found.target, seed, passes)

    return opened


def _digits(name: str, steps: int) -> Callable[[int], Stream]:
    """The 8 x 8 digits of scikit-learn in so many steps."""

    def opened(seed: int) -> Stream:
        from sklearn import datasets

        found = datasets.load_digits()
        x = found.data.reshape(len(found.data), steps, -1) / 16
        return _one_task(name, x, found.target, seed, 1, scale=False)

    return opened


def _built_in(name: str) -> Callable[[int], Stream]:
    return lambda seed: open_stream(name, seed=seed)


def _one_task(name: str, x: Array, y: Array, seed: int, passes: int, *, scale: bool = True) -> Stream:
    """x (examples, steps, inputs), y (examples,) with a quarter held out; scaled as tables are."""
    order = np.random.default_rng(1000 + seed).permutation(len(y))
    held, learned = np.split(order, [round(HELD_OUT * len(y))])
    if scale:
        mean, spread = x[learned].mean(axis=(0, 1)), x[learned].std(axis=(0, 1))
        x = np.clip((x - mean) / (3 * np.where(spread > 0, spread, 1)), -1, 1)
    x, shown = x.astype(np.float32), np.tile(learned, passes)
    return ArrayStream([(x[shown], y[shown], x[held], y[held])], seed=seed, name=name)


def mackey_glass(seed: int) -> Stream:
    """A chaotic series with one of four delays, 100 steps of its last four values.

    dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x: Mackey and Glass, Science 197 (1977), 287; Euler, steps of 1.
    """
    draw, count, length = np.random.default_rng(seed), 2000, 100
    tau = np.array([6, 12, 17, 30])
    y = draw.integers(0, 4, count)
    past = 1.2 + 0.2 * draw.standard_normal((count, 31))
    series = np.concatenate([past, np.zeros((count, 300 + length + 3))], axis=1)
    who = np.arange(count)
    for t in range(31, series.shape[1]):
        old = series[who, t - 1 - tau[y]]
        series[:, t] = 0.9 * series[:, t - 1] + 0.2 * old / (1 + old**10)
    last = np.lib.stride_tricks.sliding_window_view(series[:, -length - 3 :], 4, axis=1)
    return _one_task("mackey-glass", last, y, seed, 2)


def sines(seed: int) -> Stream:
    """500 steps of 4 sensors that see one oscillation in noise; five frequencies."""
    draw, count, length = np.random.default_rng(seed), 1600, 500
    y = draw.integers(0, 5, count)
    hertz = np.array([0.01, 0.02, 0.04, 0.08, 0.16])[y] * draw.uniform(0.9, 1.1, count)
    time = 2 * np.pi * hertz[:, None, None] * np.arange(length)[:, None]
    phase = draw.uniform(0, 2 * np.pi, (count, 1, 1)) + np.array([0, 0.5, 1.0, 1.5])
    x = np.sin(time + phase) + 0.2 * draw.standard_normal((count, length, 4))
    return _one_task("sines", x, y, seed, 2)


def spikes(seed: int) -> Stream:
    """60 steps of 4 sensors that rest but for rare spikes; the class is the sensor that spikes most, or none."""
    draw, count = np.random.default_rng(seed), 3000
    y = draw.integers(0, 5, count)
    rate = np.full((count, 1, 4), 0.02)
    busy = y < 4
    rate[busy, 0, y[busy]] = 0.15
    x = draw.random((count, 60, 4)) < rate
    return _one_task("spikes", x + 0.02 * draw.standard_normal(x.shape), y, seed, 1)


def clusters(seed: int) -> Stream:
    """A hundred classes: Gaussian clusters in 64 inputs."""
    draw, count = np.random.default_rng(seed), 20_000
    y = draw.integers(0, 100, count)
    x = draw.standard_normal((100, 64))[y] + 1.0 * draw.standard_normal((count, 64))
    return _one_task("clusters", x[:, None, :], y, seed, 1)


def words(seed: int) -> Stream:
    """1,000 inputs of which few are on, as counts of words: two kinds of text."""
    draw, count = np.random.default_rng(seed), 4000
    y = draw.integers(0, 2, count)
    often = draw.uniform(0.0, 0.06, (2, 1000))
    x = (draw.random((count, 1000)) < often[y]).astype(float)
    return _one_task("words", x[:, None, :], y, seed, 1, scale=False)


def motions(seed: int) -> Stream:
    """Three motions in 20 steps of 4 sensors, which are mounted anew twice: three tasks."""
    draw, tasks = np.random.default_rng(seed), []
    for degrees in (0, 45, 90):
        parts: list[Array] = []
        for count in (1200, 300):
            y = draw.integers(0, 3, count)
            time = 2 * np.pi * np.array([0.0, 0.05, 0.15])[y][:, None] * np.arange(20)
            swing = np.sin(time + draw.uniform(0, 2 * np.pi, (count, 1))) * (y > 0)[:, None]
            angle = np.radians(degrees)
            x = swing[:, :, None] * np.array([np.cos(angle), np.sin(angle), 0.3, -0.3])
            parts += [np.clip((x + 0.2 * draw.standard_normal(x.shape)) / 1.5, -1, 1).astype(np.float32), y]
        tasks.append(tuple(parts))
    return ArrayStream(tasks, seed=seed, name="motions")


PANEL: Final[dict[str, Callable[[int], Stream]]] = {
    "iris": _tables("iris", 10),
    "wine": _tables("wine", 10),
    "breast cancer": _tables("breast_cancer", 4),
    "digits, at once": _digits("digits", 1),
    "digits, rows": _digits("digits", 8),
    "digits, 4 pixels a step": _digits("digits", 16),
    "permuted digits": _built_in("permuted-digits"),
    "split digits": _built_in("split-digits"),
    "Mackey-Glass": mackey_glass,
    "sines": sines,
    "spikes": spikes,
    "clusters": clusters,
    "words": words,
    "motions": motions,
}


def accuracy(chip: str, stream: Stream, on: str, seed: int, settings: dict[str, Any]) -> float:
    """Mean accuracy over the tasks after the last one [%]."""
    _, learner = Experiment(chip, stream, on=on, settings=settings).build(seed)
    for task in range(len(stream.tasks)):
        learner.start_task(task)
        for chunk in stream.chunks(task, 500):
            learner.learn(chunk.x, chunk.y)
        learner.end_task()
    found = []
    for task in range(len(stream.tasks)):
        parts = [learner.predict(chunk.x, task) == chunk.y for chunk in stream.held_out(task, 500)]
        found.append(np.concatenate(parts).mean())
    return 100 * float(np.mean(found))


def main() -> None:
    """Print a line per stream."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--chip", default="m2ru")
    parser.add_argument("--on", default="chip,float,adam")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    settings: dict[str, Any] = dict(settings_of(given.settings))
    for name, opened in PANEL.items():
        if given.only not in name:
            continue
        began, cells = time.perf_counter(), []
        for on in given.on.split(","):
            runs = [accuracy(given.chip, opened(s), on, s, settings) for s in range(given.seeds)]
            spread = f" +- {np.std(runs, ddof=1):.1f}" if given.seeds > 1 else ""
            cells.append(f"{on} {np.mean(runs):.1f}{spread}")
        shape = opened(0).shape
        examples = sum(task.examples for task in opened(0).tasks)
        sizes = f"{shape.features} inputs, {shape.steps} steps, {shape.classes} classes, {examples} examples"
        print(
            f"{name:24s} {sizes:56s} {' | '.join(cells)}  ({time.perf_counter() - began:.0f} s)", flush=True
        )


if __name__ == "__main__":
    main()
