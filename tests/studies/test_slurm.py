"""A study on a real Slurm, by dask-jobqueue: a job is cancelled, another goes on, the results are the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import servers

from cimlearn.studies.run import run_study
from cimlearn.studies.study import load
from cimlearn.studies.workers.here import Here

pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
HELPERS = Path(__file__).parents[1] / "helpers"
STUDY = 'name = "s"\nchip = "toy"\nseeds = 2\n[stream]\nname = "blobs"\ntasks = 4\nexamples = 1600\n'
SLOW = 120.0  # seconds


@pytest.mark.usefixtures("toys")
def test_a_study_on_slurm_whose_job_is_cancelled(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue", reason="no Slurm here: dask-jobqueue is missing")
    study, out = tmp_path / "s.toml", tmp_path / "out"
    study.write_text(STUDY)
    run_study(load(study), tmp_path / "whole", on=Here())
    with servers.slurm() as slurm:
        environment = {**slurm, "TOY_PAUSE": "0.1", "TOY_CHECKPOINT": "0"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
        jobs = subprocess.Popen(
            [sys.executable, str(HELPERS / "clusters.py"), "slurm", str(tmp_path)], **pipes
        )
        with jobs:
            address = jobs.stdout.readline().strip()
            assert address.startswith("tcp://127.0.0.1:")
            words = [
                "sweep",
                str(study),
                "--out",
                str(out),
                "--scheduler",
                address,
                "--states",
                str(tmp_path / "kept"),
            ]
            sweep = subprocess.Popen(
                [sys.executable, str(HELPERS / "toy.py"), *words],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
            )  # fmt: skip
            with sweep:
                end = time.monotonic() + SLOW
                while not list(tmp_path.glob("kept/*/seed-*/state.safetensors")) and time.monotonic() < end:
                    time.sleep(0.02)
                running = queue(slurm)
                subprocess.run(["scancel", running[0]], env=environment, check=True)
                said = sweep.communicate(timeout=SLOW)[0]
            cancelled = queue(slurm, "cancelled")
            jobs.stdin.close()
            assert jobs.wait(SLOW) == 0
    assert sweep.returncode == 0, said
    assert "again" not in said
    assert cancelled == running[:1]
    for file in ("results.parquet", "runs/toy,seed=0/records.jsonl", "runs/toy,seed=1/records.jsonl"):
        assert (out / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not list((tmp_path / "kept").iterdir())


def queue(slurm: os._Environ[str] | dict[str, str], state: str = "running") -> list[str]:
    """Numbers of the jobs."""
    asked = ["squeue", "--noheader", "--format=%i", f"--states={state}"]
    return subprocess.run(asked, env=slurm, capture_output=True, text=True, check=True).stdout.split()
