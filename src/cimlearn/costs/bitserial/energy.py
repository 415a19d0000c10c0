"""Energy of a digital bit-serial chip by product and part [J]: counts times prices, nothing else.

Symbols: n_x number of x, V_dd supply, E_+(b) an addition of b bits (energy.add_energy), b_s bits of an accumulator.

    reads        n_bits_read s E_read + n_bits_out E_read,   s = price.bits_on, the share of input bits that drive a row
    rows         (n_row_activations s + n_rows_out + n_rows_written) E_row
                 E_row = (columns (cell pitch x wire + gate)) V_dd^2 (1 + driver)
    popcounts    n_popcounts sum_k adders_k E_+(k)           the tree that counts a column's ANDs (tree)
    sums         (n_shift_adds + n_partial_adds + n_window_adds + n_bias_adds) E_+(b_s)
    rounding     n_narrowed 2 E_+(b_s): the largest is looked for, half a step is added; n_relu E_+(8)
    softmax      n_exp: 8 x 16 bits multiplied (log2 e), added
    logic        n_multiply_add: 8 x 8 bits multiplied, added; n_add E_+(b_s); n_tanh table look-ups (cimlearn.torch)
    memories     n_bits E_memory(capacity)                   (energy.memory_energy)
    writes       of products: n_bits_written E_write
                 of weights: n_driven E_write + n_bits_written E_read + n_rows_written E_row    (read first)
                 n_bits_written E_write where everything is written

E_read, E_write and the pitch are the memory cell's, those of the SRAM unit price.unit_read, price.unit_write. The AND
is the read itself: a row is driven by an input bit, a cell that holds 1 answers. A write of a line drives all its
cells, so n_driven counts whole lines in which a bit changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from cimlearn.costs.base import Parts
from cimlearn.costs.bitserial.machine import WORD_BITS, DigitalMachine
from cimlearn.costs.logic import add_energy, memory_energy, multiply_add_energy, table_energy
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

PRODUCTS: Final = ("forward", "error", "gradient")
WORK: Final = (*PRODUCTS, "update")
LOG_BITS: Final = 16  # of the constant log2 e in the integer softmax
Counts = Mapping[str, Mapping[str, int]]  # part -> action -> count


def tree(inputs: int) -> dict[int, int]:
    """Adders of a tree that counts the ones of `inputs` bits: width -> how many, `inputs` - 1 in all.

    Two numbers of k bits give one of k + 1; an odd one goes on to the next level as it is. 4 -> {1: 2, 2: 1}.
    """
    adders: dict[int, int] = {}
    width = 1
    while inputs > 1:
        adders[width] = inputs // 2
        inputs -= inputs // 2
        width += 1
    return adders


def popcount_energy(p: ParameterSet, inputs: int) -> float:
    """Energy of counting the ones of `inputs` bits [J]."""
    return sum(many * add_energy(p, width) for width, many in tree(inputs).items())


def row_energy(p: ParameterSet, columns: int, cell_area: float) -> float:
    """Energy of driving one row of `columns` cells once [J]."""
    load = columns * (math.sqrt(cell_area) * p["price.wire"] + p["price.gate"])
    return float(load * p["technology.supply"] ** 2 * (1 + p["price.row_driver"]))


def driven(bits: float, flipped: float, counted: float | None, cell_bits: int, line_bits: int) -> float:
    """Cells that writing changed bits drives: all of a line in which a bit changes.

    `bits` are written in all, `flipped` changed; `counted` cells were driven in lines of `line_bits`. In lines of
    another size, with changes spread evenly, bits (1 - (1 - flipped / bits)^cell_bits): weights change in their low
    bits, side by side, so fewer lines are touched than that.
    """
    if cell_bits == 1 or not bits:
        return flipped
    if counted is not None and cell_bits == line_bits:
        return counted
    return bits * (1 - (1 - min(1.0, flipped / bits)) ** cell_bits)


def digital_energy(counts: Counts, m: DigitalMachine, p: ParameterSet) -> dict[str, Parts]:
    """Energy of one phase [J], without leakage: product (forward, error, gradient, update, rest) -> part.

    Raises
    ------
    InputError
        If nothing was counted or a price is missing.
    """
    if not any(counts.values()):
        raise InputError(
            "the ledger is empty: nothing was done, so there is nothing to price; run the chip first"
        )
    found = {product: _product(product, counts[product], m, p) for product in PRODUCTS if product in counts}
    if "update" in counts:
        found["update"] = _update(counts["update"], counts.get("cells"), m, p)
    return {**found, "rest": _rest(counts, m, p)}


def _product(product: str, n: Mapping[str, int], m: DigitalMachine, p: ParameterSet) -> Parts:
    """One of the three products of training."""

    def get(action: str) -> int:
        return n.get(action, 0)

    on = p["price.bits_on"]
    cells = {
        "mram": (m.cell.read_energy, m.cell.write_energy),
        "sram": (p["price.unit_read"], p["price.unit_write"]),
    }
    parts: Parts = {}
    for unit, (read, write) in cells.items():
        row = _row(unit, m, p)
        parts[f"{unit}_reads"] = (get(f"{unit}_bits_read") * on + get(f"{unit}_bits_out")) * read
        rows = get(f"{unit}_row_activations") * on + get(f"{unit}_rows_out") + get(f"{unit}_rows_written")
        parts[f"{unit}_rows"] = rows * row
        parts[f"{unit}_writes"] = get(f"{unit}_bits_written") * write
    kinds = ("shift", "partial", "window", "bias")
    sums = sum(get(f"adders_{kind}_adds") for kind in kinds)
    return parts | {
        "popcounts": get("adders_popcounts") * popcount_energy(p, m.counted(product)),
        "sums": sums * add_energy(p, m.sum_bits),
    }


def _row(unit: str, m: DigitalMachine, p: ParameterSet) -> float:
    """Energy of driving a row of one unit [J]."""
    area = m.cell.area if unit == "mram" else p["technology.sram_cell"]
    return row_energy(p, (m.mram if unit == "mram" else m.sram).columns, area)


def _update(
    n: Mapping[str, int], cells: Mapping[str, int] | None, m: DigitalMachine, p: ParameterSet
) -> Parts:
    """Writing the new weights."""
    bits, rows = n.get("mram_bits_written", 0), n.get("mram_rows_written", 0) * _row("mram", m, p)
    if not p["price.write_only_changed"] or cells is None:
        return {"mram_writes": bits * m.cell.write_energy, "mram_rows": rows}
    counted = m.copies * cells["bits_driven"] if "bits_driven" in cells else None
    flipped = m.copies * cells["bits_flipped"]
    lines = driven(bits, flipped, counted, m.cell.bits_per_write, m.line_bits)
    return {
        "mram_reads": bits * m.cell.read_energy,
        "mram_writes": lines * m.cell.write_energy,
        "mram_rows": 2 * rows,
    }


def _logic(n: Mapping[str, int], m: DigitalMachine, p: ParameterSet) -> Parts:
    """Layers that are not on sub-arrays, where there are any."""
    if not m.lanes:
        return {}
    products = n.get("multiply_add", 0) * multiply_add_energy(p, WORD_BITS, WORD_BITS, m.sum_bits)
    sums = n.get("add", 0) * add_energy(p, m.sum_bits)
    return {"logic": products + sums + n.get("tanh", 0) * table_energy(p)}


def _rest(counts: Counts, m: DigitalMachine, p: ParameterSet) -> Parts:
    """Rounding, softmax and memories."""
    digital, memory, buffer = (counts.get(part, {}) for part in ("digital", "memory", "buffer"))
    activations = memory.get("activation_bits_written", 0) + memory.get("activation_bits_read", 0)
    replay = buffer.get("bits_written", 0) + buffer.get("bits_read", 0)
    return {
        **_logic(digital, m, p),
        "rounding": digital.get("narrowed", 0) * 2 * add_energy(p, m.sum_bits)
        + digital.get("relu", 0) * add_energy(p, WORD_BITS),
        "softmax": digital.get("softmax", 0) * multiply_add_energy(p, WORD_BITS, LOG_BITS, m.sum_bits),
        "activation_memory": activations * memory_energy(p, m.kept_bits),
        "replay_memory": replay * memory_energy(p, m.memory_bits.get("replay", 0)),
    }
