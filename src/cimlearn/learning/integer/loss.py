"""The error that starts the way back: softmax minus target, in integers and in base 2.

    s = x log2 e,  log2 e = 47274 / 2^15      p_k = 2^(s_k) / sum_j 2^(s_j)      E_k = p_k - [k = target]

NITI (Wang et al., arXiv 2009.13108). NITI takes floor(s), so p is right to a factor of 2; `fraction` bits of s
after the point make it better, with 2^f = 1 + f between whole numbers (at most 6 % off).

With many classes a share is smaller than the last bit of an error, and rounded to nearest it is lost: of 1,000 equal
shares nothing is left but -1 at the target. So beyond 32 classes shares have 20 bits, and what a class's rounding drops
is carried to the next one, from a start that is drawn for each example,

    E_k = floor(C_k + u) - floor(C_(k-1) + u),    C_k = sum of (p_j - [j = target]) 128 over j <= k,    u in [0, 1)

(systematic sampling, Madow, Ann. Math. Stat. 15 (1944), 1): the mean of E_k is exact, and errors add up to 0
(before -128 at the target, where p is 0, is clipped to -127).
"""

from __future__ import annotations

from typing import Final

from cimlearn.errors import InputError
from cimlearn.learning.integer.tensor import (
    LARGEST,
    Generator,
    Int8,
    Rounding,
    Tensor,
    shifted,
    torch,
)

LOG2_E: Final = 47274  # / 2^15
SPAN: Final = 10  # s below the largest by more than this counts as -infinity
SCALE: Final = 11  # bits of a share: sum_k p_k = 2^11
DROPPED: Final = 4  # of them, when the error becomes int8
MANY: Final = 32  # classes; beyond, what rounding drops is carried on
FINE: Final = 20  # bits of a share of many classes
FINE_SPAN: Final = 20  # the same as SPAN for them
GOLDEN: Final = 0x9E3779B1  # 2^32 / golden ratio: evenly spread starts where nothing is drawn
TINY: Final = -7  # below this exponent every s is near 0, and e^x = 1 + x + x^2 / 2
TINIEST: Final = -20  # below this exponent logits are shifted to it: their squares would need 64 bits


def softmax_error(
    logits: Int8,
    target: Tensor,
    *,
    fraction: int = 0,
    rounding: Rounding = "half",
    generator: Generator | None = None,
) -> Int8:
    """(examples, classes) E of logits (examples, classes) and target (examples,) class numbers; exponent -7.

    Not divided by the number of examples. Raises InputError if there are more classes than shares (2^20). `generator`
    draws the starts for more than 32 classes; without one they follow from the place in the batch.
    """
    count = logits.mantissa.shape[1]
    if count >= 2**FINE:
        raise InputError(f"{count} classes are too many for shares of {FINE} bits; give fewer than {2**FINE}")
    whole = logits.mantissa.to(torch.int64)
    if count > MANY:
        return _carried(logits, whole, target, fraction, generator)
    powers = _powers(whole, logits.exponent, fraction)
    shares = (powers << SCALE) // powers.sum(dim=1, keepdim=True)
    rows = torch.arange(len(shares), device=shares.device)
    shares[rows, target] -= shares.sum(dim=1)
    error = shifted(shares, DROPPED, rounding, generator=generator).clamp_(-LARGEST, LARGEST)
    return Int8(error.to(logits.mantissa.dtype), DROPPED - SCALE)


def _carried(logits: Int8, whole: Tensor, target: Tensor, fraction: int, generator: Generator | None) -> Int8:
    """The error of many classes."""
    powers = _powers(whole, logits.exponent, fraction, FINE_SPAN)
    powers = powers >> max(int(powers.sum(dim=1).max()).bit_length() - 62 + FINE, 0)
    total = powers.sum(dim=1, keepdim=True)
    upto = (powers.cumsum(dim=1) << FINE) // total  # (examples, classes) of 2^20, the last exactly that
    rows = torch.arange(len(upto))
    classes = torch.arange(upto.shape[1], device=upto.device)
    upto = upto - ((classes >= target[:, None]).to(torch.int64) << FINE)
    dropped = FINE - SCALE + DROPPED
    if generator is not None:
        start = torch.randint(0, 1 << dropped, (len(upto), 1), generator=generator)
    else:
        start = ((rows * GOLDEN) % 2**32 >> (32 - dropped)).unsqueeze(1)
    ends = (upto + start.to(upto.device)) >> dropped
    error = torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1])).clamp_(-LARGEST, LARGEST)
    return Int8(error.to(logits.mantissa.dtype), DROPPED - SCALE)


def _powers(whole: Tensor, exponent: int, fraction: int, span: int = SPAN) -> Tensor:
    """Whole numbers in proportion to e^x, x = whole 2^exponent, by rows."""
    if exponent < TINY:
        whole = shifted(whole, max(TINIEST - exponent, 0))
        exponent = max(exponent, TINIEST)
        return (1 << (1 - 2 * exponent)) + (whole << (1 - exponent)) + whole * whole
    scaled = whole * LOG2_E  # 15 bits after the point, and -exponent more
    s = shifted_down(scaled, 15 - exponent - fraction)
    s = s - s.amax(dim=1, keepdim=True) + (span << fraction)
    s = s.clamp_(min=0)
    one = 1 << fraction
    return ((one + (s & (one - 1))) << (s >> fraction)) - one  # 2^s - 1


def shifted_down(whole: Tensor, shift: int) -> Tensor:
    """floor(whole / 2^shift); a negative shift goes up, by at most 20 bits: past that only the largest counts."""
    return whole >> shift if shift >= 0 else whole << min(-shift, 20)
