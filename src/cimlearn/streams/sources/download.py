"""Downloads one file: resumes where it broke off, checks it, and only then puts it in place."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.streams.sources.formats import BLOCK, digest_or_blank
from cimlearn.streams.sources.known import DataFile

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all

TIMEOUT = 30  # s without a byte
TRIES = 3  # per mirror; each goes on where the last one broke off


def fetch(file: DataFile, folder: Path, progress: Progress | None = None) -> Path:
    """Downloads `file` into `folder` (made if needed) and returns its path.

    The bytes go to '{name}.part'; a broken download leaves it there and the next one resumes from it. Only
    when size and checksum are right is it renamed, in one step, to its name.

    Raises
    ------
    InputError
        If no mirror answers, the folder can't be written, the disk is full, or the checksum is wrong.
    """
    if not file.mirrors:
        raise InputError(
            f"{file.name} has no official mirror; copy it into a folder and pass that as data folder"
        )
    part, final = folder / f"{file.name}.part", folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"can't make {folder} ({error.strerror}); choose a folder that can be written"
        ) from None
    reasons = []
    for mirror in file.mirrors:
        reason = _from_mirror(mirror + file.name, file, part, progress)
        if not reason:
            os.replace(part, final)
            return final
        reasons.append(f"{mirror}: {reason}")
    raise InputError(f"can't download {file.name} ({'; '.join(reasons)}); copy it by hand into {folder}")


def _from_mirror(url: str, file: DataFile, part: Path, progress: Progress | None) -> str:
    """Tries to complete `part` from one mirror; '' if it is complete and right, else the reason."""
    reason = ""
    for _ in range(TRIES):
        try:
            reason = _transfer(url, file, part, progress)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416:  # 416: the part is longer than the file
                return f"HTTP {error.code} {error.reason}"
            reason = "the part didn't fit the file"
            part.unlink(missing_ok=True)
            continue
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = f"the connection broke off ({error})"
            continue
        except urllib.error.URLError as error:
            return f"no connection ({error.reason})"
        if reason:
            continue
        if digest_or_blank(part, unpack=file.unpack) == file.sha256:
            return ""
        reason = f"wrong checksum, expected sha256 {file.sha256[:12]}"
        part.unlink(missing_ok=True)
    return reason


def _transfer(url: str, file: DataFile, part: Path, progress: Progress | None) -> str:
    """One request, from the end of `part` on; '' if `part` now has the size of the file, else the reason."""
    done = part.stat().st_size if part.exists() else 0
    if done > file.bytes:
        part.unlink()
        done = 0
    if done == file.bytes:
        return ""
    headers = {"User-Agent": "cimlearn", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
        if answer.status != 206:  # the server sends the file from the start
            done = 0
        _append(answer, part, done, file, progress)
    size = part.stat().st_size
    return "" if size == file.bytes else f"the connection broke off after {size} of {file.bytes} bytes"


def _append(
    answer: http.client.HTTPResponse, part: Path, done: int, file: DataFile, progress: Progress | None
) -> None:
    """Writes the answer behind the first `done` bytes of `part`, and never more than the file's size."""
    try:
        out = part.open("r+b" if done else "wb")
    except OSError as error:
        raise InputError(f"can't write {part} ({error.strerror}); choose another folder") from None
    with out:
        out.seek(done)
        while done < file.bytes:
            block = answer.read(min(BLOCK, file.bytes - done))
            if not block:
                break
            try:
                out.write(block)
                out.flush()
            except OSError as error:
                raise InputError(
                    f"can't write {part} ({error.strerror}); free some space and try again"
                ) from None
            done += len(block)
            if progress:
                progress(file.name, done, file.bytes)
