"""Costs of a digital bit-serial chip, worked out on paper in the docstrings, and what holds for every ledger."""

from __future__ import annotations

import json
import math
import os
import statistics
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from report_run import make_run
from small_digital import (
    CELL,
    CHIP,
    COUNTS,
    HAND,
    INVENTORY,
    PRODUCT,
    ROUNDING,
    at,
    made,
    make_digital_run,
    times,
)

from cimlearn.arrays.bitserial import Shape, SubArray, multiplied
from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.costs.bitserial.activity import merge_bits, tree_bits
from cimlearn.costs.bitserial.area import digital_area, tree
from cimlearn.costs.bitserial.costs import digital_estimate, int8_products, leakage
from cimlearn.costs.bitserial.energy import bus_energy, digital_energy, driven, row_energy, shares
from cimlearn.costs.bitserial.machine import cell, digital_machine
from cimlearn.costs.bitserial.size import cycle, digital_seconds
from cimlearn.costs.bitserial.wear import digital_wear
from cimlearn.costs.lifetime import YEAR, Rates, years
from cimlearn.costs.logic import add_energy
from cimlearn.costs.models import MODELS, pricing
from cimlearn.devices.technology import names, technology
from cimlearn.errors import InputError
from cimlearn.experiments.pricing import price_design
from cimlearn.ledger import Ledger
from cimlearn.parameters import load
from cimlearn.report import notebook_html, read_run, summarise, write_report
from cimlearn.report.costs import Ageing, ageing, reprice, run_costs
from cimlearn.report.run import cost_figures

ADDED = 4.2e-15  # [J] one bit of an addition: 30 fJ / 8 x 28 / 45 x (0.9 V / 0.9 V)^2 x 1.8
SUM = 32 * ADDED
TREE = ADDED / 1.8  # a bit of a tree has no registers
MERGED = 45 * TREE + SUM  # the 8 popcounts of a word (3 bits: 4 x 5 + 2 x 7 + 11 = 45 bits), and their sum
BIT_AREA = 3.136e-12  # [m2] one bit of an adder: 36 um2 / 8 x (28 / 45)^2 x 1.8


def whole(counts: Any = None, *, learned: int = 1, cell: Any = None, **changes: Any) -> Costs:
    rates = Rates(((0.5, 30.0), (0.0, 10.0)))
    return digital_estimate(Ledger(counts or COUNTS), made(cell), at(**changes), learned=learned, rates=rates)


# ---- energy by hand


def test_the_product_is_that_of_the_arrays() -> None:
    found = multiplied(Shape(4, 1, 1), SubArray(64, 128, 4))
    flat = {f"{unit}_{action}": n for unit, of in found.items() for action, n in of.items()}
    assert {name: n for name, n in flat.items() if name in PRODUCT} == PRODUCT
    assert int8_products(COUNTS["predict"]) == 4
    assert int8_products(COUNTS["learn"]) == 12


def test_one_product() -> None:
    """256 bits x 10 fJ. A row of 128 cells: 128 x (0.2 um x 0.2 fF/um + 0.1 fF) = 17.92 fF x 0.81 V^2 x 4 / 3 =
    19.3536 fJ, 32 times. Nothing was looked at: every input bit 1, half of the stored ones. A popcount of 4: two adders
    of 1 bit that change half of the time, and one of 2: bit 0 too, bit 1 of 0..4 is 1 with 10/16, 4 x 10/16 x 6/16 =
    0.9375 of that: 3.9375 bits, 64 times. 8 words are put together and added to 32 bits.
    """
    forward = digital_energy(COUNTS["predict"], made(), at())["forward"]
    assert add_energy(at(), 1) == pytest.approx(ADDED, rel=ROUNDING)
    assert row_energy(at(), 128, 4e-14) == pytest.approx(19.3536e-15, rel=HAND)
    assert {name: joules for name, joules in forward.items() if joules} == pytest.approx(
        {
            "mram_reads": 2.56e-12,
            "mram_rows": 32 * 19.3536e-15,
            "popcounts": 64 * 3.9375 * TREE,
            "sums": 8 * MERGED,
        },
        rel=HAND,
    )


def test_rows_that_are_not_driven_are_not_read() -> None:
    parts = digital_energy(COUNTS["predict"], made(), at(price__bits_on=0.5))["forward"]
    assert parts["mram_reads"] == pytest.approx(1.28e-12)
    assert parts["mram_rows"] == pytest.approx(16 * 19.3536e-15, rel=HAND)
    assert parts["popcounts"] == pytest.approx(64 * tree_bits(4, 0.25) * TREE)


