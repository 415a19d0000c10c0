"""Answers, sparsification, feedback, replay: each against the obvious loop or a count of chances."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hardware import UNLIKELY
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cimlearn.chips.m2ru import kernels
from cimlearn.learning import dfa, sparsify
from cimlearn.learning.replay import (
    buffer,
    lfsr_step,
    note,
    random_below,
    random_bits,
    recall,
    store,
    wide_step,
)

CLOSE = 1e-5  # float32 sums of a few numbers near 1
RNG = np.random.default_rng


@numba.njit
def _softmax(out, share):
    sparsify.softmax(out, share)


@numba.njit
def _keep_largest(change, keep, work):
    sparsify.keep_largest(change, keep, work)


@numba.njit
def _sparsify(change, keep, whole, bounds):
    kernels.sparsify(change, keep, whole, bounds)


@numba.njit
def _deltas(feedback, error, candidate, new, delta):
    dfa.deltas(feedback, error, candidate, new, delta)


@numba.njit
def _through(output, recurrent, error, candidate, keep, feed, delta, back):
    dfa.deltas_through(output, recurrent, error, candidate, keep, feed, delta, back)


@numba.njit
def _add_products(total, rows, delta):
    dfa.add_products(total, rows, delta)


# ---- answers


def test_softmax() -> None:
    """exp(o) / sum exp(o), also where exp alone would overflow."""
    for out in ([0.0, 0.0], [1.0, 2.0, -3.0], [500.0, 499.0, -500.0]):
        share = np.empty(len(out), np.float32)
        _softmax(np.array(out, np.float32), share)
        powers = np.exp(np.array(out) - max(out))
        assert np.allclose(share, powers / powers.sum(), atol=CLOSE)


# ---- sparsification


def largest(change: np.ndarray, keep: int) -> np.ndarray:
    """The `keep` largest magnitudes of each column, of equal ones the first rows: a stable sort, in NumPy."""
    kept = np.zeros_like(change)
    for j in range(change.shape[1]):
        rows = np.argsort(-np.abs(change[:, j]), kind="stable")[:keep]
        kept[rows, j] = change[rows, j]
    return kept


VALUES = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-45, 3e38, 2.0]), st.floats(-1, 1, width=32))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_keep_largest_is_a_stable_sort(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    keep = data.draw(st.integers(1, 13))
    numbers = data.draw(st.lists(VALUES, min_size=rows * columns, max_size=rows * columns))
    change = np.array(numbers, np.float32).reshape(rows, columns)
    wanted = largest(change, keep)
    _keep_largest(change, keep, np.empty((sparsify.ROOM, columns), np.float32))
    assert np.array_equal(change, wanted)


def test_keep_largest_of_many() -> None:
    """129 x 100 normals: per column and over the whole array, the same as NumPy's partition."""
    change = RNG(1).standard_normal((129, 100)).astype(np.float32)
    bounds = np.empty((sparsify.ROOM, change.shape[1]), np.float32)
    for keep in (1, 13, 128, 129, 5000):
        column, whole = change.copy(), change.copy()
        _sparsify(column, keep, False, bounds)
        assert np.array_equal(column, largest(change, keep))
        _sparsify(whole, keep, True, bounds)
        border = np.partition(np.abs(change), -keep, axis=None)[-keep]
        assert np.array_equal(whole, np.where(np.abs(change) >= border, change, 0))
    nothing = change.copy()
    _sparsify(nothing, 0, False, bounds)  # 0 = keep all
    assert np.array_equal(nothing, change)


# ---- feedback

SIZES = [(5, 6, 3), (1, 4, 2), (4, 3, 1), (7, 9, 10)]  # steps, hidden, classes


