"""What a design costs without training it: its sizes, the work that it is expected to do, and prices.

Work that depends on data (bits that are 1, conductances, wear) is a parameter of its own, `expected.*`; sizes, cycles
and passes are exact (`expected.py` of each chip). A run prices what it counted instead (report/costs.py), by the same
equations (costs/models.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn import chips
from cimlearn.chips.base import Design
from cimlearn.costs.base import Costs
from cimlearn.costs.lifetime import Rates
from cimlearn.costs.models import Done, pricing
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape
from cimlearn.streams.shapes import known_shape

PREDICTED: Final = 1000  # examples classified; all costs are per example


def usual_stream(chip: str) -> str:
    """The stream whose shape is taken where none is given; InputError for an unknown chip."""
    kind = chips.kind(chip)
    return kind.priced_stream or kind.first_streams[0]


def price_design(
    chip: str = "m2ru",
    settings: Mapping[str, Any] | None = None,
    shape: StreamShape | None = None,
    *,
    stream: str | None = None,
) -> Costs:
    """What `chip` costs with `settings`, without training; a few milliseconds, no data, no weights.

    Parameters
    ----------
    chip
        the name of a chip: "m2ru" or "sas-mram", or where one of your own is: "mymodel.py:CHIP"
    settings
        'part.key' -> value of the chip, of prices (technology, price, operation, twin, expected) and, without a
        shape, of the stream
    shape
        of the examples; None: that of the stream
    stream
        a known stream, for the shape of its examples; None: the one on which the chip is run first (permuted MNIST,
        split MNIST)

    Returns
    -------
    What `cimlearn price` prints, whose repr are the headline figures; `as_dict()` is its JSON object, in SI units.

    Raises
    ------
    InputError
        For an unknown chip or setting, a value out of range, or a missing price.
    """
    if stream is not None and shape is not None:
        raise InputError(f"stream = {stream} can't be named beside a shape; give one of the two")
    stream = stream or usual_stream(chip)
    experiment = Experiment(chip, stream, settings=dict(settings or {}))
    of_chip, of_stream = experiment.parameters
    if shape is None:
        shape = known_shape(stream, of_stream)
    elif mine := [name for name in experiment.settings if name.startswith("stream.")]:
        raise InputError(f"{min(mine)} can't be set beside a shape; change one of the two")
    return price(chip, of_chip, experiment.prices, shape)


def price(chip: str, p: ParameterSet, prices: ParameterSet, shape: StreamShape) -> Costs:
    """What `chip` of parameters `p` costs at `prices` on examples of `shape`.

    Raises
    ------
    InputError
        If a price is missing, `expected.wear` is 0 everywhere, or the chip can't be made for `shape`.
    """
    learned = prices["expected.examples"]
    design = chips.design(chip, p.merged(prices), shape, learned=learned, predicted=PREDICTED)
    rates = expected_wear(design, learned, prices["expected.wear"])
    done = Done(design.ledger, design.inventory, p, design.cell, learned, rates)
    return pricing(chips.kind(chip).costs).costs(done, prices, None)


def expected_wear(design: Design, learned: int, shares: tuple[float, ...]) -> Rates:
    """Write rates of equal shares of all cells, in proportion to `shares`; their mean is the ledger's.

    Raises
    ------
    InputError
        If `shares` (`expected.wear`) is empty or 0 everywhere.
    """
    if not sum(shares) > 0:
        raise InputError("expected.wear has no share above 0; give the writes of equal shares of the cells")
    each = design.writes / design.cells / learned * len(shares) / sum(shares)
    return Rates(tuple((each * share, design.cells / len(shares)) for share in shares))
