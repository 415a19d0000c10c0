"""Where things lie: a user's path, the home folder, the cache; and what to do where there is none.

A container may run as a user who has no name, no home and no right to write anywhere but in the temporary folder.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

from cimlearn.errors import InputError

ENVIRONMENT = "XDG_CACHE_HOME"
TOLD = "CIMLEARN_CACHE_TOLD"  # what worker processes needn't say again


def expanded(path: str | Path) -> Path:
    """`path` with ~ and ~name replaced. Raises InputError for a user who doesn't exist, and for a NUL in the name."""
    given = os.fspath(path)
    if "\0" in given:
        raise InputError(f"the path {given!a} holds a NUL; remove it")
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise InputError(
            f"'{given}': {given.split('/')[0]} has no home folder; write the whole path"
        ) from None


def home() -> Path | None:
    """The user's home folder; None where the system knows none."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache_place() -> Path | None:
    """Where the cache should be: $XDG_CACHE_HOME/cimlearn, by default ~/.cache/cimlearn; it need not be there."""
    base = os.environ.get(ENVIRONMENT, "")
    if os.path.isabs(base):
        return Path(base) / "cimlearn"
    own = home()
    return own / ".cache" / "cimlearn" if own else None


@cache
def cache_folder() -> Path:
    """A folder that can be written: `cache_place`, or else a private temporary one, which is said once on stderr.

    Raises
    ------
    InputError
        If not even the temporary folder can be written.
    """
    wanted = cache_place()
    if wanted is not None and _writable(wanted):
        return wanted
    found = _temporary()
    # Worker processes say nothing: they inherit the answer.
    if os.environ.get(TOLD) != str(found):
        os.environ[TOLD] = str(found)
        where = wanted or "the home folder, which there isn't,"
        print(
            f"cimlearn: {where} can't be written; compiled code is kept in {found} (to choose: {ENVIRONMENT}=FOLDER)",
            file=sys.stderr,
        )
    return found


def temporary_place() -> Path:
    """Where the cache of a user without one would be; it need not be there."""
    return Path(tempfile.gettempdir()) / f"cimlearn-{_user()}"


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, which is made if it isn't there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _temporary() -> Path:
    """A folder of this user alone below the temporary folder: the same one each time, or a new one."""
    try:
        folder = temporary_place()
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == _user() and not found.st_mode & 0o077
        if mine and _writable(folder):
            return folder
        return Path(tempfile.mkdtemp(prefix="cimlearn-"))
    except OSError as error:
        raise InputError(
            f"no folder can be written, not even the temporary one ({error.strerror}); name one: {ENVIRONMENT}=FOLDER"
        ) from None
