"""Continual learning on compute-in-memory hardware, simulated.

    import cimlearn
    result = cimlearn.run("m2ru", stream="permuted-mnist", seeds=3, settings={"network.hidden": 256})
    print(result.accuracy.average, result.accuracy.forgetting)
    result.report()

Names are imported when they are first used, so that `import cimlearn` and `cimlearn --help` answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cimlearn._version import __version__

if TYPE_CHECKING:
    from cimlearn.api import Result, run
    from cimlearn.errors import InputError
    from cimlearn.experiments.experiment import Experiment
    from cimlearn.streams import ArrayStream, DatasetStream, TableStream

__all__ = [
    "ArrayStream",
    "DatasetStream",
    "Experiment",
    "InputError",
    "Result",
    "TableStream",
    "__version__",
    "run",
]

_HOME = {
    "ArrayStream": "cimlearn.streams",
    "DatasetStream": "cimlearn.streams",
    "Experiment": "cimlearn.experiments.experiment",
    "InputError": "cimlearn.errors",
    "Result": "cimlearn.api",
    "TableStream": "cimlearn.streams",
    "run": "cimlearn.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cimlearn' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
