"""The expected ledger against what a real small chip counts: the same where data doesn't matter, close elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
from test_m2ru import RECIPE, SHAPE, examples

from cimlearn import chips
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.chips.m2ru.expected import expected
from cimlearn.chips.m2ru.sizes import inventory
from cimlearn.costs import prices
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.machine import machine
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

LEARNED, PREDICTED = 64, 24
DATA = 1.4  # bits that are 1, and conductances: the defaults of `expected.*` were measured on other data
FEW = 0.5  # bits that are 1 in an error over 3 classes, without small ones; `expected.*` has 10 classes
STORED = 1.3  # a reservoir of 12 stores 12 + 12 ln(64 / 12) = 32 on average, with a standard deviation of 4
LIT = 1.03  # inputs that are not 0: a replayed one of few bits may be
NEARLY = 1.01  # a change that is exactly 0 is no pulse
ROUNDED = 1.05  # of 64 probes one or two find no output moved by a converter step, and write nothing
HELD = 1.1  # which changes of held weights are written, and whose importance rises, is chance
COSTS = 1.35  # energy follows bits and conductances

# What depends on data or chance. Every other count of every part is exactly the expected one.
DEPENDS = {
    **dict.fromkeys(("active_bits", "row_pulses", "on"), DATA),
    **dict.fromkeys(("stored", "random_numbers"), STORED),
    **dict.fromkeys(("writes", "verify_reads"), NEARLY),
    **dict.fromkeys(("gradient", "gradient_cycles"), LIT),
}
PROBED = {"rule.feedback": "probed", "rule.answer": "softmax"}  # an error of softmax is never 0
CHARGE = {"periphery.hidden_capacitance": 1e-11, "periphery.output_capacitance": 1e-11}
RESTS: dict[str, Any] = {
    "cell.temperature_coefficient": -1e-4,
    "operation.rest": 60,
    "operation.refresh": 6,
    "operation.calibration": "offset",
    "periphery.reference_group": 2,
    "periphery.reference_tracks": "rewritten",
}
CASES: dict[str, dict[str, Any]] = {
    "through": {},
    "copies never renewed": {"rule.refresh": None},
    "direct": {"rule.feedback": "direct"},
    "timed": {"rule.feedback": "timed"},
    "tiles": {"tile.rows": 5, "tile.columns": 3, "periphery.converters": 2},
    "pairs": {"mapping.kind": "pair"},
    "pairs of two": {"mapping.kind": "pair", "mapping.cells": 2, "write.cells": "all", **CHARGE},
    "sparse": {"rule.keep_hidden": 3, "rule.keep_output": 2},
    "sparse array": {"rule.keep_hidden": 20, "rule.keep_output": 9, "rule.keep_over": "array"},
    "batch": {"rule.batch": 5},
    "no replay": {"replay.slots": 0},
    "three replayed": {"replay.ratio": 3, "replay.quantiser": "nearest", "replay.soft": 0},
    "probed": PROBED,
    "probed, tiles": PROBED
    | {"tile.rows": 7, "tile.columns": 3, "periphery.converters": 2, "rule.probe_steps": 3, "rule.follow": 2},
    "probed at times": PROBED
    | {
        "rule.probe_every": 3,
        "rule.probe_steps": 3,
        "rule.feedback_steps": 3,
        "rule.follow": 9,
        "rule.batch": 5,
    },
    "probed at once": PROBED | {"rule.probe_steps": None, "mapping.kind": "pair", "replay.slots": 0},
    "kwta": {"rule.answer": "kwta"},
    "held": {
        "rule.consolidate": "metaplastic",
        "rule.importance_bits": 2,
        "rule.importance_hidden": 0.4,
        "rule.importance_output": 0.1,
    },
    "held rows": {"rule.consolidate": "recursive", "rule.importance_hidden": 0.2, "rule.batch": 5},
    "six bits": {"periphery.input_bits": 6, "periphery.converter_bits": 6},
    "verified": {"write.tries": 2},
    "rests": RESTS,
    "rests, probed": PROBED | RESTS | {"operation.calibration": "sum", "tile.rows": 7, "tile.columns": 3},
}


def make(case: str) -> ParameterSet:
    """The tests' recipe with a write after every second example."""
    return chips.parameters("m2ru-lowohmic", RECIPE | {"replay.slots": 12, "rule.batch": 2} | CASES[case])


