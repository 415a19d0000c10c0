"""Costs: what holds for every ledger, and wrong input."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_machine import CHIP, FLOAT32, ROUNDING, design, law, made, once, whole

from cimlearn import chips
from cimlearn.costs import prices
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.latency import seconds
from cimlearn.costs.crossbar.machine import machine
from cimlearn.costs.lifetime import Rates, from_histogram
from cimlearn.devices.catalog import BUILT_IN, device, window
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger


def test_sums_are_the_sums_of_their_parts() -> None:
    costs = whole()
    told = costs.as_dict()
    for name in ("inference", "learning"):
        assert told["energy"][f"{name}_J"] == pytest.approx(
            sum(told["energy"]["by_part"][name].values()), rel=ROUNDING
        )
        assert all(joules >= 0 for joules in costs.phases[name].parts.values())
    assert told["area_m2"] == pytest.approx(sum(told["area"].values()), rel=ROUNDING)
    assert told["power_W"] * told["latency"]["per_example_s"] == pytest.approx(told["energy"]["inference_J"])
    assert told["ops_per_s"] / told["power_W"] == pytest.approx(told["ops_per_J"])
    # 2 x (28 steps x 129 x 100 + 101 x 10) operations
    assert costs.phases["inference"].operations == 2 * (28 * 12900 + 1010)


def test_priced_twice_is_the_same() -> None:
    assert whole().as_dict() == whole().as_dict()


def test_twice_the_work_is_exactly_twice_the_energy_and_time() -> None:
    ledger, chip = design()
    double = Ledger(
        {
            f: {p: {a: 2 * n for a, n in acts.items()} for p, acts in parts.items()}
            for f, parts in ledger.counts.items()
        },
        {f: {a: 2 * g for a, g in on.items()} for f, on in ledger.conductance_on.items()},
    )
    p = prices.parameters()
    one, two = (energy(which, chip, p) for which in (ledger, double))
    assert two == {phase: {part: 2 * v for part, v in parts.items()} for phase, parts in one.items()}
    for phase in ("learn", "predict"):
        assert (
            seconds(double, phase, chip, p).total
            == pytest.approx(2 * seconds(ledger, phase, chip, p).total, rel=ROUNDING)
        )  # fmt: skip


@given(
    st.fixed_dictionaries(
        {
            name: st.integers(0, 10**9)
            for name in ("stream_cycles", "convert_cycles", "state_cycles", "gradient_cycles", "updates")
        }
    ),
    st.integers(1, 10**6),
)
def test_pipelined_is_never_slower(time: dict[str, int], passes: int) -> None:
    """Nor faster than its longest stage: the multiply-add units do what they do."""
    ledger = Ledger({"learn": {"time": {**time, "examples": passes, "steps": passes}}})
    piped, plain = (
        seconds(ledger, "learn", made(), prices.parameters({"operation.pipelined": on})).total
        for on in (True, False)
    )
    assert piped <= plain * (1 + ROUNDING)
    assert piped >= 1e-7 * (time["state_cycles"] + time["gradient_cycles"]) * (1 - ROUNDING)


def test_logic_scales_with_the_node() -> None:
    """Feature x V^2: 45 nm and 1.0 V against 65 nm and 1.2 V."""
    old, new = (whole({"technology.node": n}).phases["learning"].parts for n in ("65nm", "45nm"))
    v = [prices.parameters({"technology.node": n})["technology.supply"] for n in ("65nm", "45nm")]
    wanted = 45 / 65 * (v[1] / v[0]) ** 2
    for part in ("gradient", "gradient_memory", "state_unit", "replay_memory", "converters", "sparsifier"):
        assert new[part] / old[part] == pytest.approx(wanted, rel=1e-9), part


def test_no_price_makes_it_cheaper_to_do_more() -> None:
    """More hidden units, more input bits, more converters: never less energy or area."""
    usual = whole().as_dict()
    for change in ({"network__hidden": 200}, {"periphery__input_bits": 9}):
        more = whole(**change).as_dict()
        assert more["energy"]["inference_J"] > usual["energy"]["inference_J"]
    assert whole(periphery__converters=32).as_dict()["area_m2"] > usual["area_m2"]
    assert whole(periphery__converters=32).phases["inference"].seconds < whole().phases["inference"].seconds


@pytest.mark.parametrize("kind", BUILT_IN)
def test_window_without_building_the_device(kind: str) -> None:
    described = chips.parameters("m2ru", {"device.kind": kind}).part("device")
    assert window(described) == pytest.approx(device(described).window(), rel=FLOAT32)


def test_another_node_is_the_users() -> None:
    """A run keeps only the prices that were changed; the node must be among them."""
    chosen = prices.parameters({"technology.node": "22nm"})
    assert {name for name in chosen if chosen.entry(name).changed} == {"technology.node"}
    assert chosen["technology.feature"] == 22e-9
    assert not prices.parameters({"technology.node": "65nm"}).entry("technology.node").changed


def test_prices_know_their_names() -> None:
    known = prices.parameters()
    assert all(prices.is_price(name) for name in known)
    assert {name for name in chips.parameters("m2ru") if prices.is_price(name)} == set(prices.SHARED)


# ---- wrong input


WRONG: dict[str, tuple[Any, str]] = {
    "negative price": (
        lambda: whole({"price.add": -1e-15}),
        r"price\.add = -1e-15 is out of range; allowed: 0 to 1e-06 J",
    ),
    "negative price in a list": (
        lambda: whole({"price.converter": "1e-12,1e-12,1e-12,1e-12,-1e-12"}),
        r"price\.converter = -1e-12 is out of range",
    ),
    "lists of different length": (
        lambda: whole({"price.converter": "1e-12,2e-12"}),
        r"price\.converter has 2 prices for 5 resolutions \(price\.converter_bits\); give as many",
    ),
    "areas of different length": (
        lambda: whole({"price.converter_area": "1e-9"}),
        r"price\.converter_area has 1 prices for 5 resolutions",
    ),
    "unknown node": (
        lambda: whole({"technology.node": "14nm"}),
        r"technology\.node = '14nm' is not one of: 65nm, 45nm",
    ),
    "unknown price": (
        lambda: whole({"price.convertor": 1}),
        r"unknown parameter 'price\.convertor'; did you mean 'price\.converter'",
    ),
    "not a number": (lambda: whole({"price.sram": "nan"}), r"price\.sram = nan is out of range"),
    "endurance 0": (
        lambda: law(Rates(((1.0, 1.0),)), endurance=0.0),
        r"cell\.endurance = 0 writes: give a number above 0, or none for never",
    ),
    "rate 0": (
        lambda: law(Rates(((1.0, 1.0),)), rate=0.0),
        r"operation\.rate = 0 examples a second: give a number above 0",
    ),
    "nothing learned": (lambda: from_histogram([], 0), r"no example was learned.*learn at least one task"),
    "empty ledger": (
        lambda: energy(Ledger(), made(), prices.parameters()),
        r"the ledger is empty: nothing was done.*run the chip first",
    ),
    "no inference": (
        lambda: estimate(
            once("learn"), made(), prices.parameters(), learned=1, rates=None, endurance=1e9, spread=0.3
        ),
        r"the ledger holds no inference.*classify something",
    ),
    "software twin": (
        lambda: machine({}, CHIP),
        r"a software twin has no hardware to price; price the chip: --on chip",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case: str) -> None:
    call, words = WRONG[case]
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_more_bits_can_be_priced() -> None:
    """What the error asks for."""
    more = {
        "price.converter_bits": "8,10",
        "price.converter": "5e-12,9e-12",
        "price.converter_area": "1e-8,3e-8",
    }
    assert whole(more, periphery__converter_bits=10).phases["inference"].parts["converters"] == (
        pytest.approx((28 * 100 + 10) * 9e-12)
    )