@pytest.mark.parametrize(("steps", "hidden", "classes"), SIZES)
def test_feedback_tables(steps: int, hidden: int, classes: int) -> None:
    """Psi, lambda^(T-t) Psi, (lambda I + (1 - lambda) beta U)^(T-t) Psi; T is the last step."""
    rng, keep, feed = RNG(2), 0.8, 0.9
    psi = rng.normal(0, 1, (hidden, classes)).astype(np.float32)
    u = rng.normal(0, 0.5, (hidden, hidden)).astype(np.float32)
    matrix = keep * np.eye(hidden) + (1 - keep) * feed * u
    for t in range(steps):
        left = steps - 1 - t
        wanted = {
            "direct": psi,
            "decayed": keep**left * psi,
            "timed": np.linalg.matrix_power(matrix, left) @ psi,
        }
        for kind, table in wanted.items():
            got = dfa.feedback(kind, psi, u, steps, keep, feed)
            assert got.shape == (steps, classes, hidden)
            assert np.allclose(got[t], table.T, atol=CLOSE), kind


def test_timed_feedback_is_the_gradient_of_a_linear_network() -> None:
    """h_t = lambda h + (1 - lambda)(U^T beta h + ...), o = Psi^T h_T: do/dh_t by finite differences is the
    table.
    """
    rng, keep, feed, hidden = RNG(3), 0.7, 0.8, 5
    u, psi = rng.normal(0, 0.5, (hidden, hidden)), rng.normal(0, 1, (hidden, 3))
    table = dfa.feedback("timed", psi.astype(np.float32), u.astype(np.float32), 4, keep, feed)

    def out(h: np.ndarray, steps: int) -> np.ndarray:
        for _ in range(steps):
            h = keep * h + (1 - keep) * (feed * h) @ u
        return h @ psi

    for t in range(4):
        for i in range(hidden):
            change = out(np.eye(hidden)[i], 3 - t) - out(np.zeros(hidden), 3 - t)
            assert np.allclose(table[t, :, i], change, atol=CLOSE)


@pytest.mark.parametrize(("steps", "hidden", "classes"), SIZES)
def test_deltas(steps: int, hidden: int, classes: int) -> None:
    """delta_t = (Psi_t e) (1 - c_t^2) (1 - lambda)."""
    rng = RNG(4)
    psi = rng.normal(0, 1, (steps, classes, hidden)).astype(np.float32)
    error = rng.normal(0, 1, classes).astype(np.float32)
    error[0] = 0  # an error of 0 takes a short cut
    c = rng.uniform(-1, 1, (steps, hidden)).astype(np.float32)
    delta = np.full((steps, hidden), np.nan, np.float32)
    _deltas(psi, error, c, 0.3, delta)
    for t in range(steps):
        for j in range(hidden):
            g = sum(float(psi[t, k, j]) * float(error[k]) for k in range(classes))
            assert delta[t, j] == pytest.approx(g * (1 - float(c[t, j]) ** 2) * 0.3, abs=CLOSE)


@pytest.mark.parametrize(("steps", "hidden", "classes"), SIZES)
def test_deltas_through_time(steps: int, hidden: int, classes: int) -> None:
    """g_T = Psi e; delta_t = g_t (1 - c_t^2) (1 - lambda); g_{t-1} = lambda g_t + beta B delta_t."""
    rng, keep, feed = RNG(5), 0.7, 0.9
    psi = rng.normal(0, 1, (hidden, classes)).astype(np.float32)
    b = rng.normal(0, 0.5, (hidden, hidden)).astype(np.float32)  # row = sending unit
    error = rng.normal(0, 1, classes).astype(np.float32)
    c = rng.uniform(-1, 1, (steps, hidden)).astype(np.float32)
    delta = np.full((steps, hidden), np.nan, np.float32)
    back = np.full(hidden, np.nan, np.float32)
    _through(np.ascontiguousarray(psi.T), np.ascontiguousarray(b.T), error, c, keep, feed, delta, back)
    g = psi.astype(float) @ error
    for t in reversed(range(steps)):
        wanted = g * (1 - c[t].astype(float) ** 2) * (1 - keep)
        assert np.allclose(delta[t], wanted, atol=CLOSE)
        g = keep * g + feed * b.astype(float) @ wanted


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 8, 11])
def test_add_products(steps: int) -> None:
    """total += sum_t rows[t] (outer) delta[t], whatever the number of steps."""
    rng = RNG(6)
    rows, delta = rng.normal(0, 1, (steps, 6)), rng.normal(0, 1, (steps, 5))
    total = np.ones((6, 5), np.float32)
    _add_products(total, rows.astype(np.float32), delta.astype(np.float32))
    assert np.allclose(total, 1 + sum(np.outer(a, b) for a, b in zip(rows, delta, strict=True)), atol=CLOSE)


