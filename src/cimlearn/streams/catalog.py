"""Streams by name: 'permuted-mnist', 'mnist+cifar10', ..., 'my/file.npz', 'my.csv', 'my/folder'."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from cimlearn import extensions
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import Parameter, ParameterSet, load
from cimlearn.places import expanded
from cimlearn.streams import images, sensors
from cimlearn.streams.arrayfiles import open_arrays
from cimlearn.streams.base import Stream, StreamKind
from cimlearn.streams.delay import Delayed
from cimlearn.streams.folders import FolderStream
from cimlearn.streams.forecasts import open_mackey_glass
from cimlearn.streams.sequences import open_sequence, pieces
from cimlearn.streams.sources.find import data_folder, find
from cimlearn.streams.sources.imagesets import load_images
from cimlearn.streams.tables.files import SUFFIXES, is_table
from cimlearn.streams.tables.stream import open_table

GROUP: Final = "cimlearn.streams"  # of entry points
DOMAIN, CLASS = "domain-incremental", "class-incremental"


class Named(NamedTuple):
    """What a name stands for."""

    # permuted | rotated | split | sequence | series | people | activities | file | folder | table | elsewhere
    family: str
    source: str  # data set
    scenario: str = DOMAIN


def _catalog() -> dict[str, Named]:
    """All names. Split gray images are class-incremental by default, split photographs domain-incremental."""
    named: dict[str, Named] = {}
    for source in ("mnist", "fashion-mnist", "digits", "cifar10", "cifar100"):
        named[f"permuted-{source}"] = Named("permuted", source)
        named[f"rotated-{source}"] = Named("rotated", source)
        gray = not source.startswith("cifar")
        named[f"split-{source}"] = Named("split", source, CLASS if gray else DOMAIN)
        other = "domain" if gray else "class"
        named[f"split-{source}-{other}"] = Named("split", source, DOMAIN if gray else CLASS)
    named["mackey-glass"] = Named("series", "mackey-glass")
    named["hapt-people"] = Named("people", "hapt")
    named["hapt-activities"] = Named("activities", "hapt", CLASS)
    named["hapt-activities-domain"] = Named("activities", "hapt", DOMAIN)
    return named


CATALOG = _catalog()

# Which parts of presets/streams.toml a family has; later ones win, and the stream's own part wins over all.
_PARTS = {
    "permuted": ("common", "images", "permuted"),
    "rotated": ("common", "images", "rotated"),
    "split": ("common", "images", "split"),
    "sequence": ("common", "images", "sequence"),
    "series": ("common", "series"),
    "people": ("common", "sensors", "people"),
    "activities": ("common", "sensors", "activities"),
    "file": ("common", "arrays"),
    "folder": ("common", "arrays", "folder"),
    "table": ("common", "table"),
    "elsewhere": ("common",),
}


def _is_elsewhere(name: str) -> bool:
    return "+" not in name and extensions.is_outside(name, GROUP)


def source(name: str) -> str | None:
    """SHA-256 of the source of a stream that lives outside this package; None for one of ours."""
    return extensions.source(name, GROUP) if _is_elsewhere(name) else None


def elsewhere(name: str) -> StreamKind:
    """The stream that a name outside this package names. Raises InputError where it is none."""
    found = extensions.load(name, GROUP, StreamKind)
    wrong = next((key for key in found.parameters if not key.startswith("stream.")), None)
    if wrong is not None:
        raise InputError(f"{name} has a parameter {wrong}; all of a stream's are called stream.something")
    return found


def names() -> list[str]:
    """The names of all streams (files and folders have their path for a name)."""
    return sorted(CATALOG)


def describe(name: str | Path) -> Named:
    """Family, data set and scenario of a stream; a path to a table, an .npz file or a folder is a stream of its own.

    Raises
    ------
    InputError
        If the name is unknown or the path leads nowhere.
    """
    if str(name) in CATALOG:
        return CATALOG[str(name)]
    if isinstance(name, str) and _is_elsewhere(name):
        return Named("elsewhere", name)
    path = expanded(name)
    if isinstance(name, str) and "+" in name and "/" not in name and not path.exists():
        pieces(name)
        return Named("sequence", name)
    if path.suffix in (".npz", *SUFFIXES):
        if not path.is_file():
            raise InputError(f"stream file '{path}' doesn't exist; give the path of one that does")
        return Named("table" if is_table(path) else "file", str(path))
    if path.is_dir() and str(name):
        return Named("table" if is_table(path) else "folder", str(path))
    if isinstance(name, Path) or "/" in name or path.is_file():
        raise InputError(
            f"'{path}' is neither a .csv, .parquet or .npz file nor a folder of .npy files or tables; give one"
        )
    raise InputError(f"unknown stream '{name}'; {nearest(str(name), CATALOG)}")


def parameters(name: str | Path) -> ParameterSet:
    """The settings of a stream with their defaults, all called 'stream.something'."""
    family = describe(name).family
    entries = load("streams").entries()
    mine: dict[str, Parameter] = {}
    own = (str(name),) if str(name) in CATALOG else ()
    for part in (*_PARTS[family], *own):
        start = part + "."
        mine |= {f"stream.{key[len(start) :]}": p for key, p in entries.items() if key.startswith(start)}
    own_parameters = elsewhere(str(name)).parameters if family == "elsewhere" else ParameterSet({})
    return ParameterSet(mine).merged(own_parameters)


def default_stream(
    data: str | Path | None = None, names: tuple[str, ...] = ("permuted-mnist", "permuted-digits")
) -> str:
    """The first of `names` whose data set is there; the last one, if none is (scikit-learn's digits always are)."""
    there = (name for name in names[:-1] if find(describe(name).source, data))
    return next(there, names[-1])


def open_stream(
    name: str | Path,
    *,
    seed: int,
    data: str | Path | None = None,
    settings: ParameterSet | None = None,
) -> Stream:
    """Opens a stream by name or path.

    Parameters
    ----------
    name
        One of `names()`, data sets in a row ('mnist+cifar10'), the path of a .csv, .parquet or .npz file, a folder
        of .npy files, or a stream outside this package ('mystream.py:NAME').
    seed
        Seed (>= 0) of permutations, orders and draws.
    data
        Folder with data sets; None: the one named by CIMLEARN_DATA, if any.
    settings
        Changed settings; those called 'stream.something' are used, missing ones have their defaults.

    Raises
    ------
    InputError
        If the name is unknown, a setting doesn't fit, or the data is missing, damaged or unsuitable.
    """
    if seed < 0:
        raise InputError(f"seed = {seed} is negative; give 0 or more")
    data_folder(data)
    named = describe(name)
    known = parameters(name)
    chosen: dict[str, Any] = known.part("stream")
    if settings is not None:
        chosen |= {key: value for key, value in settings.part("stream").items() if key in chosen}
    stream = _open(name, named, chosen, data, seed=seed)
    return Delayed(stream, chosen["label_delay"]) if chosen["label_delay"] else stream


def _open(
    name: str | Path, named: Named, chosen: dict[str, Any], data: str | Path | None, *, seed: int
) -> Stream:
    """The stream itself, its labels at once."""
    if named.family == "elsewhere":
        return elsewhere(str(name)).open(chosen, seed=seed, data=data)
    if named.family == "table":
        return open_table(expanded(name), chosen, seed=seed)
    if named.family == "file":
        return open_arrays(expanded(name), chosen, seed=seed)
    if named.family == "folder":
        return FolderStream(expanded(name), chosen, seed=seed)
    if named.family == "series":
        return open_mackey_glass(str(name), chosen, seed=seed)
    if named.source == "hapt":
        recordings = sensors.load_recordings(data)
        return sensors.open_sensors(
            str(name), recordings, chosen, by=named.family, scenario=named.scenario, seed=seed
        )
    if named.family == "sequence":
        return open_sequence(str(name), chosen, data=data, seed=seed)
    image_set = load_images(named.source, data)
    if named.family == "permuted":
        return images.permuted(str(name), image_set, chosen, seed=seed)
    if named.family == "rotated":
        return images.rotated(str(name), image_set, chosen, seed=seed)
    return images.split(str(name), image_set, chosen, scenario=named.scenario, seed=seed)
