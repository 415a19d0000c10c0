"""The recurrent unit against its equations in NumPy and float64."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from cimlearn.arrays.plain import plain
from cimlearn.networks import miru
from cimlearn.networks.miru import Miru, trace

TANH = 1e-5  # largest error of the rational tanh, as its docstring says
CLOSE = 2e-5  # float32 and that tanh over a few steps

RNG = np.random.default_rng


@numba.njit
def _tanh(values):
    miru.tanh(values)


@numba.njit
def _forward(net, memory, first, last):
    miru.begin(net, memory, first, last)
    miru.run(net, memory, first, last, 0, 0.0)
    for v in range(first, last):
        miru.light(net, memory.scratch, v)


def fill(memory: tuple) -> None:
    """Nothing of an earlier pass may be used."""
    for array in memory:
        if isinstance(array, tuple):
            fill(array)
        elif array.dtype == np.float32:
            array.fill(np.nan)


def test_tanh() -> None:
    x = np.linspace(-20, 20, 400_001).astype(np.float32)
    y = x.copy()
    _tanh(y)
    assert np.abs(y - np.tanh(x.astype(float))).max() < TANH
    assert np.abs(y).max() <= 1
    assert np.array_equal(y, -y[::-1])  # odd
    assert np.all(np.diff(y) >= -1e-6)


def network(keep: float, feed: float, state_steps: float, sizes=(3, 7, 4), seed=0) -> Miru:
    features, hidden, classes = sizes
    rng = RNG(seed)
    first = plain(rng.normal(0, 0.5, (features + hidden + 1, hidden)).astype(np.float32))
    second = plain(rng.normal(0, 0.5, (hidden + 1, classes)).astype(np.float32))
    return Miru(first, second, keep, feed, state_steps)


def reference(net: Miru, x: np.ndarray) -> dict[str, np.ndarray]:
    """reference/m2ru.md, section 2: MiRU-2, one step after the other."""
    features, hidden = x.shape[1], net.hidden.state.weight.shape[1]
    w = net.hidden.state.weight.astype(float)
    w_in, u, b = w[:features], w[features:-1], w[-1]
    h = np.zeros(hidden)
    rows, candidates = [], []
    for now in x.astype(float):
        rows.append(np.concatenate([now, net.feed * h, [1.0]]))
        c = np.tanh(now @ w_in + (net.feed * h) @ u + b)
        h = net.keep * h + (1 - net.keep) * c
        if net.state_steps > 0:
            h = np.rint(h * net.state_steps) / net.state_steps
        candidates.append(c)
    out = h @ net.output.state.weight[:-1].astype(float) + net.output.state.weight[-1]
    return {
        "rows": np.array(rows),
        "candidate": np.array(candidates),
        "state": h,
        "readout": np.append(h, 1),
        "out": out,
    }


@pytest.mark.parametrize("sizes", [(3, 7, 4), (1, 1, 2), (9, 16, 3)], ids=str)
@pytest.mark.parametrize(("keep", "feed"), [(0.7, 1.0), (0.0, 0.4), (0.95, 0.0)])
def test_forward_is_the_equations(keep: float, feed: float, sizes: tuple[int, int, int]) -> None:
    net = network(keep, feed, 0.0, sizes)
    x = RNG(1).uniform(-1, 1, (6, sizes[0])).astype(np.float32)
    memory = trace(2, 6, *sizes)
    fill(memory)
    memory.x[1] = x
    _forward(net, memory, 1, 2)
    for name, wanted in reference(net, x).items():
        assert np.allclose(getattr(memory, name)[1], wanted, rtol=0, atol=CLOSE), name


def test_passes_side_by_side_are_passes_alone() -> None:
    """To the bit, however many run together."""
    net = network(0.7, 1.0, 64.0, (5, 70, 4))
    together, alone = trace(7, 6, 5, 70, 4), trace(1, 6, 5, 70, 4)
    together.x[:] = RNG(3).uniform(-1, 1, together.x.shape)
    _forward(net, together, 0, 7)
    for v in range(7):
        alone.x[0] = together.x[v]
        _forward(net, alone, 0, 1)
        for name in ("rows", "candidate", "states", "state", "readout", "out"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[v]), name


def test_state_on_a_grid() -> None:
    """With steps of 1/8 the state is a multiple of 1/8; the reference rounds the same values (none near a
    half).
    """
    net = network(0.6, 0.9, 8.0)
    x = RNG(2).uniform(-1, 1, (5, 3)).astype(np.float32)
    memory = trace(1, 5, 3, 7, 4)
    memory.x[0] = x
    _forward(net, memory, 0, 1)
    wanted = reference(net, x)
    assert np.array_equal(memory.state * 8, np.rint(memory.state * 8))
    assert np.array_equal(memory.state[0], wanted["state"])
    assert np.allclose(memory.out[0], wanted["out"], atol=CLOSE)
    assert np.array_equal(memory.rows[0, :, 10], np.ones(5))


def test_products_are_counted() -> None:
    """One vector per step on the hidden array, one per pass on the output array."""
    net = network(0.7, 1.0, 0.0)
    memory = trace(2, 5, 3, 7, 4)
    _forward(net, memory, 0, 1)
    _forward(net, memory, 0, 2)
    assert (net.hidden.state.counts[0], net.output.state.counts[0]) == (15, 3)