# ---- replay


@numba.njit
def _store(memory, x, labels, share):
    for n in range(x.shape[0]):
        slot = store(memory, x[n], labels[n])
        if slot >= 0:
            note(memory, slot, share[n])


@numba.njit
def _recall(memory, x, slots):
    for n in range(slots.size):
        slots[n] = recall(memory, x[n])


@numba.njit
def _inclusion(memory, runs, offered, x, counts):
    for run in range(runs):
        memory.state.seen[0] = 0
        if memory.state.register[0] != 0:
            memory.state.register[0] = np.uint32(1 + (run * 2654435761) % 4294967295)
        for n in range(offered):
            store(memory, x, n)
        for label in memory.state.labels:
            counts[label] += 1


@numba.njit
def _lfsr(start, seen):
    register = np.int64(start)
    length = 0
    while seen[register] == 0:
        seen[register] = 1
        register = lfsr_step(register)
        length += 1
    return length, register


@numba.njit
def _wide(register):
    return wide_step(register)


@numba.njit
def _draws(memory, n, out):
    for i in range(out.size):
        out[i] = random_below(memory, n)


@numba.njit
def _bits(memory, out):
    for i in range(out.size):
        out[i] = random_bits(memory)


def memory_of(slots: int, shape=(1, 1), *, bits=8, kind="nearest", signed=False, lfsr=False, seed=0):
    return buffer(slots, shape, 2, bits=bits, share_bits=8, kind=kind, signed=signed, lfsr=lfsr, seed=seed)


@pytest.mark.parametrize("lfsr", [False, True], ids=["generator", "lfsr"])
def test_every_example_is_as_likely_to_stay(lfsr: bool) -> None:
    """M = 5 slots, n = 20 offered, R runs: each is in the memory with chance M / n.

    As each run has M inclusions, sum (O - E)^2 / (E (1 - M / n)) (n - 1) / n is chi-square, n - 1 degrees.
    """
    memory = memory_of(5, lfsr=lfsr)
    runs, n = 20_000, 20
    counts = np.zeros(n, np.int64)
    _inclusion(memory, runs, n, np.zeros((1, 1), np.float32), counts)
    expected = runs * 5 / n
    assert counts.sum() == runs * 5
    statistic = ((counts - expected) ** 2).sum() / (expected * (1 - 5 / n)) * (n - 1) / n
    assert stats.chi2.sf(statistic, n - 1) > UNLIKELY


def test_reservoir_counts() -> None:
    """Slots fill in order; afterwards the n-th example is stored with chance M / n, so about M (1 + ln(n /
    M)) writes.
    """
    memory = memory_of(50)
    n = 5000
    x = np.zeros((n, 1, 1), np.float32)
    _store(memory, x[:30], np.arange(30), np.zeros((30, 2), np.float32))
    assert (memory.state.seen[0], memory.state.stored[0]) == (30, 30)
    assert memory.state.labels[:31].tolist() == [*range(30), 0]
    _store(memory, x[30:], np.arange(30, n), np.zeros((n - 30, 2), np.float32))
    assert memory.state.seen[0] == n
    chance = 50 / np.arange(51, n + 1)
    wanted, spread = 50 + chance.sum(), np.sqrt((chance * (1 - chance)).sum())
    assert abs(memory.state.stored[0] - wanted) < 4.5 * spread


