"""The ledger of models on arrays, by hand; and its costs, by the sums that they must be."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from models import EIGHT_BITS, Sequence, convolutional, nn, recurrent, torch

from cimlearn.arrays.bitserial import SubArray, multiplied
from cimlearn.arrays.training import Layer
from cimlearn.costs.crossbar.layers import NOT_SIMULATED
from cimlearn.errors import InputError
from cimlearn.torch import bit_serial, costs, crossbar, drift, ideal, ledger, program, reset, to_chip

ROUNDING = 1e-9  # relative, of sums of energies


def _counts(chip: Any) -> Any:
    return ledger(chip).counts["predict"]


def test_a_small_layer_by_hand() -> None:
    """Inputs 1, 0.6 and 0 of three magnitude bits: codes 7, 4 and 0, so 3 + 1 + 0 bits are 1."""
    hardware = ideal().replace({**EIGHT_BITS, "periphery.input_bits": 4, "mapping.kind": "reference"})
    x = torch.tensor([[1.0, 0.6, 0.0]])
    chip: Any = to_chip(nn.Linear(3, 2), x, hardware).eval()
    chip(x.expand(10, 3))
    chip.train()(x)  # learning happens elsewhere, so it is no work of the chip
    found, row = _counts(chip), chip.array.conductance.double().sum((0, 1))
    assert found["weight"] == {
        "vectors": 10,
        "products": 60,
        "tile_reads": 10,
        "cycles": 30,
        "active_bits": 40,
        "row_pulses": 40,
        "integrations": 10 * 2 * (3 + 1),
        "conversions": 20,
        "writes": 0,
        "verify_reads": 0,
    }
    assert ledger(chip).conductance_on["predict"]["weight"] == pytest.approx(10 * float(3 * row[0] + row[1]))
    assert found["digital"] == {"multiply_add": 20}
    assert found["activations"] == {"bits_read": 10 * 3 * 8, "bits_written": 10 * 2 * 8}
    assert found["time"] == {
        "stream_cycles": 30,
        "convert_cycles": 10,
        "state_cycles": 10,
        "examples": 10,
        "steps": 10,
    }
    assert ledger(chip).counts["program"]["weight"]["writes"] >= 6
    reset(chip)
    assert _counts(chip)["weight"]["vectors"] == 0
    with pytest.raises(InputError, match="nothing was classified"):
        costs(chip)


def test_energy_of_the_cells_by_hand() -> None:
    """E = G_on V_r^2 T for each active bit; the integrators' capacitor reaches 0.8 V at the sample's largest sum."""
    x = torch.rand(20, 5)
    hardware = crossbar({"price.reference_columns": 0})
    chip: Any = to_chip(nn.Linear(5, 4), x, hardware).eval()
    chip(x)
    on = ledger(chip).conductance_on["predict"]["weight"]
    parts = costs(chip).total.phases["inference"].parts
    assert parts["cells"] == pytest.approx(on * 0.1**2 / 2e7 / 20, rel=1e-6, abs=0)
    assert parts["converters"] == pytest.approx(4 * 5.2e-12, rel=0.01, abs=0)
    assert costs(chip).program > 0


def test_convolutions_tiles_and_groups_by_hand() -> None:
    """16 places, 3 groups of 18 rows and 2 columns on tiles of 7 rows: 9 tiles."""
    hardware = ideal().replace({**EIGHT_BITS, "tile.rows": 7})
    x = torch.rand(2, 6, 6, 6)
    chip: Any = to_chip(nn.Conv2d(6, 6, 3, groups=3), x, hardware).eval()
    chip(x)
    found = _counts(chip)
    weight = found["weight"]
    assert weight["vectors"] == 2 * 16
    assert weight["products"] == 2 * 16 * 3 * 18 * 2
    assert weight["conversions"] == 2 * 16 * 9 * 2
    assert weight["integrations"] == 2 * 16 * 9 * 2 * (7 + 1)
    assert found["digital"] == {"multiply_add": 2 * 16 * 6, "tile_add": 2 * 16 * 6 * 2}
    assert found["time"]["stream_cycles"] == 2 * 16 * 7


def test_recurrent_layers_by_hand() -> None:
    """Five steps: input and recurrent arrays side by side; a GRU's gates: 3 look-ups, 2 products, 3 sums a unit."""
    x = torch.rand(4, 5, 8)
    chip = to_chip(Sequence(nn.GRU(8, 6, batch_first=True), 6), x, ideal().replace(EIGHT_BITS)).eval()
    chip(x)
    found = _counts(chip)
    assert found["layer.weight_ih_l0"]["vectors"] == found["layer.weight_hh_l0"]["vectors"] == 20
    assert found["time"]["stream_cycles"] == 20 * 7 + 4 * 7
    units = 20 * 6
    scaled = 2 * 20 * 18 + 4 * 10
    assert found["digital"] == {"tanh": 3 * units, "multiply_add": 2 * units + scaled, "add": 3 * units}


def test_what_stays_digital_is_counted() -> None:
    """Per example: ReLU of 6, a norm of 6, a softmax of 3, products of layers that are kept."""
    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 3), nn.Sigmoid(), nn.Softmax(1)
    )
    x = torch.rand(7, 4)
    chip = to_chip(model, x, keep=["3"]).eval()
    chip(x)
    chip(x[:3])
    found = _counts(chip)["digital"]
    assert found == {"multiply_add": 10 * (6 + 6 + 18), "add": 10 * 6, "tanh": 10 * 3, "exp": 10 * 3}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_recurrent_layer_that_stays_digital_is_counted(kind: str) -> None:
    x = torch.rand(2, 5, 8)
    chip = to_chip(Sequence(getattr(nn, kind)(8, 6, batch_first=True), 6), x, keep=["layer"]).eval()
    chip(x)
    gates = {"LSTM": 4, "GRU": 3}[kind]
    products = 2 * 5 * gates * 6 * (8 + 6) + 2 * 10  # and the linear layer's scaling
    assert products <= _counts(chip)["digital"]["multiply_add"] <= products + 2 * 5 * 6 * 4, "gates beside it"


