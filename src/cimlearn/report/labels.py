"""Short names of designs: what differs, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cimlearn.report.grouping import Benchmark, Design, set_by_user
from cimlearn.report.records import RunParameter
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
    """The parameters that get a column: those a user set where they differ, else all that differ; eight at most."""
    touched = [n for n in benchmark.varied if any(set_by_user(d, n) for d in benchmark.designs)]
    names = touched or list(benchmark.varied)
    return {name: benchmark.varied[name] for name in names[:MOST_COLUMNS]}


def value(design: Design, name: str) -> str:
    """A parameter of a design for a reader; a dash where the design's chip has none of that name."""
    entry = {**design.run.parameters, **design.run.prices}.get(name)
    return "–" if entry is None else value_text(entry.value, entry.unit)


def labels(benchmark: Benchmark) -> list[str]:
    """One name per design, all different: 'hidden 100, keep 16'."""
    designs = benchmark.designs
    keys = short_keys(benchmark.varied)
    names = list(columns(benchmark))[:_MOST]
    made = [_label(benchmark, design, names, keys) for design in designs]
    for name in benchmark.varied:  # the first that tells them apart
        if len(set(made)) == len(made):
            break
        if name not in names:
            names.append(name)
            made = [_label(benchmark, design, names, keys) for design in designs]
    seen = Counter(made)
    return [
        label if seen[label] == 1 else f"{label} (design {design.number})"
        for label, design in zip(made, designs, strict=True)
    ]


def _label(benchmark: Benchmark, design: Design, names: list[str], keys: Mapping[str, str]) -> str:
    """What tells the design from the others."""
    parts = []
    if len({d.chip for d in benchmark.designs}) > 1:
        parts.append(design.chip)
    if len({d.on for d in benchmark.designs}) > 1:
        parts.append(_ON.get(design.on, design.on))
    own = {**design.run.parameters, **design.run.prices}
    parts += [f"{keys[name]} {value(design, name)}" for name in names if name in own]
    return ", ".join(parts) or f"{design.chip} on {design.run.config['stream']}"