@pytest.mark.parametrize(("bits", "signed"), [(1, False), (4, False), (8, True), (4, True), (15, False)])
@pytest.mark.parametrize("kind", ["truncate", "nearest", "stochastic"])
def test_stored_examples_fit_their_bits(bits: int, signed: bool, kind: str) -> None:
    """Codes lie in 0 .. 2^b - 1, or +-(2^(b-1) - 1) with a sign; what is recalled is code / steps, within a
    step.
    """
    memory = memory_of(40, (6, 5), bits=bits, signed=signed, kind=kind)
    x = RNG(7).uniform(-1 if signed else 0, 1, (40, 6, 5)).astype(np.float32)
    x[:, 0] = 1
    _store(memory, x, np.arange(40) % 2, np.full((40, 2), 0.5, np.float32))
    top = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    assert memory.state.codes.max() == top
    assert memory.state.codes.min() >= (-top if signed else 0)
    assert np.all(np.abs(memory.state.codes / top - x) <= 1 / top + CLOSE)
    raw, slots = np.empty((60, 6, 5), np.float32), np.empty(60, np.int64)
    _recall(memory, raw, slots)
    assert np.allclose(raw, memory.state.codes[slots] / top, atol=CLOSE)
    assert np.all(memory.state.share == np.floor(0.5 * 255 + 0.5))


def test_ones_keep_their_code_in_the_largest_memory() -> None:
    """15 bits, 200,000 full pixels, rounded at random: the code of 1 is 32,767, never one more (an int16
    would turn over).
    """
    memory = memory_of(1, (400, 500), bits=15, kind="stochastic")
    _store(memory, np.ones((1, 400, 500), np.float32), np.zeros(1, np.int64), np.zeros((1, 2), np.float32))
    assert memory.state.codes.min() == memory.state.codes.max() == 32767


@pytest.mark.parametrize("lfsr", [False, True], ids=["generator", "lfsr"])
def test_recall_takes_every_stored_example_alike(lfsr: bool) -> None:
    """8 of 20 slots are filled: each of the 8 with chance 1/8, the others never."""
    memory = memory_of(20, lfsr=lfsr)
    _store(memory, np.zeros((8, 1, 1), np.float32), np.zeros(8, np.int64), np.zeros((8, 2), np.float32))
    slots = np.empty(40_000, np.int64)
    _recall(memory, np.empty((40_000, 1, 1), np.float32), slots)
    counts = np.bincount(slots)
    assert counts.size == 8
    assert stats.chisquare(counts).pvalue > UNLIKELY


def test_shift_register_has_the_full_period() -> None:
    """A 16-bit register with primitive taps passes all 65,535 states but 0 and returns to its first."""
    seen = np.zeros(65536, np.int8)
    assert _lfsr(0xACE1, seen) == (65535, 0xACE1)
    assert seen[0] == 0
    # by hand: 1 = 0...01 has tap 16 (bit 0) only: the new bit is 1, it enters at the top
    after = np.zeros(65536, np.int8)
    after[0x8000] = 1
    assert _lfsr(1, after) == (1, 0x8000)


def test_shift_register_is_used_bit_by_bit() -> None:
    """32 random bits are the lowest bits of the next 32 states."""
    memory = memory_of(4, lfsr=True)
    register = int(memory.state.register[0])
    wanted = []
    for _ in range(50):
        value = 0
        for _ in range(32):
            bit = (register ^ (register >> 10) ^ (register >> 30) ^ (register >> 31)) & 1
            register = (register >> 1) | (bit << 31)
            value = 2 * value + (register & 1)
        wanted.append(value)
    got = np.empty(50, np.int64)
    _bits(memory, got)
    assert got.tolist() == wanted
    assert memory.state.register[0] == register != 0


