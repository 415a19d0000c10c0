"""What a Dask worker does with a job: run it in a folder of its own, and send the finished run back.

Nothing is written into the study's folder here, so a worker that was given up and comes back late harms nothing. A
worker may live shorter than a run takes: what it saved is kept elsewhere (carried.py), and the next one goes on.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.runfolder.files import Busy
from cimlearn.studies.workers import carried
from cimlearn.studies.workers.attempt import Unwanted, attempt, code, one_thread
from cimlearn.studies.workers.base import experiment_of

FILES: Final = ("run.json", "records.jsonl", "timing.json")  # of a finished run; states stay behind
TOPIC: Final = "cimlearn"  # where workers say what they begin, and how far they are


def work(line: str, expected: str) -> dict[str, Any]:
    """Do the job in `line` (JSON). `expected` is the digest of the sources that the sweep runs on.

    The answer has `name` and one of: `files` (name -> text), `reason`, `busy` (who has it), `other` (the digest of
    other sources).

    Raises
    ------
    Reschedule
        If this worker is to end before the run does: another one goes on.
    """
    from distributed import Reschedule, get_worker
    from distributed.worker import thread_state

    job = json.loads(line)
    if code() != expected:
        return {"name": job["name"], "other": f"{code()} on the worker {get_worker().address}"}
    worker, key = get_worker(), thread_state.key
    one_thread()

    def tell(**said: Any) -> None:
        with suppress(Exception):  # a worker on its way out has nobody to tell
            worker.log_event(TOPIC, {"key": key, "worker": worker.address, **said})

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled" and worker.status.name in ("running", "paused")

    tell()
    try:
        done = _in_shared if job["states"] is not None else _in_scratch
        return {"name": job["name"], **done(job, worker, tell, wanted)}
    except Busy as error:
        return {"name": job["name"], "busy": str(error)}
    except InputError as error:
        return {"name": job["name"], "reason": str(error)}
    except Unwanted:
        raise Reschedule from None


def forget(line: str) -> None:
    """Remove what was kept of the finished run in `line` (JSON) in a shared folder."""
    job = json.loads(line)
    carried.forget(job["states"], job["place"])


def _in_shared(job: Mapping[str, Any], worker: Any, tell: Any, wanted: Callable[[], bool]) -> dict[str, Any]:
    """Run, or go on, in the folder that all workers share."""

    def saved(far: int) -> None:
        tell(far=far)

    with carried.shared(job["states"], job["place"], wanted) as folder:
        return _run(job, folder, carried.Watch(folder, saved, saved), wanted)


def _in_scratch(job: Mapping[str, Any], worker: Any, tell: Any, wanted: Callable[[], bool]) -> dict[str, Any]:
    """Run in a folder of this worker; the scheduler keeps the states, if they aren't too large."""
    from distributed import get_client

    client, place = get_client(), job["place"]

    def begun(far: int) -> None:
        tell(far=far)

    def saved(far: int) -> None:
        files = carried.packed(folder)
        size = sum(len(content) for content in files.values())
        if size > carried.MOST:
            tell(large=size)
            return
        with suppress(Exception):  # the scheduler may be gone, or this worker on its way
            client.publish_dataset(files, name=place, override=True)
            tell(far=far)

    with tempfile.TemporaryDirectory(prefix="cimlearn-", dir=worker.local_directory) as scratch:
        folder = Path(scratch) / "run"
        if (files := client.get_dataset(place, default=None)) is not None:
            carried.unpack(files, folder)
        return _run(job, folder, carried.Watch(folder, begun, saved), wanted)


def _run(
    job: Mapping[str, Any], folder: Path, watch: carried.Watch, wanted: Callable[[], bool]
) -> dict[str, Any]:
    """The finished run's files, or the reason why there are none."""
    try:
        reason = attempt(experiment_of(job["experiment"]), folder, wanted, told=watch)
    except Unwanted:
        watch.look()  # it was saved as it stopped
        raise
    if reason is not None:
        return {"reason": reason}
    return {"files": {name: (folder / name).read_text("utf-8") for name in FILES}}
