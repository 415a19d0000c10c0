"""Random numbers inside kernels: xoshiro256++ and the ziggurat, in blocks, in float32.

The generator's state is (4,) uint64, plain data that a checkpoint stores. Sources: Blackman and Vigna, "Scrambled
linear pseudorandom number generators", ACM TOMS 47 (2021); Marsaglia and Tsang, "The ziggurat method for generating
random variables", J. Stat. Software 5 (2000), with 256 layers and index bits apart from value bits (Doornik 2005).
"""

from __future__ import annotations

import math

import numpy as np

from cimlearn import portable
from cimlearn.compiled import STRICT, exp_each, kernel

LAYERS = 256
TAIL = 3.6541528853610088  # where the lowest layer's tail begins, for 256 layers
AREA = 4.92867323399e-3  # area of each layer
VALUES = 1 << 23  # values per side, 23 bits


def _ziggurat() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Acceptance bound (256,) int32, width per value (256,) float32, density at the border (256,) float64."""
    exp, log = (portable.plain_exp, portable.plain_log) if STRICT else (math.exp, math.log)
    x = np.empty(LAYERS + 1)
    density = exp(-0.5 * TAIL * TAIL)
    x[0], x[1], x[LAYERS] = AREA / density, TAIL, 0.0
    for i in range(2, LAYERS):
        x[i] = math.sqrt(-2.0 * log(AREA / x[i - 1] + exp(-0.5 * x[i - 1] ** 2)))
    densities = exp_each(-0.5 * x * x)
    bound = (x[1:] / x[:-1] * VALUES).astype(np.int32)
    return bound, (x[:-1] / VALUES).astype(np.float32), densities


_BOUND, _WIDTH, _DENSITY = _ziggurat()


@kernel
def next_word(state):
    """The next 64 random bits (uint64)."""
    total = state[0] + state[3]
    word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + state[0]
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = (state[3] << np.uint64(45)) | (state[3] >> np.uint64(19))
    return word


@kernel
def uniform(state):
    """A float32 in [0, 1), 24 bits."""
    return np.float32(next_word(state) >> np.uint64(40)) * np.float32(2.0**-24)


@kernel
def seed_state(state, key):
    """Fill state (4,) from key (uint64) with splitmix64, which the authors of xoshiro256++ recommend for that."""
    for n in range(4):
        key += np.uint64(0x9E3779B97F4A7C15)
        state[n] = mixed(key)


@kernel
def mixed(key):
    """The finaliser of splitmix64: 64 bits (uint64) of which each depends on every bit of key (uint64)."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@kernel
def _outside(state, layer, value):
    """A normal for a value (>= 0, in units of the layer) beyond the layer's bound; negative means: draw again."""
    if layer == 0:
        while True:
            x = -math.log(1.0 - float(uniform(state))) / TAIL
            y = -math.log(1.0 - float(uniform(state)))
            if y + y > x * x:
                return np.float32(TAIL + x)
    x = float(value) * float(_WIDTH[layer])
    low, high = _DENSITY[layer], _DENSITY[layer + 1]
    if low + float(uniform(state)) * (high - low) < math.exp(-0.5 * x * x):
        return np.float32(x)
    return np.float32(-1.0)


