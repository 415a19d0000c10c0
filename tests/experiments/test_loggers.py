"""Logs hold what the records say, read back with the readers of the tools themselves."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cimlearn
from cimlearn.cli import main
from cimlearn.errors import InputError
from cimlearn.experiments.loop import Evaluated
from cimlearn.experiments.scheduler import Stopped
from cimlearn.install import install
from cimlearn.loggers import opened, points, totals

SETTINGS = {"stream.tasks": 2, "stream.examples": 60, "stream.held_out": 40, "network.hidden": 12}
Points = dict[tuple[str, int], list[float]]  # (name, step) -> every value that was written there

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated",  # MLflow's, with SQLAlchemy 2.1
    "ignore:unclosed database",  # MLflow's pool
)


def _from_tensorboard(place: Path, run: str, seed: int) -> tuple[Points, dict[str, Any]]:
    """Scalars, and the hyper-parameters with the run folder's text."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams import metadata

    found = reader.EventAccumulator(
        str(place / run / f"seed-{seed}"), size_guidance={"scalars": 0, "tensors": 0}
    )
    found.Reload()
    values: Points = {}
    for tag in found.Tags()["scalars"]:
        for event in found.Scalars(tag):
            values.setdefault((tag, event.step), []).append(event.value)
    content = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    told = metadata.parse_session_start_info_plugin_data(content).hparams
    head = {name: getattr(value, value.WhichOneof("kind")) for name, value in told.items()}
    text = found.Tensors("run/parameters")[0].tensor_proto.string_val[0].decode()
    head |= {
        f"{row.split(' | ')[0].strip('| ')}.origin": row.split(" | ")[3] for row in text.splitlines()[2:]
    }
    head["folder"] = found.Tensors("run/folder")[0].tensor_proto.string_val[0].decode()
    return values, head


def _from_mlflow(place: Path, run: str, seed: int) -> tuple[Points, dict[str, Any]]:
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(f"sqlite:///{place}")
    experiment = client.get_experiment_by_name("cimlearn").experiment_id
    (found,) = [r for r in client.search_runs([experiment]) if r.info.run_name == f"{run}/seed-{seed}"]
    values: Points = {}
    for name in found.data.metrics:
        for metric in client.get_metric_history(found.info.run_id, name):
            values.setdefault((metric.key, metric.step), []).append(metric.value)
    return values, {**found.data.params, "folder": found.data.tags["cimlearn.run_folder"]}