def measured(p: ParameterSet) -> Ledger:
    """What a chip counts; the first programming, which is no learning, taken away."""
    chip = M2RU(p, SHAPE, seed=3)
    before = chip.ledger().counts["learn"]
    x, y = examples(LEARNED)
    for part in (slice(None, LEARNED // 2), slice(LEARNED // 2, None)):
        chip.learn(x[part], y[part])
        if chip.rests():
            chip.rest()
    chip.predict(x[:PREDICTED])
    ledger = chip.ledger()
    for name in chip.arrays():
        for action in ("writes", "verify_reads"):
            ledger.counts["learn"][name][action] -= before[name][action]
    return ledger


def flat(ledger: Ledger) -> dict[tuple[str, str, str], float]:
    """Every count by phase, part and action; conductances as the action 'on'."""
    found: dict[tuple[str, str, str], float] = {
        (phase, part, action): n
        for phase, parts in ledger.counts.items()
        for part, actions in parts.items()
        for action, n in actions.items()
    }
    return found | {
        (phase, name, "on"): on
        for phase, arrays in ledger.conductance_on.items()
        for name, on in arrays.items()
    }


def factor(key: tuple[str, str, str], case: str) -> float:
    """How far the expected count may be off; 1 = not at all."""
    _, part, action = key
    if action == "bits_written" and part == "buffer":
        return STORED
    if action == "bits_read" and part == "deltas":
        return LIT
    if case.startswith("held") and action in ("writes", "gated", "update_row_cycles", "bits_written"):
        return HELD
    if action == "update_row_cycles" and case.startswith("sparse"):
        return 3.0  # the largest changes lie in few rows; every row is expected to hold one of them
    if case.startswith("probed") and action in ("writes", "update_row_cycles"):
        return ROUNDED
    return DEPENDS.get(action, 1.0)


@pytest.mark.parametrize("case", CASES)
def test_expected_is_measured(case: str) -> None:
    p = make(case)
    real = flat(measured(p))
    few = {"expected.feedback_bits_on": FEW, "expected.inputs_on": 1, "expected.rests": 2}
    told = flat(expected(p.merged(prices.parameters(few)), SHAPE, learned=LEARNED, predicted=PREDICTED))
    assert told.keys() == real.keys()
    for key, n in real.items():
        limit = factor(key, case)
        if limit == 1 or n == 0:
            assert told[key] == n, key
        else:
            assert 1 / limit <= told[key] / n <= limit, (key, told[key], n)
    exact = [key for key in real if factor(key, case) == 1 and real[key] > 0]
    assert len(exact) >= 35  # most counts are not zero, and exact


def test_shares_of_the_run_itself() -> None:
    """With the shares that a run measured, what it expects of the run is the run, but for rounding."""
    p = make("direct")
    ledger = measured(p)
    made_of = machine(inventory(p, SHAPE), p)
    rows = {"hidden": 12, "output": 9}
    shares = {}
    for name in rows:
        n = ledger.counts["learn"][name]
        shares[f"expected.{name}_bits_on"] = n["active_bits"] / (n["cycles"] * rows[name])
    bits = ledger.counts["learn"]["hidden"]["active_bits"]
    mean = ledger.conductance_on["learn"]["hidden"] / (bits * 8)
    low, high = p["device.low"], p["device.high"]
    shares["expected.conductance"] = (mean - low) / (high - low)
    told = expected(p.merged(prices.parameters(shares)), SHAPE, learned=LEARNED, predicted=PREDICTED)
    for name in rows:
        assert told.counts["learn"][name]["active_bits"] == ledger.counts["learn"][name]["active_bits"]
    assert told.conductance_on["learn"]["hidden"] == pytest.approx(ledger.conductance_on["learn"]["hidden"])
    assert made_of.arrays["hidden"]["rows"] == rows["hidden"]


@pytest.mark.parametrize("case", ["through", "tiles"])
def test_costs_before_are_close_to_costs_after(case: str) -> None:
    """Priced without a run and with one: energy within a factor, time of an example exactly."""
    p, q = make(case), prices.parameters({"expected.inputs_on": 1})
    made_of = machine(inventory(p, SHAPE), p)
    ledgers = (
        measured(p),
        expected(p.merged(q), SHAPE, learned=LEARNED, predicted=PREDICTED),
    )
    after, before = (
        estimate(ledger, made_of, q, learned=LEARNED, rates=None, endurance=None, spread=0.3)
        for ledger in ledgers
    )
    for phase in ("inference", "learning"):
        one, two = before.phases[phase], after.phases[phase]
        assert one.seconds == pytest.approx(two.seconds, rel=0 if phase == "inference" else LIT - 1)
        assert one.operations == two.operations
        assert 1 / COSTS <= one.joules / two.joules <= COSTS
    assert before.area == after.area


def test_gathered_changes_need_fewer_pulses() -> None:
    """With an accumulator few changes become pulses; how few is `expected.pulses_per_change`, which the user sets."""
    p = chips.parameters("m2ru-lowohmic", RECIPE | {"replay.slots": 12, "write.least": 0.02})
    real = measured(p).counts["learn"]["hidden"]["writes"]
    share = real / (LEARNED * 96)
    assert share < 0.2
    q = prices.parameters({"expected.pulses_per_change": share})
    told = expected(p.merged(q), SHAPE, learned=LEARNED, predicted=PREDICTED).counts["learn"]
    assert told["hidden"]["writes"] == real
    bits = 8 * LEARNED * (96 + 27)
    assert told["accumulators"] == {"bits_written": bits, "bits_read": bits}


def test_feedback_copies_are_read_when_the_chip_reads_them() -> None:
    """Every seventh new example from the first on: 10 of 64; each reads 8 rows, all 7 bits of a 1."""
    p = make("through").merged(
        prices.parameters({"expected.hidden_bits_on": 0, "expected.output_bits_on": 0})
    )
    told = expected(p, SHAPE, learned=LEARNED, predicted=PREDICTED).counts["learn"]
    assert told["feedback"]["copies_read"] == 10
    assert told["hidden"]["active_bits"] == told["output"]["active_bits"] == 10 * 8 * 7
    assert told["hidden"]["vectors"] == 2 * LEARNED * 4 + 80


@pytest.mark.parametrize("examples_learned", [1, 7, 2000, 2001, 300_000])
def test_reservoir_stores_as_expected(examples_learned: int) -> None:
    """All of the first 2,000, then the n-th with probability 2,000 / n; the logarithm stands for that sum."""
    p = chips.parameters("m2ru").merged(prices.parameters())
    shape = StreamShape(28, 28, 10, False)
    stored = expected(p, shape, learned=examples_learned, predicted=1).counts["learn"]["buffer"]["stored"]
    wanted = min(examples_learned, 2000) + math.fsum(2000 / n for n in range(2001, examples_learned + 1))
    assert stored == pytest.approx(wanted, abs=1.5)
