"""Cells of SAS-MRAM that stick, and reads that fail while it learns."""

from __future__ import annotations

import math
import statistics
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cimlearn.arrays.faults import ErrorRates, misread
from cimlearn.arrays.wear import Law, Lines
from cimlearn.errors import InputError

NEVER = Law()
SIGMAS = 5.0  # that a share may be off


def lines(shape: tuple[int, ...], law: Law, together: int = 4, name: str = "w") -> Lines:
    return Lines(np.zeros(shape, np.int8), together, law, seed=0, names=(name,))


def bits(values: NDArray[np.int8]) -> NDArray[np.bool_]:
    """(8, outputs, inputs) bit by bit, as slowly as it can be done."""
    flat = values.reshape(len(values), -1)
    return np.array([[[(int(v) & 255) >> b & 1 == 1 for v in row] for row in flat] for b in range(8)])


class Literal:
    """The same cells one by one: a dictionary of bits, writes and limits."""

    def __init__(self, start: NDArray[np.int8], together: int, limit: float) -> None:
        self.held, self.together, self.limit = bits(start), together, limit
        self.seen = np.zeros(self.held.shape, np.int64)

    def write(self, new: NDArray[np.int8]) -> None:
        wanted = bits(new)
        changed = wanted != self.held
        _, outputs, inputs = wanted.shape
        for i in range(inputs):
            row = [(b, o) for o in range(outputs) for b in range(8)]
            for start in range(0, len(row), self.together):
                line = row[start : start + self.together]
                if any(changed[b, o, i] for b, o in line):
                    for b, o in line:
                        if self.seen[b, o, i] < self.limit:
                            self.held[b, o, i] = wanted[b, o, i]
                        self.seen[b, o, i] += 1


@pytest.mark.parametrize("limit", [1, 3, math.inf])
@pytest.mark.parametrize("together", [1, 2, 3, 4, 8, 16])
def test_lines_equal_cells_one_by_one(together: int, limit: float) -> None:
    """Lines that hold parts of weights, whole weights, and more than one."""
    rng = np.random.default_rng(together)
    held = rng.integers(-128, 128, (3, 2, 2)).astype(np.int8)
    ours, literal = lines(held.shape, Law(limit), together), Literal(held, together, limit)
    for _ in range(8):
        new = np.where(rng.random(held.shape) < 0.5, rng.integers(-128, 128, held.shape), held).astype(
            np.int8
        )
        held = ours.write(held, new)
        literal.write(new)
        assert np.array_equal(bits(held), literal.held)
        assert np.array_equal(ours.seen(), literal.seen)
        assert ours.driven() == literal.seen.sum()
        assert ours.worn() == np.sum(literal.seen >= limit)
    assert (ours.worn() > 0) == (limit < math.inf)


def test_a_cell_takes_its_last_write_and_no_more() -> None:
    cells, zero, one = lines((1, 1), Law(2.0)), np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8)
    held = cells.write(cells.write(zero, one), zero)
    assert held == 0 and cells.worn() == 4  # the line of bit 0; the upper one was never written
    assert cells.write(held, one) == 0
    assert cells.write(held, np.array([[16]], np.int8)) == 16  # the other line is as good as new
    assert cells.seen()[:, 0, 0].tolist() == [3] * 4 + [1] * 4  # worn cells see writes too


def test_endurance_follows_the_law_that_lifetime_predicts_from() -> None:
    median, spread, count = 20.0, 0.5, 4000
    cells = lines((count, 1), Law(median, spread), together=1)
    values = np.zeros((2, count, 1), np.int8)
    values[1] = -1
    held = values[0]
    for n in range(1, 41):
        cells.write(held, values[n % 2])  # all bits, every time
        held = values[n % 2]
        if n in (10, 20, 40):
            expected = statistics.NormalDist(math.log(median), spread).cdf(
                math.log(n + 0.5)
            )  # rounded limits
            off = SIGMAS * math.sqrt(expected * (1 - expected) / (8 * count))
            assert cells.worn() / (8 * count) == pytest.approx(expected, abs=off)