Reader = Callable[[Path, str, int], tuple[Points, dict[str, Any]]]
KINDS: dict[str, tuple[str, Reader]] = {
    "tensorboard": ("tensorboard={}", _from_tensorboard),
    "mlflow": ("mlflow=sqlite:///{}", _from_mlflow),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow without runs: it takes seconds to make, so tests copy it."""
    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened(f"mlflow=sqlite:///{file}")
    return file


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[[str, int], Any]]:
    """What `log=` takes, and what reads it back."""
    pytest.importorskip(request.param, reason=f"pip install 'cimlearn[{request.param}]'")
    text, reader = KINDS[request.param]
    if request.param == "mlflow":
        shutil.copy(request.getfixturevalue("empty"), tmp_path / "log")
    return text.format(tmp_path / "log"), lambda run, seed: reader(tmp_path / "log", run, seed)


def _run(folder: Path, **options: Any) -> cimlearn.Result:
    options.setdefault("settings", SETTINGS)
    if "resume" not in options:
        options["out"] = folder
    return cimlearn.run("m2ru", stream="permuted-digits", **options)


def _expected(result: cimlearn.Result, seed: int) -> dict[tuple[str, int], float]:
    every = [*points(result.data, seed), *totals(result.data, seed)]
    return {(point.name, point.step): point.value for point in every}


def _same(found: Points, expected: dict[tuple[str, int], float]) -> None:
    """Each point once, with its value (TensorBoard keeps float32)."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == [pytest.approx(value, rel=1e-6)], key


def test_points_are_what_the_records_say(tmp_path: Path) -> None:
    result = _run(tmp_path / "run")
    found = _expected(result, 0)
    first, second = result.records
    assert found["accuracy/task-1", 1] == first.accuracy[0]
    assert (found["accuracy/task-1", 2], found["accuracy/task-2", 2]) == second.accuracy
    assert found["accuracy/average", 2] == pytest.approx(result.accuracy.average)
    assert found["accuracy/forgetting", 2] == pytest.approx(result.accuracy.forgetting)
    assert ("accuracy/forgetting", 1) not in found
    assert found["writes/per_cell_mean", 2] == pytest.approx(result.summary["writes"]["per_cell_mean"])
    assert found["energy/learning_J", 2] == result.summary["energy"]["learning_J"]


def test_reads_back(log: tuple[str, Callable[[str, int], Any]], tmp_path: Path) -> None:
    text, read = log
    result = _run(tmp_path / "run", seeds=2, log=text)
    for seed in (0, 1):
        values, head = read("run", seed)
        _same(values, _expected(result, seed))
        assert float(head["network.hidden"]) == 12
        assert head["network.hidden.origin"] == result.data.config["parameters"]["network.hidden"]["origin"]
        assert head["device.low.origin"] == "authors"
        assert head["replay.quantiser"] == "stochastic"
        assert head["folder"] == str(tmp_path / "run")


def test_resume_adds_what_is_missing_once(log: tuple[str, Callable[[str, int], Any]], tmp_path: Path) -> None:
    text, read = log
    whole = _run(tmp_path / "whole")

    def stop(event: Any) -> None:
        if isinstance(event, Evaluated):
            raise KeyboardInterrupt

    with pytest.raises(Stopped):
        _run(tmp_path / "run", log=text, progress=stop)
    resumed = _run(tmp_path / "run", resume=tmp_path / "run", log=text)
    _same(read("run", 0)[0], _expected(resumed, 0))
    _run(tmp_path / "run", resume=tmp_path / "run", log=text)  # nothing is left to do
    _same(read("run", 0)[0], _expected(resumed, 0))
    host = "speed/examples_per_second"  # depends on the machine
    assert {k: v for k, v in _expected(whole, 0).items() if k[0] != host} == {
        k: v for k, v in _expected(resumed, 0).items() if k[0] != host
    }


def test_command_line_logs_a_finished_run(
    log: tuple[str, Callable[[str, int], Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, read = log
    result = _run(tmp_path / "run")
    main(["run", "--resume", str(tmp_path / "run"), "--log", text, "--json", "--no-report"])
    assert capsys.readouterr().out.startswith("{")
    _same(read("run", 0)[0], _expected(result, 0))


def test_software_has_no_writes(log: tuple[str, Callable[[str, int], Any]], tmp_path: Path) -> None:
    text, read = log
    _run(tmp_path / "run", on="float", log=text)
    names = {name for name, _ in read("run", 0)[0]}
    assert "accuracy/average" in names
    assert not any(name.startswith(("writes", "energy")) for name in names)


def test_another_run_of_the_same_name(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="pip install 'cimlearn[tensorboard]'")
    text = f"tensorboard={tmp_path / 'log'}"
    _run(tmp_path / "a" / "run", log=text)
    with pytest.raises(InputError, match="holds the log of another run; name another folder"):
        _run(tmp_path / "b" / "run", settings={**SETTINGS, "network.hidden": 13}, log=text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wandb=x", "unknown logger 'wandb'"),
        ("tensorboard", "needs a place; for example tensorboard=logs"),
        ("mlflow=", "needs a place; for example mlflow=sqlite"),
    ],
)
def test_bad_names(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        _run(tmp_path / "run", log=text)
    assert not (tmp_path / "run").exists()


def test_stores_that_refuse(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="pip install 'cimlearn[mlflow]'")
    with pytest.raises(InputError, match="give a database"):
        opened("mlflow=nonsense://x")


@pytest.mark.parametrize(
    ("kind", "package"),
    [("tensorboard", "tensorboard.summary.writer.event_file_writer"), ("mlflow", "mlflow.tracking")],
)
def test_a_missing_package_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"cimlearn.loggers.{kind}", raising=False)
    with pytest.raises(InputError, match=re.escape(install(kind))):
        opened(f"{kind}=somewhere")


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and says nothing; with the times that the program sets it is given up after 10 s."""
    mlflow = pytest.importorskip("cimlearn.loggers.mlflow")
    waits = {key: float(value) for key, value in mlflow.PATIENCE.items()}
    tries = 1 + waits["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    assert tries * waits["MLFLOW_HTTP_REQUEST_TIMEOUT"] + waits["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] <= 10
    for name in mlflow.PATIENCE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(mlflow.PATIENCE, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setitem(mlflow.PATIENCE, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("no_proxy", "*")
        with pytest.raises(InputError, match="what the run wrote is intact"):
            opened(f"mlflow=http://127.0.0.1:{deaf.getsockname()[1]}")
    for name in mlflow.PATIENCE:
        monkeypatch.delenv(name, raising=False)
