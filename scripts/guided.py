"""A coverage-guided fuzzer (atheris) on one reader at a time; any exception but the one error ends it with the input.

pip install atheris, beside cimlearn, then for each reader:
python scripts/guided.py npz CORPUS_FOLDER -max_total_time=3600

CORPUS_FOLDER is made, and begins with a good file; what libFuzzer finds worth keeping is added to it. -help=1 lists its
flags. A fault that it finds becomes an entry of tests/helpers/hostile.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["NUMBA_DISABLE_JIT"] = "1"  # instrumented code is not compiled
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import atheris

with atheris.instrument_imports(
    include=[
        "cimlearn.untrusted", "cimlearn.streams", "cimlearn.runfolder", "cimlearn.studies.study",
        "cimlearn.studies.axes", "cimlearn.experiments.file", "cimlearn.experiments.checkpoint",
        "cimlearn.parameters", "tomllib", "zipfile", "gzip", "csv",
    ],
    enable_loader_override=False,
):  # fmt: skip
    import fuzzing
    import hostile
    import stopped
    import toy

    from cimlearn.errors import InputError
    from cimlearn.experiments.checkpoint import SeedFolder
    from cimlearn.report.run.summary import summarise
    from cimlearn.runfolder.records import read_run

Use = Callable[[bytes], object]
LARGEST = 1 << 15  # bytes of an input
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", f"-max_len={LARGEST}")
FILES = {
    "npz": "a.npz", "columns": "columns.npz", "csv": "a.csv", "npy": "x_train.npy", "idx": "a.idx", "gzip": "a.idx.gz",
    "safetensors": "a.safetensors", "json": "a.json", "parquet": "a.parquet",
}  # fmt: skip
RUN = ("run.json", "records.jsonl", "timing.json", "state.safetensors")
READERS = (*FILES, "toml", "npz-member", *RUN)


def prepared(reader: str, scratch: Path) -> tuple[Use, list[bytes]]:
    """What uses an input as a user's command would, and the inputs to begin with."""
    good = fuzzing.good_files()
    if reader in FILES:
        file = scratch / FILES[reader]

        def as_file(content: bytes) -> object:
            file.write_bytes(content)
            return fuzzing.opened(file)

        return as_file, [good[FILES[reader]]]
    if reader == "toml":
        file = scratch / "a.toml"

        def as_toml(content: bytes) -> object:
            file.write_bytes(content)
            return fuzzing.used(file)

        return as_toml, [base.encode() for base in fuzzing.BASES]
    if reader == "npz-member":  # past the checksum of the archive

        def as_member(content: bytes) -> object:
            (scratch / "a.npz").write_bytes(hostile.good_npz(x_train=content))
            return fuzzing.opened(scratch / "a.npz")

        return as_member, [good["x_train.npy"]]
    return of_a_run(reader, scratch)


def of_a_run(name: str, scratch: Path) -> tuple[Use, list[bytes]]:
    """A file of a run folder. Digests would refuse nearly all inputs, so the folder is one of before there were any."""
    os.fsync = lambda handle: None  # type: ignore[assignment]
    for module, names in toy.REPLACED.items():
        for key, value in names.items():
            setattr(module, key, value)
    run, _ = stopped.stopped_run(scratch)
    unsealed(run)
    file = run / ("seed-0/" + name if name == "state.safetensors" else name)

    def as_run(content: bytes) -> object:
        file.write_bytes(content)
        if name == "state.safetensors":
            return SeedFolder(run, 0).position()
        return summarise(read_run(run))

    return as_run, [file.read_bytes()]


def unsealed(run: Path) -> None:
    """Take the digests out of run.json and of the records."""
    import json

    said = json.loads((run / "run.json").read_text())
    del said["digest"]
    (run / "run.json").write_text(json.dumps(said))
    for file in (run / "records.jsonl", *run.glob("seed-*/records.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line.pop("check", None)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def main() -> None:
    """Fuzz the reader that the command line names."""
    if len(sys.argv) < 3 or sys.argv[1] not in READERS:
        sys.exit(
            f"usage: python scripts/guided.py READER CORPUS_FOLDER [flags of libFuzzer]; readers: {', '.join(READERS)}"
        )
    reader, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.TemporaryDirectory(prefix="guided-")  # until libFuzzer ends the process
    use, begin = prepared(reader, Path(scratch.name))
    for number, content in enumerate(begin):
        (corpus / f"good-{number}").write_bytes(content)

    def one(content: bytes) -> None:
        try:
            use(content)
        except InputError as error:
            if not str(error) or not str(error).isprintable():
                raise

    atheris.Setup([sys.argv[0], *LIMITS, *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