def test_ones_are_those_that_were_counted() -> None:
    """Driven 30 of 100, stored 40 of 80: q = 0.15; a given price.bits_on stands for the driven ones."""
    seen = {
        "forward_driven_bits": 100,
        "forward_driven_ones": 30,
        "forward_stored_bits": 80,
        "forward_stored_ones": 40,
    }
    counts = COUNTS["predict"] | {"operands": seen}
    assert shares("forward", seen, at()) == (0.3, 0.5)
    assert shares("forward", seen, at(price__bits_on=0.7)) == (0.7, 0.5)
    assert shares("error", seen, at()) == (1.0, 0.5)
    parts = digital_energy(counts, made(), at())["forward"]
    assert parts["mram_reads"] == pytest.approx(0.3 * 2.56e-12)
    assert parts["popcounts"] == pytest.approx(64 * tree_bits(4, 0.15) * TREE)


def test_latched_weights_are_read_once_for_eight_input_bits() -> None:
    """An eighth of 2.56 pJ; 256 bits of ANDs: a latch is written for 8 of them, 1 fJ, and half of the ANDs switch 0.1
    fF x 2 x 0.81 V^2; rows carry the word line once and half of the input bits. The SRAM unit has no latches.
    """
    seen = {
        "forward_driven_bits": 2,
        "forward_driven_ones": 1,
        "forward_stored_bits": 2,
        "forward_stored_ones": 1,
    }
    counts = COUNTS["learn"] | {"operands": seen}
    parts = digital_energy(counts, made(array__latch=True), at())
    forward = parts["forward"]
    assert forward["mram_reads"] == pytest.approx(2.56e-12 / 8)
    assert forward["latches"] == pytest.approx(256 * (1e-15 / 8 + 0.5 * 2 * 0.1e-15 * 0.81))
    assert forward["mram_rows"] == pytest.approx((0.5 + 1 / 8) * 32 * 19.3536e-15, rel=HAND)
    assert "latches" not in parts["gradient"]
    away = digital_energy(counts, made(array__latch=True, array__transpose="transposable"), at())
    assert "latches" not in away["error"] and "latches" in away["forward"]


@pytest.mark.parametrize(("inputs", "ones"), [(4, 0.5), (16, 0.2), (64, 0.1), (13, 0.3)])
def test_tree_activity_against_drawn_bits(inputs: int, ones: float) -> None:
    """20,000 cycles of random bits through a real adder tree: how many bits of results change, over the half of a
    random addition's; an odd input goes on to the next level, which the closed form takes as a full tree: 4 %.
    """
    import numpy as np

    draw = np.random.default_rng(1)
    level = [draw.random(20_000) < ones for _ in range(inputs)]
    sums = [one.astype(np.int64) for one in level]
    width, changed = 1, 0.0
    while len(sums) > 1:
        pairs = [(sums[k], sums[k + 1]) for k in range(0, len(sums) - 1, 2)]
        rest = sums[len(pairs) * 2 :]
        sums = [a + b for a, b in pairs]
        for one in sums:
            flips = (one[1:] ^ one[:-1]) & ((1 << width) - 1)
            changed += np.bitwise_count(flips.astype(np.uint64)).mean() / 0.5
        sums += rest
        width += 1
    assert tree_bits(inputs, ones) == pytest.approx(changed, rel=0.04 if inputs == 13 else 0.01)


def test_quiet_operands_cost_nothing_and_busy_ones_the_most() -> None:
    assert tree_bits(64, 0.0) == tree_bits(64, 1.0) == 0
    whole_tree = sum(width * many for width, many in tree(64).items())
    assert tree_bits(64, 0.05) < tree_bits(64, 0.2) < tree_bits(64, 0.5) < whole_tree


