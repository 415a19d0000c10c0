"""`cimlearn price`: power, throughput, area, latency, energy and lifetime of a design, without training it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cimlearn.cli.wanted import settings_of
from cimlearn.costs.estimate import Costs, Phase
from cimlearn.experiment import Experiment
from cimlearn.parameters import ParameterSet
from cimlearn.pricing import STREAM, price
from cimlearn.runfolder import to_json
from cimlearn.streams.base import StreamShape
from cimlearn.streams.shapes import known_shape
from cimlearn.units import count, number, percent, quantity

if TYPE_CHECKING:
    from rich.table import Table

_AGES = {"first_cell": "first cell", "one_percent": "1 %", "ten_percent": "10 % of the cells"}


def command(arguments: Namespace) -> None:
    """Print what a chip costs on examples of the shape of a stream (default: permuted MNIST)."""
    stream = arguments.stream or STREAM
    experiment = Experiment(arguments.chip, stream, settings=settings_of(arguments.set))
    of_chip, of_stream = experiment.parameters
    shape = known_shape(stream, of_stream)
    costs = price(arguments.chip, of_chip, experiment.prices, shape)
    if arguments.json:
        print(to_json(costs.as_dict()))
        return
    from cimlearn.cli.output import stdout

    console = stdout()
    console.print(_figures(f"{arguments.chip} on {_shape_text(stream, shape)}", costs, experiment.prices))
    console.print(_parts(costs))
    console.print(_assumed(arguments.chip, experiment.prices))


def _assumed(chip: str, prices: ParameterSet) -> str:
    """How many prices nobody published."""
    assumed = sum(p.origin == "assumed" and not p.changed for p in prices.entries().values())
    return f"{assumed} of {len(prices)} prices are assumed; cimlearn show {chip} lists them"


def _shape_text(stream: str, shape: StreamShape) -> str:
    """'permuted-mnist: 28 steps of 28 inputs, 10 classes'."""
    return f"{stream}: {shape.steps} steps of {shape.features} inputs, {shape.classes} classes"


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
    for name, text in _lines(costs, prices):
        table.add_row(name, text)
    return table


def _lines(costs: Costs, prices: ParameterSet) -> Iterator[tuple[str, str]]:
    """Name and text of each headline figure."""
    now, learning, twin = costs.phases["inference"], costs.phases["learning"], costs.twin.get("inference")
    yield "power", f"{quantity(now.watts, 'W')}, {quantity(learning.watts, 'W')} while learning"
    yield "throughput", _ops(now.ops_per_s, "OPS")
    yield "efficiency", _ops(now.ops_per_J, "OPS/W")
    yield "area", quantity(sum(costs.area.values()), "m2")
    yield (
        "latency",
        f"{quantity(now.step_seconds, 's')} a step, {quantity(now.seconds, 's')} an example, "
        f"{quantity(learning.seconds, 's')} a learned example with its replays",
    )
    yield "energy", f"{quantity(now.joules, 'J')} an example, {quantity(learning.joules, 'J')} a learned one"
    if twin is not None:
        yield (
            "digital twin",
            f"{quantity(twin.watts, 'W')}, {_ops(twin.ops_per_J, 'OPS/W')}, "
            f"{quantity(sum(costs.twin_area.values()), 'm2')}",
        )
        yield (
            "chip against twin",
            f"{number(now.ops_per_J / twin.ops_per_J, 3)} times as efficient, "
            f"{number(costs.twin['learning'].joules / learning.joules, 3)} times while learning",
        )
    yield f"lifetime at {number(prices['operation.rate'])} examples/s", _lifetime(costs)


def _lifetime(costs: Costs) -> str:
    """'3.21 years until the first cell sticks, 5.56 years for 1 %, ...'."""
    ages = {name: "never" if t is None else f"{number(t, 3)} years" for name, t in costs.lifetime.items()}
    return ", ".join(f"{said}: {ages[name]}" for name, said in _AGES.items())


def _ops(value: float, unit: str) -> str:
    """Operations with a prefix: '36.2 GOPS'."""
    text = count(value)
    return text + unit if text[-1].isalpha() else f"{text} {unit}"


def _parts(costs: Costs) -> Table:
    """Energy per example by part, with shares; parts that take nothing are left out."""
    phases = costs.phases
    table = _table("Energy by part", "part", "inference", "share", "learning", "share")
    used = [part for part in phases["learning"].parts if any(p.parts[part] > 0 for p in phases.values())]
    for part in sorted(used, key=lambda name: -phases["inference"].parts[name]):
        cells = [text for phase in phases.values() for text in _share(phase, part)]
        table.add_row(part.replace("_", " "), *cells)
    return table


def _share(phase: Phase, part: str) -> tuple[str, str]:
    """Energy of one part, and its share of the phase."""
    joules = phase.parts[part]
    return (quantity(joules, "J"), percent(joules / phase.joules)) if joules > 0 else ("", "")
