"""Random damage to everything that the program reads, and kills; each case must end in a result or in the one error.

fault   a traceback, more than 20 s, or a silent acceptance: something damaged that was used as if it weren't
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

LONGEST = 20  # seconds of a case
PATIENCE = int(
    os.environ.get("FUZZ_PATIENCE", "60")
)  # seconds for a process of a kill; more on a busy machine
Case = Callable[[random.Random, Path], str]  # does one case; answers 'refused' or 'accepted', or raises


class Fault(AssertionError):
    """Something that must not be."""


class Hang(BaseException):
    """A case took longer than LONGEST."""


@dataclass
class Tally:
    """What came of a campaign."""

    name: str
    tried: int = 0
    refused: int = 0
    accepted: int = 0
    longest: float = 0.0  # s
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.tried} tried, {self.refused} refused, {self.accepted} accepted, longest "
            f"{self.longest:.2f} s, {len(self.faults)} faults"
        )


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise Hang in the main thread after `seconds`."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def campaign(
    name: str,
    case: Case,
    scratch: Path,
    *,
    seed: int,
    count: int,
    until: float = float("inf"),
    longest: int = LONGEST,
) -> Tally:
    """Do `case` with the seeds seed, seed + 1, ... in `scratch`, `count` times or until the clock says so."""
    from cimlearn.errors import InputError

    tally = Tally(name)
    for number in range(seed, seed + count):
        if time.monotonic() > until:
            break
        folder = scratch / f"case-{number}"
        folder.mkdir(parents=True)
        began = time.monotonic()
        try:
            with at_most(longest):
                what = case(random.Random(number), folder)
        except InputError as error:
            what = "refused"
            if not str(error) or not str(error).isprintable():
                tally.faults.append(f"{name} {number}: not one line: {error!r}")
        except Hang:
            what = "hung"
            tally.faults.append(f"{name} {number}: more than {longest} s")
        except Exception as error:
            what = "failed"
            tally.faults.append(f"{name} {number}: {type(error).__name__}: {error}\n{traceback.format_exc()}")
        tally.tried += 1
        tally.refused += what == "refused"
        tally.accepted += what == "accepted"
        tally.longest = max(tally.longest, time.monotonic() - began)
        shutil.rmtree(folder, ignore_errors=True)
    return tally


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` with bytes flipped, overwritten, cut out, put in or moved, or its end cut off."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                found[at : at + rng.randrange(1, 9)] = (
                    rng.choice((b"\xff", b"\0", b"[", b"9", b'"', b"}")) * 6
                )
            case 2:
                del found[at : at + rng.randrange(1, 200)]
            case 3:
                found[at:at] = rng.randbytes(rng.randrange(1, 30))
            case 4:
                found[at:at] = found[rng.randrange(len(found) + 1) :][: rng.randrange(300)]
            case _:
                del found[at:]
    return bytes(found)


# --- configurations ---------------------------------------------------------------------------------------------

BASES = (
    'chip = "m2ru"\nseeds = 2\n[stream]\nname = "permuted-digits"\ntasks = 2\nexamples = 40\nheld_out = 20\n'
    "[network]\nhidden = 16\n[cell]\nendurance = 1e9\n[rule]\nrate_bias = 0.1\nbatch = 2\n",
    'chip = "sas-mram"\non = "float"\n[stream]\nname = "split-digits"\ntasks = 1\n[network]\nspread = 2\n',
    'name = "s"\nchip = "m2ru"\nstream = "permuted-digits"\n[grid]\nnetwork.hidden = [8, 16]\n'
    "cell.endurance = [1e6, 1e7]\n[zip]\nrule.batch = [1, 2]\nrule.rate_bias = [0.1, 0.2]\n",
    'chip = "m2ru"\nstream = "permuted-digits"\n[random]\ndraws = 3\nseed = 1\n'
    "rule.rate_bias = {low = 0.01, high = 1.0, log = true}\nnetwork.hidden = {choices = [8, 9]}\n",
    'chip = "m2ru"\nstream = "permuted-digits"\n[monte_carlo]\nchips = 3\n'
    "cell.endurance = {median = 1e6, sigma = 0.5}\n",
)
WRONG_VALUES = ("true", "nan", "-inf", "9" * 400, "18446744073709551616", "[[1]]", "{a = 1}", '"1_6"', '"１６"',
                "1979-05-27", '"\\u0000"', "[" * 99 + "]" * 99, "-7", '"x"', "1.5e300")  # fmt: skip
WRONG_LINES = ("[netwrok]", "[strem]\na = 1", 'straem = "x"', "[network.hiden]", "draws = 3", "a.b.c.d = 1")


def configuration(rng: random.Random, folder: Path) -> str:
    """A run's or a study's description with a wrong value, a wrong line, or damaged bytes."""
    base, must = rng.choice(BASES), False
    lines = base.splitlines()
    kind = rng.randrange(5)
    if kind == 0:  # hidden of whole numbers: every wrong value is refused
        base = BASES[0].replace("hidden = 16", f"hidden = {rng.choice(WRONG_VALUES)}")
        must = True
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(WRONG_LINES))
        base, must = "\n".join(lines), False
    elif kind == 2:
        at = rng.choice([n for n, line in enumerate(lines) if "=" in line])
        lines[at] = lines[at].partition("=")[0] + "= " + rng.choice(WRONG_VALUES)
        base = "\n".join(lines)
    elif kind == 4:  # other numbers, of which many are allowed
        at = rng.choice([n for n, line in enumerate(lines) if re.search(r"= .*\d", line)])
        lines[at] = re.sub(
            r"(?<![\w.])\d+(?![\w.])", lambda found: str(rng.randrange(1, 30)), lines[at], count=1
        )
        base = "\n".join(lines)
    content = damaged(base.encode(), rng) if kind == 3 else base.encode()
    file = folder / "a.toml"
    file.write_bytes(content)
    used(file)
    if must:
        raise Fault(f"accepted {content!r}")
    return "accepted"


def used(file: Path) -> None:
    """Read a description as a run, and as a study, to the last value."""
    from cimlearn.experiments.experiment import Experiment
    from cimlearn.experiments.file import described
    from cimlearn.studies.study import load
    from cimlearn.untrusted.text import read_toml

    study = load(file)
    assert len(study.points()) >= 1
    if not study.varied:
        given = described({k: v for k, v in read_toml(file).items() if k != "name"}, file)
        given.pop("out", None)
        given.setdefault("stream", "permuted-digits")
        experiment = Experiment(**given)
        assert len(experiment.parameters[0]) and len(experiment.prices)


# --- files ------------------------------------------------------------------------------------------------------


def good_files() -> dict[str, bytes]:
    """A good file of every format, by its name."""
    import gzip
    import io

    import hostile
    import numpy as np
    import safetensors.numpy

    table = "".join(f"{k / 9},{-k},{'ab'[k % 2]}\n" for k in range(40))
    arrays = hostile.good_arrays()
    idx = bytes((0, 0, 8, 1, 0, 0, 0, 90)) + bytes(range(90))
    npy = io.BytesIO()
    np.save(npy, arrays["x_train"])
    found = {
        "a.npz": hostile.npz(dict(arrays)),
        "columns.npz": hostile.npz({"a": np.arange(40.0), "label": np.arange(40) % 2}),
        "a.csv": f"a,b,label\n{table}".encode(),
        "x_train.npy": npy.getvalue(),
        "a.idx": idx,
        "a.idx.gz": gzip.compress(idx, mtime=0),
        "a.safetensors": safetensors.numpy.save({"a": np.arange(9), "b": np.ones((2, 3))}, {"k": "v"}),
        "a.json": b'{"a": [1, 2.5, "x", null], "b": {"c": true}}',
    }
    try:
        import pyarrow as pa
        from pyarrow import parquet

        sink = io.BytesIO()
        columns = {"a": np.arange(40.0), "b": np.arange(40), "label": ["x", "y"] * 20}
        parquet.write_table(pa.table(columns), sink)
        found["a.parquet"] = sink.getvalue()
    except ImportError:
        pass
    return found


def damaged_file(good: dict[str, bytes]) -> Case:
    """A case that opens a damaged file as a user's command does. Formats with checksums must tell every change."""

    def case(rng: random.Random, folder: Path) -> str:
        name = rng.choice(sorted(good))
        content = damaged(good[name], rng)
        (folder / name).write_bytes(good[name])
        before = opened(folder / name)
        (folder / name).write_bytes(content)
        after = opened(folder / name)
        if name in ("a.npz", "columns.npz", "a.idx.gz") and after != before:
            raise Fault(f"{name}: another content was accepted")
        return "accepted"

    return case


