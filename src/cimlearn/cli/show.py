"""`cimlearn show`: every parameter with value, unit, origin and source."""

from __future__ import annotations

from argparse import Namespace

from cimlearn import streams
from cimlearn.cli.output import stdout
from cimlearn.cli.wanted import settings_of
from cimlearn.experiments.experiment import Experiment, shown_parameters
from cimlearn.runfolder.files import to_json


def command(arguments: Namespace) -> None:
    """Print the parameters of a chip, of a stream (without --stream: of the one that a run would take), and prices."""
    stream = arguments.stream or streams.default_stream(None)
    experiment = Experiment(arguments.chip, stream, settings=settings_of(arguments.set))
    if arguments.json:
        print(to_json({"chip": arguments.chip, "stream": stream, "parameters": shown_parameters(experiment)}))
        return
    from cimlearn.report.terminal import parameters_table

    of_chip, of_stream = experiment.parameters
    shown = of_chip.merged(of_stream).merged(experiment.prices)
    stdout().print(parameters_table(shown.entries()))