def test_which_cells_stick_comes_from_the_seed_and_the_name_and_survives_a_stop() -> None:
    rng = np.random.default_rng(1)
    steps = rng.integers(-128, 128, (12, 40, 3)).astype(np.int8)
    law = Law(4.0, 0.6, stuck=0.05)

    def run(cells: Lines, held: NDArray[np.int8], part: NDArray[np.int8]) -> NDArray[np.int8]:
        for new in part:
            held = cells.write(held, new)
        return held

    whole, other, first, second = (lines((40, 3), law, name=name) for name in ("w", "v", "w", "w"))
    start = whole.born(np.zeros((40, 3), np.int8))
    end = run(whole, start, steps)
    half = run(first, first.born(np.zeros((40, 3), np.int8)), steps[:7])
    second.load(first.writes)
    assert np.array_equal(run(second, half, steps[7:]), end)
    assert second.worn() == whole.worn() > 0
    assert not np.array_equal(run(other, start, steps), end)


def test_cells_that_never_wear_cost_nothing() -> None:
    cells = lines((4, 4), NEVER)
    new = np.ones((4, 4), np.int8)
    assert cells.write(np.zeros((4, 4), np.int8), new) is new  # nothing copied, nothing drawn
    far = lines((4, 4), Law(7e12, 1.0))
    far.write(np.zeros((4, 4), np.int8), new)
    assert far._limits is None


def test_stuck_from_the_start() -> None:
    cells = lines((400, 5), Law(stuck=0.1))
    zero, minus = np.zeros((400, 5), np.int8), np.full((400, 5), -1, np.int8)
    share = cells.worn() / (8 * 2000)
    assert share == pytest.approx(0.1, abs=SIGMAS * math.sqrt(0.09 / 16000))
    born = cells.born(zero)
    ones = np.bitwise_count(born.view(np.uint8)).sum() / cells.worn()  # of the stuck ones
    assert ones == pytest.approx(0.5, abs=SIGMAS * 0.5 / math.sqrt(cells.worn()))
    held = cells.write(born, minus)
    assert np.bitwise_count(held.view(np.uint8)).sum() == 16000 - cells.worn() * (1 - ones)
    assert np.array_equal(cells.write(held, zero), born)


# ---- reads


def test_misread_bits_have_their_rates_and_touch_only_what_fails() -> None:
    rng = np.random.default_rng(3)
    held = {
        name: rng.integers(-128, 128, (n, 50)).astype(np.int8)
        for name, n in (("a", 1000), ("b", 1), ("c", 600))
    }
    sizes = {name: values.size for name, values in held.items()}
    asked: list[str] = []

    def read(name: str) -> NDArray[np.int8]:
        asked.append(name)
        return held[name]

    rates = ErrorRates(0.02, 0.005)
    found = misread(sizes, read, rates, generator=np.random.default_rng(4))
    for name in ("a", "c"):
        before, after = held[name].view(np.uint8), found[name].view(np.uint8)
        for ones, changed, rate in (
            (~before, ~before & after, rates.up),
            (before, before & ~after, rates.down),
        ):
            of = int(np.bitwise_count(ones).sum())
            off = SIGMAS * math.sqrt(rate / of)
            assert np.bitwise_count(changed).sum() / of == pytest.approx(rate, abs=off)
    few = misread(sizes, read, ErrorRates(1e-6, 1e-6), generator=np.random.default_rng(0))
    assert sum(np.bitwise_count((few[n] ^ held[n]).view(np.uint8)).sum() for n in few) <= 5
    asked.clear()
    assert misread(sizes, read, ErrorRates(), generator=np.random.default_rng(0)) == {} and asked == []
    assert misread({}, read, rates, generator=np.random.default_rng(0)) == {}
    with pytest.raises(InputError, match="no pair of probabilities"):
        misread(sizes, read, ErrorRates(2.0, 0.0), generator=np.random.default_rng(0))


def test_every_bit_at_a_rate_of_one() -> None:
    held = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    found = misread({"w": 12}, lambda _: held, ErrorRates(1.0, 1.0), generator=np.random.default_rng(0))
    assert np.array_equal(found["w"], ~held)


# ---- the chip

torch = pytest.importorskip("torch")

from cimlearn.chips import build, parameters  # noqa: E402
from cimlearn.chips.sas_mram.chip import SasMram  # noqa: E402
from cimlearn.chips.sas_mram.task import OnChip  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule  # noqa: E402
from cimlearn.streams.base import StreamShape  # noqa: E402

SHAPE = StreamShape(16, 16, 3, False)


