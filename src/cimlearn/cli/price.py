"""`cimlearn price`: power, throughput, area, latency, energy and lifetime of a design, without training it."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cimlearn.cli.wanted import settings_of
from cimlearn.costs.base import Costs, Note, headline
from cimlearn.costs.told import op_rate
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price, usual_stream
from cimlearn.experiments.served import Served, cheapest, is_searched
from cimlearn.parameters import ParameterSet
from cimlearn.runfolder.files import to_json
from cimlearn.streams.base import StreamShape
from cimlearn.streams.shapes import known_shape
from cimlearn.units import number, percent, quantity

if TYPE_CHECKING:
    from rich.table import Table

_NOTES = {
    "unserved": "No circuit serves this as it is set, so figures of it flatter the chip",
    "ideal": "Ideal here, so without a price",
    "derived": "Priced by a law outside the table",
}


def command(arguments: Namespace) -> None:
    """Print what a chip costs on examples of the shape of a stream (default: the first that it is run on)."""
    stream = arguments.stream or usual_stream(arguments.chip)
    experiment = Experiment(arguments.chip, stream, settings=settings_of(arguments.set))
    of_chip, of_stream = experiment.parameters
    shape = known_shape(stream, of_stream)
    costs = price(arguments.chip, of_chip, experiment.prices, shape)
    unserved = any(note.kind == "unserved" for note in costs.notes) and is_searched(arguments.chip)
    served = cheapest(of_chip, experiment.prices, shape, arguments.chip) if unserved else None
    if arguments.json:
        found = {} if served is None else {"served": {"settings": served.settings, **_brief(served.costs)}}
        print(to_json(costs.as_dict() | found))
        return
    from cimlearn.cli.output import stdout

    console = stdout()
    title = f"{arguments.chip} on {_shape_text(stream, shape, of_chip)}"
    console.print(_figures(title, costs, experiment.prices))
    console.print(_parts("part", {name: phase.parts for name, phase in costs.phases.items()}))
    if costs.products:
        console.print(_parts("product of training", costs.products))
    for line in note_lines(costs.notes):
        console.print(line, highlight=False, soft_wrap=True)
    if unserved:
        console.print(_served_line(served), highlight=False, soft_wrap=True)
    console.print(_assumed(arguments.chip, experiment.prices))


def _brief(costs: Costs) -> dict[str, float]:
    """Power, efficiency and the ratio to the digital twin."""
    told = costs.as_dict()
    return {name: told[name] for name in ("power_W", "ops_per_s", "ops_per_J", "area_m2")} | {
        "ratio": told["digital"]["ratio"]
    }


def _served_line(served: Served | None) -> str:
    """The cheapest change that a circuit serves, as it is set."""
    if served is None:
        return "No change that was tried is served by a circuit (docs/costs-m2ru.md, The circuit)."
    told = _brief(served.costs)
    words = " ".join(
        f"--set {name}={value:g}" if isinstance(value, float) else f"--set {name}={value}"
        for name, value in served.settings.items()
    )
    return (
        f"Cheapest change that a circuit serves, of those tried: {quantity(told['power_W'], 'W')}, "
        f"{op_rate(told['ops_per_s'], 'OPS')}, {op_rate(told['ops_per_J'], 'OPS/W')}, "
        f"{number(told['ratio'], 3)} times the digital twin's efficiency ({served.costs.twin_kind}): {words}"
    )


def note_lines(notes: Iterable[Note]) -> Iterator[str]:
    """What a price leaves out, and what no circuit could serve."""
    for kind, said in _NOTES.items():
        of_kind = [note for note in notes if note.kind == kind]
        if of_kind:
            yield f"{said}:"
        for note in of_kind:
            remedy = f" -> {note.remedy}" if note.remedy else ""
            yield f"  {note.part}: {note.text}{remedy}"


def _assumed(chip: str, prices: ParameterSet) -> str:
    """How many prices nobody published."""
    assumed = sum(p.origin == "assumed" and not p.changed for p in prices.entries().values())
    return f"{assumed} of {len(prices)} prices are assumed; cimlearn show {chip} lists them"


def _shape_text(stream: str, shape: StreamShape, of_chip: ParameterSet) -> str:
    """'permuted-mnist: 28 steps of 28 inputs, 10 classes'; a chip that sees images says how large."""
    seen = f"{shape.steps} steps of {shape.features} inputs"
    if "network.side" in of_chip:
        net, side = of_chip["network.backbone"], of_chip["network.side"]
        seen = f"images of {shape.steps} rows, seen by {net} at {side} pixels"
    return f"{stream}: {seen}, {shape.classes} classes"


def _table(title: str, *headings: str) -> Table:
    """A table without a frame; all columns but the first are right-aligned where there are headings."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.show_header = bool(headings)
    table.add_column(headings[0] if headings else "", style="dim", no_wrap=True)
    for heading in headings[1:] or ("",):
        table.add_column(heading, justify="right" if headings else "left")
    return table


def _figures(title: str, costs: Costs, prices: ParameterSet) -> Table:
    """The headline figures."""
    table = _table(title)
    for name, text in headline(costs, prices["operation.rate"]):
        table.add_row(name, text)
    return table


def _parts(heading: str, phases: Mapping[str, Mapping[str, float]]) -> Table:
    """Energy per example by part of inference and learning, with shares; parts that take nothing are left out."""
    table = _table(f"Energy by {heading}", heading, "inference", "share", "learning", "share")
    used = {part for parts in phases.values() for part, joules in parts.items() if joules > 0}
    order = sorted(phases["learning"], key=lambda name: -phases["inference"].get(name, 0.0))
    for part in order:
        if part in used:
            table.add_row(
                part.replace("_", " "), *(text for p in phases.values() for text in _share(p, part))
            )
    return table


def _share(parts: Mapping[str, float], part: str) -> tuple[str, str]:
    """Energy of one part, and its share of all."""
    joules = parts.get(part, 0.0)
    return (quantity(joules, "J"), percent(joules / math.fsum(parts.values()))) if joules > 0 else ("", "")
