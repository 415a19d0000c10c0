"""`cimlearn price`: a design's costs without training it, from Python and from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cimlearn
from cimlearn import cli
from cimlearn.costs import prices
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price_design
from cimlearn.streams.base import StreamShape

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"m2ru": ("costs.md", "costs-m2ru.md"), "sas-mram": ("costs.md", "costs-sas-mram.md")}
ROUNDING = 1e-12
HEAVY = ("numba", "matplotlib", "sklearn", "torch", "scipy", "rich")


def call(*words: str) -> int:
    """The exit status, whether returned or raised (argparse raises)."""
    try:
        return cli.main(words)
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without data: prices need none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)


def keys(value: Any) -> set[str]:
    """Every key of a JSON object, those of inner objects too."""
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys(inner) for inner in value.values()))


# ---- the command


@pytest.mark.parametrize(
    ("chip", "name", "value"),
    [
        ("m2ru", "network.hidden", 64),
        ("m2ru-lowohmic", "network.hidden", 64),
        ("sas-mram", "array.active", 32),
    ],
)
def test_json_without_heavy_imports(tmp_path: Path, chip: str, name: str, value: int) -> None:
    """One object, nothing else on stdout or stderr; a new process that loads no compiler and draws nothing.

    SAS-MRAM takes a normal distribution from SciPy, and nothing from PyTorch.
    """
    heavy = tuple(module for module in HEAVY if not (chip == "sas-mram" and module == "scipy"))
    script = (
        "import sys; from cimlearn import cli; status = cli.main(sys.argv[1:]); "
        f"loaded = [m for m in {heavy} if m in sys.modules]; sys.exit(f'loaded {{loaded}}' if loaded else status)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CIMLEARN_DATA"}
    command = [sys.executable, "-c", script, "price", chip, "--json", "--set", f"{name}={value}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    served = told.pop("served", None)
    assert (served is not None) == (chip == "m2ru-lowohmic")  # which no circuit serves
    assert told == json.loads(json.dumps(price_design(chip, {name: value}).as_dict()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chip", ["m2ru", "sas-mram"])
def test_every_key_is_documented(chip: str) -> None:
    text = "".join((DOCS / page).read_text("utf-8") for page in PAGES[chip])
    missing = {key for key in keys(price_design(chip).as_dict()) if f"`{key}`" not in text}
    assert not missing


def test_table_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("price", "m2ru", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert call("price", "m2ru") == 0
    table, said = capsys.readouterr()
    assert said == ""
    assert "permuted-mnist: 28 steps of 28 inputs, 10 classes" in table
    for text in (
        f"{1e3 * told['power_W']:.1f} mW",
        f"{told['ops_per_s'] / 1e9:.2f} GOPS",
        f"{told['ops_per_J'] / 1e9:.0f} GOPS/W",
        f"{1e6 * told['area_m2']:.2f} mm²",
        f"{1e6 * told['energy']['inference_J']:.2f} µJ",
        f"{told['digital']['ratio']:.2f} times as efficient",
        f"{told['lifetime_years']['ten_percent']:.1f} years",
    ):
        assert text in table, text
    for part, joules in told["energy"]["by_part"]["learning"].items():
        assert (part.replace("_", " ") in table) == (joules > 0), part
    known = Experiment("m2ru", "permuted-mnist").prices
    assumed = sum(known.entry(name).origin == "assumed" for name in known)
    last = table.splitlines()[-1]
    assert last == f"{assumed} of {len(known)} prices are assumed; cimlearn show m2ru lists them"


def test_the_digital_chip_is_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("price", "sas-mram") == 0
    table, said = capsys.readouterr()
    assert said == ""
    told = price_design("sas-mram").as_dict()
    for text in (
        "sas-mram on split-mnist-domain: images of 28 rows, seen by resnet8 at 32 pixels, 2 classes",
        f"{1e3 * told['power_W']:.1f} mW",
        f"{told['ops_per_J'] / 1e12:.3g} TOPS/W",
        f"{1e6 * told['energy']['learning_J']:.3g} µJ a learned one",
        f"{1e6 * told['latency']['per_example_s']:.0f} µs an example",
        "Energy by product of training",
    ):
        assert text in table, text
    assert "a step" not in table and "twin" not in table
    for works in told["energy"]["by_product"]["learning"], told["energy"]["by_part"]["learning"]:
        for name, joules in works.items():
            assert (name.replace("_", " ") in table) == (joules > 0), name
    known = prices.parameters(model="bitserial")
    assumed = sum(known.entry(name).origin == "assumed" for name in known)
    assert table.splitlines()[-1].startswith(f"{assumed} of {len(known)} prices are assumed; ")


def test_ones_own_price_is_not_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("price", "m2ru", "--set", "price.load=0.5") == 0
    own = int(capsys.readouterr().out.splitlines()[-1].split()[0])
    assert call("price", "m2ru") == 0
    assert own == int(capsys.readouterr().out.splitlines()[-1].split()[0]) - 1


def test_cells_that_never_wear_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("price", "m2ru", "--set", "cell.endurance=none") == 0
    assert "first cell: never" in capsys.readouterr().out


def test_show_lists_every_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "m2ru", "--set", "price.add=1e-14", "--json") == 0
    shown = json.loads(capsys.readouterr().out)["parameters"]
    assert set(prices.parameters()) < set(shown)
    assert shown["price.add"]["value"] == 1e-14
    assert call("show", "m2ru") == 0
    table = capsys.readouterr().out
    assert all(name in table for name in prices.parameters())


WRONG: dict[str, tuple[list[str], str]] = {
    "no chip": ([], "required: CHIP"),
    "unknown chip": (["m2ruu"], "did you mean 'm2ru'?"),
    "unknown price": (["m2ru", "--set", "price.sran=1"], "did you mean 'price.sram'?"),
    "unknown part of the chip": (["m2ru", "--set", "network.hiden=9"], "did you mean 'network.hidden'?"),
    "unknown setting of the stream": (["m2ru", "--set", "strem.form=flat"], "did you mean 'stream.form'?"),
    "negative price": (["m2ru", "--set", "price.sram=-1"], "price.sram = -1 is out of range"),
    "unknown node": (["m2ru", "--set", "technology.node=7nm"], "is not one of: 65nm"),
    "no wear": (["m2ru", "--set", "expected.wear=0"], "expected.wear has no share above 0"),
    "endurance 0": (["m2ru", "--set", "cell.endurance=0"], "cell.endurance = 0 is out of range"),
    "rate 0": (["m2ru", "--set", "operation.rate=0"], "operation.rate = 0"),
    "unknown stream": (["m2ru", "--stream", "permuted-mnits"], "did you mean 'permuted-mnist'?"),
    "rows that are not": (["m2ru", "--set", "stream.steps=7"], "set stream.form = flat"),
    "unknown backbone": (
        ["sas-mram", "--set", "network.backbone=resnet9"],
        "network.backbone = 'resnet9' is not one of: resnet8",
    ),
    "wrong size": (["sas-mram", "--set", "network.side=33"], "resnet8 can't take images of 33 x 33 pixels"),
    "too small for its modules": (
        ["sas-mram", "--set", "network.backbone=mobilenet_v2"],
        "the Rep-Net of mobilenet_v2 can't take images of 32 pixels: its modules need 64 or more",
    ),
    "no images": (
        ["sas-mram", "--stream", "hapt-activities"],
        "are no square images of 1 or 3 channels up to 32 pixels",
    ),
    "no shares": (
        ["sas-mram", "--set", "expected.driven=0.1"],
        "give shares for lines of 1, 2, 4 and 8 bits",
    ),
    "no tasks": (["sas-mram", "--set", "expected.tasks=0"], "expected.tasks = 0 is out of range"),
    "no writes of cells": (["sas-mram", "--set", "expected.wear=0"], "expected.wear has no share above 0"),
    "no probability": (
        ["sas-mram", "--set", "faults.write_error=2"],
        "faults.write_error = '2' is no probability",
    ),
    "price of another chip": (
        ["sas-mram", "--set", "price.converter=1"],
        "unknown parameter 'price.converter'",
    ),
    "shape only in the data": (
        ["m2ru", "--stream", "."],
        "the shape of . is known only once its data is read",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, expected = WRONG[case]
    assert call("price", *words) == 2
    printed, said = capsys.readouterr()
    assert said.startswith("cimlearn: error: ")
    assert said.count("\n") == 1
    assert expected in said
    assert printed == ""


# ---- from Python


def test_shape_is_that_of_permuted_mnist() -> None:
    usual = price_design("m2ru").as_dict()
    assert usual == price_design("m2ru", {}, StreamShape(28, 28, 10, False)).as_dict()
    flat = price_design("m2ru", {"stream.form": "flat", "stream.steps": 7})
    assert flat.as_dict() == price_design("m2ru", None, StreamShape(7, 112, 10, False)).as_dict()
    with pytest.raises(InputError, match=r"stream\.steps can't be set beside a shape"):
        price_design("m2ru", {"stream.steps": 28}, StreamShape(28, 28, 10, False))


def test_a_memory_changes_only_what_is_its_own() -> None:
    """Each technology has a price; products, sums and latency of the clock are the same everywhere."""
    found = {
        name: price_design("sas-mram", {"cell.technology": name})
        for name in ("sas-mram", "sot-mram", "stt-mram", "rram", "sram")
    }
    usual = found["sas-mram"].phases["learning"]
    for costs in found.values():
        learning = costs.phases["learning"]
        assert learning.operations == usual.operations
        assert all(
            learning.parts[part] == usual.parts[part] for part in ("popcounts", "sums", "activation_memory")
        )
    joules = {name: costs.phases["learning"].joules for name, costs in found.items()}
    assert joules["sram"] < joules["sas-mram"] < joules["stt-mram"] < joules["rram"]
    assert found["sram"].lifetime["first_cell"] is None


def test_backbones_are_priced_without_weights() -> None:
    """MobileNetV2 at 224 pixels has 300 M products; more images, larger ones and three channels cost more."""
    mobile = price_design("sas-mram", {"network.backbone": "mobilenet_v2", "network.side": 224})
    assert mobile.phases["inference"].operations / 2 == pytest.approx(300e6 + 20.5e6, rel=1e-2)
    small = price_design("sas-mram", {"network.backbone": "mobilenet_v2", "network.side": 64})
    assert small.phases["inference"].joules < mobile.phases["inference"].joules / 8
    photographs = price_design("sas-mram", {}, StreamShape(32, 96, 20, False)).phases["inference"]
    digits = price_design("sas-mram").phases["inference"]
    assert (
        photographs.operations == digits.operations + 2 * 128 * 18
    )  # 18 more classes; the network sees 3 channels
    elsewhere = price_design("sas-mram", {"network.weights": "nowhere.safetensors"})
    assert elsewhere.as_dict() == price_design("sas-mram").as_dict()


def test_settings_reach_chip_and_prices() -> None:
    usual = price_design("m2ru")
    faster = price_design("m2ru", {"periphery.clock": 1e7})
    assert usual.phases["inference"].seconds == pytest.approx(2 * faster.phases["inference"].seconds)
    dearer = price_design("m2ru", {"price.sram": 2e-11}).phases["learning"].parts
    before = usual.phases["learning"].parts
    changed = {part for part in before if dearer[part] != before[part]}
    assert changed == {"state_unit", "gradient_memory", "replay_memory"}
    assert price_design("m2ru").as_dict() == usual.as_dict()  # nothing of a design stays behind


def test_lifetime_follows_the_expected_writes() -> None:
    """Default: of 129 x 100, 101 x 10 and 280 x 100 cells, 64 x 100 and 101 x 10 are written every 8 examples, 10 x 100
    at each probe.
    """
    usual = price_design("m2ru")
    writes = ((6400 + 1010) / 8 + 1000) / (12900 + 1010 + 28000)
    assert usual.writes_per_example == pytest.approx(writes, rel=ROUNDING)
    slower = price_design("m2ru", {"operation.rate": 3})
    ten_times = {age: pytest.approx(10 * years) for age, years in usual.lifetime.items() if years}
    assert slower.lifetime == ten_times
    dense = price_design("m2ru", {"rule.keep_hidden": None})
    ratio = ((12900 + 1010) / 8 + 1000) / ((6400 + 1010) / 8 + 1000)
    assert usual.lifetime["ten_percent"] == pytest.approx(ratio * dense.lifetime["ten_percent"])


def test_wear_keeps_its_mean() -> None:
    """Shares of any size: the mean is the ledger's, each share stands for as many cells."""
    usual, doubled = (price_design("m2ru", {"expected.wear": shares}) for shares in ("1,2,3", [2, 4, 6]))
    assert usual.lifetime == {age: pytest.approx(t) for age, t in doubled.lifetime.items()}
    even = price_design("m2ru", {"expected.wear": "1"})
    assert even.writes_per_example == pytest.approx(usual.writes_per_example)
    assert even.lifetime["one_percent"] > usual.lifetime["one_percent"]


