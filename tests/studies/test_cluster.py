"""A Dask cluster that isn't there, or isn't the right one: one line each. test_sweep_faults.py runs on a real one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cimlearn import cli
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.studies.workers import cluster
from cimlearn.studies.workers.base import experiment_of, plain

distributed = pytest.importorskip("distributed", reason="needs Dask (the extra 'study')")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9 (no answer within 0.5 s); give the"),
        ("nowhere", "no Dask scheduler answers at nowhere (missing port number"),
    ],
)  # fmt: skip
def test_no_scheduler(address: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT", 0.5)
    with pytest.raises(InputError) as caught:
        cluster.DaskWorkers(address)
    assert str(caught.value).startswith(message)


def test_a_worker_with_other_sources_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from cimlearn.studies.workers import attempt, remote

    monkeypatch.setattr(distributed, "get_worker", lambda: SimpleNamespace(address="tcp://there:1"))
    said = remote.work(json.dumps({"name": "a"}), "another")
    assert said == {"name": "a", "other": f"{attempt.code()} on the worker tcp://there:1"}


def test_an_experiment_travels_as_plain_data() -> None:
    before = Experiment(
        "m2ru", "permuted-digits", "float", (3, 5), {"network.hidden": 9, "cell.endurance": None}
    )
    assert experiment_of(json.loads(json.dumps(plain(before)))) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scheduler", "a:1", "--workers", "2"], "both --scheduler and --workers"),
        (["--workers", "0"], "--workers 0: give a whole number from 1 on"),
        (["--timeout", "-1"], "--timeout -1: give seconds above 0"),
    ],
)
def test_wrong_command_lines(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.toml").write_text('chip = "m2ru"\nstream = "permuted-digits"\n')
    assert cli.main(["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_tls_is_for_those_with_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    pytest.importorskip("cryptography", reason="makes the certificates")
    security = distributed.Security.temporary()
    files = {}
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        files[name] = tmp_path / name
        files[name].write_text(getattr(security, name))
    monkeypatch.setattr(cluster, "_CONNECT", 5.0)
    with distributed.LocalCluster(
        n_workers=0, host="127.0.0.1", protocol="tls", security=security, dashboard_address="127.0.0.1:0"
    ) as there:
        assert there.scheduler_address.startswith("tls://127.0.0.1:")
        tls = "distributed.comm.tls."
        given = {
            f"{tls}ca-file": str(files["tls_ca_file"]),
            f"{tls}client.cert": str(files["tls_client_cert"]),
            f"{tls}client.key": str(files["tls_client_key"]),
        }
        with dask.config.set(given):  # what ~/.config/dask/*.yaml says
            workers = cluster.DaskWorkers(there.scheduler_address)
            assert workers.count == 0
            workers.close()
        for address in (there.scheduler_address, there.scheduler_address.replace("tls:", "tcp:")):
            with pytest.raises(InputError, match=r"^no Dask scheduler answers at .*8786$"):
                cluster.DaskWorkers(address)


def test_states_need_a_cluster_and_a_whole_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text('chip = "m2ru"\nstream = "permuted-digits"\n')
    sweep = ["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), "--states"]
    for words, message in (
        ([str(tmp_path)], "--states is for workers of a --scheduler"),
        (["states", "--scheduler", "tcp://127.0.0.1:9"], "--states states: give a whole path"),
    ):
        assert cli.main([*sweep, *words]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