def opened(path: Path) -> object:
    """What a file holds, in a form that can be compared."""
    import hostile
    import numpy as np

    from cimlearn.streams import open_stream
    from cimlearn.untrusted import arrays, tensors, text

    match path.name:
        case "a.idx" | "a.idx.gz":
            return arrays.read_idx(path, 1)[0].tobytes()
        case "a.safetensors":
            return tensors.open_tensors(
                path, lambda f: {k: f.get_tensor(k).tobytes() for k in list(f.keys())}
            )
        case "a.json":
            return text.read_json(path)
        case "x_train.npy":
            for name, array in hostile.good_arrays().items():
                if name != "x_train":
                    np.save(path.parent / f"{name}.npy", array)
            stream = open_stream(str(path.parent), seed=0)
        case _:
            stream = open_stream(str(path), seed=0)
    return [
        (chunk.x.tobytes(), chunk.y.tobytes())
        for k in range(len(stream.tasks))
        for chunk in (*stream.chunks(k, 50), *stream.held_out(k, 50))
    ]


# --- run folders ------------------------------------------------------------------------------------------------

KEPT = ("run.json", "records.jsonl", "timing.json", *(f"seed-{s}/{f}" for s in (0, 1) for f in
        ("records.jsonl", "state.safetensors", "state.previous.safetensors")))  # fmt: skip


