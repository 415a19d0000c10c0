"""What a design is expected to cost before anything is learned (experiments/pricing.py)."""

from __future__ import annotations

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price
from cimlearn.report.measures import of_costs
from cimlearn.streams.base import StreamShape
from cimlearn.streams.shapes import known_shape


def expected_costs(experiment: Experiment) -> dict[str, float]:
    """Each of measures.PRICED, by name; a lifetime that never ends is infinite.

    Raises
    ------
    InputError
        If the chip can't be made for the stream, or has no prices.
    """
    of_chip, _ = experiment.parameters
    costs = price(experiment.chip, of_chip, experiment.prices, _shape(experiment))
    return {name: float(value) for name, value in of_costs(costs).items() if value is not None}


def _shape(experiment: Experiment) -> StreamShape:
    """The shape of the stream's examples; of a file it is read from the file."""
    if isinstance(experiment.stream, str):
        try:
            return known_shape(experiment.stream, experiment.parameters[1])
        except InputError:
            pass  # only its data knows
    return experiment.open_stream(experiment.seeds[0]).shape
