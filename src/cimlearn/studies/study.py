"""A study: one frozen description of many runs, read from a TOML file.

The file is that of an experiment (`cimlearn run FILE.toml`) and says besides what varies:

    [grid]         lists; every combination            network.hidden = [50, 100]
    [zip]          lists of one length; first with first, second with second, ...
    [random]       draws = 20, seed = 0, and spreads   rule.rate = {low = 0.01, high = 1.0, log = true}
    [monte_carlo]  chips = 32, and spreads             cell.variation = {mean = 0.1, std = 0.02, low = 0.0}
    seeds = 3      at the top; each seed is a run of its own

`[search]` belongs to `cimlearn search` and is kept as it stands. docs/studies.md shows examples.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cimlearn import chips, random
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, all_parameters
from cimlearn.experiments.file import described, first_stream
from cimlearn.parameters import ParameterSet, is_whole
from cimlearn.runfolder.files import to_json
from cimlearn.studies.axes import Draws, Spread, value_text
from cimlearn.studies.sweep import Point
from cimlearn.studies.tables import (
    TABLES,
    VARIED_WORDS,
    chip_spreads,
    draws,
    known_parts,
    lists,
    seeds,
    tables_only,
    zipped,
)
from cimlearn.untrusted import limits
from cimlearn.untrusted.text import parse_toml, read_toml

_LONGEST = 200  # bytes of a study's name


@dataclass(frozen=True)
class Study:
    """Many runs of one base experiment. Two equal studies have the same points."""

    name: str
    base: Experiment  # its seeds are not used
    seeds: tuple[int, ...] = (0,)  # each is a run of its own; of a Monte Carlo, each is a chip
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    zipped: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    random: Draws | None = None
    of_chips: Mapping[str, Spread] = field(default_factory=dict)  # drawn for each seed
    search: Mapping[str, Any] = field(default_factory=dict)  # of `cimlearn search`
    out: str | None = None  # folder that the file names
    text: str | None = field(default=None, compare=False)  # of the file, with the study's name

    def __post_init__(self) -> None:
        if not re.match(r"\w", self.name) or len(self.name.encode()) > _LONGEST:
            raise InputError(
                f"name = {ascii(self.name)[:60]}: a study's name begins with a letter or digit and has at most "
                f"{_LONGEST} bytes, because its folder is called so"
            )

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of everything that varies, besides the seed: 'chip', 'cell.endurance', ..."""
        drawn = self.random.spreads if self.random is not None else {}
        return (*self.grid, *self.zipped, *drawn, *self.of_chips)

    @property
    def folder(self) -> Path:
        """Where the study is kept unless told otherwise."""
        return (
            Path(self.out) if self.out is not None else Path("studied") / re.sub(r"[^\w.-]+", "-", self.name)
        )

    def points(self) -> tuple[Point, ...]:
        """Every run, in order, under names such as 'm2ru/endurance=1e6/seed=3'.

        Raises
        ------
        InputError
            If a value is not allowed, a list is empty or holds a value twice, or nothing tells two runs apart.
        """
        return self._points

    @cached_property
    def _points(self) -> tuple[Point, ...]:
        twice = [name for name, count in Counter(self.varied).items() if count > 1]
        if twice:
            raise InputError(f"study {self.name}: {twice[0]} varies in two tables; keep one of them")
        self._count()
        points = tuple(self._all())
        known = Counter(point.name for point in points)
        again = next((name for name, count in known.items() if count > 1), None)
        if again is not None:
            raise InputError(
                f"study {self.name}: two runs are called {again}; a list may hold a value only once"
            )
        return points

    def _count(self) -> None:
        """Raise InputError for more runs than a study may have, before any is made."""
        draws = self.random.count if self.random is not None else 1
        lists = [len(values) for values in self.grid.values()]
        together = [len(values) for values in self.zipped.values()][:1]
        runs = math.prod((*lists, *together, draws, len(self.seeds)))
        if runs > limits.RUNS:
            raise InputError(f"study {self.name} has {runs:,} runs; the limit is {limits.RUNS:,}: vary less")

    def _all(self) -> Iterator[Point]:
        """Each point; the seed changes fastest."""
        shown = _short((*self.grid, *self.zipped))
        for chosen in combinations({**self.grid}):
            for together in together_of(self.zipped):
                fixed = {**chosen, **together}
                words = [f"{shown[n]}={value_text(v)}" for n, v in fixed.items() if n != "chip"]
                for number, drawn in self._drawn(fixed):
                    draw = [] if number is None else [f"draw={number}"]
                    start = [str(fixed.get("chip", self.base.chip)), *words, *draw]
                    for seed in self.seeds:
                        yield self.point("/".join([*start, f"seed={seed}"]), {**fixed, **drawn}, seed)

    def _drawn(self, fixed: Mapping[str, Any]) -> Iterator[tuple[int | None, dict[str, Any]]]:
        """The number of each random draw with its values; one empty draw where nothing is drawn."""
        if self.random is None:
            yield None, {}
            return
        entries = all_parameters(varied(self.base, fixed))
        for number in range(self.random.count):
            yield number, _draw(self.random.spreads, entries, self.random.seed, "random", str(number))

    def point(self, name: str, chosen: Mapping[str, Any], seed: int) -> Point:
        """The point of these values under a name; every value is checked now, not an hour later."""
        try:
            experiment = varied(self.base, chosen, (seed,))
            if self.of_chips:
                own = _draw(self.of_chips, all_parameters(experiment), seed, "monte-carlo")
                experiment = varied(self.base, {**chosen, **own}, (seed,))
            _ = experiment.parameters, experiment.prices
            chips.check_placement(experiment.chip, experiment.on)
        except InputError as error:
            raise InputError(f"study {self.name}, run {name}: {error}") from None
        return Point(name, experiment)


