"""ngspice against the wires' solver, and a streamed product against the run's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hardware import bar, unchecked
from ngspice import NEEDED, printed

import cimlearn
from cimlearn import cli
from cimlearn.arrays.build import circuit_of, describe_periphery
from cimlearn.arrays.wires import Wires
from cimlearn.devices.continuous import Continuous
from cimlearn.spice.export import currents, integrated
from cimlearn.spice.netlist import direct
from cimlearn.spice.streamed import streamed

AGREED = 1e-6  # of the largest current
CELL = Continuous(np.float32(4e-5), np.float32(2.83e-4), np.float32(0), False)
RNG = np.random.default_rng
SHAPES = [(1, 1), (1, 9), (9, 1), (2, 2), (64, 4), (17, 12)]


def random_tile(n: int) -> tuple[np.ndarray, np.ndarray, Wires]:
    """Cells with stuck and open ones, volts, and wires of 0 to 5 ohm."""
    rng = RNG(n)
    shape = SHAPES[n] if n < len(SHAPES) else (int(rng.integers(1, 65)), int(rng.integers(1, 13)))
    cells = rng.uniform(4e-5, 2.83e-4, shape)
    stuck = rng.random(shape)
    cells[stuck < 0.05], cells[stuck > 0.95] = 0.0, 2.83e-4
    segment = 0.0 if n % 5 == 0 else float(rng.uniform(0, 5))
    wires = Wires(segment, float(rng.choice([0.0, 10.0])), float(rng.choice([0.0, 3.0])), bool(n % 2))
    return cells, rng.uniform(-0.1, 0.1, shape[0]), wires


@NEEDED
@pytest.mark.parametrize("n", range(100))
def test_column_currents_agree(n: int, tmp_path: Path) -> None:
    cells, volts, wires = random_tile(n)
    wanted = currents(cells, volts, wires)
    got = printed(direct(cells, volts, wires), tmp_path)
    assert got == pytest.approx(wanted, rel=AGREED, abs=AGREED * np.abs(volts @ cells).max() + 1e-16)


CIRCUITS: dict[str, dict[str, Any]] = {
    "exact": {},
    "pair": {"mapping.kind": "pair"},
    "mismatch": {"periphery.cycle_mismatch": 0.02, "periphery.column_mismatch": 0.05, "periphery.offset": 0.01},
    "reference": {
        "periphery.reference_group": 3, "periphery.reference_spread": 0.05, "periphery.copy_mismatch": 0.02,
    },
    "wires": {
        "periphery.wire": 2.0, "periphery.reference_group": 4, "periphery.source_resistance": 5.0,
        "periphery.transconductance": 0.01, "periphery.calibration": "mean",
    },
    "pair with wires": {"mapping.kind": "pair", "periphery.wire": 5.0, "periphery.wire_ends": "both"},
}  # fmt: skip


@NEEDED
@pytest.mark.parametrize("case", CIRCUITS)
def test_a_streamed_product_is_the_runs(case: str, tmp_path: Path) -> None:
    """Within half a step of an 8-bit converter over +-0.8 V; in fact far nearer."""
    settings = {
        "periphery.saturation": 0.8,
        "mapping.hidden_range": 1.0,
        "periphery.input_bits": 8,
        **CIRCUITS[case],
    }
    settings |= {"tile.rows": 6, "tile.columns": 4}
    weight, x = RNG(4).uniform(-1, 1, (11, 7)), RNG(5).uniform(-1, 1, 11)
    array = bar(weight, settings, CELL)
    p = unchecked(settings)
    circuit, around = circuit_of(CELL, p, (11, 7), name="hidden", seed=1), describe_periphery(p, "hidden")
    step = 0.8 / 128
    for row_tile, column_tile in ((0, 0), (1, 1)):
        net = streamed(array, circuit, around, x, row_tile=row_tile, column_tile=column_tile)
        got = np.array(printed(net, tmp_path))
        wanted = integrated(array, circuit, around, x, row_tile, column_tile)
        assert np.abs(wanted).max() > 5 * step
        assert np.abs(got - wanted).max() < 0.1 * step


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run with wires."""
    out = tmp_path_factory.mktemp("runs") / "run"
    settings = {
        "stream.examples": 40, "stream.held_out": 20, "network.hidden": 6, "periphery.wire": 1.0,
        "periphery.reference_group": 6, "tile.rows": 40, "rule.batch": 2, "periphery.wire_interval": 5,
    }  # fmt: skip
    cimlearn.run("m2ru", stream="permuted-digits", out=out, settings=settings)
    return out


def test_export_writes_every_tile(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert cli.main(["export", str(run), "--spice", str(tmp_path / "s")]) == 0
    listed = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    expected = json.loads((tmp_path / "s" / "expected.json").read_text())
    assert sorted(listed) == sorted([*expected["netlists"], "expected.json"])
    assert any(name.startswith("hidden-0-0") for name in listed) and "output-0-0.cir" in listed
    assert before == {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}


@NEEDED
def test_a_run_in_ngspice(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every netlist prints what expected.json says: currents to 1e-6, streamed volts to a tenth of a converter step."""
    assert cli.main(["export", str(run), "--spice", str(tmp_path), "--array", "output"]) == 0
    capsys.readouterr()
    for name, told in json.loads((tmp_path / "expected.json").read_text())["netlists"].items():
        got = np.array(printed((tmp_path / name).read_text(), tmp_path))
        if told["unit"] == "A":
            assert got == pytest.approx(
                told["columns"], rel=AGREED, abs=AGREED * max(map(abs, told["columns"]))
            )
        else:
            assert np.abs(got - told["integrators"]).max() < 0.1 * 0.8 / 128


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "7"], "has no seed 7; it has 0"),
        (["--input", "0.5,2"], "'2' is no number in -1 .. 1"),
        (["--array", "output", "--input", "0.5"], "--input has 1 numbers and array output has 7 rows"),
    ],
)
def test_wrong_wishes(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["export", str(run), "--spice", str(tmp_path / "s"), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_twin_has_no_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"stream.examples": 10, "stream.held_out": 10}
    cimlearn.run("m2ru", stream="permuted-digits", on="float", out=tmp_path / "r", settings=settings)
    assert cli.main(["export", str(tmp_path / "r"), "--spice", str(tmp_path / "s")]) == 2
    assert "only m2ru on its chip has analog arrays" in capsys.readouterr().err
