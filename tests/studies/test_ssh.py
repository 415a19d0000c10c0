"""A study on a cluster whose scheduler and worker are reached by SSH, through a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import servers

from cimlearn.studies.run import run_study
from cimlearn.studies.study import load
from cimlearn.studies.workers.here import Here

pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
pytest.importorskip("distributed", reason="needs Dask (the extra 'study')")
HELPERS = Path(__file__).parents[1] / "helpers"
STUDY = 'name = "s"\nchip = "toy"\nseeds = 2\n[stream]\nname = "blobs"\nexamples = 300\n'
SLOW = 120.0  # seconds


@pytest.mark.usefixtures("toys")
def test_a_study_over_ssh(tmp_path: Path) -> None:
    study, out = tmp_path / "s.toml", tmp_path / "out"
    study.write_text(STUDY)
    run_study(load(study), tmp_path / "whole", on=Here())
    with servers.sshd() as (port, key):
        command = [sys.executable, str(HELPERS / "clusters.py"), "ssh", str(tmp_path), str(port), str(key)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
            assert cluster.stdin is not None and cluster.stdout is not None
            address = cluster.stdout.readline().strip()
            assert address.startswith("tcp://127.0.0.1:")
            words = ["sweep", str(study), "--out", str(out), "--scheduler", address]
            ended = subprocess.run(
                [sys.executable, str(HELPERS / "toy.py"), *words], capture_output=True, text=True,
                timeout=SLOW, env=dict(os.environ),
            )  # fmt: skip
            cluster.stdin.close()
            assert cluster.wait(SLOW) == 0
    assert ended.returncode == 0, ended.stderr
    for file in ("results.parquet", "runs/toy,seed=0/records.jsonl", "runs/toy,seed=1/records.jsonl"):
        assert (out / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
