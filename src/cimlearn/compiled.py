"""How kernels are compiled: numba, no GIL, on disk, under a folder named by a digest of sources.

A kernel calls kernels of other files (a device's `program` from an array's `write`), and numba's own cache
looks only at the file of the outermost one. A stale cache would give stale physics, so the folder's name
changes with any file that a kernel may import. See docs/decisions/0002-compiled-cache.md.

CIMLEARN_STRICT=1 compiles without fused multiply-add and with elementary functions of our own (portable.py), so that
kernels give the same bits on every processor; docs/decisions/0025-outlive.md says at what cost.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, update_wrapper
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from numba.core import config
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target
from numba.extending import overload

from cimlearn import portable
from cimlearn.errors import InputError
from cimlearn.inner import ApartCompiler, DisjointCompiler, InnerCompiler
from cimlearn.places import TOLD, cache_folder

STRICTLY = "CIMLEARN_STRICT"  # the environment variable
KEPT = 4  # folders of compiled code that stay; older ones are removed
# Everything that a kernel may import (tests/contracts/test_architecture.py): folders, and files beside this one.
SEEN = ("arrays", "chips", "devices", "learning", "networks")
SEEN_FILES = (
    "compiled",
    "errors",
    "extensions",
    "inner",
    "ledger",
    "noise",
    "parameters",
    "portable",
    "quantize",
    "random",
    "state",
    "team",
)


@cache
def code_folder() -> str | None:
    """The folder of compiled code that belongs to exactly these sources; None where no folder can be written."""
    try:
        base = cache_folder() / "compiled"
    except InputError as error:
        if os.environ.get(TOLD) != "nothing":  # worker processes inherit it, and say nothing
            os.environ[TOLD] = "nothing"
            print(f"cimlearn: {error}; until then every process compiles anew", file=sys.stderr)
        return None
    package = Path(__file__).parent
    digest = hashlib.sha256(f"{numba.__version__}{' strict' if STRICT else ''}".encode())
    for file in sorted(package.rglob("*.py")):
        first = file.relative_to(package).parts[0]
        if first not in SEEN and first.removesuffix(".py") not in SEEN_FILES:
            continue
        digest.update(file.read_bytes())
    folder = base / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()
        ours = (path for path in base.iterdir() if re.fullmatch("[0-9a-f]{16}", path.name) and path.is_dir())
        others = sorted(ours, key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        pass  # no cache then: numba says so itself, and compiles every time
    return str(folder)


def _strict() -> bool:
    """What the environment asks for."""
    given = os.environ.get(STRICTLY, "")
    if given not in ("", "0", "1"):
        raise InputError(f"{STRICTLY} = {given!r}; give 1 for strict kernels, or unset it")
    return given == "1"


STRICT: Final = _strict()  # of this process
OPTIONS: Any = {"nogil": True, "error_model": "numpy", "fastmath": False if STRICT else {"contract", "nsz"}}
# of functions that only compiled code calls: they neither make nor answer arrays, so nobody counts who holds which
# (numba's run time, "nrt"; counting took a third of a run, and nearly all of one in which cells age)
INNER: Any = {
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": InnerCompiler,
    **OPTIONS,
}
APART: Any = {**INNER, "pipeline_class": ApartCompiler}
DISJOINT: Any = {**INNER, "pipeline_class": DisjointCompiler}
_numba: Any = config
if STRICT and not _numba.DISABLE_JIT:
    portable.install()


# e to the power of each value of a float64 array, where a chip is built: NumPy too picks its loops by the processor.
exp_each: Callable[[Any], Any] = portable.exp_each if STRICT else np.exp


def compiled_for() -> dict[str, Any]:
    """What decides the last bits of kernels beside sources and versions: `strict`, and the processor that they are for.

    `cpu` is LLVM's name of it, `features` those that it has; NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name another one.
    """
    _, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    has = sorted(name[1:] for name in features.split(",") if name.startswith("+"))
    return {"strict": STRICT, "cpu": cpu, "features": ",".join(has)}


def _compile(function: Callable[..., Any], *, from_python: bool, options: Any = INNER) -> Callable[..., Any]:
    compiler: Any = numba.njit
    made: Any = compiler(**({"no_cfunc_wrapper": True, **OPTIONS} if from_python else options))(function)
    folder = code_folder() if from_python and hasattr(made, "_cache") else None  # Python's kernels have none
    if folder is not None:
        with suppress(RuntimeError):  # its source is no file (python -c): it is compiled anew each time
            made._cache = _Cache(function, folder)
    return made


def _saved(function: Callable[..., Any], folder: str) -> Any:
    """Numba's cache of the code of one function, in `folder`; raises RuntimeError where its source is no file."""
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = folder
    try:
        return FunctionCache(function)
    finally:
        settings.CACHE_DIR = before


