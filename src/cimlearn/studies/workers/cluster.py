"""The workers of a Dask cluster that is already there.

Dask itself runs a job again on another worker when one dies, which goes on from the last state (carried.py). What it
gives up (a job whose workers died four times) and what takes too long comes back as lost. Runs return over the network,
so no folder needs to be shared.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from cimlearn._version import __version__
from cimlearn.compiled import STRICTLY
from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.studies.workers.attempt import code
from cimlearn.studies.workers.base import Ended, Job, Lost, plain
from cimlearn.studies.workers.carried import MOST, place_of
from cimlearn.studies.workers.remote import TOPIC

_CONNECT = 10.0  # seconds
_LOOK = 0.5  # seconds between looks at the clock and the scheduler
_RESTART = 30.0  # seconds that a worker may take to start again
_TIDY = 10.0  # seconds for workers to remove what they kept of finished runs

# Text, since a worker without cimlearn dies of a function that it can't import; this way it says what is missing.
_CALL = "__import__('cimlearn.studies.workers.remote', fromlist=['work']).work(line, code)"
_FORGET = "__import__('cimlearn.studies.workers.remote', fromlist=['forget']).forget(line)"


@dataclass
class _Sent:
    """A job that the cluster has had, and how far it has come."""

    line: str  # as it travels
    place: str  # where its states are kept
    far: int | None = None  # the farthest state: examples and records
    before: int = 0  # where that was when the job was lost, or at its first begin
    large: int = 0  # bytes of a state that the scheduler was too small for

    def reaches(self, far: int) -> None:
        """A worker has saved a state, or has begun from one."""
        if self.far is None:
            self.before = far
        self.far = max(far, self.far or 0)

    def further(self) -> bool:
        """Whether there is a farther state than when this was asked last."""
        before, self.before = self.before, self.far or 0
        return self.before > before


class DaskWorkers:
    """All workers of the scheduler at `address`; `limit` [s] is the longest that one attempt may take.

    `states` is a folder that all workers share, in which they keep the states of runs; None: the scheduler keeps them.
    """

    def __init__(self, address: str, limit: float | None = None, states: str | None = None) -> None:
        if states is not None and not Path(states).is_absolute():
            raise InputError(
                f"--states {states}: give a whole path, such as /shared/states, that all workers have"
            )
        self._address, self._limit, self._states = address, limit, states
        self._distributed = _distributed()
        self._client = _connect(self._distributed, address)
        self._numbers = itertools.count()
        self._jobs: dict[str, tuple[str, Any]] = {}  # key -> name of the job, future
        self._done: SimpleQueue[str] = SimpleQueue()
        self._begun: dict[str, tuple[float, str]] = {}  # key -> when, on which worker
        self._sent: dict[str, _Sent] = {}  # by the name of the job
        self._tidying: list[Any] = []  # futures
        self._client.subscribe_topic(TOPIC, self._note)

    @property
    def count(self) -> int:
        """Workers that are there now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def submit(self, job: Job) -> None:
        """Take a job, under a key that no earlier attempt had."""
        key = f"{job.name}-{self._client.id}-{next(self._numbers)}"
        if job.name not in self._sent:
            told, states = plain(job.experiment), self._states
            place = place_of(job.folder, told)
            line = json.dumps({"name": job.name, "experiment": told, "states": states, "place": place})
            self._sent[job.name] = _Sent(line, place)
        words = {"line": self._sent[job.name].line, "code": code()}
        future = self._client.submit(eval, _CALL, words, key=key, pure=False)
        self._jobs[key] = (job.name, future)
        future.add_done_callback(lambda done: self._done.put(done.key))

    def next(self) -> Ended | Lost:
        """How one job ended."""
        while True:
            with suppress(Empty):
                key = self._done.get(timeout=_LOOK)
                if key in self._jobs:  # else it was given up before
                    return self._answer(key)
            if self._client.status != "running":
                raise self._gone()
            for key, (since, worker) in list(self._begun.items()):
                if key in self._jobs and self._limit is not None and time.monotonic() - since > self._limit:
                    return self._give_up(key, worker)

    def close(self) -> None:
        """Cancel what is running (a worker stops at its next chunk of examples) and leave the cluster."""
        with suppress(Exception):
            if self._client.status == "running":
                self._client.cancel([future for _, future in self._jobs.values()], force=True)
                if self._tidying:
                    self._distributed.wait(self._tidying, timeout=_TIDY)
        self._jobs.clear()
        with suppress(Exception):
            self._client.close(timeout=_CONNECT)

    async def _note(self, event: tuple[float, Any]) -> None:
        """Remember when a job was begun, and by whom (a later beginning replaces an earlier one), and how far it is."""
        said = event[1]
        if (job := self._jobs.get(said["key"])) is None:
            return
        sent = self._sent[job[0]]
        if "far" in said:
            sent.reaches(said["far"])
        elif "large" in said:
            sent.large = said["large"]
        else:
            self._begun[said["key"]] = (time.monotonic(), said["worker"])

    def _answer(self, key: str) -> Ended | Lost:
        """What came of a job."""
        name, future = self._jobs.pop(key)
        self._begun.pop(key, None)
        try:
            said = future.result(timeout=_RESTART)
        except self._distributed.scheduler.KilledWorker:
            return self._lost(name, "its workers died again and again")
        except (self._distributed.client.FutureCancelledError, TimeoutError, OSError):
            if self._client.status != "running":
                raise self._gone() from None
            return self._lost(name, "the cluster lost it")
        except Exception as error:
            raise InputError(
                f"the workers at {self._address} can't run cimlearn ({type(error).__name__}: {_line(error)}); "
                f"install cimlearn {__version__} there, the same sources as here"
            ) from None
        finally:
            future.release()
        if "other" in said:
            raise InputError(
                f"the sources of cimlearn are {code()} here, but {said['other']}; "
                f"install the same cimlearn {__version__} on all machines (-strict: set {STRICTLY}=1 on all, or none)"
            )
        if "busy" in said:
            return Lost(name, said["busy"])
        self._tidy(self._sent.pop(name))
        return Ended(name, said.get("reason"), said.get("files"))

    def _lost(self, name: str, reason: str) -> Lost:
        """A job that was lost: whether it goes on from further than before, and if it can't, why."""
        sent = self._sent[name]
        if sent.large:
            reason += (
                f"; its state of {sent.large:,} bytes is too large for the scheduler to keep ({MOST:,}): "
                "name a folder that all workers share with --states"
            )
        return Lost(name, reason, further=sent.further())

    def _tidy(self, sent: _Sent) -> None:
        """Have the states of a run removed that has ended."""
        with suppress(Exception):
            if self._states is None:
                self._client.unpublish_dataset(sent.place)
            else:
                self._tidying = [future for future in self._tidying if not future.done()]
                self._tidying.append(self._client.submit(eval, _FORGET, {"line": sent.line}, pure=False))

    def _give_up(self, key: str, worker: str) -> Lost:
        """Stop waiting for a job and have its worker started anew, which only workers with a nanny can."""
        name, future = self._jobs.pop(key)
        self._begun.pop(key)
        future.cancel(force=True)
        threading.Thread(target=self._restart, args=(worker,), daemon=True).start()
        return Lost(name, f"took longer than {self._limit:g} s")

    def _restart(self, worker: str) -> None:
        """Start a worker anew, if possible."""
        with suppress(Exception):
            self._client.restart_workers([worker], timeout=_RESTART, raise_for_error=False)

    def _gone(self) -> InputError:
        """The error of a scheduler that has gone."""
        return InputError(
            f"lost the scheduler at {self._address}; start it again, then call the same command again"
        )


