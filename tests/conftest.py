from __future__ import annotations

import os
from pathlib import Path

import pytest

# The chip that most folders run takes a minute or two to compile; two workers that need it at once both compile it.
COMPILES_THE_CHIP = "contracts/test_chips.py"
NEED_NO_CHIP = (
    "arrays",
    "contracts",
    "costs",
    "devices",
    "ground",
    "learning",
    "networks",
    "runfolder",
    "streams",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker compiles the chip, others run what needs none, then comes the rest; `make test` keeps the order."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        file = item.path.relative_to(here)
        return 0 if file.as_posix() == COMPILES_THE_CHIP else 1 if file.parts[0] in NEED_NO_CHIP else 2

    items.sort(key=rank)


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
