"""What each effect of circuit, time and temperature takes from accuracy, and what a countermeasure gives back.

    python benchmarks/effects.py [--only WORD] [--examples N] [--held-out N] [--seeds N] [--set part.key=value ...]

Permuted MNIST, five tasks, the default design: with one seed, differences below a point or two are chance.
`learned`: accuracy after the last task was learned, mean over tasks. `rested`: after the rest that follows it, nothing
learned again but what the settings ask for. CPU seconds are those of the whole run, the first one's compiling included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from cimlearn import api
from cimlearn.experiments.experiment import Experiment

Settings = dict[str, Any]

DAY = {"operation.rest": 86400.0}
ANEW = {"cell.drift_renewal": 0.0}  # any write starts the drift of its cell anew
SHARE = {"cell.drift_renewal": 1.0}  # that of what it moves alone
CMO = {"cell.ageing": "cmo_hfox"}  # brings its own drift, unless one is set beside it
DRIFT = DAY | ANEW | {"cell.drift": 0.005, "cell.drift_spread": 0.005}
WARM = DAY | {
    "cell.temperature_coefficient": 5e-4,
    "cell.temperature_spread": 1e-4,
    "operation.temperature": (273.15, 343.15),
    "operation.temperature_order": "random",
}
TELEGRAPH = {"cell.telegraph": 0.01}
OFFSET = {"periphery.offset": 0.02}
WIRES = {"periphery.wire": 0.65}
BUT_DRIFT = WARM | TELEGRAPH | OFFSET | WIRES
ALL = DRIFT | BUT_DRIFT
PUBLISHED = BUT_DRIFT | CMO | ANEW
NO, ONCE, AGAIN = ({"periphery.reference_tracks": word} for word in ("no", "cells", "rewritten"))
NOTHING = NO | {"periphery.zero_read": False, "periphery.calibration": "none"}
ERASED = {"cell.drift_mended": True} | ANEW
REFRESH = {"operation.refresh": 2000}
OFFSETS = {"operation.calibration": "offset"}
SUMS = {"operation.calibration": "sum"}
# effect -> (countermeasure, settings); the first row of each is the effect alone
EFFECTS: dict[str, list[tuple[str, Settings]]] = {
    "none": [("", {})],
    "drift 0.005 +- 0.005": [
        ("", DRIFT | NO),
        ("reference of cells written once", DRIFT | ONCE),
        ("reference rewritten", DRIFT | AGAIN),
        ("reference rewritten, 2,000 replays", DRIFT | AGAIN | REFRESH),
    ],
    "drift that a write erases": [
        ("", DRIFT | NO | ERASED),
        ("reference rewritten", DRIFT | AGAIN | ERASED),
        ("reference rewritten, 2,000 replays", DRIFT | AGAIN | ERASED | REFRESH),
    ],
    "CMO/HfOx as published": [
        ("", DAY | CMO | ANEW | NO),
        ("reference rewritten", DAY | CMO | ANEW | AGAIN),
    ],
    "CMO/HfOx, drift renewed by share": [
        ("", DAY | CMO | SHARE | NO),
        ("reference of cells written once", DAY | CMO | SHARE | ONCE),
        ("reference rewritten", DAY | CMO | SHARE | AGAIN),
        ("2,000 replays", DAY | CMO | SHARE | NO | REFRESH),
        *((f"renewal {one:g}", DAY | CMO | NO | {"cell.drift_renewal": one}) for one in (0.03, 0.1, 0.3, 1e6)),
    ],
    "drift 0.005 +- 0.005, renewed by share": [
        ("", DRIFT | SHARE | NO),
        ("reference of cells written once", DRIFT | SHARE | ONCE),
        ("reference of cells written once, 2,000 replays", DRIFT | SHARE | ONCE | REFRESH),
    ],
    "relaxation 2 %": [("", {"cell.relaxation": 0.02})],
    "telegraph noise 1 %": [("", TELEGRAPH)],
    "telegraph noise 3 %": [("", {"cell.telegraph": 0.03})],
    "telegraph noise 5 %": [("", {"cell.telegraph": 0.05})],
    "temperature 0 to 70 C": [
        ("", WARM | NO),
        ("reference of the same cells", WARM | ONCE),
        ("fixed reference, calibrated sums", WARM | NO | SUMS),
    ],
    "offset 20 mV": [
        ("", OFFSET | {"periphery.zero_read": False}),
        ("zero read of copies", OFFSET),
        ("zero read of copies, calibrated offsets", OFFSET | OFFSETS),
    ],
    "wires 0.65 ohm": [
        ("", WIRES | {"periphery.calibration": "none"}),
        ("a gain a tile", WIRES),
        ("a gain a column", WIRES | {"periphery.calibration": "column"}),
    ],
    "wires 5 ohm": [
        ("", {"periphery.wire": 5.0, "periphery.calibration": "none"}),
        ("a gain a tile", {"periphery.wire": 5.0}),
        ("a gain a column", {"periphery.wire": 5.0, "periphery.calibration": "column"}),
    ],
    "all of them": [
        ("", ALL | NOTHING),
        ("all countermeasures", ALL | AGAIN | OFFSETS | REFRESH),
    ],
    "all, drift that a write erases": [
        ("", ALL | NOTHING | ERASED),
        ("all countermeasures", ALL | AGAIN | OFFSETS | REFRESH | ERASED),
    ],
    "all but drift": [
        ("", BUT_DRIFT | NOTHING),
        ("all countermeasures", BUT_DRIFT | AGAIN | OFFSETS | REFRESH),
    ],
    "all, drift of CMO/HfOx": [
        ("", PUBLISHED | NOTHING),
        ("all countermeasures", PUBLISHED | AGAIN | OFFSETS | REFRESH),
        ("a write erases it; fixed reference, calibrated offsets, replays",
         PUBLISHED | NO | ERASED | OFFSETS | REFRESH),
    ],
    "all, drift of CMO/HfOx renewed by share": [
        ("", PUBLISHED | SHARE | NOTHING),
        ("fixed reference, calibrated offsets, 2,000 replays", PUBLISHED | SHARE | NO | OFFSETS | REFRESH),
        ("reference of cells, calibrated offsets, 2,000 replays", PUBLISHED | SHARE | ONCE | OFFSETS | REFRESH),
    ],
}  # fmt: skip


def measured(settings: Settings, seed: int) -> dict[str, Any]:
    """The summary of a run with `settings`."""
    with tempfile.TemporaryDirectory() as folder:
        made = Experiment("m2ru", "permuted-mnist", seeds=(seed,), settings=settings).run(
            Path(folder) / "run"
        )
        return api.finished(made).summary


def percent(parts: list[float]) -> str:
    """Mean of `parts` in percent, with its spread where there is one."""
    return f"{100 * fmean(parts):.1f}" + (f" +- {100 * stdev(parts):.1f}" if len(parts) > 1 else "")


def rows(word: str, base: Settings, seeds: int) -> Iterator[str]:
    """A line for each effect and countermeasure whose names hold `word`."""
    yield "| effect | countermeasure | learned | rested | inference | CPU |"
    yield "|---|---|---|---|---|---|"
    for effect, forms in EFFECTS.items():
        for countermeasure, settings in forms:
            if word not in f"{effect}: {countermeasure}":
                continue
            began = time.process_time()
            found = [measured(base | settings, seed) for seed in range(seeds)]
            seconds = (time.process_time() - began) / seeds
            learned = percent([one["accuracy"]["average"] for one in found])
            rested = percent([one["rested"]["after"] for one in found]) if "rested" in found[0] else ""
            joules = found[0]["energy"]["inference_J"]
            yield f"| {effect} | {countermeasure} | {learned} | {rested} | {joules * 1e6:.2f} uJ | {seconds:.0f} s |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose effect and countermeasure hold this word")
    parser.add_argument("--examples", type=int, default=6000)
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="more", metavar="part.key=value")
    given = parser.parse_args()
    base = {"stream.examples": given.examples, "stream.held_out": given.held_out}
    base |= dict(one.split("=", 1) for one in given.more)
    for line in rows(given.only, base, given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
