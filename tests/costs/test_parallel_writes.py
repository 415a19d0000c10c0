"""What parallel writes and selected rows cost: by hand on the small machine, and in the served design."""

from __future__ import annotations

import pytest
from small_machine import HAND, made, once

from cimlearn.costs import prices
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.latency import seconds
from cimlearn.experiments.pricing import price_design

PITCH = 50**0.5 * 65e-9  # [m] of a cell
WIRE = 2e-10  # [F/m]
SERVED = {
    "rule.feedback": "probed",
    "periphery.feedback_select": "group",
    "periphery.feedback_transconductance": 5.5e-5,
}


def test_strobes_and_pulses_by_hand() -> None:
    """Seven pulses of 10 ns at 1.2 V on 100 uS; three rows of 4 cells and a reference, each cell's gate 0.3 fF; two
    columns of 5 cells.
    """
    p = prices.parameters({})
    given = {"writes": 7, "row_strobes": 3, "column_strobes": 2}
    found = energy(once("learn", hidden=given), made(), p)["learn"]["writes"]
    rows = 3 * (4 * PITCH * WIRE + 5 * 0.3e-15) * 1.2**2
    columns = 2 * 5 * PITCH * WIRE * 1.2**2
    assert found == pytest.approx(7 * 1.2**2 * 1e-4 * 1e-8 + rows + columns, rel=HAND)


def test_slots_take_both_phases() -> None:
    time = {"stream_cycles": 7, "examples": 1, "steps": 1, "updates": 1, "pulse_slots": 12}
    assert seconds(once("learn", time=time), "learn", made(), prices.parameters({})).writes == pytest.approx(
        2.4e-7
    )


def test_drawing_pulses_by_hand() -> None:
    """Two additions of 16 bits for each number: 0.12 pJ x 16 / 32 at 45 nm, scaled by 2.567901, and 0.8 beside."""
    p = prices.parameters({})
    found = energy(once("learn", digital={"pulse_bits": 10}), made(), p)["learn"]["random_numbers"]
    assert found == pytest.approx(10 * 2 * 0.12e-12 * 16 / 32 * 2.567901 * 1.8, rel=1e-3)


def test_a_selected_group_is_served_by_a_small_amplifier() -> None:
    """4 k T (1.33 G / g_m + 1) G T / (2 C^2) of 10 rows and their references of 2.75 uS, 100 ns, 0.343 pF; amplifiers
    hold 10 rows instead of 140, so that all of learning takes a third less.
    """
    tile = SERVED | {"periphery.feedback_select": "tile", "periphery.feedback_transconductance": None}
    whole, chosen = (price_design("m2ru-highohmic", s) for s in (tile, SERVED))
    assert any(note.part == "noise of feedback" for note in whole.notes)
    assert not any(note.kind == "unserved" for note in chosen.notes)
    group = 20 * 2.75e-6
    noise = (4 * 1.380649e-23 * 300 * (1.33 * group / 5.5e-5 + 1) * group * 1e-7 / 2) ** 0.5 / 3.43e-13
    assert noise < 2.73e-3 / 2  # a converter step
    energies = [one.phases["learning"].joules for one in (whole, chosen)]
    assert energies[1] < 0.7 * energies[0]


def test_a_learned_example_by_parallel_writes() -> None:
    """At most four inferences, and at least three times less than the tight twin, with converters for all columns."""
    costs = price_design("m2ru-highohmic", SERVED | {"rule.update": "parallel", "periphery.converters": 100})
    joules = {name: phase.joules for name, phase in costs.phases.items()}
    assert joules["learning"] < 4 * joules["inference"]
    assert costs.ratios["tight"]["learning"] > 3
