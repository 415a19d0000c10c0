"""Accelerators: networks mapped on arrays, a learning rule, replay. A chip never knows the stream."""

from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.chips.catalog import (
    build,
    check_placement,
    design,
    is_known,
    kind,
    names,
    parameters,
    source,
    suited,
    told_tasks,
)

__all__ = [
    "Chip",
    "Design",
    "Kind",
    "build",
    "check_placement",
    "design",
    "is_known",
    "kind",
    "names",
    "parameters",
    "source",
    "suited",
    "told_tasks",
]
