"""MLflow: each seed is an MLflow run in the experiment 'cimlearn', on a database or a tracking server.

Metrics as named in base.py; parameters by name, and `part.key.origin` for who says so; tags: the run folder, the seed,
and an identity by which a run that goes on is found again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.loggers.base import Point, identity, owned, settings
from cimlearn.runfolder.records import Run

try:
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
except ImportError:
    raise InputError(f"--log mlflow needs MLflow: {install('mlflow')}") from None

EXPERIMENT = "cimlearn"
IDENTITY = "cimlearn.identity"
# A server that doesn't answer is given up after 10 s: two tries of 4 s and a pause; a database after 10.
PATIENCE: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "PGCONNECT_TIMEOUT": "10",
}
_MOST = 100  # parameters in one request


class Mlflow:
    """A tracking store: sqlite:///FILE, another database, or http(s)://SERVER."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._runs: dict[str, str] = {}  # identity and seed -> MLflow's run
        self._known: dict[str, set[tuple[str, int]]] = {}
        with self._refusals():
            self._client = MlflowClient(uri)
            found = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = found.experiment_id if found else self._client.create_experiment(EXPERIMENT)

    def write(self, run: Run, seed: int, points: Sequence[Point]) -> None:
        """Add what is missing; InputError if the store refuses."""
        with self._refusals():
            mine = f"{identity(run)}/seed-{seed}"
            if mine not in self._runs:
                self._open(run, seed, mine)
            to, known = self._runs[mine], self._known[mine]
            new = [point for point in points if (point.name, point.step) not in known]
            if new:
                self._client.log_batch(to, metrics=[Metric(p.name, p.value, 0, p.step) for p in new])
            known.update((point.name, point.step) for point in new)
            if len(run.of_seed(seed)) == len(run.task_names):
                self._client.set_terminated(to)

    def close(self) -> None:
        """Nothing is kept open."""

    def _open(self, run: Run, seed: int, mine: str) -> None:
        """Find the run of `mine`, or make it with its parameters."""
        found = self._client.search_runs([self._experiment], f"tags.`{IDENTITY}` = '{mine}'")
        if found:
            to = found[0].info.run_id
            names = found[0].data.metrics
            self._known[mine] = {
                (m.key, m.step) for name in names for m in self._client.get_metric_history(to, name)
            }
        else:
            tags = {IDENTITY: mine, "cimlearn.run_folder": str(run.folder), "cimlearn.seed": str(seed)}
            name = f"{run.folder.resolve().name}/seed-{seed}"
            to = self._client.create_run(self._experiment, run_name=name, tags=tags).info.run_id
            self._known[mine] = set()
        self._runs[mine] = to
        for some in _chunks(_parameters(run)):  # the same again where it is there: MLflow takes that
            self._client.log_batch(to, params=some)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what MLflow and its database say into one line."""
        try:
            yield
        except ImportError as error:
            raise InputError(
                f"mlflow={self._uri} needs {error.name}: {install('mlflow')}; what the run wrote is intact"
            ) from None
        except (MlflowException, OSError) as error:
            said = (str(error) or type(error).__name__).splitlines()[0].split(". ")[0]
            raise InputError(
                f"mlflow={self._uri}: {said}; give a database (mlflow=sqlite:///mlflow.db) or a tracking server "
                "(mlflow=http://HOST:5000); what the run wrote is intact"
            ) from None


def _parameters(run: Run) -> list[Any]:
    """Values, and origins beside them."""
    values = settings(run) | {f"{name}.origin": entry["origin"] for name, entry in owned(run).items()}
    return [Param(name, str(value)) for name, value in values.items()]


def _chunks(items: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _MOST)):
        yield some
