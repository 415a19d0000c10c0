"""Plain language about many runs: what is compared, what stands out, what must not be compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from cimlearn.report.compare.grouping import Benchmark, set_by_user
from cimlearn.report.compare.labels import MOST_COLUMNS
from cimlearn.report.compare.read import Compared
from cimlearn.report.html.quantity import column
from cimlearn.report.measures import SHOWN
from cimlearn.report.run.words import chip_name
from cimlearn.units import plural

_MOST_NAMES = 3  # in one notice
_TILES = {
    "accuracy": "Most accurate",
    "learning_J": "Least learning energy",
    "inference_J": "Least inference energy",
    "area_m2": "Smallest area",
    "lifetime_years": "Longest lifetime",
}


class Headline(NamedTuple):
    """The best of one measure, and the number of the design that has it."""

    what: str
    value: str
    design: int
    ties: int  # other designs that are as good


def subtitle(made: Sequence[Benchmark]) -> str:
    """How much is compared."""
    designs = [design for benchmark in made for design in benchmark.designs]
    runs = sum(len(design.entries) for design in designs)
    facts = [plural(len(designs), "design"), plural(runs, "run")]
    seeds = {len(design.samples) for design in designs}
    if len(seeds) == 1:
        facts.append(
            f"{plural(seeds.pop(), 'seed')} each" if len(designs) > 1 else plural(seeds.pop(), "seed")
        )
    chips = " and ".join(sorted({chip_name(design.chip) for design in designs}))
    where = made[0].title if len(made) == 1 else plural(len(made), "benchmark")
    return " · ".join([f"{chips} on {where}", *facts])


def notices(compared: Compared, made: Sequence[Benchmark], over: Collection[str]) -> Iterable[str]:
    """What a reader must know before comparing anything."""
    if len(made) > 1:
        yield (
            f"These runs are of {len(made)} benchmarks: different streams, scenarios, tasks or data. Each has a"
            " section of its own, and nothing is averaged or ranked across them."
        )
    if averaged := {*over, *compared.drawn}:
        names = ", ".join(sorted(averaged))
        yield f"Averaged over {names} as over seeds: runs that differ only in that are one design."
    if compared.failures:
        yield f"Could not be run: {_some([f'{name}: {why}' for name, why in compared.failures.items()])}."
    if compared.others:
        yield f"{plural(compared.others, 'other run')} in this folder, not of the study as it is now, left out."
    if compared.unreadable:
        yield f"Left out: {_some(list(compared.unreadable.values()))}."
    incomplete = [e.name for e in compared.entries if not e.run.complete]
    if incomplete:
        yield (
            f"Not finished: {_some(incomplete)}. A design is taken over the seeds that got furthest, and is ranked"
            " only if they learned every task."
        )
    repeated = [name for benchmark in made for design in benchmark.designs for name in design.repeated]
    if repeated:
        yield f"The same design and seed ran more than once; counted once: {_some(repeated)} left aside."
    if failed := {e.not_priced for e in compared.entries if e.not_priced}:
        yield f"Not priced: {_some(sorted(failed))}."
    versions = sorted({str(e.run.config.get("cimlearn", "?")) for e in compared.entries})
    if len(versions) > 1:
        yield f"The runs were written by different versions of cimlearn: {', '.join(versions)}."


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - _MOST_NAMES
    return "; ".join(names[:_MOST_NAMES]) + (f"; and {more} more" if more > 0 else "")


def headlines(benchmark: Benchmark) -> list[Headline]:
    """The best of each measure in which finished designs differ."""
    found = []
    for measure in SHOWN:
        having = [d for d in benchmark.designs if d.finished and measure.key in d.values]
        values = [d.values[measure.key] for d in having]
        if measure.key not in _TILES or len(set(values)) < 2:
            continue
        best = max(having, key=lambda d: (1 if measure.larger else -1) * d.values[measure.key])
        shown = column(measure, [best.values[measure.key]])
        value = shown.text(best.values[measure.key], best.spreads.get(measure.key))
        unit = "" if math.isinf(best.values[measure.key]) else shown.symbol
        ties = values.count(best.values[measure.key]) - 1
        found.append(Headline(_TILES[measure.key], f"{value} {unit}".rstrip(), best.number, ties))
    return found


def curves(benchmark: Benchmark) -> str:
    """What the curves show."""
    seeds = max(len(design.samples) for design in benchmark.designs)
    band = "a band is one standard deviation over seeds" if seeds > 1 else "one seed: the spread is not known"
    return f"Average accuracy over the tasks so far, after each task; {band}."


def pareto(benchmark: Benchmark, across: str) -> str:
    """What the plot of two measures shows."""
    lacking = sum(across not in d.values for d in benchmark.designs if d.finished)
    twins = (
        f" {plural(lacking, 'design')} without energy (software) {'has' if lacking == 1 else 'have'} no place here."
        if lacking
        else ""
    )
    return (
        "Each mark is a design and leads to its row; its lines are one standard deviation over seeds. The line is"
        " the Pareto front of both measures. Differences smaller than the spread may be chance."
        f"{twins} Keys: arrows go from mark to mark, Enter opens the row."
    )


def differences(benchmark: Benchmark) -> str:
    """How many parameters differ, and whose doing that is."""
    n = len(benchmark.varied)
    chips = len({design.chip for design in benchmark.designs}) > 1
    alone = " Parameters that only one of the chips has are not listed." if chips else ""
    if not n:
        return f"None: the designs differ in chip or placement only.{alone}"
    touched = sum(any(set_by_user(d, name) for d in benchmark.designs) for name in benchmark.varied)
    rest = n - touched
    follow = (
        f" {plural(rest, 'other')} differ{'s' if rest == 1 else ''} because of them, or of another version."
        if rest and touched
        else ""
    )
    many = (
        f" The first {MOST_COLUMNS} have columns above."
        if max(touched, 0 if touched else n) > MOST_COLUMNS
        else ""
    )
    who = f"You set {touched} of them." if touched else "None of them was set by you."
    return (
        f"{plural(n, 'parameter')} differ{'s' if n == 1 else ''} between designs. {who}{follow}{many}{alone}"
    )


def columns() -> str:
    """What stands in the tables."""
    return (
        "Energies and times are per example; lifetime is the time until 10 % of the cells are stuck. ★: on the"
        " Pareto front of accuracy, learning energy and lifetime. A dash: there is none, such as the energy of a"
        " software twin."
    )


def others(amount: int) -> str:
    """The designs without a colour."""
    return f"{plural(amount, 'other design')}"
