"""A cell that is written by whole pulses: a mean step for each direction, noise of every pulse, spread between cells.

    w = (G - middle) / half                 place in the window: -1 at device.low, +1 at device.high
    n = floor(|change| / pulse + u)         pulses of a write, at most `most`; pulse: mean step in the middle
    w <- w +- s f(w) (1 + cycle x) +- s cycle_absolute x'       each pulse, cut to the cell's own bounds
    G = middle + half (w + step write_noise x'')                what is read after a write; w itself stays hidden

s is the cell's own step (`traits`), x, x' and x'' are standard normal. f by law, h and l the cell's own bounds:

    constant       f_up = f_down = 1
    linear         f_up = 1 - bend_up w                         f_down = 1 + bend_down w
    soft-bounds    f_up = 1 - w / h                             f_down = 1 - w / l
    exponential    f_up = 1 + bend_up exp(2 rate_up w / (h - l))        down likewise
    power          f_up = ((h - w) / (h - l))^bend_up           f_down = ((w - l) / (h - l))^bend_down
    table          f_up and f_down between even points over the window

f is never below 0. With cycle_law = summed the noise of a pulse is one normal of standard deviation
cycle s f + step (cycle_absolute + cycle_slope (w - l)). Cells of one way move up alone: asked for a step down, the
whole cell is RESET to w = l + |reset + reset_spread x|, which counts as one pulse (phase-change cells: Nandakumar et
al., Front. Neurosci. 14 (2020), 406). The laws, their spreads and the hidden w of write noise are those of the pulsed
devices of Rasch et al., IEEE AICAS 2021 (arXiv 2104.02184); the constant step is that of Gokmen and Vlasov, Front.
Neurosci. 10 (2016), 333.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import exp_each, kernel
from cimlearn.devices.base import inside, program
from cimlearn.devices.elementary import exp_of, power_of
from cimlearn.noise import mixed, normal_pair

LAWS: Final = ("constant", "linear", "soft-bounds", "exponential", "power", "table")
CONSTANT, LINEAR, SOFT, EXPONENTIAL, POWER, TABLE = range(len(LAWS))

# A cell's own numbers, in this order.
UP: Final = 0  # mean step up where f = 1, in half windows
DOWN: Final = 1  # the same down
LOWEST: Final = 2  # smallest w
HIGHEST: Final = 3  # largest w
BEND_UP: Final = 4  # of the law
BEND_DOWN: Final = 5
TRAITS: Final = 6
SIGMAS: Final = 4.0  # spread that `low` and `high` leave room for


class Pulsed(NamedTuple):
    """The mean cell and its spreads; places and steps in half windows."""

    low: np.float32  # smallest conductance that any cell is read at [S]
    high: np.float32  # largest conductance that any cell is read at [S]
    middle: np.float32  # conductance of w = 0 [S]
    half: np.float32  # half of the window that weights are mapped to [S]
    law: int  # place in LAWS
    step: np.float32  # mean step of one pulse where f = 1
    asymmetry: np.float32  # share that steps down lack (steps up, where negative)
    bend: NDArray[np.float32]  # (2,) up, down
    rate: NDArray[np.float32]  # (2,) of the exponential law
    table: NDArray[np.float32]  # (2, points) of the table law
    bound: NDArray[np.float32]  # (2,) mean bounds of w: lowest, highest
    pulse: np.float32  # change of one pulse in the middle, mean of up and down [S]
    most: int  # pulses of one write
    cycle: np.float32  # standard deviation of a pulse, relative to its mean step
    cycle_absolute: np.float32  # the same, relative to the cell's step where f = 1; summed: to `step`
    cycle_slope: np.float32  # summed: more of it for each half window above the lowest place
    summed: bool  # these three add up
    write_noise: np.float32  # standard deviation of what a write leaves to be read, in mean steps
    step_spread: float  # between cells, relative
    log_normal: bool  # the spread of the step is that of its logarithm
    asymmetry_spread: float  # between cells
    bend_spread: tuple[float, float]  # between cells: up, down
    bound_spread: tuple[float, float]  # between cells, relative: lowest, highest
    one_way: bool  # pulses move it up alone; down is a RESET
    reset: np.float32  # place above the lowest after a RESET, in half windows
    reset_spread: np.float32  # its standard deviation

    def window(self) -> tuple[float, float]:
        """Conductances [S] of the smallest and the largest weight."""
        return float(self.middle - self.half), float(self.middle + self.half)

    def gambles(self) -> bool:
        """It rounds to whole pulses at random, so the array draws uniform numbers."""
        return True

    def hides(self) -> bool:
        """Its state is the conductance [S] that the next pulse moves, hidden behind write noise."""
        return True

    def rest(self) -> tuple[float, float]:
        """(conductance [S], hidden conductance [S]) of a fresh cell."""
        place = float(self.middle + self.half * (self.bound[0] + self.reset)) if self.one_way else self.middle
        return float(place), float(place)

    def traits(self, shape: tuple[int, ...], draw: np.random.Generator) -> NDArray[np.float32]:
        """(*shape, TRAITS) each cell's own numbers.

        gain = 1 + step_spread x, or exp(step_spread x);  a = asymmetry_spread x'
        up = step |gain + min(asymmetry, 0) + a|,  down = step |gain - max(asymmetry, 0) - a|
        bound = mean (1 + bound_spread x''), on its own side of 0;  bend = mean + bend_spread x''', of its own sign
        """
        step, asymmetry = float(self.step), float(self.asymmetry)
        own = np.empty((*shape, TRAITS))
        normal = draw.standard_normal((TRAITS, *shape))
        gain = exp_each(self.step_spread * normal[0]) if self.log_normal else 1 + self.step_spread * normal[0]
        skew = self.asymmetry_spread * normal[1]
        own[..., UP] = step * np.abs(gain + min(asymmetry, 0.0) + skew)
        own[..., DOWN] = step * np.abs(gain - max(asymmetry, 0.0) - skew)
        for place, side in ((LOWEST, 0), (HIGHEST, 1)):
            mean = float(self.bound[side])
            own[..., place] = mean * np.abs(1 + self.bound_spread[side] * normal[place])
        for place, side in ((BEND_UP, 0), (BEND_DOWN, 1)):
            mean, spread = float(self.bend[side]), self.bend_spread[side]
            drawn = mean + spread * normal[place]
            own[..., place] = np.copysign(drawn, mean) if spread else mean
        return own.astype(np.float32)


def typical(device: Any) -> NDArray[np.float32]:
    """(TRAITS,) the cell without spreads."""
    flat = device._replace(
        step_spread=0.0, asymmetry_spread=0.0, bend_spread=(0.0, 0.0), bound_spread=(0.0, 0.0)
    )
    return flat.traits((), np.random.default_rng(0))


# --- f of each law, without its sign cut: up and down are one equation each, of v = w up and -w down, of the bound
# ahead (`edge`), and of reach = h - l.


@kernel
def linear_factor(bend, v):
    """1 - bend v."""
    return np.float32(1) - bend * v


@kernel
def soft_factor(edge, w):
    """1 - w / edge."""
    return np.float32(1) - w / edge


@kernel
def exponential_factor(bend, rate, reach, w):
    """1 + bend exp(2 rate w / reach)."""
    return np.float32(1) + bend * exp_of(np.float32(2) * rate * w / reach)


@kernel
def power_factor(bend, left, reach):
    """(left / reach)^bend; left: from w to the edge."""
    return power_of(max(left / reach, np.float32(0)), bend)


@kernel
def table_factor(table, side, w):
    """Of table[side] (points,) between its points, which are even over the window."""
    last = table.shape[1] - 1
    at = min(max((w + np.float32(1)) * np.float32(0.5 * last), np.float32(0)), np.float32(last))
    n = min(np.int32(at), np.int32(last - 1))
    return table[side, n] + (at - np.float32(n)) * (table[side, n + 1] - table[side, n])


@kernel
def response(device, own, w, up):
    """Mean step of one pulse at w, in half windows and without its sign."""
    side = 0 if up else 1
    step, bend = own[UP + side], own[BEND_UP + side]
    edge = own[HIGHEST] if up else own[LOWEST]
    reach = own[HIGHEST] - own[LOWEST]
    law = device.law
    if law == CONSTANT:
        return step
    if law == LINEAR:
        f = linear_factor(bend, w if up else -w)
    elif law == SOFT:
        f = soft_factor(edge, w)
    elif law == EXPONENTIAL:
        f = exponential_factor(bend, device.rate[side], reach, w)
    elif law == POWER:
        f = power_factor(bend, edge - w if up else w - edge, reach)
    else:
        f = table_factor(device.table, side, w)
    return step * max(f, np.float32(0))


# --- the noise of pulses


@kernel
def key_of(normal, uniform):
    """A key (uint64) for more chance, from the bits of the chance that a write was given."""
    high = np.uint64(np.float32(uniform).view(np.uint32))
    low = np.uint64(np.float32(normal).view(np.uint32))
    return mixed((high << np.uint64(32)) ^ low)


@kernel
def later_key(key, pair):
    """Of a write of key (uint64): the key of the normals of its second and third pulse (pair 0), and so on."""
    return key + np.uint64(pair + 1) * np.uint64(0x9E3779B97F4A7C15)


@kernel
def written_normal(key):
    """The standard normal (of a write of key) that hides where the cell is."""
    return normal_pair(mixed(~key))[0]


@kernel
def summed_spread(cycle, absolute, slope, step, mean, above):
    """Standard deviation of a pulse of the mean step `mean`, `above` the lowest place; step: the mean cell's."""
    return cycle * mean + step * (absolute + slope * above)


@kernel
def independent_spread(cycle, absolute, step, mean):
    """The same of two noises that are independent; step: the cell's own."""
    one, other = cycle * mean, absolute * step
    return np.sqrt(one * one + other * other)


@kernel
def _spread(device, own, mean, w, side):
    """Standard deviation of a pulse of the mean step `mean`."""
    if device.summed:
        return summed_spread(
            device.cycle, device.cycle_absolute, device.cycle_slope, device.step, mean, w - own[LOWEST]
        )
    if device.cycle_absolute > 0:
        return independent_spread(device.cycle, device.cycle_absolute, own[UP + side], mean)
    return device.cycle * mean


@kernel
def is_noisy(device):
    """Whether a pulse has noise."""
    return (device.cycle > 0) | (device.cycle_absolute > 0) | (device.cycle_slope > 0)


@kernel
def reset_place(device, lowest, normal):
    """w after a RESET."""
    return lowest + abs(device.reset + device.reset_spread * normal)


@kernel
def _program(device, conductance, state, own, change, normal, uniform):
    """One write of one cell; devices/walk.py has many side by side."""
    if device.one_way and change < 0:
        hidden = device.middle + device.half * reset_place(device, own[LOWEST], normal)
        return inside(device, hidden), hidden, 1
    pulses = int(min(abs(change) / device.pulse + uniform, np.float32(device.most)))
    if pulses == 0:
        return conductance, state, 0
    up = change > 0
    side, sign = (0, np.float32(1)) if up else (1, np.float32(-1))
    w = (state - device.middle) / device.half
    key, noisy = key_of(normal, uniform), is_noisy(device)
    drawn, other = np.float32(normal), np.float32(0)
    for n in range(pulses):
        mean = response(device, own, w, up)
        w += sign * (mean + _spread(device, own, mean, w, side) * drawn)
        w = min(max(w, own[LOWEST]), own[HIGHEST])
        if n + 1 < pulses and noisy:
            if n % 2 == 0:
                drawn, other = normal_pair(mixed(later_key(key, n // 2)))
            else:
                drawn = other
    hidden = device.middle + device.half * w
    seen = hidden
    if device.write_noise > 0:
        seen += device.half * device.step * device.write_noise * written_normal(key)
    return inside(device, seen), hidden, pulses


program.register(Pulsed, _program)
