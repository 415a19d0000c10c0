"""The table of `make bench`: how fast each part is beside what was measured in the same run.

    python benchmarks/table.py [--out benchmarks/bench.json] [--only WORD] [--quick]

Runs the programs below one after the other. Ratios stand beside those of the last run in the same file, because both
sides of a ratio meet the same machine; one that is 10 % worse than there is flagged, and the exit status is then 1.
Peers (aihwkit) are measured where they are installed. `--quick` takes fewer repeats, for a look.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROGRAMS: dict[str, tuple[str, ...]] = {
    "learning_speed 1": ("learning_speed.py", "--batch", "1"),
    "learning_speed 8": ("learning_speed.py", "--batch", "8"),
    "learning_speed 64": ("learning_speed.py", "--batch", "64"),
    "threads inside a chip": ("thread_speed.py",),
    "many_chips": ("many_chips.py",),
    "pulsed_speed": ("pulsed_speed.py",),
    "insitu_speed": ("insitu_speed.py",),
    "to_chip_speed": ("to_chip_speed.py",),
    "int8_step": ("int8_step.py",),
    "int8_chip_step": ("int8_chip_step.py",),
    "price_speed": ("price_speed.py",),
}
QUICK = {
    "learning_speed.py": ("--quick",),
    "thread_speed.py": ("--turns", "3"),
    "pulsed_speed.py": ("--quick",),
    "price_speed.py": ("--quick",),
}
WORSE = 0.9


def measured(words: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """What a program recorded, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.jsonl"
        command = [sys.executable, str(HERE / words[0]), *words[1:]]
        done = subprocess.run(
            command, env={**os.environ, "BENCH_RECORD": str(file)}, capture_output=True, text=True
        )
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        failed = "" if rows else f"\n{done.stderr}"
        return rows, done.stdout + failed


def verdict(row: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Whether a ratio is as wanted, and whether it got worse."""
    words = []
    if row["wanted"] is not None:
        good = row["ratio"] <= row["wanted"] if row["most"] else row["ratio"] >= row["wanted"]
        words.append(
            f"wanted {'<=' if row['most'] else '>='} {row['wanted']:g}" + ("" if good else ": NOT MET")
        )
    if before is not None:
        better = before["ratio"] / row["ratio"] if row["most"] else row["ratio"] / before["ratio"]
        words.append(f"{before['ratio']:.2f} before" + (": SLOWER" if better < WORSE else ""))
    return ", ".join(words)


def main() -> int:
    """Measure, print, compare, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "bench.json")
    parser.add_argument("--only", default="", help="programs whose name holds this")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    kept: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    before: dict[str, dict[str, Any]] = {row["work"]: row for row in kept.get("rows", [])}
    rows: dict[str, dict[str, Any]] = {}
    slower = False
    for name, words in PROGRAMS.items():
        if given.only not in name:
            continue
        began = time.perf_counter()
        found, said = measured(words + (QUICK.get(words[0], ()) if given.quick else ()))
        print(f"{name}: {time.perf_counter() - began:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        if not found:
            print(said)
        for row in found:
            rows[row["work"]] = row
            note = verdict(row, before.get(row["work"]))
            slower |= "SLOWER" in note
            print(f"  {row['work']:<68}{row['ratio']:>9.2f}  {note}", flush=True)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    given.out.write_text(json.dumps({"time": stamp, "rows": list((before | rows).values())}, indent=1) + "\n")
    print(f"written: {given.out}")
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
