"""The panel: its runs, its rows from made-up records, and what it refuses. No chip learns here."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from report_run import make_run

from cimlearn.cli import main
from cimlearn.devices.catalog import PUBLISHED
from cimlearn.errors import InputError
from cimlearn.studies.panel.page import write_panel
from cimlearn.studies.panel.panel import Panel, kinds_first
from cimlearn.studies.panel.rows import csv_text, table
from cimlearn.studies.panel.schemes import schemes

STREAM = "permuted-digits"


def test_every_cell_meets_every_scheme_on_every_stream() -> None:
    panel = Panel(cells=("ecram", "levels"), schemes=("blind", "slices"), streams=(STREAM,), seeds=(0, 1))
    points = panel.points()
    assert len(points) == (1 + 2 * 2) * 2
    assert list(points)[:3] == [
        f"{STREAM}/ideal/blind/seed=0",
        f"{STREAM}/ideal/blind/seed=1",
        f"{STREAM}/ecram/blind/seed=0",
    ]
    sliced = points[f"{STREAM}/levels/slices/seed=1"][0].experiment
    assert sliced.seeds == (1,) and sliced.parameters[0]["mapping.cells"] == 2
    one_way = [
        one.name for one in schemes() if "write.scheme" in one.settings
    ]  # that PCM pairs can't be written by
    every = Panel(streams=(STREAM,)).points()
    assert len(every) == 1 + (2 + len(PUBLISHED)) * len(schemes()) - len(one_way)
    assert not {f"{STREAM}/pcm-nandakumar/{name}/seed=0" for name in one_way} & set(every)


def test_a_quick_panel_has_blind_and_recommended_runs(tmp_path: Path) -> None:
    """Two runs of each published pulsed cell, all of one's own, and one of each kind of kernels before all others."""
    quick = Panel(streams=(STREAM,), quick=True)
    found = [name.split("/")[1:3] for name in quick.points()]
    assert len(found) == 2 + 2 * len(PUBLISHED)  # the ten-level table by one scheme, and not the assumed cell
    assert ["ecram", "slices"] in found and ["levels", "coarse-slices"] in found
    assert {cell for cell, _ in found} == {"ideal", "levels", *PUBLISHED}
    order = [point.name for point in kinds_first([point for point, _ in quick.points().values()])]
    assert sorted(order) == sorted(quick.points())
    kinds = ["ideal/blind", "levels/coarse-slices", "gokmen/blind", "ecram/slices", "pcm-nandakumar/blind"]
    assert [name.split("/", 1)[1].removesuffix("/seed=0") for name in order[:5]] == kinds
    file = tmp_path / "mine.toml"
    file.write_text("[device]\nkind = 'pulsed'\nstep = 0.01\n")
    assert len(Panel(cells=(str(file),), streams=(STREAM,), quick=True).points()) == 1 + len(schemes())


def test_all_schemes_of_all_cells_are_parameters() -> None:
    for point, _ in Panel(streams=(STREAM,)).points().values():
        assert point.experiment.parameters[0]["device.kind"] == point.name.split("/")[1]


def test_a_file_has_a_row_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[device]\nkind = 'pulsed'\nstep = 0.01\n")
    points = Panel(cells=(str(file), "ecram"), schemes=("blind",), streams=(STREAM,)).points()
    assert [name.split("/")[1] for name in points] == ["ideal", "mine", "ecram"]
    other = tmp_path / "other" / "mine.toml"
    with pytest.raises(InputError, match="two cells are called mine"):
        Panel(cells=(str(file), str(other)), streams=(STREAM,)).points()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ecrum", "--streams", STREAM], "device.kind = 'ecrum' is not one of"),
        (["--schemes", "blnd"], "unknown scheme 'blnd'; did you mean 'blind'"),
        (["--schemes", "blind,blind"], "the scheme blind is given twice"),
        (["--set", "device=ecram"], "name cells in front of the options"),
        (["--workers", "0"], "give a whole number from 1 on"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["panel", *words, "--out", str(tmp_path / "p")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_rows_are_compared_with_the_ideal_cell(tmp_path: Path) -> None:
    """A run with 4 bits a weight more in its memories, whose records are those of the ideal cell's less 0.03."""
    entries = {}
    for cell, scheme, more, less in (
        ("ideal", "blind", 0, 0.0),
        ("mine", "kept", 4, 0.03),
        ("mine", "blind", 8, 0.01),
    ):
        folder = make_run(tmp_path / "runs" / f"{cell}-{scheme}", stream=STREAM)
        config = json.loads((folder / "run.json").read_text())
        weights = sum(config["inventory"][array]["weights"] for array in ("hidden", "output"))
        config["inventory"]["memory"]["accumulators"] = more * weights
        (folder / "run.json").write_text(json.dumps(config))
        lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        for line in lines:
            line["accuracy"] = [value - less for value in line["accuracy"]]
        (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        name = f"{STREAM}/{cell}/{scheme}/seed=0"
        where = folder.relative_to(tmp_path).as_posix()
        entries[name] = {"cell": cell, "scheme": scheme, "stream": STREAM, "seed": 0, "folder": where}
    found = table(entries, tmp_path)
    ideal, kept, blind = found.rows
    assert ideal["extra_bits"] == 0 and ideal["below_ideal"] == 0
    assert kept["extra_bits"] == pytest.approx(4) and blind["extra_bits"] == pytest.approx(8)
    assert kept["below_ideal"] == pytest.approx(0.03) and blind["below_ideal"] == pytest.approx(0.01)
    assert found.best(STREAM) == {"mine": kept} and found.close(STREAM) == ("mine",)
    assert kept["pulses"] > 0 and kept["learning_J"] > 0 and kept["cells_per_weight"] == 1
    written = write_panel(found, tmp_path, {"a run": "why <not>"}, quick=True)
    assert [row["scheme"] for row in csv.DictReader(written.csv.read_text().splitlines())] == [
        "blind",
        "kept",
        "blind",
    ]
    page = written.page.read_text()
    assert "1 of 1 cell within 5 points of the ideal cell" in page and "why &lt;not&gt;" in page
    assert csv_text(found.rows) == written.csv.read_text()
