"""`cimlearn show`: every parameter with value, unit, origin and source, and what a price of the design leaves out."""

from __future__ import annotations

from argparse import Namespace

from cimlearn import streams
from cimlearn.cli.output import stdout
from cimlearn.cli.price import note_lines
from cimlearn.cli.wanted import settings_of
from cimlearn.costs.base import Note
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, shown_parameters
from cimlearn.experiments.pricing import price
from cimlearn.runfolder.files import to_json
from cimlearn.streams.shapes import known_shape


def command(arguments: Namespace) -> None:
    """Print the parameters of a chip, of a stream (without --stream: of the one that a run would take), and prices."""
    stream = arguments.stream or streams.default_stream(None)
    experiment = Experiment(arguments.chip, stream, settings=settings_of(arguments.set))
    found = notes(experiment)
    if arguments.json:
        told = {"chip": arguments.chip, "stream": stream, "parameters": shown_parameters(experiment)}
        print(to_json(told | ({"notes": [note._asdict() for note in found]} if found else {})))
        return
    from cimlearn.report.terminal import parameters_table

    of_chip, of_stream = experiment.parameters
    shown = of_chip.merged(of_stream).merged(experiment.prices)
    console = stdout()
    console.print(parameters_table(shown.entries()))
    for line in note_lines(found):
        console.print(line, highlight=False, soft_wrap=True)


def notes(experiment: Experiment) -> tuple[Note, ...]:
    """What is ideal here or no circuit serves; nothing where a price needs a run or the data first."""
    of_chip, of_stream = experiment.parameters
    try:
        shape = known_shape(str(experiment.stream), of_stream)
        return price(experiment.chip, of_chip, experiment.prices, shape).notes
    except InputError:
        return ()
