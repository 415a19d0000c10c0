"""Batch normalisation in integers, between a layer's sums and their narrowing; its state is counted and saved.

    m = mean s    d = mean |s - m|    x = (s - m) / (5/4 d)    y = gamma x + beta        (by channel, over the batch)

Means of magnitudes stand for roots of mean squares (L1 norm; Wu et al., arXiv 1802.09769; Banner et al., arXiv
1805.11046): for a Gaussian sqrt(pi / 2) d is the standard deviation, and 5/4 is that to 0.3 %. One division a channel,
otherwise additions, shifts and one multiplication by each of 1/d and gamma. Backwards, with g the error of y,

    e = gamma / (5/4 d) (g - mean g - 5/4 mean(g x) (sign x - mean sign x))

| symbol | bits | |
|---|---|---|
| x | 12, of which 8 are kept for the way back | 2^-8, and 2^-4 |
| gamma, beta | 16, in cells, written by updates | one exponent |
| running m and d | 32 each, in SRAM | moved by 1/16 of the difference in each learning step |

Learning takes the statistics of its batch, classifying the running ones, so an answer doesn't depend on its batch.
A filter's own exponent drops out: its sums, m and d are all in the same unit.

Re-folded (`refold` = n): m and d are those of the last folding, a copy of the running ones taken every n batches, in
learning and classifying. They are constants on the way back, e = gamma / (5/4 d) g, and are known before the sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.learning.integer.tensor import Int8, Sums, Tensor, fitting, torch
from cimlearn.learning.integer.weighted import Bias, bias_from_float

FINE: Final = 8  # bits of x after the point
KEPT: Final = 4  # the same of what is kept
SPAN: Final = 2047  # of x, 8 deviations
RECIPROCAL: Final = 26  # bits of 1/d after the point
BEFORE: Final = 8  # bits of running statistics below the unit of the first sums
SLOW: Final = 4  # they move by 2^-SLOW of the difference
STATE_BITS: Final = 64  # of a channel: running m and d
FACTOR: Final = 13  # bits of gamma / d on the way back


@dataclass
class Norm:
    """The normalisation of one layer's channels."""

    gamma: Bias
    beta: Bias  # of the same exponent
    running: Tensor  # (2, channels) m and d, int64, in units of 2^unit
    unit: int | None = None  # None: nothing was seen, and the first batch sets it
    learning: bool = False
    refold: int = 0  # batches between two foldings; 0: each batch has its own statistics
    folded: Tensor | None = None  # (2, channels) m and d of the last folding, as `running`
    since: int = 0  # batches after it
    wrong: Any = None  # a `wrong.WrongBits` of what is kept, and of running statistics
    gamma_gradient: Sums | None = None
    beta_gradient: Sums | None = None
    _kept: Tensor | None = None  # x at 2^-KEPT
    _mean_size: Tensor | None = None  # d
    _unit: int = 0  # of the sums that x came from
    _each: tuple[int, ...] = field(default=(1, -1, 1, 1))

    def forward(self, acc: Sums, *, keep: bool) -> Sums:
        """gamma x + beta of the sums acc (examples, channels, h, w), with this batch's statistics while learning."""
        s, count = acc.sums.double(), acc.sums.numel() // acc.sums.shape[1]
        known = self.unit is not None
        if self.learning or not known:
            middle = _mean(s.sum((0, 2, 3)), count)
            apart = s - middle.view(self._each)
            size = _mean(apart.abs().sum((0, 2, 3)), count).clamp(min=1)
        now = (middle, size) if self.learning else None
        if known and (self.refold or not self.learning):
            middle, size = self._at(acc.exponent)
            apart = s - middle.view(self._each)
        if now is not None:
            self._follow(torch.stack(now), acc.exponent)
        each = torch.floor(2.0 ** (RECIPROCAL + 2) / (5 * size))
        x = (apart * (each * 2.0 ** (FINE - RECIPROCAL)).view(self._each)).round_().clamp_(-SPAN, SPAN)
        self._kept = (x * 2.0 ** (KEPT - FINE)).round_().clamp_(-127, 127) if keep else None
        if self.wrong is not None and self._kept is not None:
            self._kept = self.wrong.words(self._kept, 8)
        self._mean_size, self._unit = size, acc.exponent
        y = x * self.gamma.mantissa.double().view(self._each)
        y += (self.beta.mantissa.double() * 2.0**FINE).view(self._each)
        return Sums(y, self.gamma.exponent - FINE)

    def backward(self, error: Int8) -> Sums:
        """The error of the sums; sets the gradients of gamma and beta."""
        assert self._kept is not None and self._mean_size is not None, "the way back follows a way forward"
        g, x = error.mantissa.double(), self._kept
        count, axes = g.numel() // g.shape[1], (0, 2, 3)
        total, along = g.sum(axes), (g * x).sum(axes)
        self.beta_gradient = Sums(total, error.exponent)
        self.gamma_gradient = Sums(along, error.exponent - KEPT)
        t = g * 2.0**FINE
        if not self.refold:
            sign = x.sign()
            push = _mean(along * 5 * 2.0 ** (FINE - KEPT - 2), count)  # 5/4 mean(g x), at 2^-FINE
            back = _mean(total * 2.0**FINE, count) - (push * sign.sum(axes) / count).round()
            t = t - back.view(self._each) - push.view(self._each) * sign
        factor = self.gamma.mantissa.double() / (5 * self._mean_size)
        most = float(factor.abs().max())
        up = FACTOR - (int(np.frexp(most)[1]) if most else 0)
        factor = torch.trunc(factor * 2.0**up)
        exponent = error.exponent - FINE + self.gamma.exponent + 2 - up - self._unit
        return Sums(t * factor.view(self._each), exponent)

    def _follow(self, now: Tensor, exponent: int) -> None:
        """Move the running statistics towards those of this batch; the first batch sets them."""
        if self.unit is None:
            self.unit = exponent - BEFORE
            self.running = _limited(now * 2.0**BEFORE)
            self.folded = self.running.clone() if self.refold else None
            return
        apart = now * 2.0 ** (exponent - self.unit) - self.running.double()
        self.running = _limited(self.running.double() + (apart * 2.0**-SLOW).round())
        if self.wrong is not None:
            self.running = self.wrong.words(self.running, STATE_BITS // 2)
        if not self.refold:
            return
        self.since += 1
        if self.since >= self.refold:
            self.folded, self.since = self.running.clone(), 0

    def _at(self, exponent: int) -> tuple[Tensor, Tensor]:
        """Running m and d in units of 2^exponent, or those of the last folding."""
        assert self.unit is not None
        held = self.running if self.folded is None else self.folded
        middle, size = (held.double() * 2.0 ** (self.unit - exponent)).round()
        return middle, size.clamp(min=1)

    def refolded(self, every: int) -> None:
        """Fold every so many batches from here on; the running statistics of a trained norm are folded now."""
        self.refold = every
        self.folded = self.running.clone() if self.unit is not None else None

    def kept_bits(self) -> int:
        """Eight bits of x for each value."""
        return 8 * self._kept.numel() if self._kept is not None else 0

    def state(self) -> NDArray[np.int64]:
        """(2, channels + 1) running m and d, then their unit and whether there is one; (4, ...) where they are folded.

        The last two rows: m and d of the last folding, then the batches since, and 0.
        """
        more = torch.tensor([[0 if self.unit is None else self.unit], [int(self.unit is not None)]])
        found = torch.cat([self.running, more], 1)
        if self.refold:
            held = torch.zeros_like(self.running) if self.folded is None else self.folded
            found = torch.cat([found, torch.cat([held, torch.tensor([[self.since], [0]])], 1)])
        return np.asarray(found.numpy())

    def load(self, state: NDArray[np.int64]) -> None:
        """Go on from `state`."""
        self.running = torch.from_numpy(state[:2, :-1].copy())
        self.unit = int(state[0, -1]) if state[1, -1] else None
        if self.refold:
            self.folded = torch.from_numpy(state[2:, :-1].copy()) if self.unit is not None else None
            self.since = int(state[2, -1])


def new_norm(channels: int, gamma: float, exponent: int) -> Norm:
    """A norm that has seen nothing: gamma everywhere, beta 0, both with 16 bits at 2^exponent."""
    mantissa = torch.full((channels,), round(gamma * 2.0**-exponent), dtype=torch.int64)
    zero = torch.zeros(channels, dtype=torch.int64)
    return Norm(Bias(mantissa, exponent), Bias(zero, exponent), torch.zeros((2, channels), dtype=torch.int64))


def from_batch_norm(norm: Any, steps: Tensor | None) -> Norm:
    """The norm that stands for a BatchNorm2d behind sums whose channel c is in units of 2^(unit + steps_c)."""
    deviation = (norm.running_var.detach().double() + norm.eps).sqrt()
    both = bias_from_float(torch.cat([norm.weight.detach(), norm.bias.detach()]))
    gamma, beta = both.mantissa.chunk(2)
    unit = fitting(float(deviation.max())) - BEFORE
    own = 2.0**unit * (torch.ones_like(deviation) if steps is None else 2.0 ** steps.double())
    running = torch.stack([norm.running_mean.detach().double() / own, deviation / (1.25 * own)])
    return Norm(Bias(gamma, both.exponent), Bias(beta, both.exponent), _limited(running), unit)


def _mean(total: Tensor, count: int) -> Tensor:
    """total / count of whole numbers, rounded to nearest."""
    return torch.floor((2 * total + count) / (2 * count))


def _limited(values: Tensor) -> Tensor:
    """Whole numbers of 32 bits."""
    return values.round().clamp(-(2**31 - 1), 2**31 - 1).to(torch.int64)
