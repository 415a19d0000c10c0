"""Sections of the page about what came out: headline figures, accuracy, wear."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cimlearn import metrics
from cimlearn.costs.base import Costs
from cimlearn.costs.told import years
from cimlearn.report.html.markup import Cell, figure, folded, header, section, table, text, tile
from cimlearn.report.run import confusion, words
from cimlearn.report.run.numbers import measure
from cimlearn.runfolder.records import Run
from cimlearn.units import count, number, percent, plural, points, quantity, whole


def headline(run: Run, summary: Mapping[str, Any], costs: Costs | None = None) -> str:
    """The figures that decide, in this order: accuracy, energy, lifetime; then power, area and memory."""
    accuracy, last = summary["accuracy"], run.last()
    if accuracy is None or last is None:
        return ""
    spread = f" ± {100 * accuracy['std']:.1f}" if accuracy["std"] is not None else ""
    n = len(run.counted_seeds)
    over = f", {plural(n, 'seed')}" if n > 1 else ""
    tiles = [
        tile(
            f"Average {measure(run.numbers)}",
            f"{100 * accuracy['average']:.1f}{spread} %",
            f"{plural(run.learned, 'task')}{over}{_chance(summary)}{_smape(summary)}",
        ),
        tile(
            "Forgetting",
            points(accuracy["forgetting"]),
            "best minus last" if run.learned > 1 else "one task so far",
        ),
        *(_costs(costs) if costs else []),
    ]
    memory = summary["memory_bits"]
    if memory is not None:
        tiles.append(tile("Memory to learn", quantity(memory["training"] / 8, "B"), "beside the weights"))
        if "task" in memory:
            frozen = f"and {quantity(memory['frozen'] / 8, 'B')} frozen, once"
            tiles.append(tile("Weights per task", quantity(memory["task"] / 8, "B"), frozen))
    if costs is None:
        learned = sum(record.examples for record in run.of_seed(last.seed))
        tiles.append(
            tile("Learned examples", count(learned), whole(learned) + (" per seed" if n > 1 else ""))
        )
    return '<dl class="tiles">' + "".join(tiles) + "</dl>"


def _chance(summary: Mapping[str, Any]) -> str:
    """Chance, beside the accuracy."""
    found = summary.get("chance")
    return f"; chance {percent(found['level'])}" if found else ""


def _smape(summary: Mapping[str, Any]) -> str:
    """The error that forecasts are compared by, beside the variance explained."""
    found = summary.get("errors")
    return f"; sMAPE {number(metrics.mean(found['own']['smape']), 3)} %" if found and "own" in found else ""


def _costs(found: Costs) -> list[str]:
    """Energy, lifetime, power and area."""
    now, learning = found.phases["inference"], found.phases.get("learning")
    life = found.lifetime["ten_percent"]
    return [
        *(
            [tile("Energy to learn", quantity(learning.joules, "J"), "a new example, its replays")]
            if learning
            else []
        ),
        tile("Energy to answer", quantity(now.joules, "J"), "one example"),
        tile("Lifetime", years(life), "until 10 % of the cells are stuck"),
        tile("Power", quantity(now.watts, "W"), "while it answers"),
        tile("Area", quantity(math.fsum(found.area.values()), "m2"), "without wires between parts"),
    ]


def accuracy(run: Run, summary: Mapping[str, Any], drawn: Mapping[str, str]) -> str:
    """Curves and matrix, and the matrix as a table of numbers."""
    block = summary["accuracy"]
    if block is None:
        return ""
    what = measure(run.numbers)
    by_class = _by_class(run, drawn)
    if run.learned == 1:
        return section("accuracy", what.capitalize(), f"<p>{text(words.one_task(run, block))}</p>", by_class)
    figures = figure(drawn["accuracy"], words.curves(run, block)) + figure(
        drawn["matrix"], words.matrix(run, block)
    )
    rows = metrics.mean_matrix(run.matrices())
    names = run.task_names[: run.learned]
    body = [
        [Cell(text(names[i]), "name")]
        + [Cell(f"{100 * v:.2f}", "n") for v in row]
        + [Cell("", "n")] * (len(rows) - i - 1)
        + [Cell(f"{100 * metrics.mean(row):.2f}", "n")]
        for i, row in enumerate(rows)
    ]
    head = header(["After learning", *names, "average"], range(1, len(rows) + 2))
    numbers = table(f"{what.capitalize()} [%] on each task after learning each task", head, body)
    others = (
        f"Learning {what} {percent(block['learning'], 2)}, forgetting {points(block['forgetting'], 2)},"
        f" backward transfer {points(block['backward_transfer'], 2)}."
    )
    return section(
        "accuracy",
        what.capitalize(),
        f'<div class="figures">{figures}</div>',
        by_class,
        f"<details><summary>The numbers</summary><p>{text(others)}</p>{numbers}</details>",
    )


def _by_class(run: Run, drawn: Mapping[str, str]) -> str:
    """Which classes are taken for which, where the records say so."""
    found = confusion.counts(run) if "confusion" in drawn else None
    if found is None:
        return ""
    return f'<div class="figures">{figure(drawn["confusion"], confusion.words(run, found))}</div>'


def wear(run: Run, summary: Mapping[str, Any], drawn: Mapping[str, str]) -> str:
    """Write map and histogram of each array."""
    last = run.last()
    if last is None:
        return ""
    if not last.writes:
        return section(
            "wear", "Wear", "<p>This was software: nothing was written to memory cells, so nothing wore.</p>"
        )
    figures = ""
    for k, (name, writes) in enumerate(last.writes.items()):
        if f"map-{k}" in drawn:
            figures += figure(drawn[f"map-{k}"], words.write_map(name, writes))
        if f"histogram-{k}" in drawn:
            figures += figure(drawn[f"histogram-{k}"], words.write_histogram(name, writes))
    names = ["Array", "Cells", "Writes", "Mean", "Most", "No longer change"]
    rows = [
        [Cell(text(name), "name")]
        + [
            Cell(t, "n")
            for t in (whole(w.cells), whole(w.total), f"{w.mean:,.2f}", whole(w.max), whole(w.worn))
        ]
        for name, w in last.writes.items()
    ]
    numbers = table(f"Writes since the start of seed {last.seed}", header(names, range(1, 6)), rows)
    return section(
        "wear",
        "Wear",
        _writes(run, summary),
        f'<div class="figures">{figures}</div>',
        folded("The numbers", numbers),
    )


def _writes(run: Run, summary: Mapping[str, Any]) -> str:
    """Writes per cell, most and worn."""
    writes = summary["writes"]
    share = percent(writes["worn"] / writes["cells"], 2) if writes["cells"] else "–"
    cells = plural(writes["cells"], "cell")
    worst = ", worst seed" if len(run.counted_seeds) > 1 else ""
    tiles = [
        tile("Writes per cell", count(writes["per_cell_mean"]), f"mean of {cells}"),
        tile(
            "Most written cell",
            count(writes["per_cell_max"]),
            plural(writes["per_cell_max"], "write") + worst,
        ),
        tile("Worn or stuck cells", whole(writes["worn"]), f"{share} of {cells}{worst}"),
    ]
    return '<dl class="tiles">' + "".join(tiles) + "</dl>"
