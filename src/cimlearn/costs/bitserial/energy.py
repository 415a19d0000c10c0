"""Energy of a digital bit-serial chip by product and part [J]: counts times prices, nothing else.

Symbols: n_x number of x, V_dd supply, E_+(b) an addition of b bits (energy.add_energy), b_s bits of an accumulator.

    reads        n_bits_read s E_read + n_bits_out E_read,   s: share of ones among driven bits, as counted
                 n_bits_read E_read / 8 where latched: a stored bit is read once for the 8 bits of an input
    latches      n_bits_read (E_latch / 8 + s E_and)         E_and: two gates at V_dd
    rows         (n_row_activations s' + n_rows_out + n_rows_written) E_row,   s' = s, s + 1/8 where latched
                 E_row = (columns (cell pitch x wire + gate)) V_dd^2 (1 + driver)
    popcounts    n_popcounts B(q) e_tree                     B: activity.tree_bits, q = s s_stored
    sums         8 popcounts of a word are put together, M bits of e_tree (activity.merge_bits), and added to a sum once
                 n_shift_adds / 8 (M e_tree + E_+(b)) + (n_partial_adds + n_window_adds + n_bias_adds) E_+(b)
                 b = 16 + ceil(log2 terms), at most b_s;   e_tree: a bit of an addition, price.tree_overhead on it
    feature_maps, held_sums    bits moved x E_memory(a bank);   interconnect: feature bits x bus (bus_energy)
    loading      n_loaded_bits x price.load
    rounding     n_narrowed 2 E_+(b_s): the largest is looked for, half a step is added; n_relu E_+(8)
    norms        n_norm_add E_+(b_s) + n_norm_multiply (16 x 16 bits multiplied, added) + state bits x E_memory
    momentum     velocity bits x E_memory + 3 E_+(16) a weight and update
    residue      residue bits x E_memory + E_+(16) a weight and update
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
from cimlearn.costs.bitserial.activity import merge_bits, tree_bits
from cimlearn.costs.bitserial.area import digital_area
from cimlearn.costs.bitserial.machine import PRODUCTS, WORD_BITS, DigitalMachine
from cimlearn.costs.logic import add_energy, memory_energy, multiply_add_energy, table_energy
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

WORK: Final = (*PRODUCTS, "update")
NORM_BITS: Final = 16  # of a norm's factors, and of a velocity
LOG_BITS: Final = 16  # of the constant log2 e in the integer softmax
Counts = Mapping[str, Mapping[str, int]]  # part -> action -> count


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
    operands = counts.get("operands", {})
    found = {
        product: _product(product, counts[product], operands, m, p)
        for product in PRODUCTS
        if product in counts
    }
    if "update" in counts:
        found["update"] = _update(counts["update"], counts.get("cells"), m, p)
    return {**found, "rest": _rest(counts, m, p)}


def shares(product: str, operands: Mapping[str, int], p: ParameterSet) -> tuple[float, float]:
    """Shares of ones among driven and stored bits: as counted, or price.bits_on and 1/2 where nothing was looked at."""

    def share(side: str, otherwise: float) -> float:
        bits = operands.get(f"{product}_{side}_bits", 0)
        return operands[f"{product}_{side}_ones"] / bits if bits else otherwise

    given = p["price.bits_on"]
    return share("driven", 1.0) if given is None else given, share("stored", 0.5)


def _product(
    product: str, n: Mapping[str, int], operands: Mapping[str, int], m: DigitalMachine, p: ParameterSet
) -> Parts:
    """One of the three products of training."""

    def get(action: str) -> int:
        return n.get(action, 0)

    on, stored = shares(product, operands, p)
    latched = m.latches(product)
    cells = {"mram": (m.cell.read_energy, m.cell.write_energy), "sram": unit_cell(m, p)}
    if m.frozen_cell is not None:
        cells["frozen"] = (m.frozen_cell.read_energy, m.frozen_cell.write_energy)
    parts: Parts = {}
    for unit, (read, write) in cells.items():
        row = _row(unit, m, p)
        seen = on if not latched else 1 / WORD_BITS
        once = get(f"{unit}_bits_out") + get(f"{unit}_index_bits_read")
        part = m.unit if unit == "sram" else unit
        parts[f"{part}_reads"] = (get(f"{unit}_bits_read") * seen + once) * read
        if latched:
            sensed = get("mram_bits_read") + get("frozen_bits_read")
            parts["latches"] = sensed * (p["price.latch"] / WORD_BITS + on * _and_energy(p))
        driven_rows = get(f"{unit}_row_activations") * (on + (1 / WORD_BITS if latched else 0))
        rows = driven_rows + get(f"{unit}_rows_out") + get(f"{unit}_rows_written")
        parts[f"{part}_rows"] = rows * row
        parts[f"{part}_writes"] = get(f"{unit}_bits_written") * write
    counted, width = m.counted(product), m.width(product)
    whole = sum(get(f"adders_{kind}_adds") for kind in ("partial", "window", "bias"))
    words = get("adders_shift_adds") / WORD_BITS  # one plane of a word each
    merged = product != "error" or m.transpose != "transposable"
    sums = (words if merged else get("adders_shift_adds")) * add_energy(p, width)
    if merged:
        sums += words * merge_bits(counted) * tree_add_energy(p)
    return parts | {
        "popcounts": get("adders_popcounts") * tree_bits(counted, on * stored) * tree_add_energy(p),
        "sums": sums + whole * add_energy(p, width),
    }


def _and_energy(p: ParameterSet) -> float:
    """An AND gate whose driven input is 1: two gate loads [J]."""
    return float(2 * p["price.gate"] * p["technology.supply"] ** 2)


def tree_add_energy(p: ParameterSet) -> float:
    """A bit of a random addition in a tree, which has no registers but its own overhead [J]."""
    return add_energy(p, 1) * (1 + p["price.tree_overhead"]) / (1 + p["price.logic_overhead"])


def _row(unit: str, m: DigitalMachine, p: ParameterSet) -> float:
    """Energy of driving a row of one unit [J]."""
    if unit == "frozen" and m.frozen is not None and m.frozen_cell is not None:
        return row_energy(p, m.frozen.columns, m.frozen_cell.area)
    area = m.cell.area if unit == "mram" else unit_area(m, p)
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


def _features(n: Mapping[str, int], m: DigitalMachine, p: ParameterSet) -> Parts:
    """Feature maps and held sums: a bank of the memory, the way between it and the sub-arrays; and loading."""
    if "feature_bits_read" not in n:
        return {}
    maps = n["feature_bits_read"] + n["feature_bits_written"]
    held = n["sum_bits_read"] + n["sum_bits_written"]
    bank = memory_energy(p, min(p["price.bank_bits"], m.memory_bits.get("activations", p["price.bank_bits"])))
    return {
        "feature_maps": maps * bank,
        "held_sums": held * bank,
        "interconnect": maps * bus_energy(math.fsum(digital_area(m, p).values()), p),
        "loading": n["loaded_bits"] * p["price.load"],
    }


def bus_energy(area: float, p: ParameterSet) -> float:
    """A bit over a wire as long as a chip of `area` is wide; half of the bits change it [J]."""
    return float(0.5 * math.sqrt(area) * p["price.wire"] * p["technology.supply"] ** 2)


def _norms(n: Mapping[str, int], m: DigitalMachine, p: ParameterSet, *, learning: bool) -> Parts:
    """Integer norms, where there are any: additions, 16 x 16 bit products, running statistics.

    Learning reads and writes statistics (half of the bits each), classifying reads them.
    """
    if not n.get("norm_multiply"):
        return {}
    products = n["norm_multiply"] * multiply_add_energy(p, NORM_BITS, NORM_BITS, m.sum_bits)
    written = n["norm_state_bits"] / 2 if learning else 0
    state = kept(n["norm_state_bits"] - written, written, m.memory_bits["state"], m, p)
    return {"norms": n["norm_add"] * add_energy(p, m.sum_bits) + products + state}


def kept(read: float, written: float, capacity: float, m: DigitalMachine, p: ParameterSet) -> float:
    """Energy of bits read from and written into a memory of what only learning needs [J].

    In another memory than SRAM its cells come on top of what an SRAM of that capacity takes, whose bit lines, decoders
    and way it has too: an upper limit, since the price of an SRAM has its own cells in it.
    """
    moved = (read + written) * memory_energy(p, capacity)
    if m.learning_cell is None:
        return moved
    return moved + read * m.learning_cell.read_energy + written * m.learning_cell.write_energy


def unit_cell(m: DigitalMachine, p: ParameterSet) -> tuple[float, float]:
    """Energies of a bit read from and written into the unit for transposes and gradients [J]."""
    own = m.learning_cell
    return (own.read_energy, own.write_energy) if own else (p["price.unit_read"], p["price.unit_write"])


def unit_area(m: DigitalMachine, p: ParameterSet) -> float:
    """Area of a cell of that unit [m2]."""
    return float(m.learning_cell.area if m.learning_cell else p["technology.sram_cell"])


def _beside(counts: Counts, m: DigitalMachine, p: ParameterSet) -> Parts:
    """What is kept beside weights that learn, read and written in each update.

    Three additions of 16 bits a velocity, one a residue.
    """
    memory, parts = counts.get("memory", {}), Parts()
    velocities = memory.get("velocity_bits", 0) / (2 * NORM_BITS)
    adds = {"velocity": 3 * velocities, "residue": counts.get("digital", {}).get("residue_add", 0)}
    for part, name in (("momentum", "velocity"), ("residue", "residue")):
        half = memory.get(f"{name}_bits", 0) / 2
        if half:
            parts[part] = kept(half, half, m.memory_bits["state"], m, p) + adds[name] * add_energy(
                p, NORM_BITS
            )
    return parts


def _rest(counts: Counts, m: DigitalMachine, p: ParameterSet) -> Parts:
    """Rounding, softmax and memories."""
    digital, memory, buffer = (counts.get(part, {}) for part in ("digital", "memory", "buffer"))
    back = memory.get("activation_bits_read", 0), memory.get("activation_bits_written", 0)
    replay = buffer.get("bits_written", 0) + buffer.get("bits_read", 0)
    return {
        **_logic(digital, m, p),
        "rounding": digital.get("narrowed", 0) * 2 * add_energy(p, m.sum_bits)
        + digital.get("relu", 0) * add_energy(p, WORD_BITS),
        **_norms(digital, m, p, learning="update" in counts),
        **_beside(counts, m, p),
        "softmax": digital.get("softmax", 0) * multiply_add_energy(p, WORD_BITS, LOG_BITS, m.sum_bits),
        "activation_memory": kept(*back, m.kept_bits, m, p),
        **_features(memory, m, p),
        "replay_memory": replay * memory_energy(p, m.memory_bits.get("replay", 0)),
    }
