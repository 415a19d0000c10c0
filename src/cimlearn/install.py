"""How to add an optional part of this package, from wherever it was installed."""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata
from typing import Final
from urllib.parse import unquote, urlsplit

NAME: Final = "cimlearn"


@cache
def install(extra: str) -> str:
    """The command that installs the extra `extra`: "pip install '/where/it/came/from[study]'".

    A package that came from a folder or a wheel names that; one from an index its name. Where nothing is known
    (a copied source tree), the command is for the folder that holds pyproject.toml.
    """
    try:
        found = metadata.distribution(NAME).read_text("direct_url.json")
        url = json.loads(found)["url"] if found else None
    except metadata.PackageNotFoundError:
        return f"pip install '.[{extra}]', in {NAME}'s folder"
    except (ValueError, KeyError, TypeError):
        url = None
    if url is None:
        return f"pip install '{NAME}[{extra}]'"
    parts = urlsplit(url)
    if parts.scheme == "file":
        return f"pip install '{unquote(parts.path)}[{extra}]'"
    return f"pip install '{NAME}[{extra}] @ {url}'"