def damaged_run(stopped: Path, records: bytes) -> Case:
    """A case that damages a copy of the run in `stopped` and uses it: what it ends with are `records`, or an error."""
    from cimlearn.experiments.experiment import described_in
    from cimlearn.report.run.summary import summarise
    from cimlearn.runfolder.records import read_run

    def case(rng: random.Random, folder: Path) -> str:
        run = Path(shutil.copytree(stopped, folder / "run"))
        names = [name for name in KEPT if (run / name).exists()]
        file = run / rng.choice(names)
        match rng.randrange(8):
            case 0:
                file.unlink()
            case 1:
                shutil.copyfile(run / rng.choice(names), folder / "other")
                shutil.move(folder / "other", file)
            case 2:
                file.unlink()
                file.mkdir()
            case _:
                file.write_bytes(damaged(file.read_bytes(), rng))
        summarise(read_run(run))
        described_in(run).run(resume=run)
        if (run / "records.jsonl").read_bytes() != records:
            raise Fault(f"{file.name}: other records")
        summarise(read_run(run))
        return "accepted"

    return case


# --- kills ------------------------------------------------------------------------------------------------------

TOY = [sys.executable, str(Path(__file__).with_name("toy.py"))]
RUN = ["run", "toy", "--seeds", "2", "--set", "stream.examples=1500", "--set", "stream.tasks=3",
       "--no-report", "--quiet"]  # fmt: skip