def make(**changes: Any) -> SasMram:
    settings = {"rule.batch": 8, "rule.horizon": 300, "network.side": 16}
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    chip = build("sas-mram", "chip", parameters=parameters("sas-mram", settings), shape=SHAPE, seed=0)
    assert isinstance(chip, SasMram)
    return chip


@cache
def examples(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return rng.random((count, 16, 16)).astype(np.float32), rng.integers(0, 3, count)


def learner(chip: SasMram) -> OnChip:
    one = chip.learners[0]
    assert isinstance(one, OnChip)
    return one


def test_worn_cells_no_longer_learn() -> None:
    """After two writes every line is stuck: what was reached then stays, though the rule goes on."""
    x, y = examples(48)
    chip = make(network__train="last", cell__endurance=1)
    chip.learn(x[:8], y[:8])
    chip.end_task()
    worn = chip.worn()["head.head"]
    assert worn == np.sum(chip.writes()["head.head"] >= 1) > 0
    before = learner(chip).stored["head.head"].copy()
    stuck = np.packbits(chip.writes()["head.head"] >= 1, axis=0, bitorder="little")[0]
    chip.learn(x[8:], y[8:])
    chip.end_task()
    after = learner(chip).stored["head.head"]
    assert np.all(((before ^ after).view(np.uint8) & stuck) == 0)
    assert np.array_equal(learner(chip).net.read("head.head"), after)  # what computes is what is stored
    assert chip.worn()["head.head"] > worn
    fresh = make(network__train="last")
    fresh.learn(x, y)
    fresh.end_task()
    assert not np.array_equal(learner(fresh).stored["head.head"], after)
    assert fresh.worn() == {"head.head": 0}


def test_a_step_reads_wrong_bits_and_changes_the_true_ones() -> None:
    x, y = examples(8)
    settings = {"rule__bits_head": 4, "rule__rounding": "pseudo", "faults__write_error": "0"}
    wrong, right = make(faults__read_error="0.01", **settings), make(faults__read_error="0", **settings)
    for chip in (wrong, right):
        chip._blocks = chip._quantised(chip._images(x[:1]))
        chip._learner(0)
    ours, other = learner(wrong), learner(right)
    frozen = {name: ours.net.read(name) for name in ours.sizes}
    prepared = wrong._prepared(wrong._images(x))
    ours.step(prepared, y, 0)
    # by hand: the same wrong bits, gradients, the right bits again, update
    from cimlearn.random import generator

    draw = generator(0, "read", "learn", "0", "0")
    bad = misread(other.sizes, other.net.read, ErrorRates(0.01, 0.01), generator=draw)
    good = {name: other.net.read(name) for name in other.sizes}
    assert any(name.startswith("block") for name in bad)  # frozen ones too
    other.net.load(bad)
    other.net.differentiate(other._image(prepared), torch.from_numpy(y))
    other.net.load(good)
    other.net.update(head=UpdateRule(4), modules=UpdateRule(4), backbone=UpdateRule(4))
    for name, values in other.net.weights().items():
        assert np.array_equal(ours.stored[name], values)
    for name in ours.sizes:
        if name.startswith("block"):
            assert np.array_equal(ours.net.read(name), frozen[name])


def test_it_goes_on_exactly_with_worn_cells_and_failing_reads() -> None:
    x, y = examples(48)
    settings = {
        "network__train": "bias", "cell__endurance": 3, "cell__endurance_spread": 0.5, "faults__read_error": "1e-4",
        "faults__write_error": "1e-2", "faults__stuck": 0.001,
    }  # fmt: skip
    whole, first, second = make(**settings), make(**settings), make(**settings)
    whole.learn(x, y)
    first.learn(x[:28], y[:28])
    second.load(*first.state())
    second.learn(x[28:], y[28:])
    assert np.array_equal(whole.predict(x, 0), second.predict(x, 0))
    mine, other = whole.state()[0], second.state()[0]
    assert mine.keys() == other.keys()
    assert all(np.array_equal(mine[name], other[name]) for name in mine if name != "calibration")
    assert whole.worn() == second.worn() and sum(whole.worn().values()) > 0
    assert whole.ledger() == second.ledger()


def test_cells_stuck_from_the_start_hurt() -> None:
    x, _ = examples(48)
    assert not np.array_equal(make(faults__stuck=0.2).predict(x), make().predict(x))