def test_feature_maps_held_sums_bus_and_loading() -> None:
    """Banks of 32 kbit (the memory has no more): 10 pJ / 64 x sqrt(1/2) x 28 / 45 a bit; the bus is as long as the chip
    is wide, 0.2 fF/um x 0.81 V^2 / 2 a bit; a loaded bit 5 pJ.
    """
    counts = COUNTS["predict"] | {
        "memory": {
            "activation_bits_written": 0, "activation_bits_read": 0, "feature_bits_read": 64,
            "feature_bits_written": 16, "sum_bits_read": 40, "sum_bits_written": 40, "loaded_bits": 8,
        }
    }  # fmt: skip
    parts = digital_energy(counts, made(), at())["rest"]
    bank = 10e-12 / 64 * math.sqrt(0.5) * 28 / 45
    assert parts["feature_maps"] == pytest.approx(80 * bank)
    assert parts["held_sums"] == pytest.approx(80 * bank)
    area = sum(digital_area(made(), at()).values())
    assert parts["interconnect"] == pytest.approx(80 * 0.5 * math.sqrt(area) * 2e-10 * 0.81)
    assert bus_energy(1e-6, at()) == pytest.approx(81e-15)  # 1 mm
    assert parts["loading"] == pytest.approx(40e-12)


def test_sums_are_as_wide_as_their_terms_need() -> None:
    """16 + ceil(log2 terms) bits, and never more than the accumulator has."""
    wide = digital_machine({**INVENTORY, "digital": {**INVENTORY["digital"], "forward_bits": 20}}, CHIP, CELL)
    assert (wide.width("forward"), wide.width("error")) == (20, 32)
    parts = digital_energy(COUNTS["predict"], wide, at())["forward"]
    assert parts["sums"] == pytest.approx(8 * (45 * TREE + 20 * ADDED))
    few = {**INVENTORY, "digital": {**INVENTORY["digital"], "forward_bits": 20}}
    assert digital_machine(few, {**CHIP, "array.accumulator": 16}, CELL).width("forward") == 16


def test_the_unit_of_the_gradient() -> None:
    """8 bits written at 5 fJ, 256 read at 2.5 fJ. A row of 32 cells: 32 x (0.356371 um x 0.2 fF/um + 0.1 fF) x 1.08
    V^2 = 5.91923 fJ, 33 times. A popcount of its 16 rows: 8 + 4 x 2 + 2 x 3 + 4 = 26 bits.
    """
    parts = digital_energy(COUNTS["learn"], made(), at())["gradient"]
    assert parts["sram_writes"] == pytest.approx(40e-15)
    assert parts["sram_reads"] == pytest.approx(640e-15)
    assert parts["sram_rows"] == pytest.approx(33 * 5.91923e-15, rel=HAND)
    assert parts["popcounts"] == pytest.approx(32 * tree_bits(16, 0.5) * TREE)
    assert parts["mram_reads"] == 0
    unit = load("sram_device")
    assert (at()["price.unit_read"], at()["price.unit_write"]) == (unit["read.energy"], unit["write.energy"])


@pytest.mark.parametrize(
    ("inputs", "adders"),
    [
        (1, {}),
        (2, {1: 1}),
        (3, {1: 1, 2: 1}),
        (4, {1: 2, 2: 1}),
        (64, {k: 2 ** (6 - k) for k in range(1, 7)}),
    ],
)
def test_popcount_tree(inputs: int, adders: dict[int, int]) -> None:
    assert tree(inputs) == adders
    assert sum(tree(inputs).values()) == inputs - 1
    assert tree_bits(inputs, 0.5) <= sum(width * many for width, many in adders.items())
    assert merge_bits(4) == 45  # a count of 0 to 4 has 3 bits


def test_transposed_reads_count_words() -> None:
    """A row of 128 columns holds 16 weights; from the SRAM unit, its 16 rows; from a copy, the active rows."""
    assert made().counted("error") == 4
    assert made(array__transpose="transposable").counted("error") == 16
    assert made(array__transpose="sram").counted("error") == 16
    assert made(array__transpose="sram").counted("forward") == 4
    assert made(array__gradient="mram").counted("gradient") == 4


def test_one_write() -> None:
    """64 bits are read at 10 fJ. In the weights 8 cells are driven, two lines of four; the transposed copy the same: 16
    x 100 fJ. 8 rows are driven to read and again to write.
    """
    parts = digital_energy(COUNTS["learn"], made(), at())["update"]
    assert parts == pytest.approx(
        {"mram_reads": 640e-15, "mram_writes": 1600e-15, "mram_rows": 16 * 19.3536e-15}, rel=HAND
    )
    everything = digital_energy(COUNTS["learn"], made(), at(price__write_only_changed=False))["update"]
    assert everything == pytest.approx({"mram_writes": 6400e-15, "mram_rows": 8 * 19.3536e-15}, rel=HAND)


