"""Tables for the terminal. Rich is imported only when one is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cimlearn import metrics
from cimlearn.costs.base import flattering
from cimlearn.costs.told import op_rate, years
from cimlearn.report.run.balance import balance_lines
from cimlearn.report.run.chance import chance_lines
from cimlearn.report.run.numbers import lines as number_lines
from cimlearn.report.run.numbers import measure
from cimlearn.report.run.rested import rested_lines
from cimlearn.runfolder.records import Record, Run
from cimlearn.units import count, number, percent, points, quantity, si_text, value_text, whole

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_ORIGINS = {
    "paper": "blue",
    "authors": "cyan",
    "literature": "magenta",
    "derived": "default",
    "assumed": "yellow",
}


class Owned(Protocol):
    """A parameter as `parameters_table` needs it: of a preset, or of a run."""

    @property
    def value(self) -> Any:
        """What it is set to."""

    @property
    def unit(self) -> str:
        """SI unit, "1" for a pure number."""

    @property
    def origin(self) -> str:
        """Who owns the value."""

    @property
    def source(self) -> str:
        """Where it comes from."""

    @property
    def changed(self) -> bool:
        """Whether the user set it."""


def _table(title: str) -> Table:
    """An empty table in our style: a rule under the head, no frame."""
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def row_text(record: Record, tasks: int) -> Text:
    """One line after each task: seed, task, average so far, accuracy on each task so far [%]."""
    from rich.text import Text

    line = Text.assemble(
        (f"seed {record.seed}  task {record.task + 1:>{len(str(tasks))}} of {tasks}  ", "dim"),
        (percent(metrics.mean(record.accuracy)), "bold"),
        ("  tasks so far: ", "dim"),
    )
    for value in record.accuracy:
        line.append(f"{100 * value:.1f} ")
    if record.rested:
        line.append(f" after a rest {percent(metrics.mean(record.rested))}")
    line.append(f" {record.task_name}", style="dim")
    return line


def matrix_table(run: Run) -> Table:
    """The accuracy matrix [%], mean of the seeds that got furthest."""
    from rich.text import Text

    over = f", mean of {len(run.counted_seeds)} seeds" if len(run.counted_seeds) > 1 else ""
    table = _table(f"{measure(run.numbers).capitalize()} on each task [%]{over}")
    table.add_column("after learning", style="dim", overflow="fold")
    rows = metrics.mean_matrix(run.matrices()) if run.records else []
    for j in range(len(rows)):
        table.add_column(str(j + 1), justify="right")
    table.add_column("average", justify="right", style="bold")
    for i, row in enumerate(rows):
        cells = [f"{100 * v:.1f}" for v in row] + [""] * (len(rows) - i - 1)
        name = Text(f"{i + 1}  {run.task_names[i]}")
        table.add_row(name, *cells, f"{100 * metrics.mean(row):.1f}")
    return table


def summary_table(summary: Mapping[str, Any]) -> Table:
    """What `summarise` found, one line per figure."""
    from rich.text import Text

    table = _table("")
    table.show_header = False
    table.add_column(style="dim")
    table.add_column(justify="left")
    for name, value in summary_lines(summary):
        table.add_row(name, Text(value, overflow="fold"))
    return table


def summary_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each figure that `summarise` found."""
    state = "" if summary["complete"] else f" (incomplete, {summary['tasks_learned']} tasks learned)"
    accuracy, writes, speed = summary["accuracy"], summary["writes"], summary["examples_per_second"]
    lines = [("run", f"{summary['chip']} on {summary['stream']}, {summary['on']}{state}")]
    what = measure("measure" in summary)
    if accuracy is not None:
        spread = f" ± {100 * accuracy['std']:.1f}" if accuracy["std"] is not None else ""
        lines += [
            (f"average {what}", f"{100 * accuracy['average']:.1f}{spread} %"),
            ("forgetting", points(accuracy["forgetting"])),
            (f"learning {what}", percent(accuracy["learning"])),
        ]
    lines += [*chance_lines(summary), *balance_lines(summary), *rested_lines(summary), *number_lines(summary)]
    if writes["cells"] is not None:
        lines += [
            (
                "writes per cell",
                f"mean {count(writes['per_cell_mean'])}, most {whole(writes['per_cell_max'])}",
            ),
            ("cells that no longer change", f"{whole(writes['worn'])} of {whole(writes['cells'])}"),
        ]
    lines += _memory_lines(summary)
    lines += _cost_lines(summary)
    if speed is not None:
        lines.append(("speed", f"{count(speed)} examples/s"))
    if "not_priced" in summary:
        lines.append(("not priced", summary["not_priced"]))
    if summary.get("data_from"):
        lines.append(("data found in", "; ".join(summary["data_from"])))
    lines.append(("run folder", summary["run_folder"]))
    return lines


