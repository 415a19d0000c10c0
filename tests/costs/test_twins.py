"""Four digital twins: what a multiply-add takes, worked out by hand, and the range of the ratio to the chip."""

from __future__ import annotations

from typing import Any

import pytest
from small_machine import HAND, made, once

from cimlearn.costs import prices
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.crossbar.twin import KINDS, memories, twin_area, twin_energy, twin_seconds
from cimlearn.experiments.pricing import price_design
from cimlearn.ledger import Ledger

LOW, THROUGH = "m2ru-lowohmic", {"rule.feedback": "through"}  # the design that the audit priced
AUDITED = 0.02  # the audit prices one multiply-add against the paper's 312 GOPS/W, 6.41 pJ
SCALE = 65 / 45 * (1.2 / 0.9) ** 2  # from the prices' node


def done() -> tuple[Ledger, Machine]:
    return once(
        "learn", hidden={"writes": 1}, digital={"gradient": 7, "tanh": 2}, buffer={"random_numbers": 1}
    ), made()


def energies(kind: str, **changes: Any) -> dict[str, float]:
    ledger, m = done()
    p = prices.parameters(
        {name.replace("__", "."): value for name, value in changes.items()} | {"twin.kind": kind}
    )
    return twin_energy(ledger, energy(ledger, m, p), m, p)["learn"]


def test_no_reuse_by_hand() -> None:
    """20 products: 4.6 pJ x 2.567901 x 1.8; four words of 32 bits of a memory of 26 x 32 = 832 bits, a bit 10 pJ / 64 x
    sqrt(832 / 65536) x 2.567901 = 45.2082 fJ; a write moves two words.
    """
    found = energies("no-reuse")
    assert found["multiply_add"] == pytest.approx(20 * 4.6e-12 * SCALE * 1.8, rel=HAND)
    assert found["operands"] == pytest.approx((20 * 4 + 2) * 32 * 45.2082e-15, rel=HAND)


def test_off_chip_by_hand() -> None:
    """8 bits of 20 pJ, whatever the node; 8 x 8 bits and a 32-bit sum: (0.2 + 0.12) pJ x 2.567901 x 1.8. The time is
    that of the bits: 2.56e10 a second are 3.2e9 products, less than 128 lanes at 200 MHz.
    """
    found = energies("off-chip")
    assert found["dram"] == pytest.approx((20 + 2) * 160e-12, rel=HAND)
    assert found["multiply_add"] == pytest.approx(20 * 0.32e-12 * SCALE * 1.8, rel=HAND)
    assert energies("off-chip", technology__node="22nm")["dram"] == found["dram"]
    ledger, m = done()
    p = prices.parameters({"twin.kind": "off-chip"})
    assert twin_seconds(ledger, "learn", m, p) == pytest.approx(20 / 3.2e9 + 2 * 8 / 128 / 2e8)
    assert twin_area(m, p)["memories"] == pytest.approx(65952 * 0.57e-12 / 0.6)  # weights stand elsewhere


def test_processor_by_hand() -> None:
    """20 products, a write, 9 digital operations, a random number: 31 instructions; one a ns, without writes."""
    found = energies("processor")
    assert found["instructions"] == pytest.approx(31 * 70e-12 * SCALE, rel=HAND)
    assert not {"gradient", "state_unit", "random_numbers"} & found.keys()  # they are instructions
    assert "replay_memory" in found
    ledger, m = done()
    p = prices.parameters({"twin.kind": "processor"})
    assert twin_seconds(ledger, "learn", m, p) == pytest.approx(30e-9)
    assert "logic" not in twin_area(m, p)  # nobody says how large


def test_what_the_audit_found() -> None:
    """Against 6.41 pJ a multiply-add: processor 28.0, off-chip 25.2, no reuse 24.2; the tight twin has 14.2 pJ."""
    sizes = made(), prices.parameters()
    m = sizes[0].__class__(**{**sizes[0].__dict__, "arrays": {"hidden": {"weights": 13910}}})
    pj = {kind: 1e12 * sum(memories(m, sizes[1], kind)["hidden"].product.values()) for kind in KINDS}
    assert pj["tight"] == pytest.approx(14.2, rel=AUDITED)
    ratios = {kind: found / (2e12 / 312e9) for kind, found in pj.items()}
    assert ratios["processor"] == pytest.approx(28.0, rel=AUDITED)
    assert ratios["off-chip"] == pytest.approx(25.2, rel=AUDITED)
    assert ratios["no-reuse"] == pytest.approx(24.2, rel=AUDITED)


def test_choice_and_range() -> None:
    """`twin.kind` chooses which one the figures are of; all are beside it, and the chip is the same."""
    found = {kind: price_design(LOW, {"twin.kind": kind}).as_dict() for kind in KINDS}
    for kind, told in found.items():
        assert told["digital"]["kind"] == kind
        assert told["digital"]["ratio"] == pytest.approx(told["digital"]["ratios"][kind]["inference"])
        assert told["digital"]["ratios"] == found["tight"]["digital"]["ratios"]
        assert {**told, "digital": 0} == {**found["tight"], "digital": 0}
    ratios = [found["tight"]["digital"]["ratios"][kind]["inference"] for kind in KINDS]
    assert ratios == sorted(ratios)


def test_banks_serve_chip_and_twin_alike() -> None:
    """A quarter of the capacity, half the energy of a bit: the twin's weights, the chip's copies and changes."""
    one, four = (price_design(LOW, THROUGH | {"price.banks": n}) for n in (1, 4))
    assert four.twin["inference"].parts["weight_memory"] == pytest.approx(
        one.twin["inference"].parts["weight_memory"] / 2
    )
    for costs in (one, four):
        assert (
            costs.twin["learning"].parts["feedback_memory"]
            == costs.phases["learning"].parts["feedback_memory"]
        )
    assert four.phases["learning"].parts["feedback_memory"] == pytest.approx(
        one.phases["learning"].parts["feedback_memory"] / 2
    )


def test_a_learned_example_beside_an_inference_and_the_twin() -> None:
    """Deltas in registers and a clock of its own: learning is faster than the twin's, and costs a few inferences."""
    costs = price_design(LOW, THROUGH)
    now, learning = costs.phases["inference"], costs.phases["learning"]
    assert learning.seconds < costs.twin["learning"].seconds
    assert learning.joules < 6 * now.joules  # 8.8 before
    assert learning.parts["gradient_memory"] < 1.3e-6  # 6.7 uJ before
    direct = price_design(LOW, {"rule.feedback": "direct"})
    assert direct.phases["learning"].joules < 4 * direct.phases["inference"].joules
