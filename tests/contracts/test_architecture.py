"""The arrows between the parts of the program, and what every preset owes its reader."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cimlearn
from cimlearn import parameters

ROOT = Path(cimlearn.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

GROUND = {
    "_version",
    "compiled",
    "errors",
    "extensions",
    "inner",
    "install",
    "labels",
    "ledger",
    "metrics",
    "noise",
    "parameters",
    "places",
    "portable",
    "quantities",
    "quantize",
    "random",
    "state",
    "team",
    "units",
    "untrusted",
}
DEVICES = {"devices", *GROUND}
ARRAYS = {"arrays", *DEVICES}
NETWORKS = {"networks", *ARRAYS}
LEARNING = {"learning", *NETWORKS}
CHIPS = {"chips", "streams.base.StreamShape", *LEARNING}
COSTS = {"costs", *GROUND}
RUN_FOLDER = {"runfolder", *GROUND}
GPU = {"gpu", *CHIPS}
EXPERIMENTS = {"experiments", "gpu", "chips", "streams", *COSTS, *RUN_FOLDER}
REPORT = {"report", *COSTS, *RUN_FOLDER}
LOGGERS = {"loggers", *EXPERIMENTS, *REPORT}
STUDIES = {"studies", *EXPERIMENTS, *REPORT}
PAPERS = {"papers", "devices", "learning", *STUDIES}
API = {*LOGGERS}
CLI = {"cli", "spice", "api", "devices", "loggers", *PAPERS}
ONLINE = {"online", "chips", "streams.base.StreamShape", "experiments.record.histogram", *COSTS}
ESTIMATORS = {"online", "costs.base.Costs", *GROUND}

# What a room may import: rooms, or single names of one. Nothing that stands higher.
ALLOWED = {
    "cimlearn": {"api", "cli", "experiments", "streams", *GROUND},
    "cli": CLI,
    "api": API,
    "papers": PAPERS,
    "studies": STUDIES,
    "loggers": LOGGERS,
    "experiments": EXPERIMENTS,
    "spice": {"spice", "arrays", *EXPERIMENTS},
    "report": REPORT,
    "runfolder": RUN_FOLDER,
    "costs": COSTS,
    "chips": CHIPS,
    "gpu": GPU,
    "streams": {"streams", *GROUND},
    "learning": LEARNING,
    "networks": NETWORKS,
    "arrays": ARRAYS,
    "devices": DEVICES,
    "sklearn": ESTIMATORS,
    "river": ESTIMATORS,
    "online": ONLINE,
    "avalanche": {"chips", "streams", *GROUND},
    "continuum": {"streams", *GROUND},
    "testing": {"testing", *CHIPS, "streams"},
    "torch": {"torch", *COSTS, *CHIPS},
    "neurobench": {"torch", *GROUND},
    "presets": set(),
    **dict.fromkeys(GROUND, GROUND | {"presets"}),
}


def _part(module: str) -> str:
    """'cimlearn.arrays.base' -> 'arrays'; 'cimlearn' -> 'cimlearn'."""
    return [*module.split("."), ""][1] or "cimlearn"


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """(part, full name) of everything that a file imports from this package."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import; write the whole name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "cimlearn":
                module = name if (ROOT / name.split(".")[1]).is_dir() or _is_module(name) else "cimlearn"
                yield _part(module), name.removeprefix("cimlearn.")


def _is_module(name: str) -> bool:
    parts = name.split(".")
    return len(parts) > 1 and (ROOT / f"{parts[1]}.py").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_down(file: Path) -> None:
    inside = file.relative_to(ROOT)
    own = (
        "cimlearn" if inside.stem in ("__init__", "__main__") and len(inside.parts) == 1 else inside.parts[0]
    )
    own = own.removesuffix(".py")
    assert own in ALLOWED, (
        f"{own} has no place in the order of parts; give it one here and in ARCHITECTURE.md"
    )
    wrong = [name for part, name in _imports(file) if not ({part, name} & ALLOWED[own])]
    assert not wrong, f"{inside} may not import {wrong}"


