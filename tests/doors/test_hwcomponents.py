"""The package for HWComponents (AccelForge, CiMLoop): figures beside closed forms, and the real package where it is."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cimlearn.chips import catalog
from cimlearn.costs import prices
from cimlearn.devices.catalog import device
from cimlearn.devices.technology import technology
from cimlearn.errors import InputError

SOURCE = Path(__file__).parents[2] / "packages" / "hwcomponents-cimlearn" / "src"
INSTALLED = importlib.util.find_spec("hwcomponents") is not None
EXACT = 1e-9


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The module of figures, which doesn't need HWComponents."""
    spec = importlib.util.spec_from_file_location(
        "figures_of_cimlearn", SOURCE / "hwcomponents_cimlearn" / "figures.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "figures_of_cimlearn", module)
    spec.loader.exec_module(module)
    yield module


def test_a_crossbar_is_the_sum_of_its_pieces(figures: Any) -> None:
    """Energy of a vector on cells against a reference, and times, by hand from the presets."""
    rows, columns = 64, 32
    found = figures.crossbar(rows, columns)
    p, price = catalog.parameters("m2ru"), prices.parameters()
    supply, clock, volts = price["technology.supply"], p["periphery.clock"], p["periphery.read_voltage"]
    low, high = device(p.part("device")).window()
    cell = low + price["expected.conductance"] * (high - low)
    cycles = p["periphery.input_bits"] - 1
    ones = rows * cycles * price["expected.hidden_bits_on"]
    group = p["periphery.reference_group"]
    beside = price["price.reference_columns"] if group is None else -(-columns // group)  # reference columns
    copies = columns if (group or 1) > 1 else 0  # of their currents
    source = max(volts, supply)
    read = ones * (columns + beside + copies) * cell * volts * source * p["periphery.integration"] / clock
    pitch = math.sqrt(price["price.cell_features"]) * price["technology.feature"]
    wire = columns * pitch * price["price.wire"] * volts * source
    driver = 0.0
    if price["price.drivers"] != "fixed":
        drop = price["price.driver_drop"] / (1 - price["price.driver_drop"])
        load = (columns + beside) * cell
        driver = price["price.driver_resistance"] * load / drop * price["price.driver_gate"]
    rest = ones * ((price["price.shifter_load"] + driver) * supply**2 + wire)
    turns = -(-columns // min(columns, p["periphery.converters"]))
    gm = math.log(2.0 ** (p["periphery.converter_bits"] + 1)) * (1 + price["price.load"])
    gm *= p["periphery.hidden_capacitance"] * clock / price["price.settling"]
    gm = max(gm, p["periphery.transconductance"] or 0.0)
    amplifier = price["price.branches"] * gm / price["price.gm_per_ampere"] * supply
    integrators = columns * (cycles + turns) * amplifier / clock
    convert = figures.converter(p["periphery.converter_bits"]).actions["convert"].joules * columns
    compute = found.actions["compute"]
    assert compute.joules == pytest.approx(read + rest + integrators + convert, rel=1e-3)
    assert compute.seconds == pytest.approx((cycles + turns) / clock, rel=EXACT)
    write = price["price.write_voltage"] ** 2 * cell * price["price.write_pulse"]
    assert found.actions["write"].joules == pytest.approx(write, rel=EXACT)
    assert found.actions["verify_read"].seconds == pytest.approx(2 / clock, rel=EXACT)


def test_a_bit_serial_array_counts_every_bit(figures: Any) -> None:
    """Cells read 64 bits a product; twice the columns are twice the products; a row is written bit by bit."""
    one, two = (figures.bit_serial(64, columns, "rram") for columns in (64, 128))
    cell = technology("rram")
    assert one.actions["compute"].joules > 64 * 8 * 64 * cell.read_energy * 0.3
    assert two.actions["compute"].joules == pytest.approx(2 * one.actions["compute"].joules, rel=0.02)
    assert one.actions["write_row"].joules >= 64 * cell.write_energy
    assert one.actions["write_row"].seconds >= cell.write_time
    assert one.leakage >= 64 * 64 * cell.leakage and one.area > 64 * 64 * cell.area


def test_cells_memories_and_logic(figures: Any) -> None:
    """They are those of the technology and the prices, and follow settings and node."""
    cell, price = technology("sas-mram"), prices.parameters()
    assert figures.cell("sas-mram").actions["write"] == (cell.write_energy, cell.write_time)
    big, small = figures.memory(4 * 65536), figures.memory(65536)
    assert small.leakage == pytest.approx(65536 * price["technology.sram_leakage"], rel=EXACT)
    assert big.actions["read"].joules == pytest.approx(2 * small.actions["read"].joules, rel=EXACT)
    dear = figures.multiply_add(8, 8, 16, settings={"price.multiply": 2 * price["price.multiply"]})
    assert dear.actions["compute"].joules > figures.multiply_add(8, 8, 16).actions["compute"].joules
    assert figures.multiply_add(8, 8, 16, "28nm").area < figures.multiply_add(8, 8, 16).area
    assert figures.crossbar(64, 32, "ecram").actions != figures.crossbar(64, 32).actions
    for wrong, words in (
        (lambda: figures.crossbar(0, 32), "rows = 0"),
        (lambda: figures.bit_serial(64, 60), "multiple of 8"),
        (lambda: figures.cell("flash"), "unknown technology"),
        (lambda: figures.memory(8, node="3nm"), "node"),
        (lambda: figures.converter(8, settings={"price.nothing": 1.0}), "price.nothing"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()


@pytest.mark.skipif(
    not INSTALLED, reason="hwcomponents is not installed; it needs Python 3.12: pip install hwcomponents"
)
def test_the_real_package_finds_and_prices_them(figures: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by prefix, chosen by name and attributes; area, leakage and actions are the figures."""
    monkeypatch.syspath_prepend(str(SOURCE))
    from hwcomponents import get_model, get_models

    parts = ("Crossbar", "BitSerial", "Cell", "Converter", "Memory", "MultiplyAdd")
    assert {f"Cimlearn{part}" for part in parts} <= {model.__name__ for model in get_models()}
    array = get_model("CimlearnCrossbar", {"rows": 64, "columns": 32, "device": "ecram"}, ["compute"])
    wanted = figures.crossbar(64, 32, "ecram")
    cost = array.compute()
    assert (array.area, array.leak_power) == (wanted.area, wanted.leakage)
    assert (cost.energy, cost.latency) == tuple(wanted.actions["compute"])
    memory = get_model("CimlearnMemory", {"bits": 65536, "width": 8})
    assert memory.read().energy == figures.memory(65536, 8).actions["read"].joules
    assert memory.read(bits_per_action=16).energy == pytest.approx(2 * memory.read().energy)
