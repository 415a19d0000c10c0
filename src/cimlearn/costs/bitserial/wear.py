"""How often the weight cells of a digital chip are written, for another cell or another way of writing than counted.

A run counts the writes of each cell for lines of its own technology, where only lines with a changed bit are written.
With another cell those rates are multiplied by cells driven / cells counted (`driven`); where all bits are written at
every update, every cell is written equally often.
"""

from __future__ import annotations

from collections.abc import Mapping

from cimlearn.costs.bitserial.energy import driven
from cimlearn.costs.bitserial.machine import PRODUCTS, DigitalMachine
from cimlearn.costs.lifetime import Rates, years
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


Years = dict[str, float | None]


def learning_years(ledger: Ledger, m: DigitalMachine, p: ParameterSet, *, learned: int) -> Years:
    """Lifetime of the memory of what only learning needs, where it is no SRAM: all its cells are written in turn.

    The unit's by operands of products; the others by what is kept for the way back, velocities, running statistics,
    of which half of the counted bits are written.
    """
    if m.learning_cell is None:
        return dict.fromkeys(("first_cell", "one_percent", "ten_percent"))
    learn = ledger.counts.get("learn", {})

    def counted(part: str, action: str) -> int:
        return learn.get(part, {}).get(action, 0)

    state = sum(counted("memory", name) for name in ("velocity_bits", "residue_bits"))
    state += counted("digital", "norm_state_bits")
    written = [
        (m.sram.cells, sum(counted(product, "sram_bits_written") for product in PRODUCTS)),
        (m.memory_bits.get("kept", 0), counted("memory", "activation_bits_written")),
        (m.memory_bits.get("state", 0), state / 2),
    ]
    groups = tuple((bits / cells / learned, float(cells)) for cells, bits in written if cells and bits)
    own = m.learning_cell
    return years(
        Rates(groups), rate=p["operation.rate"], endurance=own.endurance, spread=own.endurance_spread
    )


def sooner(a: Mapping[str, float | None], b: Mapping[str, float | None]) -> Years:
    """The earlier of two lifetimes, key by key; None is never."""
    both = {name: [v for v in (a[name], b[name]) if v is not None] for name in a}
    return {name: min(values) if values else None for name, values in both.items()}
