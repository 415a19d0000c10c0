"""The examples of docs/estimators.md do what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "estimators.md"


def test_the_examples_of_the_page() -> None:
    pytest.importorskip("river", reason="river is not installed: pip install 'cimlearn[river]'")
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 20
    assert found.failed == 0
