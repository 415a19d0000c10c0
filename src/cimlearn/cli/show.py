"""`cimlearn show`: every parameter with value, unit, origin and source, and what a price of the design leaves out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection

from cimlearn import streams
from cimlearn.cli.output import stdout
from cimlearn.cli.price import note_lines
from cimlearn.cli.wanted import settings_of
from cimlearn.costs.base import Note
from cimlearn.errors import InputError, nearest
from cimlearn.experiments.experiment import Experiment, shown_parameters
from cimlearn.experiments.pricing import price
from cimlearn.runfolder.files import to_json
from cimlearn.streams.shapes import known_shape


def command(arguments: Namespace) -> None:
    """Print the parameters of a chip, of a stream (without --stream: of the one that a run would take), and prices."""
    stream = arguments.stream or streams.default_stream(None)
    experiment = Experiment(arguments.chip, stream, settings=settings_of(arguments.set))
    found = notes(experiment)
    of_chip, of_stream = experiment.parameters
    entries = of_chip.merged(of_stream).merged(experiment.prices).entries()
    wanted = _wanted(entries, arguments.names)
    if arguments.json:
        shown = {name: one for name, one in shown_parameters(experiment).items() if name in wanted}
        told = {"chip": arguments.chip, "stream": stream, "parameters": shown}
        print(to_json(told | ({"notes": [note._asdict() for note in found]} if found else {})))
        return
    from cimlearn.report.terminal import parameters_table

    console = stdout()
    console.print(parameters_table({name: entry for name, entry in entries.items() if name in wanted}))
    if arguments.names:
        for name in wanted:
            console.print(f"{name}: {entries[name].help}", soft_wrap=True)
        return
    for line in note_lines(found):
        console.print(line, highlight=False, soft_wrap=True)


def _wanted(known: Collection[str], asked: Collection[str]) -> list[str]:
    """The names of the parameters that are asked for, as parts or by themselves; all where nothing is.

    Raises
    ------
    InputError
        For a name that is neither.
    """
    parts = {name.rpartition(".")[0] for name in known}
    for one in asked:
        if one not in known and one not in parts:
            raise InputError(f"unknown parameter or part '{one}'; {nearest(one, sorted({*known, *parts}))}")
    return [name for name in known if not asked or name in asked or name.rpartition(".")[0] in asked]


def notes(experiment: Experiment) -> tuple[Note, ...]:
    """What is ideal here or no circuit serves; nothing where a price needs a run or the data first."""
    of_chip, of_stream = experiment.parameters
    try:
        shape = known_shape(str(experiment.stream), of_stream)
        return price(experiment.chip, of_chip, experiment.prices, shape).notes
    except InputError:
        return ()
