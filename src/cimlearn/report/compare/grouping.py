"""Runs by benchmark and design: what may be averaged, what may be ranked, and which parameters differ.

A benchmark is a stream with its scenario, tasks and data; accuracies of two benchmarks are never averaged or
ranked together. A design is a chip (or twin) with its parameters and prices; its runs differ by seed only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cimlearn import metrics
from cimlearn.report.compare.read import Compared, Entry
from cimlearn.report.front import front
from cimlearn.report.run.chance import chance, near
from cimlearn.report.samples import Sample, average, furthest, spread
from cimlearn.runfolder.records import Run, RunParameter
from cimlearn.units import plural


@dataclass(frozen=True)
class ComparedDesign:
    """Runs that differ by seed only (or by parameters that the reader averages over)."""

    number: int  # from 1, on the whole page
    entries: tuple[Entry, ...]
    samples: tuple[Sample, ...]  # those that got furthest, each seed once
    repeated: tuple[str, ...] = ()  # runs that only repeat a seed of another one

    @property
    def run(self) -> Run:
        """Its first run, which stands for its parameters."""
        return self.entries[0].run

    @property
    def chip(self) -> str:
        """The chip's name."""
        return str(self.run.config["chip"])

    @property
    def on(self) -> str:
        """Where it ran: chip, float or adam."""
        return str(self.run.config["on"])

    @property
    def learned(self) -> int:
        """Tasks learned."""
        return self.samples[0].learned if self.samples else 0

    @property
    def finished(self) -> bool:
        """Whether all tasks were learned: only then it may be ranked."""
        return self.learned == len(self.run.task_names)

    @property
    def at_chance(self) -> bool:
        """Whether its mean accuracy is near chance: then it is no design to choose."""
        return "accuracy" in self.values and near(self.values["accuracy"], chance(self.run))

    @property
    def ranked(self) -> bool:
        """Whether it may be on a front: it learned all tasks, and something."""
        return self.finished and not self.at_chance

    @property
    def values(self) -> dict[str, float]:
        """Mean over seeds of each measure."""
        return average(self.samples)

    @property
    def spreads(self) -> dict[str, float]:
        """Standard deviation over seeds of each measure; empty for one seed."""
        return spread(self.samples)

    @property
    def curve(self) -> list[tuple[float, float]]:
        """(learned,) mean and standard deviation over seeds (0 for one) of the accuracy over the tasks so far."""
        columns = zip(*[sample.curve for sample in self.samples], strict=True)
        return [(metrics.mean(c), metrics.std(c) or 0.0) for c in columns]


@dataclass(frozen=True)
class Benchmark:
    """The designs that were run on the same tasks, and the parameters in which they differ."""

    title: str
    designs: tuple[ComparedDesign, ...]
    varied: Mapping[str, RunParameter]  # 'part.key' -> the first design's entry; those that a user set first

    @property
    def grouped(self) -> bool:
        """Whether a design has several runs."""
        return any(len(design.entries) > 1 for design in self.designs)

    @property
    def best(self) -> list[bool]:
        """For each design, whether it is on the Pareto front of accuracy, learning energy and lifetime."""
        return front([design.values if design.ranked else {} for design in self.designs])


def benchmarks(compared: Compared, over: Collection[str] = ()) -> tuple[Benchmark, ...]:
    """The runs in the order in which they were given.

    Runs that differ only in the parameters in `over`, or in what a Monte Carlo study draws, are one design.
    """
    over = {*over, *compared.drawn}
    tasks: dict[str, dict[str, list[Entry]]] = {}
    for entry in compared.entries:
        designs = tasks.setdefault(_benchmark_key(entry.run), {})
        designs.setdefault(_design_key(entry.run, over), []).append(entry)
    made: list[Benchmark] = []
    number = 0
    for groups in tasks.values():
        found = tuple(_design(number + k, group, over) for k, group in enumerate(groups.values(), start=1))
        number += len(found)
        made.append(Benchmark(_title(found[0].run), found, varied(found, over)))
    return tuple(_distinct(made))


def _benchmark_key(run: Run) -> str:
    """What must be the same for accuracies to mean the same."""
    config = run.config
    return json.dumps(
        [config["stream"], config["scenario"], run.task_names, config.get("data", {})], sort_keys=True
    )


def _design_key(run: Run, over: Collection[str]) -> str:
    """What makes two runs one design."""
    return json.dumps([run.config["chip"], run.config["on"], settings(run, without=over)], sort_keys=True)


def settings(run: Run, without: Collection[str] = ()) -> dict[str, Any]:
    """The values of all parameters and prices but those in `without`."""
    every = {**run.parameters, **run.prices}
    return {name: entry.value for name, entry in every.items() if name not in without}


def _design(number: int, entries: Sequence[Entry], over: Collection[str]) -> ComparedDesign:
    """The runs of one design; a seed that was run twice counts once."""
    seen: dict[str, Sample] = {}
    repeated = []
    for entry in sorted(entries, key=lambda e: -e.run.learned):  # the one that got further counts
        drawn = [settings(entry.run).get(name) for name in over]
        keys = {json.dumps([sample.seed, drawn]): sample for sample in entry.samples}
        if keys and set(keys) <= set(seen):
            repeated.append(entry.name)
        for key, sample in keys.items():
            seen.setdefault(key, sample)
    return ComparedDesign(number, tuple(entries), furthest(seen.values()), tuple(repeated))


def varied(designs: Sequence[ComparedDesign], over: Collection[str] = ()) -> dict[str, RunParameter]:
    """The parameters and prices that differ between designs which have them, those that a user set first."""
    values: dict[str, set[str]] = {}
    entries: dict[str, RunParameter] = {}
    touched: set[str] = set()
    for design in designs:
        for name, entry in {**design.run.parameters, **design.run.prices}.items():
            values.setdefault(name, set()).add(json.dumps(entry.value))
            entries.setdefault(name, entry)
            if entry.changed:
                touched.add(name)
    differ = [name for name, found in values.items() if len(found) > 1 and name not in over]
    return {name: entries[name] for name in sorted(differ, key=lambda n: n not in touched)}


def set_by_user(design: ComparedDesign, name: str) -> bool:
    """Whether the design's user set the parameter."""
    entry = {**design.run.parameters, **design.run.prices}.get(name)
    return entry is not None and entry.changed


def named_by_user(design: ComparedDesign, name: str) -> bool:
    """Whether the design's user set the parameter by its own name, and not by a device or chip that brings it along."""
    return name in design.run.config.get("settings", ())


def _title(run: Run) -> str:
    """'permuted-mnist, domain-incremental, 5 tasks'."""
    tasks = plural(len(run.task_names), "task")
    return f"{run.config['stream']}, {run.config['scenario']}, {tasks}"


def _distinct(made: Iterable[Benchmark]) -> Iterable[Benchmark]:
    """Benchmarks whose titles are the same get a number: other tasks or other data under one name."""
    seen: dict[str, int] = {}
    for one in made:
        seen[one.title] = seen.get(one.title, 0) + 1
        again = seen[one.title]
        yield one if again == 1 else Benchmark(f"{one.title} (other data, {again})", one.designs, one.varied)
