"""The notebooks of the documentation run from top to bottom, and are committed with their outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NAMES = ("first-run", "own-data", "own-device")


def _read(name: str) -> Any:
    nbformat = pytest.importorskip(
        "nbformat", reason="nbformat is not installed: pip install 'cimlearn[dev]'"
    )
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_named_here() -> None:
    assert tuple(sorted(file.stem for file in FOLDER.glob("*.ipynb"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_committed_with_outputs(name: str) -> None:
    """A reader sees what the cells print: no error, no folder of the machine that ran them, and not too much."""
    outputs = [output for cell in _read(name).cells for output in cell.get("outputs", ())]
    assert {output.output_type for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert all(output.get("name", "stdout") == "stdout" for output in outputs)
    assert "%" in "".join(output.get("text", "") for output in outputs)
    text = (FOLDER / f"{name}.ipynb").read_text("utf-8")
    assert len(text) < 200_000
    assert not any(place in text for place in ('"/', "'/", "/home/", "/tmp/", "Traceback"))


@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip(
        "nbclient", reason="nbclient is not installed: pip install 'cimlearn[dev]'"
    )
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'cimlearn[dev]'")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(_source()), os.environ.get("PYTHONPATH")]))
    )
    notebook = _read(name)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", ()))
    assert "%" in printed  # an accuracy was printed
    assert list(tmp_path.glob("*/records.jsonl"))


def _source() -> Path:
    """Where the package under test is imported from."""
    import cimlearn

    return Path(cimlearn.__file__).parents[1]
