"""Short names of designs: what differs, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cimlearn.report.compare.grouping import Benchmark, ComparedDesign, named_by_user, set_by_user
from cimlearn.runfolder.records import RunParameter
from cimlearn.units import value_text

_ON = {"chip": "chip", "float": "float twin", "adam": "Adam"}
_MOST = 4  # parameters in one name
MOST_COLUMNS = 8  # parameters with a column of their own


def short_keys(varied: Mapping[str, RunParameter]) -> dict[str, str]:
    """'network.hidden' -> 'hidden', or the whole name where two parts have such a key."""
    last = {name: name.rpartition(".")[2] for name in varied}
    seen = Counter(last.values())
    return {name: key if seen[key] == 1 else name for name, key in last.items()}


def columns(benchmark: Benchmark) -> dict[str, RunParameter]:
    """The parameters that get a column: those a user set where they differ, else all that differ; eight at most.

    Those that were set by name stand before what a device or another chip brought along.
    """
    designs, varied = benchmark.designs, list(benchmark.varied)
    named = [n for n in varied if any(named_by_user(d, n) for d in designs)]
    brought = [n for n in varied if n not in named and any(set_by_user(d, n) for d in designs)]
    names = [*named, *brought] or varied
    return {name: benchmark.varied[name] for name in names[:MOST_COLUMNS]}


def value(design: ComparedDesign, name: str) -> str:
    """A parameter of a design for a reader; a dash where the design's chip has none of that name."""
    entry = {**design.run.parameters, **design.run.prices}.get(name)
    return "–" if entry is None else value_text(entry.value, entry.unit)


def labels(benchmark: Benchmark) -> list[str]:
    """One name per design, all different: 'hidden 100, keep 16'. What most designs share is left out if it can be."""
    designs = benchmark.designs
    shown = list(columns(benchmark))
    names = ([n for n in shown if any(named_by_user(d, n) for d in designs)] or shown)[:_MOST]
    made = _all(benchmark, names, short=True)
    if len(set(made)) < len(made):
        made = _all(benchmark, names)
    for name in benchmark.varied:  # the first that tells them apart
        if len(set(made)) == len(made):
            break
        if name not in names:
            names.append(name)
            made = _all(benchmark, names)
    seen = Counter(made)
    return [
        label if seen[label] == 1 else f"{label} (design {design.number})"
        for label, design in zip(made, designs, strict=True)
    ]


def _all(benchmark: Benchmark, names: Sequence[str], *, short: bool = False) -> list[str]:
    """The label of each design from `names`; `short`: without values that two of three designs have."""
    designs, keys = benchmark.designs, short_keys(benchmark.varied)
    shown = {name: [value(design, name) for design in designs] for name in names}
    usual = {
        name: v for name, found in shown.items() for v, n in Counter(found).items() if 3 * n >= 2 * len(found)
    }
    several = [key for key in ("chip", "on") if len({getattr(d, key) for d in designs}) > 1]
    made = []
    for k, design in enumerate(designs):
        parts = [_ON.get(said, said) for said in (getattr(design, key) for key in several)]
        for name in names:
            said = shown[name][k]
            if said != "–" and not (short and usual.get(name) == said):
                parts.append(f"{keys[name]} {said}")
        made.append(", ".join(parts) or f"{design.chip} on {design.run.config['stream']}")
    return made