@pytest.mark.parametrize("make", [convolutional, recurrent])
@pytest.mark.parametrize("hardware", [crossbar({"tile.rows": 20}), bit_serial()], ids=["analog", "bits"])
def test_shares_are_the_total(hardware: Any, make: Any) -> None:
    x = torch.rand(6, 1, 8, 8) if make is convolutional else torch.rand(6, 8, 8)
    chip = to_chip(make(), x, hardware).eval()
    with torch.no_grad():
        chip(x)
        once = costs(chip)
        chip(x)
    twice = costs(chip)
    for found in (once, twice):
        now, area = found.total.phases["inference"], math.fsum(found.total.area.values())
        shares = found.layers.values()
        leak = now.parts["leakage"]
        assert math.fsum(one.joules for one in shares) == pytest.approx(
            now.joules - leak, rel=ROUNDING, abs=0
        )
        assert math.fsum(one.seconds for one in shares) == pytest.approx(now.seconds, rel=ROUNDING, abs=0)
        assert math.fsum(one.area for one in shares) == pytest.approx(area, rel=ROUNDING, abs=0)
        assert all(one.joules > 0 for one in shares)
        assert min(now.parts.values()) >= 0
        assert found.program > 0
    assert twice.total.phases["inference"].joules == pytest.approx(
        once.total.phases["inference"].joules,
        rel=0.01,  # noise lights other bits
    )
    lines = str(once).splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(once.layers)]] == list(once.layers)
    program(chip)
    assert costs(chip).program == pytest.approx(once.program, rel=0.05, abs=0)


def test_bit_serial_counts_are_those_of_the_sub_arrays() -> None:
    x = torch.rand(3, 4, 6, 6)
    hardware = bit_serial({"array.rows": 32, "array.active": 8})
    chip = to_chip(nn.Conv2d(4, 6, 3, groups=2), x, hardware).eval()
    chip(x)
    layer = Layer("weight", 18, 3, 3 * 16, 2, False, False)
    wanted = multiplied(layer.forward, SubArray(32, 256, 8, 256))
    found = _counts(chip)
    for unit in ("mram", "adders"):
        for action, count in wanted[unit].items():
            assert found["forward"].get(f"{unit}_{action}", 0) == count
    assert found["time"]["forward_cycles"] == wanted["time"]["serial_cycles"]
    assert found["digital"]["narrowed"] == 3 * 16 * 6
    assert costs(chip).total.phases["inference"].operations == 2 * 16 * 6 * 18


def test_other_memories_cost_something_else() -> None:
    x = torch.rand(3, 20)
    found = {}
    for name in ("sas-mram", "sram"):
        chip = to_chip(nn.Linear(20, 10), x, bit_serial({"cell.technology": name})).eval()
        chip(x)
        found[name] = costs(chip)
    assert found["sas-mram"].total.area["weight_cells"] < found["sram"].total.area["weight_cells"]
    assert found["sas-mram"].program > found["sram"].program


def test_prices_are_settings_of_the_hardware() -> None:
    """Twice the write voltage, four times the energy of blind writes (of cells whose mean the inputs choose)."""
    x, found = torch.rand(3, 20), []
    for volts in (1.0, 2.0):
        hardware = crossbar({"price.write_voltage": volts, "write.first_tries": 0})
        chip = to_chip(nn.Linear(20, 10), x, hardware).eval()
        chip(x)
        found.append(costs(chip).program)
    assert found[1] == pytest.approx(4 * found[0], rel=0.05, abs=0)
    exact = to_chip(nn.Linear(20, 10), x, ideal()).eval()
    exact(x)
    with pytest.raises(InputError, match=r"periphery\.saturation = none"):
        costs(exact)


def test_what_flatters_a_model_is_named_with_what_can_be_done() -> None:
    """The default circuit is one that nobody can build, and says so; what is refused here is no remedy."""
    chip = to_chip(nn.Linear(64, 32), torch.rand(5, 64), crossbar()).eval()
    chip(torch.rand(3, 64))
    found = costs(chip)
    kinds = {(note.kind, note.part.partition(" of ")[0]) for note in found.total.notes}
    assert {
        ("unserved", "integrators"),
        ("unserved", "rows"),
        ("unserved", "amplifiers"),
        ("ideal", "wires"),
    } <= kinds
    assert "no circuit serves: integrators, rows, amplifiers" in repr(found)
    for note in found.total.notes:
        for setting in re.findall(r"(periphery\.\w+|cell\.\w+|device\.\w+) = (\w+(?:\.\d+)?)", note.remedy):
            crossbar({setting[0]: setting[1]})  # is not refused
    drift(chip, 86400.0)
    chip(torch.rand(3, 64))
    aged = next(note for note in costs(chip).total.notes if note.part == "time and temperature")
    assert aged.text == "no relaxation, telegraph noise, or change of conductance with temperature"
    amplifiers = next(note for note in found.total.notes if note.part.startswith("amplifiers"))
    assert amplifiers.remedy == "cells of higher resistance"


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_what_is_called_not_simulated_is_refused(name: str) -> None:
    settings = {name: {"cell.ageing": "rram"}.get(name, 1)}
    if name == "periphery.reference_group":
        settings["mapping.kind"] = "reference"
    with pytest.raises(InputError, match="which would flatter the model"):
        crossbar(settings)
