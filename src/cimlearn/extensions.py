"""Objects that live outside this package: a device, chip, stream or rule of one's own, named by where it is.

    mydevice.py:MEMRISTOR          a Python file (relative to the current folder) and a name in it
    mypackage.devices:MEMRISTOR    a module that can be imported, and a name in it
    memristor                      an entry point of an installed package, in the group 'cimlearn.devices'
    mycell.toml                    a file of parameters, where a kind of object knows such files (devices do)

Nothing in this package is edited for it. CONTRIBUTING.md says what each kind of object must have.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import import_module, util
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

from cimlearn.errors import InputError, nearest

# group -> what its objects are called, and where users find their class
GROUPS: Final = {
    "cimlearn.chips": ("chip", "cimlearn.chips.Kind"),
    "cimlearn.devices": ("device", "cimlearn.devices.DeviceKind"),
    "cimlearn.streams": ("stream", "cimlearn.streams.StreamKind"),
    "cimlearn.feedback": ("feedback", "cimlearn.learning.dfa.FeedbackKind"),
}
Wanted = TypeVar("Wanted")
_PREFIX: Final = "cimlearn_file_"  # of the module names of files, so that they never hide another module


def is_outside(name: str, group: str) -> bool:
    """Whether `name` names an object outside this package: 'file.py:NAME', 'module:NAME' or an entry point."""
    return ":" in name or name.endswith(".toml") or name in names(group)


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of all entry points of a group, in order."""
    return tuple(sorted({point.name for point in entry_points(group=group)}))


def load(name: str, group: str, wanted: type[Wanted]) -> Wanted:
    """The object that `name` names, of the class that its group wants.

    Raises
    ------
    InputError
        If there is no such file, module, entry point or object, importing it fails, or it is of another class.
    """
    found = _load(name, group, _stamp(name))
    if not isinstance(found, wanted):
        noun, public = GROUPS[group]
        more = "; a function that builds a PyTorch model becomes one with @cimlearn.torch.model_chip"
        hint = more if noun == "chip" and callable(found) else ""
        raise InputError(f"{name} is a {type(found).__name__}; a {noun} is a {public}{hint}")
    return found


def source(name: str, group: str) -> str:
    """SHA-256 of the Python source that defines the object: a run records it, and a resume refuses another."""
    if not name.endswith(".toml"):
        _load(name, group, _stamp(name))
    return hashlib.sha256(_file(name, group).read_bytes()).hexdigest()


@cache
def _load(name: str, group: str, _stamp: str) -> Any:
    if ":" not in name:
        try:
            return entry_points(group=group)[name].load()
        except KeyError:
            raise InputError(f"unknown name '{name}' of {group}; {nearest(name, names(group))}") from None
        except Exception as error:
            raise InputError(_failed(name, error)) from error
    where, _, attribute = name.rpartition(":")
    module = _module(where, name)
    if not hasattr(module, attribute):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise InputError(f"{where} has no '{attribute}'; {nearest(attribute, known)}")
    return getattr(module, attribute)


def _module(where: str, name: str) -> ModuleType:
    """The module of a file or dotted name."""
    try:
        if not where.endswith(".py"):
            return import_module(where)
        path = Path(where)
        if not path.is_file():
            raise InputError(
                f"{name}: there is no file {where}; give the path of one, relative to this folder"
            )
        # The same source has the same module name in every process: compiled code is found again by it.
        title = f"{_PREFIX}{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        if title in sys.modules:
            return sys.modules[title]
        spec = util.spec_from_file_location(title, path)
        assert spec is not None and spec.loader is not None
        module = util.module_from_spec(spec)
        sys.modules[title] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[title]
            raise
        return module
    except InputError:
        raise
    except Exception as error:
        raise InputError(_failed(name, error)) from error


def _failed(name: str, error: Exception) -> str:
    return f"{name} can't be imported: {type(error).__name__}: {' '.join(str(error).split())}"


def _stamp(name: str) -> str:
    """What tells that a file has changed since it was loaded."""
    path = Path(name.rpartition(":")[0])
    if path.suffix == ".py" and path.is_file():
        return f"{path.resolve()} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return ""


def _file(name: str, group: str) -> Path:
    """The file that defines the object."""
    if name.endswith(".toml"):
        return Path(name)
    where = name.rpartition(":")[0] or entry_points(group=group)[name].module
    if where.endswith(".py"):
        return Path(where)
    found = getattr(import_module(where), "__file__", None)
    if found is None:
        raise InputError(f"{name} has no source file; name a Python module")
    return Path(found)