def _distributed() -> Any:
    """The package `distributed`."""
    try:
        import distributed
        import distributed.client
        import distributed.core
        import distributed.scheduler
    except ImportError:
        raise InputError(
            f"--scheduler needs the package distributed; install it: {install('study')}"
        ) from None
    return distributed


def _connect(distributed: Any, address: str) -> Any:
    """A client of the scheduler at `address`."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # this module says what is wrong, in one line
    try:
        with ThreadPoolExecutor(1) as pool:  # a notebook's thread has a loop of its own
            kind = pool.submit(asyncio.run, _kind(distributed, address)).result()
        if kind != "Scheduler":
            raise OSError(f"a Dask {kind}, not a scheduler")
        return distributed.Client(address, timeout=_CONNECT, set_as_default=False, name="cimlearn")
    except Exception as error:  # what answers may be anything
        raise InputError(
            f"no Dask scheduler answers at {address} ({_line(error)}); "
            "give the address that `dask scheduler` prints, such as tcp://127.0.0.1:8786"
        ) from None


async def _kind(distributed: Any, address: str) -> str:
    """What answers at `address`; asked first, because a client takes long to give up."""
    arguments = distributed.Security().get_connection_args("client")
    asked = distributed.core.rpc(address, connection_args=arguments, timeout=_CONNECT)
    try:
        async with asyncio.timeout(_CONNECT):
            return str((await asked.identity())["type"])
    finally:
        await asked.close_rpc()


def _line(error: BaseException) -> str:
    """The first line of an error's text."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_CONNECT:g} s"
    return (str(error).strip() or type(error).__name__).splitlines()[0]
