"""Continual learning on compute-in-memory hardware, simulated.

    import cimlearn
    result = cimlearn.run("m2ru", stream="permuted-mnist", seeds=3, settings={"network.hidden": 256})
    print(result)
    result.report()
    cimlearn.price("m2ru", {"network.hidden": 256})

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
    from cimlearn.experiments.pricing import price_design as price
    from cimlearn.streams import ArrayStream, DatasetStream, TableStream

__all__ = [
    "ArrayStream",
    "DatasetStream",
    "Experiment",
    "InputError",
    "Result",
    "TableStream",
    "__version__",
    "price",
    "run",
]

_HOME = {  # name -> module, and the name there
    "ArrayStream": ("cimlearn.streams", "ArrayStream"),
    "DatasetStream": ("cimlearn.streams", "DatasetStream"),
    "Experiment": ("cimlearn.experiments.experiment", "Experiment"),
    "InputError": ("cimlearn.errors", "InputError"),
    "Result": ("cimlearn.api", "Result"),
    "TableStream": ("cimlearn.streams", "TableStream"),
    "price": ("cimlearn.experiments.pricing", "price_design"),
    "run": ("cimlearn.api", "run"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cimlearn' has no attribute '{name}'")
    module, there = _HOME[name]
    return getattr(import_module(module), there)


def __dir__() -> list[str]:
    return sorted(__all__)