@pytest.mark.parametrize("lfsr", [False, True], ids=["generator", "lfsr"])
@pytest.mark.parametrize("n", [1, 3, 10])
def test_replay_numbers_are_uniform(n: int, lfsr: bool) -> None:
    out = np.empty(65535, np.int64)
    _draws(memory_of(4, lfsr=lfsr), n, out)
    counts = np.bincount(out)
    assert counts.size == n
    assert n == 1 or stats.chisquare(counts).pvalue > UNLIKELY


def _power(matrix: np.ndarray, exponent: int) -> np.ndarray:
    """A matrix of bits to a power."""
    found = np.eye(len(matrix), dtype=np.int64)
    while exponent:
        found = found @ matrix % 2 if exponent & 1 else found
        matrix, exponent = matrix @ matrix % 2, exponent >> 1
    return found


def test_wide_register_passes_every_state_but_0() -> None:
    """A step is linear in the bits: its order is 2^32 - 1 = 3 x 5 x 17 x 257 x 65537, and no divisor of that. Draws are
    32 steps apart, which has no factor in common, so all 2^32 - 1 draws are different too.
    """
    columns = [int(_wide(np.int64(1 << k))) for k in range(32)]
    step = np.array([[(column >> row) & 1 for column in columns] for row in range(32)], np.int64)
    period, one = 2**32 - 1, np.eye(32, dtype=np.int64)
    assert np.array_equal(_power(step, period), one)
    for prime in (3, 5, 17, 257, 65537):
        assert period % prime == 0
        assert not np.array_equal(_power(step, period // prime), one)
    assert np.gcd(32, period) == 1


@pytest.mark.parametrize("n", [3, 2000, 60_000, 299_993])
def test_whole_period_of_the_register_is_uniform(n: int) -> None:
    """Exactly, over all draws v = 1 .. 2^32 - 1: floor(v n / 2^32) = s for v from ceil(s 2^32 / n) on."""
    first = -(-np.arange(n + 1) * 2**32 // n)
    counts = np.diff(first)
    counts[0] -= 1
    wanted = (2**32 - 1) / n
    assert counts.sum() == 2**32 - 1
    assert np.abs(counts / wanted - 1).max() <= n / 2**32 + 1e-9
    assert ((counts - wanted) ** 2 / wanted).sum() < 1e-3 * n  # chance alone makes n - 1
    memory = memory_of(4, lfsr=True)
    out, again = np.empty(200, np.int64), np.empty(200, np.int64)
    _draws(memory_of(4, lfsr=True), n, out)
    _bits(memory, again)
    assert out.tolist() == [int(v) * n >> 32 for v in again]


def test_register_keeps_early_examples_as_well_as_late_ones() -> None:
    """24 streams of 10,000 examples of 14 x 14 values: 10 blocks of them, 500 slots. Variance as of every example."""
    runs, n, slots, blocks = 24, 10_000, 500, 10
    seen, x = np.zeros(blocks, np.int64), np.zeros((n, 14, 14), np.float32)
    for seed in range(runs):
        memory = memory_of(slots, (14, 14), bits=4, kind="stochastic", lfsr=True, seed=seed)
        _store(memory, x, np.arange(n), np.zeros((n, 2), np.float32))
        seen += np.bincount(memory.state.labels * blocks // n, minlength=blocks)
    wanted = runs * slots / blocks
    statistic = ((seen - wanted) ** 2).sum() / (wanted * (1 - slots / n))
    assert stats.chi2.sf(statistic, blocks - 1) > UNLIKELY  # 16 bits: 2e-5 and less


def test_seeds_give_registers_of_their_own() -> None:
    registers = {int(memory_of(4, lfsr=True, seed=seed).state.register[0]) for seed in range(20)}
    assert len(registers) > 15
    assert 0 not in registers
    assert memory_of(4).state.register[0] == 0  # the generator is used
