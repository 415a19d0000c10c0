"""Programs for a GPU, kept on disk beside the compiled code of the CPU: compiling one takes a minute or more.

Folder: that of `compiled.code_folder`, which changes with every source that a kernel may import, and in it one named by
a digest of this folder's files and of numba-cuda's version. numba-cuda tells cards apart by itself.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from cimlearn.compiled import code_folder


@cache
def folder() -> str | None:
    """The folder for exactly these sources and this numba-cuda; None where no folder can be written."""
    base = code_folder()
    if base is None:
        return None
    with suppress(metadata.PackageNotFoundError):
        digest = hashlib.sha256(metadata.version("numba-cuda").encode())
        for file in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(file.read_bytes())
        return str(Path(base) / f"gpu-{digest.hexdigest()[:16]}")
    return None


def kept(program: Any) -> Any:
    """`program`, made by cuda.jit, which looks for its code on disk before it compiles, and keeps what it compiled."""
    where = folder()
    if where is None or not hasattr(program, "enable_caching"):  # the simulator runs Python
        return program
    settings: Any = import_module("numba.cuda.core.config")
    before = settings.CACHE_DIR
    settings.CACHE_DIR = where
    try:
        with suppress(RuntimeError):  # its source is no file
            program.enable_caching()
    finally:
        settings.CACHE_DIR = before
    return program
