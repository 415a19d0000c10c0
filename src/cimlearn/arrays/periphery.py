"""What stands around a crossbar: input level shifters, integrators, converters (weighted-bit streaming).

A signed input of n_b bits is streamed as sign and magnitude, x_i = s_i sum_k b_ik 2^-k, k = 1 .. n_b - 1. In
cycle k the integrator of column j adds  g_k 2^-k sum_i s_i b_ik w_ij  (in units of the weight), g_k the gain of
that cycle; after the last cycle the column is scaled by its own gain (feedback capacitor), shifted by its offset,
cut to the integrator's range and converted once. With g_k common to all columns the sum over cycles is one product
with the *effective* input  s_i sum_k g_k 2^-k b_ik,  read from a table of 2^(n_b-1) entries; independent noise of
the cycles adds in variance with weights  (g_k 2^-k)^2 b_ik, a second table. Both are exact, not approximations, while
no integrator reaches its range before the last cycle (tests/arrays/test_crossbar.py streams cycle by cycle to check).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.random import generator

BOLTZMANN: Final = 1.380649e-23  # [J/K]


class Periphery(NamedTuple):
    """Numbers of the periphery, in units of weight x input unless a unit is given."""

    steps: float  # 2^(n_b-1) steps of an input's magnitude; 0 = inputs are not quantised
    code: NDArray[
        np.float32
    ]  # (2, steps) of each code: effective input; sum of squared cycle weights, for noise
    both: NDArray[
        np.uint64
    ]  # (steps,) the two of each code as one word of 64 bits, the input in its lower half
    ones: NDArray[np.int64]  # (steps,) bits that are 1 in each code
    column: NDArray[np.float32]  # (2, row tiles, columns) of each integrator: gain; offset
    reach: float  # the integrator's range: results are cut to +-reach; infinity = none
    step: float  # one step of the converter; 0 = no conversion
    top: float  # largest code of the converter, 2^(b-1) - 1; codes run from -top - 1
    thermal: float  # variance that the integrators' own noise adds to a vector


class PeripheryDescription(NamedTuple):
    """What a user chooses, with units; `None` switches an effect off."""

    input_bits: int | None  # n_b, sign included
    converter_bits: int | None  # b_adc
    read_voltage: float  # V_r [V]
    bit_time: float  # T_b, time in which a cycle integrates [s]
    capacitance: float  # C_f [F]
    saturation: float | None  # integrator's range [V]
    cycle_mismatch: float  # standard deviation of g_k, relative
    column_mismatch: float  # standard deviation of the integrators' gain, relative
    offset: float  # standard deviation of the integrators' offset [V]
    thermal: float  # standard deviation of an integrator's noise per cycle [V]
    transconductance: float | None = None  # that holds a column's virtual ground [S]; None: ideal
    noise_factor: float = 0.0  # of the amplifier; 0: noise is `thermal` alone
    temperature: float = 300.0  # [K]


def volts_per_unit(description: PeripheryDescription, scale: float) -> float:
    """Integrator voltage [V] for a product of 1: V_r T_b / (C_f scale), scale [ohm] = weight per siemens."""
    return description.read_voltage * description.bit_time / (description.capacitance * scale)


def circuit_noise(description: PeripheryDescription, column: float) -> float:
    """Variance [V^2] of an integrator's voltage in one cycle, from amplifier and column (conductance `column` [S]).

        sigma^2 = (4 k T gamma / g_m G^2 + 4 k T G) T_b / (2 C_f^2)

    The amplifier's noise voltage stands across the column and becomes a current; white current noise that is
    integrated for T_b has half its one-sided density times T_b as variance of the charge.
    """
    d = description
    if d.noise_factor == 0 or d.transconductance is None:
        return 0.0
    density = 4 * BOLTZMANN * d.temperature * (d.noise_factor / d.transconductance * column**2 + column)
    return density * d.bit_time / (2 * d.capacitance**2)


def periphery(
    description: PeripheryDescription,
    *,
    scale: float,
    tiles: int,
    columns: int,
    seed: int,
    name: str,
    column: float = 0.0,
) -> Periphery:
    """The periphery of one array, its mismatch drawn once (fabrication) from `seed` and `name`.

    `column` is the conductance of a column in the middle of its window [S].
    """
    draw = generator(seed, name, "periphery")
    unit = volts_per_unit(description, scale)
    bits = (description.input_bits or 1) - 1
    cycle_gain = 1.0 + description.cycle_mismatch * draw.standard_normal(bits)
    gain = 1.0 + description.column_mismatch * draw.standard_normal((tiles, columns))
    offset = description.offset / unit * draw.standard_normal((tiles, columns))
    codes = np.arange(2**bits)
    on = (codes[:, None] >> np.arange(bits - 1, -1, -1)) & 1  # (codes, bits), most significant first
    weights = cycle_gain * 0.5 ** np.arange(1, bits + 1)
    reach = float("inf") if description.saturation is None else description.saturation / unit
    step, top = 0.0, 0.0
    if description.converter_bits is not None:
        if description.saturation is None:
            raise ValueError(
                "a converter needs a range: periphery.saturation can't be none with converter bits"
            )
        top = 2.0 ** (description.converter_bits - 1) - 1
        step = reach / 2.0 ** (description.converter_bits - 1)
    cycles = np.sum(4.0 ** -np.arange(1, bits + 1)) if bits else 1.0
    code = np.stack([on @ weights, on @ weights**2]).astype(np.float32)
    return Periphery(
        steps=float(2**bits) if description.input_bits is not None else 0.0,
        code=code,
        both=(code[0].view(np.uint32).astype(np.uint64))
        | (code[1].view(np.uint32).astype(np.uint64) << np.uint64(32)),
        ones=on.sum(axis=1).astype(np.int64),
        column=np.stack([gain, offset]).astype(np.float32),
        reach=float(reach),
        step=float(step),
        top=float(top),
        thermal=float((description.thermal**2 + circuit_noise(description, column)) / unit**2 * cycles),
    )
