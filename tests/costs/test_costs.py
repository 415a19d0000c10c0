"""Energy, area and the digital twin, worked out on paper in the docstrings."""

from __future__ import annotations

import pytest
from small_machine import HAND, ROUNDING, design, made, once, parts_of

from cimlearn.costs import prices
from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.energy import conversion_energy, energy, integrator_power, row_capacitance
from cimlearn.costs.crossbar.twin import twin_area, twin_energy, twin_leakage, twin_seconds
from cimlearn.costs.logic import add_energy, memory_energy, multiply_add_energy

MEAN = {"hidden": 1e-4, "output": 1e-4}  # [S]


def test_one_product() -> None:
    """Cells: (2.4 mS + 6 pulses x 100 uS of the reference) x 0.01 V^2 x 100 ns = 3 pJ. From 1.2 V: 1.1 / 0.1 times as
    much in the drivers, 33 pJ. An amplifier: g_m = ln 2^9 x 2 x 1 pF x 10 MHz / 0.5 = 249.533 uS, 4 x g_m / 15 per volt
    = 66.5421 uA, 79.8506 uW; 32 x 100 ns of it = 255.522 pJ. 4 conversions of 5.2 pJ = 20.8 pJ.
    """
    parts = parts_of(once())
    assert parts["cells"] == pytest.approx(3e-12, rel=HAND)
    assert parts["read_drive"] == pytest.approx(33e-12, rel=HAND)
    assert integrator_power(prices.parameters(), made(), "hidden") == pytest.approx(79.8506e-6, rel=HAND)
    assert parts["integrators"] == pytest.approx(255.522e-12, rel=HAND)
    assert parts["converters"] == pytest.approx(20.8e-12, rel=HAND)
    nothing = {
        "writes",
        "state_unit",
        "kwta",
        "softmax",
        "gradient",
        "gradient_memory",
        "feedback_memory",
        "sparsifier",
        "replay_memory",
        "random_numbers",
    }
    assert {name for name, joules in parts.items() if joules == 0} == nothing


def test_pairs_need_no_reference() -> None:
    """Without the reference's 0.6 mS: 2.4 mS x 0.01 V^2 x 100 ns = 2.4 pJ."""
    parts = energy(once(), made(mapping__kind="pair"), prices.parameters())["predict"]
    assert parts["cells"] == pytest.approx(2.4e-12, rel=HAND)


def test_level_shifter() -> None:
    """A row over 4 cells: 4 x sqrt(50) x 65 nm x 0.2 fF/um = 0.367696 fF. One pulse: 10 fF x 1.44 V^2 + 0.367696 fF x
    0.1 V x 1.2 V = 14.4441 fJ; 6 pulses 86.6647 fJ.
    """
    assert row_capacitance(prices.parameters(), 4) == pytest.approx(3.67696e-16, rel=HAND)
    assert parts_of(once())["level_shifters"] == pytest.approx(86.6647e-15, rel=HAND)


def test_one_write() -> None:
    """(1.2 V)^2 x 100 uS x 100 ns = 14.4 pJ; at 1 us and 2 V 400 pJ."""
    ledger = once("learn", hidden={"writes": 1})
    assert parts_of(ledger, "learn")["writes"] == pytest.approx(14.4e-12, rel=HAND)
    other = parts_of(ledger, "learn", price__write_pulse=1e-6, price__write_voltage=2)
    assert other["writes"] == pytest.approx(400e-12, rel=HAND)


def test_one_verifying_read() -> None:
    """One cell: 0.1 V x 1.2 V x 100 uS x 100 ns = 1.2 pJ; one pulse 14.4441 fJ; two cycles of an amplifier of
    79.8506 uW = 15.9701 pJ; one conversion 5.2 pJ. Together 22.3846 pJ.
    """
    parts = parts_of(once("learn", hidden={"verify_reads": 1}), "learn")
    assert parts["writes"] == pytest.approx(22.3846e-12, rel=HAND)


def test_one_conversion() -> None:
    """5.2 pJ at 65 nm and 1.2 V; at 22 nm and 0.8 V times 22 / 65 x (0.8 / 1.2)^2: 0.782222 pJ."""
    assert conversion_energy(prices.parameters(), 8) == pytest.approx(5.2e-12)
    at_22nm = prices.parameters({"technology.node": "22nm"})
    assert conversion_energy(at_22nm, 8) == pytest.approx(0.782222e-12, rel=HAND)
    assert conversion_energy(at_22nm, None) == 0


def test_memory() -> None:
    """64 bits of 8 kB at 45 nm and 0.9 V cost 10 pJ; four times the memory, twice the energy; at 65 nm and 1.2 V times
    65 / 45 x (1.2 / 0.9)^2 = 2.567901.
    """
    there = prices.parameters({"technology.node": "45nm", "technology.supply": 0.9})
    assert 64 * memory_energy(there, 65536) == pytest.approx(10e-12)
    assert 64 * memory_energy(there, 4 * 65536) == pytest.approx(20e-12)
    read = once("learn", buffer={"bits_read": 40, "bits_written": 24})
    assert parts_of(read, "learn")["replay_memory"] == pytest.approx(25.67901e-12, rel=HAND)