def test_cells_that_a_change_drives() -> None:
    """Single cells: those that change. Counted lines: as counted. Else lines of 2 with 25 % changed: 1 - 0.75^2."""
    assert driven(64, 16, 40, 1, 4) == 16
    assert driven(64, 16, 40, 4, 4) == 40
    assert driven(64, 16, 40, 2, 4) == pytest.approx(64 * 0.4375)
    assert driven(64, 16, None, 2, 2) == pytest.approx(64 * 0.4375)
    assert driven(64, 100, None, 4, 4) == 64  # never more than there are
    assert driven(0, 0, None, 4, 4) == 0


def test_the_rest() -> None:
    """6 roundings of two 32-bit additions, 4 x 8 bits of ReLU. Softmax: 2 x (0.2 pJ x 8 x 16 / 64 x 28 / 45 x 1.8 =
    0.448 pJ, and a sum). Memories of 8 kB at 45 nm take 10 pJ / 64 a bit, here x 28 / 45; 128 and 64 bits.
    """
    parts = digital_energy(COUNTS["learn"], made(), at())["rest"]
    assert parts["rounding"] == pytest.approx(12 * SUM + 32 * ADDED)
    assert parts["softmax"] == pytest.approx(2 * (0.448e-12 + SUM), rel=HAND)
    assert parts["activation_memory"] == pytest.approx(128 * 10e-12 / 64 * 28 / 45)
    assert parts["replay_memory"] == pytest.approx(64 * 10e-12 / 64 * 28 / 45)


def test_leakage() -> None:
    """512 cells of the unit and 131,072 bits of memory x 100 pW, for 8 cycles of 10 ns; cells of MRAM don't leak."""
    assert leakage(made(), at()) == pytest.approx(131584e-10)
    assert leakage(made({"leakage": 1e-9}), at()) == pytest.approx(131584e-10 + 16384e-9)
    assert whole().phases["inference"].parts["leakage"] == pytest.approx(131584e-10 * 80e-9)


# ---- time, area, lifetime by hand


def test_time() -> None:
    """8 + 8 + 9 cycles of 10 ns. An update of 4 rows: read in a cycle, written in two halves of 64 bits of 10 ns each.
    Rounding 6 sums on 16 units takes 3.75 ns, hidden where pipelined.
    """
    found = digital_seconds(COUNTS["learn"], made(), at())
    assert found.products == pytest.approx({"forward": 80e-9, "error": 80e-9, "gradient": 90e-9})
    assert (found.update, found.rounding) == pytest.approx((4 * 30e-9, 0))
    assert found.total == pytest.approx(370e-9)
    plain = digital_seconds(COUNTS["learn"], made(), at(operation__pipelined=False))
    assert plain.total == pytest.approx(373.75e-9)
    at_once = digital_seconds(
        COUNTS["learn"], made(), at(price__write_bits=128, price__write_only_changed=False)
    )
    assert at_once.update == pytest.approx(4 * 10e-9)
    assert digital_seconds(COUNTS["learn"], made(), at(price__write_bits=1)).update == pytest.approx(
        4 * 330e-9
    )


def test_a_cycle_is_never_shorter_than_a_read() -> None:
    assert cycle(made(array__clock=7e8)) == 2e-9
    assert cycle(made({"read_time": 0.0}, array__clock=7e8)) == pytest.approx(1 / 7e8)


def test_throughput() -> None:
    """4 multiply-adds, 8 operations, in 80 ns."""
    found = whole().phases["inference"]
    assert found.operations == 8
    assert found.seconds == pytest.approx(80e-9)
    assert found.ops_per_s == pytest.approx(1e8)


def test_area() -> None:
    """2 x 64 x 128 cells of 0.04 um2, 512 of 0.127 um2, as much again around them. 128 columns of a tree of 4 bits and
    an eighth of 45 + 32 bits, 32 of 26 bits (16 rows: 5-bit counts, 59 bits) and an eighth of 59 + 32; 16 narrowers of
    two 32-bit adders. 131,072 bits of 0.127 um2 / 0.6. 4 sense paths of 1,300 F2 in each of 256 columns.
    """
    found = digital_area(made(), at())
    cells = 655.36e-12 + 65.024e-12
    assert found == pytest.approx(
        {
            "weight_cells": 655.36e-12,
            "unit_cells": 65.024e-12,
            "periphery": cells,
            "sense_paths": 1024 * 1300 * 28e-9**2,
            "adders": (128 * (4 + 77 / 8) + 32 * (26 + 91 / 8)) * BIT_AREA,
            "narrowers": 16 * 64 * BIT_AREA,
            "memories": 131072 * 0.127e-12 / 0.6,
        },
        rel=HAND,
    )


