"""A product by weighted-bit streaming as a transient circuit, from the drivers to the integrators.

Least significant bit first: in each cycle the rows are driven for the integration time, the column's current flows onto
C_f, then C_f shares its charge with an equal capacitor:  V <- (V + u) / 2.  After the most significant bit
V = sum_k 2^-k u_k.

    amplifier     a voltage source of gain -GAIN at the virtual ground k{j}; 1 / g_m is at the end of the wires
    C_f           divided by the gain that fabrication and calibration gave the integrator; rows carry the gain of each
                  cycle
    C_s           between s{j} and the output: switched to the virtual ground to share, shorted while rows are driven
    reference     its column ends in an ammeter; a current source takes copy x current from every column of its group
    layers        those of sign -1 end in ammeters too

What the run adds besides is not in it: noise, the converter's steps, the integrator's range; its offset is added to
what is printed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.circuit import Circuit, columns_of, tile_cells
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.periphery import PeripheryDescription, volts_per_unit
from cimlearn.arrays.wires import Wires
from cimlearn.errors import InputError
from cimlearn.spice.netlist import tile_lines

GAIN = 1e6  # of an amplifier
EDGE = 1e-2  # rise and fall of a pulse, in cycles
IDEAL = Wires(0.0, 0.0, 0.0, False)


def codes(x: NDArray[np.float64], steps: int) -> NDArray[np.int64]:
    """(rows,) the code that the level shifters stream for each input."""
    size = np.abs(x).astype(np.float32) * np.float32(steps) + np.float32(0.5)
    return np.minimum(size, steps - 1).astype(np.int64)


def streamed(
    bar: Crossbar,
    circuit: Circuit,
    around: PeripheryDescription,
    x: NDArray[np.float64],
    *,
    row_tile: int = 0,
    column_tile: int = 0,
    title: str = "an array",
) -> str:
    """A netlist that prints o0, o1, ... [V]: what each integrator of one tile holds after x (rows of the array,)."""
    if circuit.transconductance and circuit.wires is None:
        raise InputError(
            f"periphery.transconductance = {circuit.transconductance:g} S without wires is one law for all that hangs "
            "on an amplifier, which this netlist doesn't draw; set periphery.wire = 0 too"
        )
    rows = slice(int(bar.tiles[row_tile]), int(bar.tiles[row_tile + 1]))
    columns = range(int(circuit.columns[column_tile]), int(circuit.columns[column_tile + 1]))
    lines = [f"* {title}: a vector streamed bit by bit", ".options reltol=1e-6 abstol=1e-15 vntol=1e-9"]
    lines += _drivers(bar, around, x[rows])
    for layer, sign in enumerate(bar.sign):
        lines += _layer(bar, circuit, layer, float(sign), row_tile, column_tile)
    if not circuit.group and bar.reference:
        lines += _exact_reference(bar.reference, rows.stop - rows.start, len(columns))
    for j, column in enumerate(columns):
        trim = float(bar.state.seen.trim[row_tile, column]) if bar.state.seen.trim.size else 1.0
        lines += _integrator(
            j, around.capacitance / (float(bar.periphery.column[0, row_tile, column]) * trim)
        )
    lines += _clocks(around)
    bits = (around.input_bits or 2) - 1
    unit = volts_per_unit(around, bar.scale)
    out = []
    for j, column in enumerate(columns):
        offset = float(bar.periphery.column[1, row_tile, column]) * unit
        out += [f"let o{j} = -v(o{j})[length(v(o{j}))-1] + {offset:.12g}", f"print o{j}"]
    end = bits * period(around)
    tran = f"tran {around.bit_time / 40:.6g} {end:.12g} 0 {around.bit_time / 40:.6g} uic"
    return "\n".join([*lines, ".control", "set numdgt=12", tran, *out, "quit", ".endc", ".end", ""])


def period(around: PeripheryDescription) -> float:
    """A cycle of the netlist [s]: integration, and as long again for sharing."""
    return 2 * around.bit_time


def _drivers(bar: Crossbar, around: PeripheryDescription, x: NDArray[np.float64]) -> list[str]:
    """A source for each row: a pulse of +-V_r g_k in the cycle of each bit that is 1."""
    bits = (around.input_bits or 2) - 1
    code, edge = codes(x, 2**bits), EDGE * around.bit_time
    gain = [
        float(bar.periphery.code[0, 1 << k]) * 2.0 ** (bits - k) for k in range(bits)
    ]  # least significant first
    lines = []
    for i, value in enumerate(x):
        points = ["0 0"]
        for k in range(bits):
            if code[i] >> k & 1:
                volt = np.sign(value) * around.read_voltage * gain[k]
                start = k * period(around) + edge
                times = (start, start + edge, start + around.bit_time, start + around.bit_time + edge)
                points += [f"{t:.12g} {v:.12g}" for t, v in zip(times, (0, volt, volt, 0), strict=True)]
        lines.append(f"Vin{i} v{i} 0 PWL({' '.join(points)})")
    return lines


def _layer(
    bar: Crossbar, circuit: Circuit, layer: int, sign: float, row_tile: int, column_tile: int
) -> list[str]:
    """The cells of one layer, with ammeters where a current is subtracted."""
    cells = tile_cells(bar, circuit, layer, row_tile, column_tile)
    own, reference = columns_of(circuit, column_tile)
    first = int(circuit.columns[column_tile])
    ends, lines, prefix = [""] * cells.shape[1], [], f"l{layer}"
    for j, place in enumerate(own):
        ends[place] = f"k{j}" if sign > 0 else f"{prefix}m{j}"
        if sign < 0:
            lines += [f"V{prefix}m{j} {prefix}m{j} 0 0", f"F{prefix}m{j} k{j} 0 V{prefix}m{j} 1"]
    for place in sorted(set(reference.tolist()) - {-1}):
        ends[place] = f"{prefix}f{place}"
        lines.append(f"V{prefix}f{place} {prefix}f{place} 0 0")
    for j, place in enumerate(reference):
        if place >= 0:
            copy = float(circuit.copies[row_tile, first + j])
            lines.append(f"F{prefix}f{j} k{j} 0 V{prefix}f{place} {copy:.15g}")
    return lines + tile_lines(cells, circuit.wires or IDEAL, ends, prefix)


def _exact_reference(reference: float, rows: int, columns: int) -> list[str]:
    """A reference that no wire reaches and every column subtracts exactly."""
    lines = [f"Rx{i} v{i} xr {1 / reference:.15g}" for i in range(rows)]
    return [*lines, "Vxr xr 0 0", *(f"Fx{j} k{j} 0 Vxr 1" for j in range(columns))]


def _integrator(j: int, capacitance: float) -> list[str]:
    """An amplifier, its capacitor, the sharing one and two switches."""
    return [
        f"Eo{j} o{j} 0 0 k{j} {GAIN:g}",
        f"Cf{j} k{j} o{j} {capacitance:.15g} IC=0",
        f"Cs{j} s{j} o{j} {capacitance:.15g} IC=0",
        f"Sa{j} s{j} k{j} share 0 ideal",
        f"Sb{j} s{j} o{j} short 0 ideal",
    ]


def _clocks(around: PeripheryDescription) -> list[str]:
    """Sharing in the middle of the second half of each cycle; shorted in the first half."""
    time, edge, whole = around.bit_time, EDGE * around.bit_time, period(around)
    return [
        ".model ideal sw vt=0.5 vh=0.1 ron=1k roff=1e12",
        f"Vshare share 0 PULSE(0 1 {1.2 * time:.12g} {edge:.6g} {edge:.6g} {0.6 * time:.12g} {whole:.12g})",
        f"Vshort short 0 PULSE(0 1 {0.1 * time:.12g} {edge:.6g} {edge:.6g} {0.8 * time:.12g} {whole:.12g})",
    ]
