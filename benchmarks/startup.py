"""How long a user waits: for `cimlearn --help`, and for the first result of `cimlearn run`.

    python benchmarks/startup.py [--quick]

Real time of new processes. The first run has an empty cache of compiled code, the others find it filled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALLEST = ("--stream", "permuted-digits", "--set", "stream.tasks=1", "--set", "stream.examples=100")


def seconds(words: tuple[str, ...], folder: Path) -> float:
    """Wall time of `cimlearn WORDS`, run in `folder`, its compiled code kept there too."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    began = time.perf_counter()
    command = [sys.executable, "-m", "cimlearn", *words]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 2 if parser.parse_args().quick else 5
    run = ("run", "m2ru", *SMALLEST, "--quiet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"cimlearn --help": statistics.median(seconds(("--help",), folder) for _ in range(repeats))}
        found["first run ever, compiling, 100 examples"] = seconds((*run, "--no-report"), folder)
        for words, option in (("", ("--no-report",)), (", with its report", ())):
            times = [seconds((*run, *option), folder) for _ in range(repeats)]
            found[f"a run once compiled{words}"] = statistics.median(times)
    for what, each in found.items():
        print(f"  {what:<44}{each:>8.2f} s")


if __name__ == "__main__":
    main()