def _memory_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Bytes that learning needs beside the weights, and those of a task's weights where a task has its own."""
    bits = summary["memory_bits"]
    if bits is None:
        return []
    said = f"{quantity(bits['training'] / 8, 'B')} to learn"
    if "task" in bits:
        said += f", {quantity(bits['task'] / 8, 'B')} of weights per task, {quantity(bits['frozen'] / 8, 'B')} frozen"
    return [("memory", said)]


def _cost_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a chip's run cost, by project's estimates; nothing for a software twin."""
    if "power_W" not in summary:
        return []
    learned, latency, life = summary["learning_power_W"], summary["latency"], summary["lifetime_years"]
    joules = f"{quantity(summary['energy']['inference_J'], 'J')} per inference"
    watts = f"{quantity(summary['power_W'], 'W')} inferring"
    steps = latency["per_step_s"] < latency["per_example_s"]  # an image is one step
    seconds = f"{quantity(latency['per_step_s'], 's')} per step, " if steps else ""
    seconds += f"{quantity(latency['per_example_s'], 's')} per inference"
    if learned is not None:
        joules += f", {quantity(summary['energy']['learning_J'], 'J')} per learned example"
        watts += f", {quantity(learned, 'W')} learning"
        seconds += f", {quantity(latency['per_learned_example_s'], 's')} per learned example"
    worn = f"first cell {years(life['first_cell'])}, 1 % {years(life['one_percent'])}"
    said = flattering((note["kind"], note["part"]) for note in summary.get("notes", ()))
    return [
        ("energy (estimated)", joules),
        ("power", watts),
        ("throughput", f"{op_rate(summary['ops_per_s'], 'OPS')}, {op_rate(summary['ops_per_J'], 'OPS/W')}"),
        ("latency", seconds),
        ("area", quantity(summary["area_m2"], "m2")),
        *_twin_line(summary),
        (
            "cells worn",
            "never" if life["first_cell"] is None else f"{worn}, 10 % {years(life['ten_percent'])}",
        ),
        *said,
    ]


def _twin_line(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How many times the energy each kind of digital twin takes, the chosen one first; none for a digital chip."""
    if "digital" not in summary:
        return []
    chosen, ratios = summary["digital"]["kind"], summary["digital"]["ratios"]
    said = [
        f"{kind} {number(found['inference'], 3)}"
        for kind, found in sorted(ratios.items(), key=lambda item: item[0] != chosen)
    ]
    return [("digital twins", f"{', '.join(said)} times the energy per inference")]


def parameters_table(parameters: Mapping[str, Owned]) -> Table:
    """Every parameter, grouped by part: name, value, the same in SI as it is set, origin, source."""
    from rich.text import Text

    assumed = sum(entry.origin == "assumed" for entry in parameters.values())
    table = _table(f"{len(parameters)} parameters, {assumed} of them assumed")
    table.add_column("parameter", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("in SI", style="dim", overflow="fold")
    table.add_column("origin", no_wrap=True)
    table.add_column("source", style="dim", ratio=1)
    previous = None
    for name, entry in sorted(parameters.items(), key=lambda item: _order(item[0], parameters)):
        part, _, key = name.rpartition(".")
        if previous is not None and part != previous:
            table.add_section()
        previous = part
        origin = Text(entry.origin, style=_ORIGINS.get(entry.origin, "default"))
        if entry.changed:
            origin.append(" changed", style="reverse")
        full = Text.assemble((f"{part}.", "dim"), (key, "bold")) if part else Text(key, style="bold")
        value = Text(value_text(entry.value, entry.unit))
        table.add_row(full, value, Text(si_text(entry.value, entry.unit)), origin, Text(entry.source))
    return table


def _order(name: str, parameters: Mapping[str, Owned]) -> int:
    """Position of a parameter's part: parts in the order of their first parameter."""
    parts = list(dict.fromkeys(n.rpartition(".")[0] for n in parameters))
    return parts.index(name.rpartition(".")[0])
