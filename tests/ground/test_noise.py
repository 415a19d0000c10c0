"""Random numbers inside kernels: the words, the uniforms, the normals, and where states come from."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hardware import SIGMAS, UNLIKELY, Xoshiro
from scipy import stats

from cimlearn.noise import TAIL, fill_normal, fill_normal_at, fill_uniform, next_word, seed_state
from cimlearn.random import generator, kernel_state

SEED = np.array([1, 2, 3, 4], np.uint64)
GOLDEN, WORD = 0x9E3779B97F4A7C15, 2**64 - 1  # splitmix64 (S. Vigna, public domain)


def splitmix64(key: int) -> int:
    key &= WORD
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB & WORD
    return key ^ (key >> 31)


@numba.njit
def _words(state, out):
    for n in range(out.size):
        out[n] = next_word(state)


@numba.njit
def _seed(state, key):
    seed_state(state, key)


@numba.njit
def _normals(state, out):
    fill_normal(state, out)


@numba.njit
def _uniforms(state, out):
    fill_uniform(state, out)


@numba.njit
def _histogram(state, block, blocks, counts, tail):
    """Counts of width 1/20 from -4 to 4 (outside: the end bins), and all |x| beyond the ziggurat's tail."""
    found = 0
    for _ in range(blocks):
        fill_normal(state, block)
        for x in block:
            place = int(np.floor((x + 4) * 20)) + 1
            counts[min(max(place, 0), counts.size - 1)] += 1
            if abs(x) > TAIL:
                tail[found] = x
                found += 1
    return found


@numba.njit
def _normals_at(key, place, out):
    fill_normal_at(key, place, out)


def normals(count: int, name: str) -> np.ndarray:
    out = np.empty(count, np.float32)
    _normals(kernel_state(1, name), out)
    return out


def test_states_from_a_key_are_those_of_splitmix64() -> None:
    """The first numbers of seed 1234567, as rosettacode.org ("Pseudo-random numbers/Splitmix64") lists them."""
    state = np.zeros(4, np.uint64)
    _seed(state, np.uint64(1234567))
    assert state.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
    ]


def test_words_are_those_of_the_published_generator() -> None:
    """The first numbers from state 1, 2, 3, 4 are those of the test vector of Rust's rand_xoshiro."""
    state, out = SEED.copy(), np.empty(1000, np.uint64)
    _words(state, out)
    assert out[:4].tolist() == [41943041, 58720359, 3588806011781223, 3591011842654386]
    plain = Xoshiro(SEED)
    assert out.tolist() == [plain.word() for _ in range(1000)]
    assert state.tolist() == plain.s


def test_normals_draw_from_the_same_words() -> None:
    """Two normals from each word, some are refused or need another: 5,000 take 2,500 to 3,000 words."""
    state = SEED.copy()
    _normals(state, np.empty(5000, np.float32))
    plain = Xoshiro(SEED)
    used = 0
    while plain.s != state.tolist():
        plain.word()
        used += 1
        assert used <= 3000
    assert used >= 2500


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_normals_fill_just_their_place(count: int) -> None:
    room = np.full(count + 2, 99, np.float32)
    _normals(SEED.copy(), room[1 : 1 + count])
    assert room[0] == room[-1] == 99
    assert np.all(np.abs(room[1:-1]) < 10)


def test_normals_have_the_moments_of_a_normal() -> None:
    """Standard errors of mean, variance, skewness, excess kurtosis of n normals: sqrt(1, 2, 6, 24 / n)."""
    n = 4_000_000
    x = normals(n, "moments").astype(np.float64)
    seen = [x.mean(), x.var() - 1, (x**3).mean(), (x**4).mean() - 3]
    # E x^3 has variance 15, E x^4 has variance 96
    errors = np.sqrt(np.array([1, 2, 15, 96]) / n)
    assert np.all(np.abs(seen) < SIGMAS * errors), seen / errors


def test_normals_are_normal() -> None:
    assert stats.kstest(normals(1_000_000, "ks"), "norm").pvalue > UNLIKELY


def test_neighbouring_normals_are_independent() -> None:
    """The correlation of independent neighbours has standard error 1 / sqrt(n); so has that of their
    squares.
    """
    n = 1_000_000
    x = normals(n, "lag").astype(np.float64)
    for values in (x, x * x):
        for lag in (1, 2):
            assert abs(np.corrcoef(values[lag:], values[:-lag])[0, 1]) < SIGMAS / math.sqrt(n)