def test_more_active_rows_take_more_sense_paths() -> None:
    """In every sub-array, at work or not; latches beside them."""
    one, two = (digital_area(made(array__active=n, array__latch=True), at()) for n in (4, 8))
    for part in ("sense_paths", "latches"):
        assert two[part] == pytest.approx(2 * one[part])
    assert one["latches"] == pytest.approx(1024 * 700 * 28e-9**2)


def test_lifetime() -> None:
    """0.5 writes an example, 30 examples a second, 1e6 writes: 66,667 s; all cells that are written die together."""
    found = whole().lifetime
    assert list(found.values()) == pytest.approx(3 * [1e6 / 15 / YEAR], rel=1e-8)
    assert whole(operation__rate=60.0).lifetime["first_cell"] == pytest.approx(1e6 / 30 / YEAR, rel=1e-8)
    spread = whole(cell={"endurance_spread": 0.5}).lifetime  # 10 % of 40 cells: 4 of the 30 that are written
    z = statistics.NormalDist().inv_cdf(4 / 30)
    assert spread["ten_percent"] == pytest.approx(1e6 / 15 / YEAR * math.exp(z * 0.5), rel=1e-6)
    assert spread["one_percent"] < spread["ten_percent"]
    assert set(whole(cell={"endurance": None}).lifetime.values()) == {None}
    assert set(whole(cell={"endurance": math.inf}).lifetime.values()) == {None}


def test_wear_of_another_cell() -> None:
    """8 cells were driven for 3 that changed; single cells wear 3 / 8 as fast. All 32 bits of 40 cells: 0.8 each."""
    counted, ledger = Rates(((0.4, 30.0), (0.0, 10.0))), Ledger(COUNTS)

    def wear(m: Any, **changes: Any) -> Rates:
        return digital_wear(ledger, m, at(**changes), learned=1, counted=counted)

    assert wear(made()) == counted
    single = digital_machine(INVENTORY, CHIP, CELL, instead=CELL | {"bits_per_write": 1})
    assert [rate for rate, _ in wear(single).groups] == pytest.approx([0.4 * 3 / 8, 0])
    assert wear(made(), price__write_only_changed=False).groups == ((0.8, 40.0),)


# ---- what holds for every ledger


def test_sums_are_the_sums_of_their_parts() -> None:
    costs = whole()
    told = costs.as_dict()
    for name in ("inference", "learning"):
        by_part, by_product = told["energy"]["by_part"][name], told["energy"]["by_product"][name]
        assert told["energy"][f"{name}_J"] == pytest.approx(sum(by_part.values()), rel=ROUNDING)
        assert sum(by_product.values()) == pytest.approx(sum(by_part.values()), rel=ROUNDING)
        assert all(joules >= 0 for joules in by_part.values())
    assert set(told["energy"]["by_product"]["learning"]) == {
        "forward", "error", "gradient", "update", "rest", "leakage",
    }  # fmt: skip
    assert told["area_m2"] == pytest.approx(sum(told["area"].values()), rel=ROUNDING)
    assert told["power_W"] * told["latency"]["per_example_s"] == pytest.approx(told["energy"]["inference_J"])
    assert "digital" not in told and costs.twin == {} == costs.twin_area


def test_twice_the_work_is_exactly_twice_the_energy_and_time() -> None:
    for phase in ("learn", "predict"):
        one, two = (digital_energy(counts[phase], made(), at()) for counts in (COUNTS, times(2)))
        assert two == {work: {part: 2 * v for part, v in parts.items()} for work, parts in one.items()}
        once, twice = (digital_seconds(counts[phase], made(), at()).total for counts in (COUNTS, times(2)))
        assert twice == pytest.approx(2 * once, rel=ROUNDING)
    assert whole(times(2), learned=2).phases["learning"].joules == pytest.approx(
        whole().phases["learning"].joules, rel=ROUNDING
    )


