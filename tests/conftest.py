from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data files; tests that need it are marked `data`."""
    folder = os.environ.get("CIMLEARN_DATA")
    if not folder:
        pytest.skip("CIMLEARN_DATA is not set, so there are no data files to test with")
    return Path(folder)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy chip and stream of toy.py in place of the real ones; files are not flushed to the disk."""
    import toy

    monkeypatch.setattr(os, "fsync", lambda handle: None)
    for module, names in toy.REPLACED.items():
        for name, value in names.items():
            monkeypatch.setattr(module, name, value, raising=False)
