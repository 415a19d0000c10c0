"""Frozen weights in one memory, learning ones in another: what is counted, priced, written, misread, refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cimlearn.chips import parameters
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
        ({"cell.technology": "sas-mram+"}, "name one memory, or two as FROZEN.TRAINED"),
        ({"cell.technology": "sram+sram+sram"}, "name one memory, or two"),
        ({"cell.technology": "sas-mram+flash"}, "unknown technology 'flash'"),
        ({"cell.technology": PAIR, "cell.frozen": "rram"}, "name two memories of what is frozen"),
        ({"cell.frozen": "flash"}, "cell.frozen"),
        ({"cell.masks": "sram"}, "cell.masks"),
        ({"cell.technology": PAIR, "network.train": "full"}, "all weights learn, none are frozen"),
    ],
)
def test_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        memory_cells(parameters("sas-mram", settings))


def test_products_of_both_groups_are_counted() -> None:
    assert int8_products({"forward": {"mram_bits_read": 64, "frozen_bits_read": 192}}) == 4
