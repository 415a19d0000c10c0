"""The trials of a search in an Optuna storage: a SQLite file in the study's folder, or any database by its URL.

Several searches, on one machine or many, may share a storage and a folder. A trial belongs to the search that runs it;
when that one has died, the next that looks takes it over.
"""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.runfolder.files import write_atomic
from cimlearn.studies.search.backend import optuna, quiet
from cimlearn.studies.search.goals import told
from cimlearn.studies.search.lease import Lease
from cimlearn.studies.search.sampler import Seeded
from cimlearn.studies.search.table import Search

FILE: Final = "search.db"
FOLDER: Final = "search"  # in the study's: locks, and the number that joins folder and storage
_WAIT = 60.0  # seconds for a database file that another search is writing
State = optuna.trial.TrialState


class Store:
    """The trials of one search. Made by `opened`."""

    def __init__(self, search: Search, study: optuna.Study, lease: Lease) -> None:
        self._search, self._study, self._lease = search, study, lease

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials so far, by number."""
        return self._study.get_trials(deepcopy=False)

    def take(self) -> tuple[int, dict[str, Any]] | None:
        """The number of a trial that is to be run, with its parameters; None if none is left.

        A trial whose search has died comes before new ones.
        """
        with self._lease.alone():
            trial = self._left_behind() or self._new()
            if trial is None:
                return None
            chosen = {dimension.name: dimension.suggest(trial) for dimension in self._search.space}
            trial.set_user_attr("lease", self._lease.name)
            return trial.number, chosen

    def note(self, number: int, **facts: Any) -> None:
        """Remember facts of a running trial."""
        trial = self._trial(number)
        for name, value in facts.items():
            trial.set_user_attr(name, value)

    def limit(self, number: int, broken: Mapping[str, float]) -> None:
        """Tell the sampler how far a trial is from its limits (above 0: broken)."""
        trial = self._trial(number)
        for name, value in broken.items():
            if name not in trial.constraints:
                trial.set_constraint(name, max(-1.0, value))

    def finish(self, number: int, row: Mapping[str, Any]) -> None:
        """The trial has the objectives in `row`."""
        self._study.tell(number, told(row, self._search.objectives), skip_if_finished=True)

    def prune(self, number: int) -> None:
        """The trial was not worth its end."""
        self._study.tell(number, state=State.PRUNED, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """The trial can't be run."""
        self._study.tell(number, state=State.FAIL, skip_if_finished=True)

    def _left_behind(self) -> optuna.Trial | None:
        """The first running trial whose search is dead."""
        for frozen in self._study.get_trials(deepcopy=False, states=(State.RUNNING,)):
            if not self._lease.alive(frozen.user_attrs.get("lease")):
                return optuna.Trial(self._study, frozen._trial_id)
        return None

    def _new(self) -> optuna.Trial | None:
        """A new trial, if there are fewer than wanted."""
        if len(self.trials()) >= self._search.trials:
            return None
        trial = self._study.ask()
        if trial.number >= self._search.trials:  # another machine was faster, on a disk without locks
            self.fail(trial.number)
            return None
        return trial

    def _trial(self, number: int) -> optuna.Trial:
        """A trial by its number."""
        return optuna.Trial(self._study, self.trials()[number]._trial_id)


@contextmanager
def opened(search: Search, folder: Path) -> Iterator[Store]:
    """The trials of `search`, whose runs are in `folder`.

    Raises
    ------
    InputError
        If the storage can't be opened or breaks down, or holds another search under this name.
    """
    url = search.storage or f"sqlite:///{(folder / FILE).resolve()}"
    try:
        with quiet(), Lease(folder / FOLDER) as lease, ExitStack() as stack:
            with lease.alone():  # two that make the same tables are in each other's way
                study = _study(search, stack.enter_context(_storage(url)))
                _check(search, study, folder, url)
            yield Store(search, study, lease)
    except optuna.exceptions.StorageInternalError as error:
        raise InputError(
            f"the storage {_shown(url)} failed ({_line(error.__cause__ or error)}); the same command goes on"
        ) from None


@contextmanager
def _storage(url: str) -> Iterator[optuna.storages.RDBStorage]:
    """The storage at `url`."""
    more = {"connect_args": {"timeout": _WAIT}} if url.startswith("sqlite") else {}
    try:
        storage = optuna.storages.RDBStorage(url, engine_kwargs=more)
    except Exception as error:  # whatever a database's driver raises
        raise InputError(
            f"can't open the storage {_shown(url)} ({_line(error)}); "
            "give a URL such as sqlite:///FILE or postgresql://USER@HOST/DATABASE, and install its driver"
        ) from None
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _study(search: Search, storage: optuna.storages.RDBStorage) -> optuna.Study:
    """The search in the storage, made if it isn't there."""
    return optuna.create_study(
        study_name=search.study.name,
        storage=storage,
        sampler=Seeded(search.sampler, search.seed),
        pruner=optuna.pruners.NopPruner(),
        directions=["maximize" if up else "minimize" for up in search.goals.values()],
        load_if_exists=True,
    )


def _check(search: Search, study: optuna.Study, folder: Path, url: str) -> None:
    """Claim a new search for `folder`. Raises InputError for one of another folder or file."""
    file = folder / FOLDER / "id"
    if not file.exists():
        write_atomic(file, uuid.uuid4().hex.encode())
    told_before = study.user_attrs
    if "search" not in told_before:
        study.set_user_attr("folder", file.read_text())
        study.set_user_attr("search", search.described())
        with warnings.catch_warnings():  # for other tools that show the storage
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(search.objectives))
        return
    name = search.study.name
    if told_before["folder"] != file.read_text():
        raise InputError(
            f"{_shown(url)} holds a search {name} of another folder than {folder}; give this one another name, "
            "or share the folder between machines"
        )
    before, now = told_before["search"], search.described()
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key, "not searched"), now.get(key, "not searched")
        if old != new:
            raise InputError(
                f"the search {name} in {_shown(url)} has {key}: {old}; the study now has {new}; "
                "restore it, or give the study another name"
            )


def _shown(url: str) -> str:
    """A URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def _line(error: BaseException) -> str:
    """The first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