def test_every_part_of_twenty_million_normals() -> None:
    """Bins 1/20 wide against the normal's; beyond the ziggurat's tail, a = 3.65, Poisson counts on both sides, mean
    phi(a) / Q(a), and the tail's own distribution. A wedge or tail taken wrongly shows here.
    """
    n = 20_000_000
    counts, tail = np.zeros(162, np.int64), np.empty(20_000, np.float32)
    found = _histogram(kernel_state(1, "tails"), np.empty(100_000, np.float32), n // 100_000, counts, tail)
    inner = stats.norm.cdf(np.linspace(-4, 4, 161))
    expected = n * np.diff(np.concatenate([[0], inner, [1]]))
    assert expected.min() > 100
    assert stats.chisquare(counts, expected).pvalue > UNLIKELY
    tail = tail[:found].astype(np.float64)
    q = stats.norm.sf(TAIL)
    for side in (tail[tail > 0], -tail[tail < 0]):
        assert abs(side.size - n * q) < SIGMAS * np.sqrt(n * q)
    size = np.abs(tail)
    mean = stats.norm.pdf(TAIL) / q
    spread = np.sqrt(1 + TAIL * mean - mean**2)  # standard deviation of a normal beyond a
    assert abs(size.mean() - mean) < SIGMAS * spread / np.sqrt(found)
    assert stats.kstest(1 - stats.norm.sf(size) / q, "uniform").pvalue > UNLIKELY
    for border in (4.2, 4.6, 5.0):
        wanted = 2 * n * stats.norm.sf(border)
        assert abs(np.sum(size > border) - wanted) < SIGMAS * np.sqrt(wanted)


def test_normals_of_a_key_are_box_and_muller_in_float64() -> None:
    """Word n of splitmix64 gives a radius of 32 bits and an angle of 31; blocks go on where the last one ended."""
    found = np.empty(6, np.float32)
    _normals_at(np.uint64(5), 3, found)
    for n in range(3):
        word = splitmix64(5 + GOLDEN * (3 + n))
        radius = math.sqrt(-2 * math.log(((word >> 32) + 0.5) / 2**32))
        low = word & 0xFFFFFFFF
        turn = ((low - (low >> 31 << 32)) >> 1) / 2**32
        pair = (
            (-1) ** (low & 1) * radius * math.cos(2 * math.pi * turn),
            radius * math.sin(2 * math.pi * turn),
        )
        assert np.allclose([found[n], found[3 + n]], pair, atol=2e-6)
    odd = np.empty(5, np.float32)
    _normals_at(np.uint64(5), 3, odd)
    assert odd[[0, 1, 4]].tolist() == found[[0, 1, 2]].tolist()


def test_normals_of_a_key_are_normal() -> None:
    """Moments, distribution, tails, and no correlation within or between pairs, or between keys."""
    n = 4_000_000
    x = np.empty(n, np.float32)
    _normals_at(np.uint64(12345), 0, x)
    other = np.empty(n, np.float32)
    _normals_at(np.uint64(12346), 0, other)
    y = x.astype(np.float64)
    seen = [y.mean(), y.var() - 1, (y**3).mean(), (y**4).mean() - 3]
    assert np.all(np.abs(seen) < SIGMAS * np.sqrt(np.array([1, 2, 15, 96]) / n))
    assert stats.kstest(y[::4], "norm").pvalue > UNLIKELY
    for border in (3, 4, 4.5):
        wanted = 2 * n * stats.norm.sf(border)
        assert abs(np.sum(np.abs(y) > border) - wanted) < SIGMAS * np.sqrt(wanted)
    for a, b in ((y[: n // 2], y[n // 2 :]), (y[1:], y[:-1]), (y, other.astype(np.float64))):
        for power in (1, 2):
            assert abs(np.corrcoef(a**power, b**power)[0, 1]) < SIGMAS / math.sqrt(len(a))


def test_uniforms_are_uniform_in_24_bits() -> None:
    out = np.empty(1_000_000, np.float32)
    _uniforms(kernel_state(1, "uniform"), out)
    assert 0 <= out.min() < 1e-5
    assert 1 - 1e-5 < out.max() < 1
    assert np.all(out * 2.0**24 == np.rint(out * 2.0**24))
    assert stats.kstest(out, "uniform").pvalue > UNLIKELY


def test_names_and_seeds_give_states_of_their_own() -> None:
    names = [("hidden", "read"), ("hidden", "write"), ("output", "read"), ("hidden",), ("read", "hidden"), ()]
    states = [tuple(kernel_state(seed, *name).tolist()) for name in names for seed in (0, 1, 2**40)]
    words = [word for state in states for word in state]
    assert len(set(words)) == len(words)
    assert kernel_state(3, "a").tolist() == kernel_state(3, "a").tolist()


def test_streams_of_two_names_are_not_correlated() -> None:
    """n independent pairs have a correlation with standard error 1 / sqrt(n)."""
    n = 100_000
    draws = [generator(0, "task", "one").standard_normal(n), generator(0, "task", "two").standard_normal(n)]
    draws += [normals(n, "one").astype(float), normals(n, "two").astype(float)]
    off = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.all(np.abs(off) < SIGMAS / math.sqrt(n))
