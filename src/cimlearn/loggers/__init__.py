"""Logs of a run in the tools of others. A logger reads the run folder and its events, never the simulator.

opened(["tensorboard=logs", "mlflow=sqlite:///mlflow.db"]) -> loggers
"""

from __future__ import annotations

from collections.abc import Iterable

from cimlearn.errors import InputError, nearest
from cimlearn.loggers.base import Following, Logger, Point, points, totals

__all__ = ["Following", "Logger", "Point", "opened", "points", "totals"]

KINDS = ("tensorboard", "mlflow")


def opened(log: str | Logger | Iterable[str | Logger]) -> list[Logger]:
    """The loggers that `log` names: 'tensorboard=DIR' or 'mlflow=URI', one or several, or loggers of one's own.

    Raises
    ------
    InputError
        For an unknown kind, a missing place, or a package that is not installed.
    """
    if isinstance(log, str):
        return [_named(log)]
    if not isinstance(log, Iterable):
        return [log]
    return [_named(one) if isinstance(one, str) else one for one in log]


def _named(text: str) -> Logger:
    kind, _, place = text.partition("=")
    if kind not in KINDS:
        raise InputError(f"unknown logger '{kind}'; {nearest(kind, KINDS)}")
    if not place:
        example = "tensorboard=logs" if kind == "tensorboard" else "mlflow=sqlite:///mlflow.db"
        raise InputError(f"logger {kind} needs a place; for example {example}")
    if kind == "tensorboard":
        from cimlearn.loggers.tensorboard import TensorBoard

        return TensorBoard(place)
    from cimlearn.loggers.mlflow import Mlflow

    return Mlflow(place)
