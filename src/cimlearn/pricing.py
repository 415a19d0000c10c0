"""What a design costs without training it: its sizes, the work that it is expected to do, and prices.

Work that depends on data (bits that are 1, conductances, wear) is a parameter of its own, `expected.*`; sizes, cycles
and passes are exact (chips/expected.py). A run prices what it counted instead (report/costs.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.chips.expected import expected
from cimlearn.chips.sizes import inventory
from cimlearn.costs.estimate import Costs, estimate
from cimlearn.costs.lifetime import Rates
from cimlearn.costs.machine import Machine, machine
from cimlearn.errors import InputError
from cimlearn.experiment import Experiment
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape
from cimlearn.streams.shapes import known_shape

STREAM: Final = "permuted-mnist"  # whose shape is taken where none is given
DESIGNS: Final = ("m2ru",)  # chips whose work follows from their sizes (chips/expected.py)
PREDICTED: Final = 1000  # examples classified; all costs are per example


def price_design(
    chip: str, settings: Mapping[str, Any] | None = None, shape: StreamShape | None = None
) -> Costs:
    """What `chip` costs with `settings`, without training; a few milliseconds, no data.

    Parameters
    ----------
    chip
        the name of a chip, such as "m2ru"
    settings
        'part.key' -> value of the chip, of prices (technology, price, operation, twin, expected) and, without a
        shape, of the stream
    shape
        of the examples; None: that of permuted MNIST

    Raises
    ------
    InputError
        For an unknown chip or setting, a value out of range, or a missing price.
    """
    experiment = Experiment(chip, STREAM, settings=dict(settings or {}))
    of_chip, of_stream = experiment.parameters
    if shape is None:
        shape = known_shape(STREAM, of_stream)
    elif mine := [name for name in experiment.settings if name.startswith("stream.")]:
        raise InputError(f"{min(mine)} can't be set beside a shape; change one of the two")
    return price(chip, of_chip, experiment.prices, shape)


def price(chip: str, p: ParameterSet, prices: ParameterSet, shape: StreamShape) -> Costs:
    """What `chip` of parameters `p` costs at `prices` on examples of `shape`.

    Raises
    ------
    InputError
        If a price is missing, `expected.wear` is 0 everywhere, or the work of `chip` can't be told from sizes.
    """
    if chip not in DESIGNS:
        raise InputError(
            f"what {chip} does is known after a run only; run it, its costs are part of what a run prints"
        )
    learned = prices["expected.examples"]
    ledger = expected(p.merged(prices), shape, learned=learned, predicted=PREDICTED)
    made_of = machine(inventory(p, shape), p)
    return estimate(
        ledger,
        made_of,
        prices,
        learned=learned,
        rates=expected_wear(ledger, made_of, learned, prices["expected.wear"]),
        endurance=p["cell.endurance"],
        spread=p["cell.endurance_spread"],
    )


def expected_wear(ledger: Ledger, made_of: Machine, learned: int, shares: tuple[float, ...]) -> Rates:
    """Write rates of equal shares of all cells, in proportion to `shares`; their mean is the ledger's.

    Raises
    ------
    InputError
        If `shares` (`expected.wear`) is empty or 0 everywhere.
    """
    if not sum(shares) > 0:
        raise InputError("expected.wear has no share above 0; give the writes of equal shares of the cells")
    cells = sum(array["cells"] for array in made_of.arrays.values())
    writes = sum(ledger.counts["learn"][name]["writes"] for name in made_of.arrays)
    each = writes / cells / learned * len(shares) / sum(shares)
    return Rates(tuple((each * share, cells / len(shares)) for share in shares))
