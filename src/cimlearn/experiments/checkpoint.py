"""The folder of one seed: its records, and one state file from which it goes on exactly.

`state.safetensors` alone says where the seed stands: the chip's tensors, and in the file's metadata the
position, the number of records, the chip's plain values and a digest of all. It is replaced in one step; the one before
stays as `state.previous.safetensors`. A record is written before the state that counts it, so after a kill there may
be one record too many, which `restore` drops. `state.json` is that metadata for people; nothing reads it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cimlearn.chips.base import Chip
from cimlearn.errors import InputError
from cimlearn.runfolder import seals
from cimlearn.runfolder.files import FORMAT, read_json, sealed, to_json, write_atomic, write_json
from cimlearn.runfolder.schema import first
from cimlearn.untrusted.files import read_bytes
from cimlearn.untrusted.limits import most_bytes
from cimlearn.untrusted.tensors import open_tensors
from cimlearn.untrusted.text import parse_json

_KEY = "cimlearn"
Tensors = dict[str, NDArray[Any]]


class Position(NamedTuple):
    """Where a seed stands in its stream."""

    task: int  # task being learned; the number of tasks if all are done
    example: int  # examples of that task already learned
    records: int  # records written


class _Header(BaseModel):
    """The metadata of a state file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal[1]
    seed: int
    task: int = Field(ge=0)
    example: int = Field(ge=0)
    records: int = Field(ge=0)
    values: dict[str, Any]
    digest: str | None = None

    @property
    def position(self) -> Position:
        return Position(self.task, self.example, self.records)