def test_one_multiply_add_at_65_nm() -> None:
    """16 x 8 bits: 0.2 pJ x 128 / 64 = 0.4 pJ; 16-bit sum: 0.03 pJ x 2 = 0.06 pJ; 0.46 pJ x 2.567901 (node and
    supply) x 1.8 (registers and control) = 2.126222 pJ.
    """
    p = prices.parameters()
    assert multiply_add_energy(p, 16, 8, 16) == pytest.approx(2.126222e-12, rel=HAND)
    assert add_energy(p, 16) == pytest.approx(0.06e-12 * 2.567901 * 1.8, rel=HAND)
    assert parts_of(once(digital={"multiply_add": 1}))["state_unit"] == pytest.approx(2.126222e-12, rel=HAND)
    assert parts_of(once("learn", digital={"gradient": 3}), "learn")["gradient"] == pytest.approx(
        3 * 2.126222e-12, rel=HAND
    )


def test_kwta() -> None:
    """2 inputs x 0.363 fJ at 65 nm and 1.2 V; at 45 nm and 1.0 V times 45 / 65 x (1 / 1.2)^2."""
    decision = once("learn", digital={"kwta": 1})
    assert parts_of(decision, "learn")["kwta"] == pytest.approx(0.726e-15, rel=HAND)
    other = parts_of(decision, "learn", technology__node="45nm", technology__supply=1.0)
    assert other["kwta"] == pytest.approx(0.726e-15 * 45 / 65 / 1.44, rel=HAND)


def test_leakage_is_power_times_time() -> None:
    """65,952 bits x 100 pW = 6.5952 uW over 9 cycles of 100 ns: 5.93568 pJ."""
    found = estimate(
        once(), made(), prices.parameters(), learned=0, rates=None, endurance=1e9, spread=0.3
    ).phases["inference"]
    assert found.seconds == pytest.approx(9e-7)
    assert found.parts["leakage"] == pytest.approx(5.93568e-12, rel=HAND)


# ---- area by hand


def test_area() -> None:
    """26 cells and 8 of the references x 50 x (65 nm)^2 = 7.1825 um2. 8 shifters x 20 um2. 6 integrators of
    2 x 1 pF / 2 fF/um2 + 500 um2 = 1,500 um2. 3 converters of 11,900 um2. 2 K-WTA inputs of 10 um2. 8 lanes of a
    16 x 8 bit multiplier (564 um2) and a 16-bit adder (72 um2) at 45 nm, x (65 / 45)^2 x 1.8 = 19,108.27 um2.
    65,952 bits of 0.57 um2 / 0.6 = 62,654.4 um2.
    """
    found = area(made(), prices.parameters(), MEAN)
    assert {name: 1e12 * value for name, value in found.items()} == pytest.approx(
        {
            "cells": 7.1825,
            "level_shifters": 160,
            "integrators": 9000,
            "converters": 35700,
            "kwta": 20,
            "logic": 19108.27,
            "memories": 62654.4,
        },
        rel=HAND,
    )


def test_area_shrinks_with_the_node() -> None:
    """Everything but capacitors and memories goes with feature^2; memories with their cell, 0.092 / 0.57."""
    old, new = (area(made(), prices.parameters({"technology.node": n}), MEAN) for n in ("65nm", "22nm"))
    for part in ("cells", "level_shifters", "converters", "kwta", "logic"):
        assert new[part] / old[part] == pytest.approx((22 / 65) ** 2, rel=ROUNDING), part
    assert new["memories"] / old["memories"] == pytest.approx(0.092 / 0.57, rel=ROUNDING)
    assert new["integrators"] / old["integrators"] == pytest.approx((1000 + 500 * (22 / 65) ** 2) / 1500)


# ---- the digital twin by hand


def test_twin() -> None:
    """One product of 20 weights: 20 x (0.2 pJ x 8 x 16 / 64 + 0.03 pJ x 4) x 2.567901 x 1.8 = 48.0711 pJ. The weights
    are 26 x 16 = 416 bits; a bit moved costs 10 pJ / 64 x sqrt(416 / 65536) x 2.567901 = 31.9670 fJ, the product
    reads 20 x 16 bits, a write moves 2 x 16. Time: 20 products / 128 lanes and 2 cycles of 8 lanes / 128, at 200 MHz.
    """
    ledger, m, p = once("learn", hidden={"writes": 1}), made(), prices.parameters()
    chip = energy(ledger, m, p)
    found = twin_energy(ledger, chip, m, p)["learn"]
    assert found["multiply_add"] == pytest.approx(48.0711e-12, rel=HAND)
    assert found["weight_memory"] == pytest.approx((320 + 32) * 31.9670e-15, rel=HAND)
    assert twin_seconds(ledger, "learn", m, p) == pytest.approx((20 / 128 + 2 * 8 / 128) / 2e8)
    assert twin_leakage(m, p) == pytest.approx((65952 + 416) * 1e-10)
    # 128 lanes of an 8 x 16 bit multiplier (564 um2) and a 32-bit adder (144 um2), x (65 / 45)^2 x 1.8
    logic = 128 * (564 + 144) * (65 / 45) ** 2 * 1.8
    assert 1e12 * twin_area(m, p)["logic"] == pytest.approx(logic)
    assert 1e12 * twin_area(m, p)["memories"] == pytest.approx((65952 + 416) * 0.57 / 0.6)


def test_twin_keeps_the_digital_part() -> None:
    """Gradients, replay and the state unit cost the twin the same; of the analog parts it has none."""
    ledger, chip = design()
    p = prices.parameters()
    mine = energy(ledger, chip, p)
    twin = twin_energy(ledger, mine, chip, p)
    for phase in ("learn", "predict"):
        same = twin[phase].keys() & mine[phase].keys()
        assert {"state_unit", "gradient", "replay_memory", "softmax"} <= same
        assert {part: twin[phase][part] for part in same} == {part: mine[phase][part] for part in same}
        assert not same & {"cells", "read_drive", "level_shifters", "integrators", "converters", "writes"}
