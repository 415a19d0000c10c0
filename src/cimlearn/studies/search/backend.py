"""Optuna, or one line that says how to get it. Nothing but warnings and errors of it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cimlearn.errors import InputError
from cimlearn.install import install

try:
    import optuna
except ImportError:
    raise InputError(f"cimlearn search needs optuna; install it: {install('study')}") from None

__all__ = ["optuna", "quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's reports of each trial, which the progress of a search says in its own way."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