STUDY = 'chip = "toy"\nstream = "blobs"\nseeds = 3\n[grid]\nmean.step = [0.1, 0.2]\n'
SEARCH = """chip = "toy"
seeds = 2
[stream]
name = "blobs"
examples = 300
[search]
trials = 4
objectives = ["accuracy", "writes_max"]
mean.step = {low = 0.001, high = 0.5, log = true}
"""
# What is killed: its command without the folder, seconds within which it is, how often of ten times.
DOOMED: dict[str, tuple[list[str], float, int]] = {
    "run": (RUN, 1.0, 4),
    "sweep": (["sweep", "s.toml", "--quiet", "--workers", "2"], 2.0, 3),
    "search": (["search", "f.toml", "--quiet", "--workers", "1"], 3.0, 3),
}


def toy(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TOY_CHECKPOINT": "0", "TOY_PAUSE": "0.01"}
    return subprocess.Popen(
        [*TOY, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def described(folder: Path) -> None:
    """Write the files that the commands of DOOMED name."""
    (folder / "s.toml").write_text(STUDY)
    (folder / "f.toml").write_text(SEARCH)


def ended(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What a process says on stderr until its end; one that takes longer is a fault, and is ended."""
    try:
        return process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[1].decode(errors="replace")
        raise Fault(f"{process.args!r} took more than {seconds:g} s: {said[-300:]}") from None


def kill(kind: str, rng: random.Random, folder: Path) -> str:
    """A run, sweep or search is killed once or twice at random moments; then the same command brings it to its end."""
    described(folder)
    command, within, _ = DOOMED[kind]
    words = [*command, "--out", "out"]
    for _ in range(rng.choice((1, 2))):
        process = toy(words, folder)
        began = time.monotonic()
        while (
            not (folder / "out").exists() and process.poll() is None and time.monotonic() - began < PATIENCE
        ):
            time.sleep(0.002)
        time.sleep(rng.uniform(0, within))
        process.send_signal(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        said = ended(process, PATIENCE)
        if b"Traceback" in said:
            raise Fault(said.decode(errors="replace"))
        if kind == "run" and (folder / "out" / "run.json").exists():
            words = ["run", "--resume", "out", "--no-report", "--quiet"]
    process = toy(words, folder)
    said = ended(process, PATIENCE)
    if process.returncode != 0 or b"Traceback" in said:
        raise Fault(f"{kind}: status {process.returncode}: {said.decode(errors='replace')}")
    left = [
        file for name in (".*.tmp", "*.part", "*.lease", "*-journal") for file in (folder / "out").rglob(name)
    ]
    if left:
        raise Fault(f"{kind}: left behind: {left}")
    return "accepted"


def finished_bytes(folder: Path) -> dict[str, bytes]:
    """The records of every run below `folder`, and the tables of a study or search."""
    kept = (
        p for name in ("records.jsonl", "results.parquet", "front.csv") for p in sorted(folder.rglob(name))
    )
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


def kills(whole: dict[str, dict[str, bytes]]) -> Case:
    """A case of `kill` whose results are compared with those of the same command that was never killed."""

    def case(rng: random.Random, folder: Path) -> str:
        kind = rng.choices([*whole], [DOOMED[kind][2] for kind in whole])[0]
        what = kill(kind, rng, folder)
        mine = finished_bytes(folder / "out")
        if mine != whole[kind]:
            other = sorted(n for n in mine.keys() | whole[kind].keys() if mine.get(n) != whole[kind].get(n))
            raise Fault(f"{kind}: {other} differ from one that was never killed")
        return what

    return case


def never_killed(folder: Path, kinds: Iterable[str] = tuple(DOOMED)) -> dict[str, dict[str, bytes]]:
    """What the commands of DOOMED give when nothing happens to them."""
    found = {}
    described(folder)
    for kind in kinds:
        process = toy([*DOOMED[kind][0], "--out", kind], folder)
        said = ended(process, 2 * PATIENCE)
        assert process.returncode == 0, said
        found[kind] = finished_bytes(folder / kind)
    return found