@kernel
def fill_normal(state, out):
    """Fill out (n,) float32 with independent standard normals: two from each 64-bit word."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    i = 0
    n = out.size
    while i < n:
        total = s0 + s3
        word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
        shifted = s1 << np.uint64(17)
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
        for half in range(2):
            bits = np.int32(np.uint32(word >> np.uint64(32 * half)))
            layer = bits & 255
            value = bits >> 8  # signed, 24 bits
            if i == n:
                break
            normal = np.float32(value) * _WIDTH[layer]
            if abs(value) >= _BOUND[layer]:
                state[0], state[1], state[2], state[3] = s0, s1, s2, s3
                magnitude = _outside(state, layer, abs(value))
                s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
                if magnitude < np.float32(0.0):
                    continue
                normal = magnitude if value >= 0 else -magnitude
            out[i] = normal
            i += 1
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


@kernel
def fill_uniform(state, out):
    """Fill out (n,) float32 with independent uniform numbers in [0, 1), 24 bits each."""
    for i in range(out.size):
        out[i] = uniform(state)


# --- normals from a counter: every number is a function of its place alone, so loops over them become vectors.

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64 goes on by this
_HALF = np.float32(0.70710678118654752)
# ln(1 + t) = t - t^2 / 2 + t^3 P(t) for 1 + t in sqrt(1/2) .. sqrt(2): S. L. Moshier's logf of the Cephes library.
_LOG = tuple(
    np.float32(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
# Taylor series of sin and cos, in 2 pi v for |v| <= 1/4 turn: the first terms left out are below 6e-8 and 5e-8.
_SIN = tuple(
    np.float32((-1) ** k * (2 * math.pi) ** (2 * k + 1) / math.factorial(2 * k + 1)) for k in range(6)
)
_COS = tuple(np.float32((-1) ** k * (2 * math.pi) ** (2 * k) / math.factorial(2 * k)) for k in range(7))


@kernel
def log_of(u):
    """ln u of a float32 > 0."""
    bits = np.float32(u).view(np.int32)
    power = np.float32((bits >> np.int32(23)) - np.int32(126))  # u = m 2^power, m in 1/2 .. 1
    m = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    low = m < _HALF
    power = power - np.float32(1) if low else power
    t = (m + m if low else m) - np.float32(1)
    p = _LOG[0]
    for k in range(1, 9):
        p = p * t + _LOG[k]
    return t - np.float32(0.5) * t * t + t * t * t * p + power * np.float32(0.69314718055994531)


@kernel
def normal_pair(word):
    """Two independent standard normals (float32) of 64 random bits (Box and Muller 1958).

    r = sqrt(-2 ln u) with u of 32 bits, an angle of 30 bits, and a bit for the half of the circle; so |normal| <= 6.8.
    """
    u = (np.float32(np.uint32(word >> np.uint64(32))) + np.float32(0.5)) * np.float32(2.0**-32)
    radius = math.sqrt(max(np.float32(-2) * log_of(u), np.float32(0)))
    low = np.uint32(word)
    v = np.float32(np.int32(low) >> np.int32(1)) * np.float32(2.0**-32)  # turns, -1/4 .. 1/4
    square = v * v
    s, c = _SIN[5], _COS[6]
    for k in range(4, -1, -1):
        s = s * square + _SIN[k]
    for k in range(5, -1, -1):
        c = c * square + _COS[k]
    side = -radius if low & np.uint32(1) else radius
    return side * c, radius * (s * v)


@kernel
def fill_normal_at(key, place, out):
    """Fill out (n,) float32 with standard normals of key (uint64) from pairs place, place + 1, ... on.

    The next block begins at pair `place + pairs(n)`. One pair stands in out[i] and out[n // 2 + i].
    """
    start = key + _GOLDEN * np.uint64(place)
    half = out.size // 2
    for i in range(half):
        a, b = normal_pair(mixed(start + _GOLDEN * np.uint64(i)))
        out[i] = a
        out[half + i] = b
    if out.size % 2:
        out[out.size - 1] = normal_pair(mixed(start + _GOLDEN * np.uint64(half)))[0]


@kernel
def normal_at(key, place):
    """The standard normal of key (uint64) at `place`: the first of that pair."""
    return normal_pair(mixed(key + _GOLDEN * np.uint64(place)))[0]


@kernel
def fill_uniform_at(key, place, out):
    """Fill out (n,) float32 with uniform numbers in [0, 1) of key (uint64), 24 bits each, from number `place` on."""
    start = key + _GOLDEN * np.uint64(place)
    for i in range(out.size):
        word = mixed(start + _GOLDEN * np.uint64(i))
        out[i] = np.float32(np.int32(word >> np.uint64(40))) * np.float32(2.0**-24)


@kernel
def pairs(count):
    """Pairs of normals that hold `count`."""
    return (count + 1) // 2