@pytest.mark.parametrize("price", ["unit_read", "unit_write", "gate", "row_driver", "add", "sram"])
def test_no_price_is_without_effect(price: str) -> None:
    name = f"price.{price}"
    more = whole(**{name: at()[name] * 0.5}).phases["learning"].joules
    assert more < whole().phases["learning"].joules


def test_no_learning() -> None:
    costs = digital_estimate(
        Ledger({"predict": COUNTS["predict"], "learn": {}}), made(), at(), learned=0, rates=None
    )
    assert set(costs.phases) == {"inference"}
    assert costs.as_dict()["energy"]["learning_J"] is None
    assert set(costs.lifetime.values()) == {None} and costs.writes_per_example is None


def test_each_chip_has_its_prices() -> None:
    assert set(MODELS) == set(prices.SETS)
    assert at()["technology.node"] == "28nm"
    assert at(technology__node="22nm")["technology.feature"] == 22e-9
    assert "price.converter" not in at() and "price.write_only_changed" not in prices.parameters()
    assert all(prices.is_price(name) for name in at())


# ---- the same ledger with other cells


def test_baselines_are_in_a_sane_order(tmp_path: Path) -> None:
    """SRAM writes cheapest and fastest and never wears, but leaks; STT takes the most to write; SOT the most area."""
    run = read_run(make_digital_run(tmp_path / "r", tasks=1))
    found = {name: reprice(run, technology(name).as_dict()) for name in names()}
    assert all(found.values())
    learning = {name: c.phases["learning"] for name, c in found.items()}
    written = {name: p.parts["mram_writes"] for name, p in learning.items()}
    assert min(written, key=written.__getitem__) == "sram"
    assert max(learning, key=lambda name: learning[name].seconds) in ("sas-mram", "stt-mram", "rram")
    assert min(learning, key=lambda name: learning[name].seconds) in ("sram", "sot-mram")
    cells = {name: c.area["weight_cells"] for name, c in found.items()}
    assert cells["sot-mram"] > cells["sram"] > cells["sas-mram"] > cells["stt-mram"]
    rest = {name: p.parts["leakage"] / p.seconds for name, p in learning.items()}
    assert rest["sram"] > rest["sas-mram"] == pytest.approx(131584e-10)
    life = {name: c.lifetime["first_cell"] for name, c in found.items()}
    assert life["sram"] is None and life["rram"] < life["stt-mram"]
    for name, costs in found.items():  # what does not depend on the cell
        for part in ("popcounts", "sums", "rounding", "softmax", "activation_memory", "sram_reads"):
            assert learning[name].parts[part] == learning["sas-mram"].parts[part], part
        assert costs.area["adders"] == found["sas-mram"].area["adders"]
        assert costs.phases["inference"].operations == 8


def test_its_own_cell_changes_nothing(tmp_path: Path) -> None:
    run = read_run(make_digital_run(tmp_path / "r", tasks=1))
    assert reprice(run, CELL).as_dict() == run_costs(run).as_dict()
    assert reprice(run, CELL, {"price.add": 0.0}).phases["inference"].parts["sums"] == 0


# ---- what users see


def _terminal(summary: dict[str, Any]) -> str:
    from rich.console import Console

    from cimlearn.report import terminal

    with open(os.devnull, "w") as nowhere:
        console = Console(width=160, record=True, file=nowhere)
        console.print(terminal.summary_table(summary))
    return console.export_text()


def test_a_run_goes_through_summary_page_terminal_and_notebook(tmp_path: Path) -> None:
    folder = make_digital_run(tmp_path / "r", tasks=2, seeds=(0, 1))
    run = read_run(folder)
    summary, page, costs = summarise(run), write_report(folder).read_text("utf-8"), run_costs(run)
    assert "not_priced" not in summary and "digital" not in summary
    # the small ledger once per learned image, 60,000 images a task
    assert summary["energy"]["learning_J"] == pytest.approx(whole().phases["learning"].joules)
    assert summary["latency"]["per_example_s"] == summary["latency"]["per_step_s"] == pytest.approx(80e-9)
    for words in (
        "Energy by product of training",
        "popcounts",
        "weight cells",
        "at the 28nm node",
        "MRAM reads",
    ):
        assert words in page
    assert "igital twin" not in page and "Time per step" not in page
    assert "cell.endurance of made-up" in page and "cell.endurance_spread of made-up" in page
    assert (folder / "figures" / "energy-learning.png").exists()
    printed = _terminal(summary)
    assert "per inference" in printed and "per step" not in printed
    assert "OPS/W" in notebook_html(run)
    assert ageing(run).rates.mean == pytest.approx(costs.writes_per_example)


