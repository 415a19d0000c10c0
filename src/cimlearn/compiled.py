"""How kernels are compiled: numba, no GIL, on disk, under a folder named by a digest of sources.

A kernel calls kernels of other files (a device's `program` from an array's `write`), and numba's own cache
looks only at the file of the outermost one. A stale cache would give stale physics, so the folder's name
changes with any file that a kernel may import. See docs/decisions/0002-compiled-cache.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache, update_wrapper
from pathlib import Path
from typing import Any

import numba
from numba.core import config
from numba.extending import overload

KEPT = 4  # folders of compiled code that stay; older ones are removed
# Everything that a kernel may import (tests/contracts/test_architecture.py): folders, and files beside this one.
SEEN = ("arrays", "chips", "devices", "learning", "networks")
SEEN_FILES = ("compiled", "errors", "ledger", "noise", "parameters", "quantize", "random")


@cache
def _cache_folder() -> str:
    """The folder of compiled code that belongs to exactly these sources."""
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(package.rglob("*.py")):
        first = file.relative_to(package).parts[0]
        if first not in SEEN and first.removesuffix(".py") not in SEEN_FILES:
            continue
        digest.update(file.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cimlearn" / "compiled"
    folder = base / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()
        others = sorted(base.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        pass  # no cache then: numba says so itself, and compiles every time
    return str(folder)


OPTIONS: Any = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}


def _compile(function: Callable[..., Any], *, from_python: bool) -> Callable[..., Any]:
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = _cache_folder()
    try:
        compiler: Any = numba.njit
        options = {"no_cpython_wrapper": not from_python, "no_cfunc_wrapper": True, **OPTIONS}
        return compiler(cache=from_python, **options)(function)
    finally:
        settings.CACHE_DIR = before


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for use by other kernels only; NUMBA_DISABLE_JIT=1 runs the same source as Python.

    `contract` lets a * b + c be one instruction; sums keep the order in which they are written. It can't be called
    from Python (see `entry`): the glue for that takes longer to compile than most kernels.
    """
    return _refusing(_compile(function, from_python=False))


def _refusing(compiled: Any) -> Any:
    """The kernel, which raises TypeError where Python calls it: without glue numba would jump to nowhere.

    Python never finds a version to call, so numba asks to compile one, and is refused; kernels find theirs elsewhere.
    """
    if not hasattr(compiled, "py_func"):
        return compiled  # NUMBA_DISABLE_JIT: the source itself

    def refuse(*_arguments: Any, **_named: Any) -> Any:
        raise TypeError(
            f"{compiled.__module__}.{compiled.__name__} is a kernel, which only kernels can call; call it from a function "
            "under @cimlearn.compiled.entry, or run with NUMBA_DISABLE_JIT=1. For conductance against pulses of a "
            "device there is cimlearn.devices.pulse_response"
        )

    def keep(result: Any) -> None:
        compiled.overloads[tuple(result.signature.args)] = result

    compiled.add_overload, compiled._compile_for_args = keep, refuse
    return compiled


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` as a kernel that Python calls; what is compiled is kept on disk."""
    return _compile(function, from_python=True)


def dispatched(stub: Callable[..., Any]) -> Any:
    """Turn `stub(description, ...)` into a function that picks the kernel registered for type(description).

    Usage: `@dispatched def program(device, ...)` in the contract, `program.register(TypeOfDevice, kernel)` in
    the file of each member. From compiled code the choice is made once, when the caller is compiled.
    """
    members: dict[type, Any] = {}

    def choose(description: Any, *rest: Any) -> Any:
        return members[type(description)](description, *rest)

    dispatcher: Any = update_wrapper(choose, stub)
    dispatcher.register = members.__setitem__
    dispatcher.members = members

    # The member's own source is the implementation: a call through one more function costs a microsecond, because
    # an array's state is passed by value, word by word.
    inner: Any = {"no_cpython_wrapper": True, **OPTIONS}

    @overload(choose, strict=False, jit_options=inner)
    def compiled(description: Any, *rest: Any) -> Any:
        return getattr(members[description.instance_class], "py_func", members[description.instance_class])

    return dispatcher


def overloaded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: from compiled code `function` is what the decorated one answers for the types of its arguments."""
    inner: Any = {"no_cpython_wrapper": True, **OPTIONS}
    chosen: Any = overload(function, strict=False, jit_options=inner)
    return chosen
