"""How often the weight cells of a digital chip are written, for another cell or another way of writing than counted.

A run counts the writes of each cell for lines of its own technology, where only lines with a changed bit are written.
With another cell those rates are multiplied by cells driven / cells counted (`driven`); where all bits are written at
every update, every cell is written equally often.
"""

from __future__ import annotations

from cimlearn.costs.bitserial.energy import driven
from cimlearn.costs.bitserial.machine import DigitalMachine
from cimlearn.costs.lifetime import Rates
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet


def digital_wear(
    ledger: Ledger, m: DigitalMachine, p: ParameterSet, *, learned: int, counted: Rates
) -> Rates:
    """Writes per new example and cell; `counted` are those of the run's own cell."""
    bits = ledger.total("update", "mram_bits_written") / m.copies  # of one copy; both see the same writes
    if not bits or not counted.cells or not learned:
        return counted
    if not p["price.write_only_changed"]:
        return Rates(((bits / counted.cells / learned, counted.cells),))
    before = ledger.total("cells", "bits_driven")
    if m.cell.bits_per_write == m.line_bits or not before:
        return counted
    flipped = ledger.total("cells", "bits_flipped")
    factor = driven(bits, flipped, before, m.cell.bits_per_write, m.line_bits) / before
    return Rates(tuple((factor * rate, cells) for rate, cells in counted.groups))