def test_dots_that_fall_together_share_a_label() -> None:
    law = Ageing(Rates(((0.5, 30.0), (0.25, 2.0))), 30.0, 1e6, 0.0)
    life = years(law.rates, rate=30.0, endurance=1e6, spread=0.0)
    labels = [text.get_text() for text in cost_figures.worn(law, life).axes[0].texts]
    assert len(labels) == 1 and labels[0].startswith("first cell, 1 %, 10 %: ")


def test_without_wear(tmp_path: Path) -> None:
    folder = make_digital_run(tmp_path / "r", tasks=1)
    config = json.loads((folder / "run.json").read_text())
    config["cell"]["endurance"] = None
    (folder / "run.json").write_text(json.dumps(config))
    assert "because cell.endurance is none" in write_report(folder).read_text("utf-8")


# ---- wrong input

WRONG: dict[str, tuple[Any, str]] = {
    "negative price": (lambda: at(price__gate=-1e-16), r"price\.gate = -1e-16 is out of range; allowed: 0"),
    "switched off": (lambda: at(price__unit_read="none"), r"price\.unit_read can't be switched off"),
    "price of another chip": (lambda: at(price__converter=1), r"unknown parameter 'price\.converter'"),
    "missing figure": (
        lambda: cell({k: v for k, v in CELL.items() if k != "write_energy"}),
        r"the memory cell lacks write_energy; give the figures of a technology",
    ),
    "no cell": (lambda: cell({}), r"the memory cell lacks name, bits_per_write"),
    "negative figure": (
        lambda: cell(CELL | {"read_energy": -1e-15}),
        r"the memory cell has read_energy = -1e-15; give a number of 0 or more",
    ),
    "not a number": (lambda: cell(CELL | {"area": math.nan}), r"the memory cell has area = nan"),
    "text": (lambda: cell(CELL | {"write_time": "10 ns"}), r"the memory cell has write_time = '10 ns'"),
    "endless line": (lambda: cell(CELL | {"bits_per_write": 0}), r"the memory cell has bits_per_write = 0"),
    "software twin": (
        lambda: digital_machine({}, {}, CELL),
        r"a software twin has no hardware to price; price the chip: --on chip",
    ),
    "empty ledger": (lambda: digital_energy({}, made(), at()), r"the ledger is empty: nothing was done"),
    "no inference": (lambda: whole({"learn": COUNTS["learn"]}), r"the ledger holds no inference"),
    "unknown chip": (
        lambda: pricing("optical"),
        r"no prices for chips of kind 'optical'; known: layers, crossbar, bitserial",
    ),
    "no design": (lambda: price_design("m3ru"), r"unknown chip 'm3ru'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case: str) -> None:
    call, words = WRONG[case]
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_analog_cells_have_no_stand_in(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "r", tasks=1))
    with pytest.raises(InputError, match="these cells are analog"):
        reprice(run, CELL)


def test_anchors_are_the_published_numbers() -> None:
    """FP-SMR: 269 GOPS / 15.31 TOPS/W = 17.6 mW; the others are its ratios, and 7.02 TOPS/W x 4 at half the bits."""
    text = (resources.files("cimlearn.papers") / "anchors.toml").read_text("utf-8")
    anchors = {entry["name"]: entry for entry in tomllib.loads(text)["anchor"]}
    assert all(entry["source"] and entry["ops_per_J"] > 0 for entry in anchors.values())
    ours = anchors["FP-SMR"]
    assert ours["power_W"] == pytest.approx(ours["ops_per_s"] / ours["ops_per_J"], rel=5e-3)
    for name, ratio in (("GPU", 86), ("SRAM-PIM", 1.8), ("ReRAM-PIM", 1.12)):
        assert anchors[f"{name} beside FP-SMR"]["ops_per_J"] * ratio == pytest.approx(15.31e12, rel=5e-3)
    assert anchors["Digital STT-MRAM macro"]["ops_per_J"] == pytest.approx(4 * 7.02e12, rel=5e-3)
    assert anchors["Digital STT-MRAM macro"]["ops_per_J"] == pytest.approx(112.3e12 / 4, rel=5e-3)
