"""The folder of one seed: its records, and one state file from which it goes on exactly.

`state.safetensors` alone says where the seed stands: the chip's tensors, and in the file's metadata the
position, the number of records and the chip's plain values. It is replaced in one step. A record is written
before the state that counts it, so after a kill there may be one record too many, which `restore` drops.
`state.json` is that metadata for people; nothing reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from cimlearn.chips.base import Chip
from cimlearn.errors import InputError
from cimlearn.runfolder.files import FORMAT, to_json, write_atomic, write_json

_KEY = "cimlearn"


class Position(NamedTuple):
    """Where a seed stands in its stream."""

    task: int  # task being learned; the number of tasks if all are done
    example: int  # examples of that task already learned
    records: int  # records written


class SeedFolder:
    """RUN/seed-N: `append` a record, `save` a state, `restore` a chip from both."""

    def __init__(self, run: Path, seed: int) -> None:
        self.folder = run / f"seed-{seed}"
        self.seed = seed
        self._state = self.folder / "state.safetensors"
        self._records = self.folder / "records.jsonl"

    def position(self) -> Position:
        """Where the last saved state stands; the start if there is none."""
        if not self._state.exists():
            return Position(0, 0, 0)
        header = self._read()[1]
        return Position(header["task"], header["example"], header["records"])

    def lines(self) -> bytes:
        """The records as they stand in the file."""
        return self._records.read_bytes() if self._records.exists() else b""

    def append(self, record: dict[str, Any]) -> None:
        """Add one record."""
        self.folder.mkdir(exist_ok=True)
        write_atomic(self._records, self.lines() + to_json(record).encode() + b"\n")

    def save(self, chip: Chip, position: Position) -> None:
        """Write the state of `chip`, which stands at `position`."""
        self.folder.mkdir(exist_ok=True)
        tensors, values = chip.state()
        tensors = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
        header = {"format": FORMAT, "seed": self.seed, **position._asdict(), "values": values}
        write_atomic(self._state, safetensors.numpy.save(tensors, metadata={_KEY: to_json(header)}))
        shapes = {name: f"{t.dtype} {list(t.shape)}" for name, t in sorted(tensors.items())}
        write_json(self.folder / "state.json", {**header, "tensors": shapes})

    def restore(self, chip: Chip) -> Position:
        """Load the last state into `chip`, drop records that it does not count, and say where it stands."""
        position = self.position()
        lines = self.lines().splitlines(keepends=True)
        if len(lines) < position.records:
            raise InputError(
                f"{self._records} is damaged: {len(lines)} of {position.records} records; start a new run"
            )
        if len(lines) > position.records:
            write_atomic(self._records, b"".join(lines[: position.records]))
        if self._state.exists():
            tensors, header = self._read(tensors=True)
            chip.load(tensors, header["values"])
        return position

    def load(self, chip: Chip) -> Position:
        """Load the last state into `chip` and say where it stands; nothing is written.

        Raises
        ------
        InputError
            If nothing was saved, or it is damaged.
        """
        if not self._state.exists():
            raise InputError(f"{self._state} is missing: this seed saved nothing; run it first")
        tensors, header = self._read(tensors=True)
        chip.load(tensors, header["values"])
        return Position(header["task"], header["example"], header["records"])

    def _read(self, *, tensors: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
        """The tensors (if asked for) and the header of the state file."""
        try:
            with safetensors.safe_open(self._state, "numpy") as file:
                header = json.loads(file.metadata()[_KEY])
                names = file.keys() if tensors else ()
                return {name: np.array(file.get_tensor(name)) for name in names}, header
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self._state} is damaged ({error}); start a new run") from None