def _house() -> ModuleType:
    """scripts/house.py, which counts rooms and arrows."""
    spec = importlib.util.spec_from_file_location("house", ROOT.parents[1] / "scripts" / "house.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["house"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_no_arrow_runs_up_and_none_in_a_circle() -> None:
    """Imports inside functions count too; nothing that `api` or the command line stands on may import them."""
    house = _house()
    found = house.look(ROOT)
    floor = house._floors()
    assert set(found.rooms) <= set(floor), "give a new room its floor in scripts/house.py"
    assert not found.up and not found.circles and not found.room_circles
    down = [(a, b.split(".")[0]) for a, names in ALLOWED.items() for b in names if a != "presets"]
    assert all(floor[a] >= floor[b] for a, b in down), "ALLOWED and FLOORS differ"


def test_a_circle_and_an_arrow_up_are_found(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from cimlearn import api",
        "errors.py": "",
        "api.py": "def run():\n    from cimlearn.cli import main",
        "cli/__init__.py": "from cimlearn.errors import InputError",
        "costs/a.py": "import cimlearn.costs.b",
        "costs/b.py": "from cimlearn.costs.c import x",
        "costs/c.py": "def x():\n    from cimlearn.costs import a",
        "devices/d.py": "from cimlearn.costs.a import y",
        "costs/e.py": "from cimlearn.devices.d import z",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = _house().look(tmp_path)
    assert found.rooms == ("api", "cli", "costs", "devices", "errors")
    assert found.up == ("cimlearn.api -> cimlearn.cli",)
    assert found.circles == (("cimlearn.costs.a", "cimlearn.costs.b", "cimlearn.costs.c"),)
    assert found.room_circles == (("costs", "devices"),)
    assert ("costs", "devices") in found.arrows and ("cimlearn", "api") in found.arrows


def test_no_pickle_anywhere() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            if isinstance(node, ast.ImportFrom):
                names = {node.module or ""}
            assert not names & {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}, (
                file
            )


def test_nothing_draws_from_a_global_generator() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert "random" not in {alias.name for alias in node.names}, (
                    f"{file} imports the random module"
                )


PRESETS = [
    (preset, part, key, fields)
    for preset in parameters.available()
    for part, keys in tomllib.loads((ROOT / "presets" / f"{preset}.toml").read_text("utf-8")).items()
    if part != "publication"
    for key, fields in keys.items()
]


@pytest.mark.parametrize("preset", parameters.available())
def test_preset_loads(preset: str) -> None:
    assert len(parameters.load(preset)) > 0


@pytest.mark.parametrize(
    ("preset", "part", "key", "fields"),
    PRESETS,
    ids=[f"{preset}:{part}.{key}" for preset, part, key, _ in PRESETS],
)
def test_every_number_has_an_owner(preset: str, part: str, key: str, fields: dict[str, object]) -> None:
    for word in ("unit", "source", "help"):
        text = fields.get(word)
        assert isinstance(text, str), f"{preset}: {part}.{key} lacks {word}"
        assert text.strip(), f"{preset}: {part}.{key} has an empty {word}"
    assert fields["origin"] in ("paper", "authors", "literature", "derived", "assumed")
    value = fields["value"]
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        assert "range" in fields, f"{preset}: {part}.{key} is a number without a range"
        low, high = fields["range"]
        assert all(low <= n <= high for n in numbers), (
            f"{preset}: {part}.{key} = {value} is outside its range"
        )


def test_version_is_that_of_the_project() -> None:
    file = ROOT.parents[1] / "pyproject.toml"
    assert tomllib.loads(file.read_text("utf-8"))["project"]["version"] == cimlearn.__version__


@pytest.mark.parametrize(
    "words", ["import cimlearn", "import sys; sys.argv[1:] = ['--help']; import cimlearn.__main__"]
)
def test_the_first_answer_needs_no_heavy_import(words: str) -> None:
    heavy = ("numpy", "numba", "matplotlib", "sklearn", "river", "torch", "pydantic", "rich")
    loaded = f"import sys; print([m for m in {heavy} if m in sys.modules])"
    script = f"try:\n  {words}\nexcept SystemExit: pass\n{loaded}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_public_names_exist() -> None:
    assert all(hasattr(cimlearn, name) for name in cimlearn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cimlearn.__getattr__("nothing")