class SeedFolder:
    """RUN/seed-N: `append` a record, `save` a state, `restore` a chip from both."""

    def __init__(self, run: Path, seed: int) -> None:
        self.run, self.seed = run, seed
        self.folder = run / f"seed-{seed}"
        self._state = self.folder / "state.safetensors"
        self._before = self.folder / "state.previous.safetensors"
        self._records = self.folder / "records.jsonl"

    @cached_property
    def _sealed(self) -> bool:
        """Whether records and states must have digests."""
        file = self.run / "run.json"
        return file.exists() and sealed(read_json(file))

    def position(self) -> Position:
        """Where the last saved state stands; the start if there is none.

        Raises
        ------
        InputError
            If the state or a record that it counts is damaged; the last good one is named.
        """
        return self._checked()[0]

    def settle(self) -> Position:
        """Drop records that the last state does not count, and say where it stands."""
        position, lines, _ = self._checked()
        if len(lines) > position.records:
            write_atomic(self._records, b"".join(lines[: position.records]))
        return position

    def lines(self) -> bytes:
        """The records as they stand in the file."""
        return read_bytes(self._records, most_bytes()) if self._records.exists() else b""

    def append(self, record: dict[str, Any]) -> None:
        """Add one record."""
        self.folder.mkdir(exist_ok=True)
        write_atomic(self._records, self.lines() + seals.sealed_line(to_json(record)))

    def save(self, chip: Chip, position: Position) -> None:
        """Write the state of `chip`, which stands at `position`."""
        self.folder.mkdir(exist_ok=True)
        tensors, values = chip.state()
        tensors = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
        plain = parse_json(to_json(values), "the chip's state")  # as it is read back
        header = {"format": FORMAT, "seed": self.seed, **position._asdict(), "values": plain}
        header[seals.DIGEST] = seals.of_state(header, tensors)
        self._keep()
        write_atomic(self._state, safetensors.numpy.save(tensors, metadata={_KEY: to_json(header)}))
        shapes = {name: f"{t.dtype} {list(t.shape)}" for name, t in sorted(tensors.items())}
        write_json(self.folder / "state.json", {**header, "tensors": shapes})

    def _keep(self) -> None:
        """Keep the state that is about to be replaced, without a copy; where there are no hard links, don't."""
        if self._state.exists():
            temporary = self.folder / f".{self._before.name}.{os.getpid()}-{self.seed}.tmp"
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
                os.link(self._state, temporary)
                os.replace(temporary, self._before)

    def restore(self, chip: Chip) -> Position:
        """Load the last state into `chip`, drop records that it does not count, and say where it stands."""
        position, lines, state = self._checked()
        if len(lines) > position.records:
            write_atomic(self._records, b"".join(lines[: position.records]))
        if state is not None:
            try:
                chip.load(*state)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise self._damaged(self._state, f"the chip can't take it: {error}") from None
        return position

    def load(self, chip: Chip) -> Position:
        """Load the last state into `chip` and say where it stands; nothing is written.

        Raises
        ------
        InputError
            If nothing was saved, or it is damaged.
        """
        position, _, state = self._checked()
        if state is None:
            raise InputError(f"{self._state} is missing: this seed saved nothing; run it first")
        chip.load(*state)
        return position

    def _checked(self) -> tuple[Position, list[bytes], tuple[Tensors, dict[str, Any]] | None]:
        """Position, all lines of records, and tensors and values of the state; everything that counts is sound."""
        lines = self.lines().splitlines(keepends=True)
        if not self._state.exists():
            return Position(0, 0, 0), lines, None
        try:
            tensors, header = self._read(self._state)
        except InputError as error:
            raise self._damaged(self._state, str(error).split("; restore")[0]) from None
        if len(lines) < header.records:
            raise InputError(
                f"{self._records} is damaged: {len(lines)} of {header.records} records; start a new run"
            )
        for number, line in enumerate(lines[: header.records]):
            self._check_line(line, number)
        return header.position, lines, (tensors, header.values)

    def _check_line(self, line: bytes, number: int) -> None:
        try:
            record = seals.opened_line(line, "it", must=self._sealed)
            if not isinstance(record, dict) or (record.get("seed"), record.get("task")) != (
                self.seed,
                number,
            ):
                raise ValueError(f"it is not the record of task {number} of seed {self.seed}")
        except ValueError as error:
            good = f"the last good record is line {number}; " if number else ""
            raise InputError(
                f"{self._records}: line {number + 1} is broken ({error}); {good}{self.run / 'records.jsonl'} "
                "holds the same lines: copy them from there, or start a new run"
            ) from None

    def _read(self, file: Path) -> tuple[Tensors, _Header]:
        """Tensors and header of a state file; InputError if it isn't what was written."""
        tensors, said = open_tensors(file, _content)
        if not said or _KEY not in said:
            raise InputError(f"it is no state: it has no header '{_KEY}'")
        plain = parse_json(said[_KEY], "its header")
        try:
            header = _Header.model_validate(plain)
        except ValidationError as error:
            raise InputError(f"its header is wrong: {first(error)}") from None
        if header.seed != self.seed or header.records != header.task:
            raise InputError(
                f"it is of seed {header.seed}, with {header.records} records of {header.task} tasks"
            )
        if header.digest is None and self._sealed:
            raise InputError("it has no digest")
        if header.digest is not None and header.digest != seals.of_state(plain, tensors):
            raise InputError("its digest is wrong")
        return tensors, header

    def _damaged(self, file: Path, why: str) -> InputError:
        """The error of a state that is damaged, with the last good one."""
        with suppress(InputError):
            if self._before.exists():
                task, example, _ = self._read(self._before)[1].position
                return InputError(
                    f"{file} is damaged ({why}); the last good one is {self._before} (task {task}, example {example}): "
                    f"go on from it with: mv {self._before} {file}"
                )
        return InputError(
            f"{file} is damaged ({why}), and no earlier one is there; to learn seed {self.seed} again from its start, "
            f"remove {self.folder}"
        )


def _content(opened: Any) -> tuple[Tensors, dict[str, str] | None]:
    """Everything in an open state file."""
    names = list(opened.keys())
    return {name: np.array(opened.get_tensor(name)) for name in names}, opened.metadata()