def varied(base: Experiment, chosen: Mapping[str, Any], seeds: tuple[int, ...] | None = None) -> Experiment:
    """`base` with the words (chip, stream, on) and parameters in `chosen`, and perhaps other seeds."""
    words = {name: chosen[name] for name in VARIED_WORDS if name in chosen}
    settings = {name: value for name, value in chosen.items() if name not in words}
    return replace(base, **words, seeds=seeds or base.seeds, settings={**base.settings, **settings})


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the values in `grid`; the last name changes fastest."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def together_of(zipped: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """First values together, second values together, ...; one empty mapping if nothing is zipped."""
    if not zipped:
        yield {}
    for values in zip(*zipped.values(), strict=True):
        yield dict(zip(zipped, values, strict=True))


def _short(names: Sequence[str]) -> dict[str, str]:
    """'cell.endurance' as 'endurance' where no other name ends in that."""
    ends = Counter(name.split(".")[-1] for name in names)
    taken = {"seed", "draw", *VARIED_WORDS}
    return {
        n: n.split(".")[-1] if ends[n.split(".")[-1]] == 1 and n.split(".")[-1] not in taken else n
        for n in names
    }


def _draw(spreads: Mapping[str, Spread], entries: ParameterSet, seed: int, *names: str) -> dict[str, Any]:
    """One value per spread."""
    values = {}
    for name, spread in spreads.items():
        whole = name not in VARIED_WORDS and is_whole(entries.entry(name))
        values[name] = spread.draw(random.generator(seed, *names, name), whole=whole)
    return values


def load(path: str | Path) -> Study:
    """The study in a TOML file, checked to the last value; nothing is run and no data is opened.

    Raises
    ------
    InputError
        For unknown keys, empty or unequal lists, spreads that are none, and values that a run would refuse.
    """
    file = Path(path)
    read_toml(file)  # a file that can't be read has its own message
    try:
        return read(file.read_text("utf-8"), file)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(file)) else f"{file}: {text}") from None


def read(text: str, file: Path) -> Study:
    """The study that is described in TOML; `file` names it in messages, and the study where it has no name."""
    content = parse_toml(text.encode(), str(file))
    if "name" not in content:
        text = f"name = {to_json(file.stem)}\n{text}"
    name = content.pop("name", file.stem)
    if not isinstance(name, str) or not name:
        raise InputError(f"{file}: name = {name!r} must be a text")
    tables = {key: content.pop(key, None) for key in TABLES}
    tables_only(tables)
    known_parts(content)
    given = described(content, file, TABLES)
    study = Study(
        name,
        _base(given),
        seeds(given.get("seeds"), tables["monte_carlo"]),
        lists(tables["grid"], "grid"),
        zipped(tables["zip"]),
        draws(tables["random"]),
        chip_spreads(tables["monte_carlo"]),
        tables["search"] or {},
        given.get("out"),
        text,
    )
    study.points()
    return study


def _base(given: Mapping[str, Any]) -> Experiment:
    """The experiment that all runs share."""
    stream, settings = given.get("stream"), given["settings"]
    if stream is None:
        stream, settings = first_stream(given["chip"], settings, given.get("data"))
    return Experiment(given["chip"], stream, given.get("on", "chip"), (0,), settings, given.get("data"))
