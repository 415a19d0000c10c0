"""A run folder: made once, written atomically, read back; nothing in it is a pickle.

    RUN/run.json               the whole configuration, written at the start
    RUN/records.jsonl          one line per seed and task, in seed then task order
    RUN/timing.json            seconds and examples per seed and task; the machine's, not the result's
    RUN/summary.json           what `cimlearn run --json` prints
    RUN/seed-N/...             records and state of one seed (see experiments/checkpoint.py)

Each file is written beside its place, flushed to the disk and moved there in one step, so that a kill or a
full disk at any moment leaves the file as it was before.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Any

from cimlearn._version import __version__
from cimlearn.errors import InputError
from cimlearn.runfolder import schema, seals
from cimlearn.untrusted import text

FORMAT = 1
_NAMES = (
    r"(run\.json|records\.jsonl|timing\.json|summary\.json|report\.html|state\.json"
    r"|state(\.previous)?\.safetensors|[\w-]+\.(png|svg|pdf))"
)
_OWN = re.compile(_NAMES)  # files of a run folder
_LEFT = re.compile(rf"\.{_NAMES}\.\d+-\d+\.tmp")  # what a write that was cut off leaves, see `write_atomic`
_LEFT_OF_STUDY = re.compile(
    r"\.(study\.toml|results\.parquet|(failures|runs|panel)\.json|(index|search)\.html|(front|panel)\.csv|id"
    r"|[\w-]+\.(png|svg))\.\d+-\d+\.tmp"
)
_MARKS = ("study.toml", "panel.json")  # a folder that holds one is a study's
_WRITING = 2.0  # longer than a write takes [s]
_INNER = re.compile(r"figures|seed-\d+")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace the file `path` by `data` as one step.

    Raises
    ------
    InputError
        If the disk is full or the folder can't be written; the old file is untouched then.
    """
    writer = f"{os.getpid()}-{get_ident()}"  # two may write the same file at once
    temporary = path.with_name(f".{path.name}.{writer}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _unwritable(path, error) from error


def _flush_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a move in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> InputError:
    """The error of a write that failed, with what to do next."""
    run = next((folder for folder in path.parents if (folder / "run.json").exists()), None)
    if error.errno not in _FULL:
        return InputError(
            f"can't write {path}: {error.strerror}; name a folder that can be written with --out"
        )
    if run is None:
        return InputError(
            f"disk full: {path} could not be written; free space or name another folder with --out"
        )
    return InputError(
        f"disk full: {path} could not be written; what was written before is intact; "
        f"free space, then: cimlearn run --resume {run}"
    )


def _plain(value: Any) -> Any:
    """A NumPy number as the Python number that JSON knows."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text with exact floats; not-a-number and infinity are refused."""
    return json.dumps(value, allow_nan=False, default=_plain, indent=indent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as readable JSON."""
    write_atomic(path, (to_json(value, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value of a JSON file of a run folder."""
    if not path.exists():
        raise InputError(f"{path.parent} is not a run folder: it has no {path.name}")
    return text.read_json(path)


def write_configuration(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Write run.json with its digest; from then on everything else in `folder` has one too."""
    values = json.loads(to_json(configuration))
    write_json(folder / "run.json", {**values, seals.DIGEST: seals.of_values(values)})


def read_configuration(folder: Path) -> dict[str, Any]:
    """The run.json of `folder`, if this version of cimlearn can go on with it.

    Raises
    ------
    InputError
        If it is damaged, or of another format or version.
    """
    configuration = read_json(folder / "run.json")
    found = configuration.get("format") if isinstance(configuration, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{folder} has run format {found!r}, this cimlearn reads format {FORMAT}; start a new run"
        )
    if configuration.get("cimlearn") != __version__:
        raise InputError(
            f"{folder} was written by cimlearn {configuration.get('cimlearn')}, this is {__version__}; "
            "go on with that version, or start a new run"
        )
    for key in ("opened", "settings", "data", "data_folder", "shape"):
        if key not in configuration:
            raise InputError(f"{folder / 'run.json'} lacks {key}; restore it, or start a new run")
    check_digest(configuration, folder / "run.json")
    return configuration


def check_digest(configuration: Mapping[str, Any], file: Path) -> None:
    """Raise InputError unless `configuration`, read from `file`, is one, and what was written."""
    schema.check_configuration(configuration, file)
    if sealed(configuration) and configuration[seals.DIGEST] != seals.of_values(configuration):
        raise InputError(f"{file} is damaged: its digest is wrong; restore it, or start a new run")


def sealed(configuration: Mapping[str, Any]) -> bool:
    """Whether the files of this run have digests."""
    return seals.DIGEST in configuration


def read_timing(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Seconds and examples by seed and task; none where the folder has no timing.json."""
    file = folder / "timing.json"
    return schema.check_timing(text.read_json(file), file) if file.exists() else {}


def create(out: str | Path | None, name: str) -> Path:
    """A new folder for a run: `out`, or the first free runs/{name}-{n} (`name` made fit for a folder).

    Raises
    ------
    InputError
        If `out` already holds a run or other files (nothing is touched), or can't be made.
    """
    number, name = 1, re.sub(r"[^\w.-]+", "-", name)
    while out is None:
        folder = Path("runs") / f"{name}-{number}"
        with suppress(FileExistsError):
            return make(folder, exist_ok=False)
        number += 1
    folder = Path(out)
    if (folder / "run.json").exists():
        raise InputError(
            f"{folder} already holds a run; go on with it by --resume {folder}, or name another with --out"
        )
    if folder.is_dir() and any(not file.name.startswith(".") for file in folder.iterdir()):
        raise InputError(f"{folder} holds other files; name an empty or a new folder with --out")
    return make(folder, exist_ok=True)


def make(folder: Path, *, exist_ok: bool) -> Path:
    """Make `folder` and what is missing above it. Raises InputError if that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if not exist_ok and folder.is_dir():
            raise
        raise InputError(f"can't make the folder {folder}: a file has that name") from None
    except OSError as error:
        raise InputError(
            f"can't make the folder {folder}: {error.strerror}; name another one with --out"
        ) from None
    return folder


class Busy(InputError):
    """Another process holds what is wanted."""


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold `file`, which exists, against other processes; a killed process holds nothing.

    Raises
    ------
    Busy
        If another process holds it.
    """
    with open(file, "rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"another process is running in {file.parent}; wait for it, or stop it first"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run in `folder`, so that no second process writes into it; what a cut-off write left is removed."""
    with held(folder / "run.json"):
        remove_own(folder, lambda name: _LEFT.fullmatch(name) is not None)
        yield


def remove_left(study: Path, *, shared: bool = False) -> None:
    """Remove what a cut-off write left of a study's own files; nothing where the folder isn't a study's.

    Where others may write into it (`shared`), what is younger than a write takes is theirs.
    """
    if not any((study / mark).is_file() for mark in _MARKS):
        return
    before = time.time() - _WRITING if shared else float("inf")
    inner = study / "search"  # a search's own folder in its study's
    for folder in (study, *([inner] if inner.is_dir() and not inner.is_symlink() else [])):
        for file in list(folder.iterdir()):
            if not _LEFT_OF_STUDY.fullmatch(file.name) or file.is_symlink():
                continue
            with suppress(FileNotFoundError):  # another one was faster
                if file.is_file() and file.stat().st_mtime < before:
                    file.unlink()


def remove_own(folder: Path, which: Callable[[str], bool] = lambda name: True) -> None:
    """Remove from a run folder those files that cimlearn writes into one, and for whose name `which` is true.

    Nothing else is touched: not what has another name, not another folder, not what a link leads to.
    """
    for inner in (folder, folder / "figures", *sorted(folder.glob("seed-*"))):
        if inner.is_symlink() or not inner.is_dir():
            continue
        if inner != folder and not _INNER.fullmatch(inner.name):
            continue
        for file in list(inner.iterdir()):
            ours = _LEFT.fullmatch(file.name) or _OWN.fullmatch(file.name)
            if ours and which(file.name) and not file.is_symlink() and file.is_file():
                file.unlink(missing_ok=True)
        if inner != folder:
            with suppress(OSError):  # something is still in it
                inner.rmdir()