class _Cache:
    """The compiled code of one kernel on disk.

    Code for types that are defined outside this package (a device of one's own) lies in a folder of its own, named by
    a digest of their sources: it is never taken for that of another version of them, and who doesn't have them never
    meets it.
    """

    def __init__(self, function: Callable[..., Any], folder: str) -> None:
        self._function, self._folder = function, folder
        self._by_origin = {"": _saved(function, folder)}

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for these types, None if nothing was."""
        return self._of(signature).load_overload(signature, target)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled for these types."""
        self._of(signature).save_overload(signature, compiled)

    def _of(self, signature: Any) -> Any:
        origin = _origin(frozenset(_modules(signature.args if hasattr(signature, "args") else signature)))
        if origin not in self._by_origin:
            self._by_origin[origin] = _saved(self._function, str(Path(self._folder) / origin))
        return self._by_origin[origin]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._by_origin[""], name)


def _modules(kinds: Any) -> Iterator[str]:
    """The modules outside this package that define a NamedTuple among Numba's types `kinds`."""
    for one in kinds:
        module = getattr(getattr(one, "instance_class", None), "__module__", "cimlearn")
        if module.partition(".")[0] != "cimlearn":
            yield module
        yield from _modules(getattr(one, "types", ()))


@cache
def _origin(modules: frozenset[str]) -> str:
    """A digest of the sources of modules; nothing for none."""
    if not modules:
        return ""
    digest = hashlib.sha256()
    for name in sorted(modules):
        file = getattr(sys.modules[name], "__file__", None)
        digest.update(name.encode() + (Path(file).read_bytes() if file else b""))
    return digest.hexdigest()[:16]


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for use by other kernels only; NUMBA_DISABLE_JIT=1 runs the same source as Python.

    `contract` lets a * b + c be one instruction; sums keep the order in which they are written. It can't be called
    from Python (see `entry`): the glue for that takes longer to compile than most kernels.
    """
    return _refusing(_compile(function, from_python=False))


def apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `kernel` that is never copied into its callers: an inner loop, with few arrays as arguments."""
    return _refusing(_compile(function, from_python=False, options=APART))


def disjoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """An `apart` kernel whose arrays never share memory: one loop may write several of them and still be vectors.

    Nothing checks that they don't: whoever calls it sees to it.
    """
    return _refusing(_compile(function, from_python=False, options=DISJOINT))


def _refusing(compiled: Any) -> Any:
    """The kernel, which raises TypeError where Python calls it: without glue numba would jump to nowhere.

    Python never finds a version to call, so numba asks to compile one, and is refused; kernels find theirs elsewhere.
    """
    if not hasattr(compiled, "py_func"):
        return compiled  # NUMBA_DISABLE_JIT: the source itself

    def refuse(*_arguments: Any, **_named: Any) -> Any:
        raise TypeError(
            f"{compiled.__module__}.{compiled.__name__} is a kernel, which only kernels can call; call it from a "
            "function under @cimlearn.compiled.entry, or run with NUMBA_DISABLE_JIT=1. For conductance against pulses "
            "there is cimlearn.devices.pulse_response"
        )

    def keep(result: Any) -> None:
        compiled.overloads[tuple(result.signature.args)] = result

    compiled.add_overload, compiled._compile_for_args = keep, refuse
    return compiled


@apart
def copy(given: Any, taken: Any) -> None:
    """taken (n,) becomes given (n,)."""
    for i in range(given.size):
        taken[i] = given[i]


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
    @overload(choose, strict=False, jit_options=INNER)
    def compiled(description: Any, *rest: Any) -> Any:
        return getattr(members[description.instance_class], "py_func", members[description.instance_class])

    return dispatcher


def overloaded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: from compiled code `function` is what the decorated one answers for the types of its arguments."""
    chosen: Any = overload(function, strict=False, jit_options=INNER)
    return chosen
