"""Rooms, arrows and circles of the package, from the imports of a checkout.

python scripts/house.py src/cimlearn

rooms      what stands at the top of the package: modules and folders
arrows     pairs of rooms of which the first imports from the second
up         imports that run from a lower floor to a higher one (FLOORS)
circles    files, and rooms, that import each other, directly or by others

Every import counts: those inside functions, and those that only a type checker follows.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "cimlearn"
FLOORS = (  # from the ground up; a room imports from its own floor and from those below it
    "_version errors install places untrusted units quantities labels parameters extensions random noise quantize "
    "inner portable compiled team ledger metrics state "
    "presets",
    "devices streams costs runfolder",
    "arrays report",
    "networks",
    "learning",
    "chips gpu",
    "experiments online continuum torch",
    "loggers studies spice avalanche neurobench sklearn river testing",
    "api papers",
    "cli",
    PACKAGE,  # __init__ and __main__
)
_BEFORE = {  # the floors of rooms that are gone
    **dict.fromkeys(
        ("experiment", "experimentfile", "loop", "scheduler", "checkpoint", "record"), "experiments"
    ),
    **dict.fromkeys(("axes", "study", "studytables", "sweep", "studyrun", "results", "query"), "studies"),
    **dict.fromkeys(("workers", "search", "explore"), "studies"),
    "pricing": "experiments",
}


@dataclass(frozen=True)
class House:
    """The plan of one checkout."""

    rooms: tuple[str, ...]
    arrows: frozenset[tuple[str, str]]  # between rooms
    up: tuple[str, ...]  # 'file -> file'
    circles: tuple[tuple[str, ...], ...]  # of files
    room_circles: tuple[tuple[str, ...], ...]


def look(root: Path) -> House:
    """The plan of the package in the folder `root`."""
    files = {_module(file, root): file for file in sorted(root.rglob("*.py"))}
    imports = {name: set(_imported(file, files)) - {name} for name, file in files.items()}
    floor = _floors()
    across = [(a, b) for a, targets in imports.items() for b in sorted(targets) if _room(a) != _room(b)]
    rooms = {path.stem for path in root.iterdir() if _is_room(path)}
    between: dict[str, set[str]] = {}
    for a, b in across:
        between.setdefault(_room(a), set()).add(_room(b))
    return House(
        tuple(sorted(rooms)),
        frozenset((_room(a), _room(b)) for a, b in across),
        tuple(f"{a} -> {b}" for a, b in across if floor.get(_room(a), 0) < floor.get(_room(b), 0)),
        _circles(imports),
        _circles(between),
    )


def _is_room(path: Path) -> bool:
    """Whether something at the top of the package holds Python files."""
    return not path.name.startswith("__") and (path.suffix == ".py" or any(path.rglob("*.py")))


def _module(file: Path, root: Path) -> str:
    """The name of a file's module: 'cimlearn.arrays.base', of a folder's __init__ 'cimlearn.arrays'."""
    parts = (PACKAGE, *file.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str:
    """The room of a module: 'arrays'; of __init__ and __main__ the package itself."""
    name = [*module.split("."), ""][1]
    return PACKAGE if not name or name.startswith("__") else name


def _imported(file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules of the package that a file imports from."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == PACKAGE:
                while name not in known:  # a class or function: its module
                    name = name.rpartition(".")[0]
                yield name


def _floors() -> dict[str, int]:
    """The floor of every room, also of those that are gone."""
    floor = {room: k for k, rooms in enumerate(FLOORS) for room in rooms.split()}
    return floor | {room: floor[now] for room, now in _BEFORE.items()}


def _circles(imports: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """The groups in which each reaches every other (Tarjan's strongly connected components of two or more)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(one: str) -> None:
        number[one] = lowest[one] = len(number)
        stack.append(one)
        for other in sorted(imports.get(one, ())):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[one] = min(lowest[one], lowest[other])
        if lowest[one] == number[one]:
            group = []
            while not group or group[-1] != one:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(tuple(sorted(group)))

    for one in sorted(imports):
        if one not in number:
            visit(one)
    return tuple(sorted(found))


def main() -> None:
    """Print the figures, then what they are made of."""
    house = look(Path(sys.argv[1]))
    print(
        f"{len(house.rooms)} rooms, {len(house.arrows)} arrows between them, {len(house.up)} imports up, ",
        end="",
    )
    print(f"{len(house.circles)} circles of files, {len(house.room_circles)} circles of rooms")
    for line in house.up:
        print(f"up: {line}")
    for circle in (*house.circles, *house.room_circles):
        print(f"circle of {len(circle)}: {', '.join(circle)}")


if __name__ == "__main__":
    main()