@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
@pytest.mark.parametrize("node", ["65nm", "45nm", "32nm", "22nm"])
def test_every_node_and_resolution_has_a_price(node: str, bits: int) -> None:
    settings = {"technology.node": node, "periphery.converter_bits": bits}
    told = price_design("m2ru", settings).as_dict()
    assert 0 < told["power_W"] < 1
    assert 0 < told["area_m2"] < 1e-4


def test_fewer_bits_cost_less() -> None:
    """Of the same design: energy, time and area of the converters rise with their bits."""
    found = [price_design("m2ru", {"periphery.converter_bits": b}) for b in (4, 5, 6, 7, 8)]
    joules = [costs.phases["inference"].joules for costs in found]
    assert joules == sorted(joules)
    areas = [costs.area["converters"] for costs in found]
    assert areas == sorted(areas)


def test_a_price_in_one_line() -> None:
    assert cimlearn.price is price_design
    costs = price_design("m2ru", {"network.hidden": 50})
    said = dict(line.split("  ", 1) for line in repr(costs).splitlines())
    assert list(said)[:4] == ["power", "throughput", "efficiency", "area"]
    assert said["ideal, so free"].strip() == "wires, time and temperature"
    named = price_design("m2ru", {"network.hidden": 50}, stream="permuted-digits")
    assert named.as_dict()["ops_per_s"] != costs.as_dict()["ops_per_s"]
    shape = cimlearn.streams.shapes.known_shape(
        "permuted-mnist", cimlearn.streams.parameters("permuted-mnist")
    )
    with pytest.raises(InputError, match="can't be named beside a shape"):
        price_design("m2ru", shape=shape, stream="permuted-digits")
