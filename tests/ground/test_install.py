"""Install hints name the place that the package came from."""

from __future__ import annotations

import json
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from cimlearn.install import install


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ({"url": "file:///home/me/cim%20learn", "dir_info": {}}, "pip install '/home/me/cim learn[study]'"),
        ({"url": "file:///tmp/c.whl", "archive_info": {}}, "pip install '/tmp/c.whl[study]'"),
        ({"url": "https://host/c.whl"}, "pip install 'cimlearn[study] @ https://host/c.whl'"),
        (None, "pip install 'cimlearn[study]'"),
        ("absent", "pip install '.[study]', in cimlearn's folder"),
    ],
)
def test_hints(said: Any, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> Any:
        if said == "absent":
            raise metadata.PackageNotFoundError(name)
        return SimpleNamespace(read_text=lambda file: None if said is None else json.dumps(said))

    monkeypatch.setattr(metadata, "distribution", distribution)
    install.cache_clear()
    assert install("study") == command
    install.cache_clear()
