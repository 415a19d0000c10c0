"""Named write schemes of the panel: what each sets."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

from cimlearn.errors import InputError, nearest

BLIND: Final = "blind"  # of the ideal cell, which all rows are compared with
_ABOUT: Final = ("help", "cells")  # what stands beside a scheme's settings


class Scheme(NamedTuple):
    """A way to write cells."""

    name: str
    help: str
    settings: dict[str, Any]  # 'part.key' -> value
    cells: tuple[str, ...]  # published cells that it is recommended for (docs/panel.md)


def schemes(names: Sequence[str] = ()) -> tuple[Scheme, ...]:
    """The schemes called so, in this order; all of them without names.

    Raises
    ------
    InputError
        For a name that no scheme has, or one that is given twice.
    """
    text = (resources.files("cimlearn.studies.panel") / "schemes.toml").read_text("utf-8")
    known = {
        name: Scheme(
            name,
            table["help"],
            {key: value for key, value in table.items() if key not in _ABOUT},
            tuple(table.get("cells", ())),
        )
        for name, table in tomllib.loads(text).items()
    }
    for n, name in enumerate(names):
        if name not in known:
            raise InputError(f"unknown scheme '{name}'; {nearest(name, list(known))}")
        if name in names[:n]:
            raise InputError(f"the scheme {name} is given twice; name it once")
    return tuple(known[name] for name in names or known)
