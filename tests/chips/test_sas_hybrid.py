"""Frozen weights in one memory, learning ones in another: what is counted, priced, written, misread, refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cimlearn.chips import parameters
from cimlearn.costs import prices
from cimlearn.costs.bitserial.costs import int8_products
from cimlearn.devices.technology import memory_cells, technology
from cimlearn.errors import InputError
from cimlearn.experiments.pricing import price_design

PAIR = "sas-mram+sram"
EXACT = 1e-12


def test_a_pair_names_both_groups() -> None:
    p = parameters("sas-mram", {"cell.technology": PAIR})
    assert (p["cell.technology"], p["cell.frozen"], p["cell.trained"]) == ("sram", "sas-mram", "same")
    cells = memory_cells(p)
    assert cells.hybrid and cells.frozen == technology("sas-mram") and cells.trained == technology("sram")
    other = memory_cells(parameters("sas-mram", {"cell.trained": "sram"}))
    assert other.frozen == cells.frozen and other.trained == cells.trained
    one = memory_cells(parameters("sas-mram", {}))
    assert not one.hybrid and "frozen" not in one.as_dict()


def test_a_hybrid_takes_each_group_s_own_figures() -> None:
    """Writes and updates are SRAM's, frozen reads MRAM's; between the two pure chips in area, and above in nothing."""
    found = {name: price_design("sas-mram", {"cell.technology": name}) for name in (PAIR, "sas-mram", "sram")}
    hybrid, mram, sram = found.values()
    for phase in ("inference", "learning"):
        parts = hybrid.phases[phase].parts
        assert parts["frozen_reads"] > 0 and parts["mram_reads"] > 0
        assert math.isclose(sum(parts.values()), hybrid.phases[phase].joules, rel_tol=EXACT)
        both = parts["frozen_reads"] + parts["mram_reads"]
        low, high = sorted(one.phases[phase].parts["mram_reads"] for one in (mram, sram))
        assert low < both < high
        assert hybrid.phases[phase].operations == mram.phases[phase].operations
    assert hybrid.phases["learning"].parts["mram_writes"] == sram.phases["learning"].parts["mram_writes"]
    assert mram.area["weight_cells"] < hybrid.area["weight_cells"] < sram.area["weight_cells"]
    assert (
        hybrid.lifetime["first_cell"] is None is sram.lifetime["first_cell"] and mram.lifetime["first_cell"]
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cell.technology": "sas-mram+"}, "name one memory, two as FROZEN.TRAINED"),
        ({"cell.technology": "sram+sram+sram+sram"}, "or three as FROZEN.TRAINED.LEARNING"),
        ({"cell.technology": "rram+sram+flash"}, "cell.learning"),
        ({"cell.technology": "rram+sram+rram", "cell.learning": "sram"}, "name two memories of one group"),
        ({"cell.technology": "sas-mram+flash"}, "unknown technology 'flash'"),
        ({"cell.technology": PAIR, "cell.frozen": "rram"}, "name two memories of one group"),
        ({"cell.frozen": "flash"}, "cell.frozen"),
        ({"cell.masks": "sram"}, "cell.masks"),
        ({"cell.technology": PAIR, "network.train": "full"}, "all weights learn, none are frozen"),
    ],
)
def test_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        memory_cells(parameters("sas-mram", settings))


def test_what_only_learning_needs_is_priced_in_its_memory() -> None:
    """Every difference from SRAM by hand: reads, writes, rows, cells, leakage, time and wear of masks and operands."""
    settings = {"network.norm": "batch", "rule.momentum": 3}
    found = {
        name: price_design("sas-mram", settings | {"cell.technology": f"sas-mram+sas-mram+{name}"})
        for name in ("sram", "rram")
    }
    sram, rram = found.values()
    default = price_design("sas-mram", settings)
    assert sram.as_dict() == default.as_dict()
    cell, known = technology("rram"), prices.parameters(model="bitserial")
    before, after = (one.phases["learning"].parts for one in (sram, rram))
    assert math.isclose(
        after["learning_writes"] / before["sram_writes"],
        cell.write_energy / known["price.unit_write"],
        rel_tol=EXACT,
    )
    assert math.isclose(
        after["learning_reads"] / before["sram_reads"],
        cell.read_energy / known["price.unit_read"],
        rel_tol=EXACT,
    )
    assert after["activation_memory"] > before["activation_memory"] and after["momentum"] > before["momentum"]
    assert after["norms"] > before["norms"]
    same = {
        "popcounts",
        "sums",
        "mram_reads",
        "mram_writes",
        "feature_maps",
        "held_sums",
        "rounding",
        "latches",
    }
    assert {part for part in before if after.get(part) == before[part]} >= same
    assert math.isclose(sum(after.values()), rram.phases["learning"].joules, rel_tol=EXACT)
    assert rram.phases["learning"].seconds > sram.phases["learning"].seconds
    assert rram.area["unit_cells"] < sram.area["unit_cells"] and rram.area["memories"] < sram.area["memories"]
    years = [one.lifetime["ten_percent"] for one in (rram, sram)]
    assert years[0] is not None and years[1] is not None and years[0] < 1 < years[1]


def test_products_of_both_groups_are_counted() -> None:
    assert int8_products({"forward": {"mram_bits_read": 64, "frozen_bits_read": 192}}) == 4
