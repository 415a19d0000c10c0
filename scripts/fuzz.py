"""`make fuzz`: random damage and kills for a while; prints figures, and every fault with the seed that shows it again.

python scripts/fuzz.py --seconds 600 --seed 0
python scripts/fuzz.py --only files --seed 1234 --count 1      one case again
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import fuzzing
import stopped
import toy

# name -> share of the time, most cases
CAMPAIGNS = {
    "configurations": (0.3, 10_000),
    "files": (0.25, 2_000),
    "run folders": (0.2, 500),
    "kills": (0.25, 300),
}


def main() -> int:
    """Run the campaigns; 1 if there was a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, help="cases of each campaign; default: what the issue asks for")
    parser.add_argument("--only", choices=sorted(CAMPAIGNS))
    given = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for name, (share, most) in CAMPAIGNS.items():
            if given.only not in (None, name):
                continue
            seconds = given.seconds * (1 if given.only else share)
            place = Path(scratch) / name.replace(" ", "-")
            place.mkdir()
            tally = fuzzing.campaign(
                name, case_of(name, place), place, seed=given.seed, count=given.count or most,
                until=time.monotonic() + seconds, longest=4 * fuzzing.PATIENCE if name == "kills" else fuzzing.LONGEST,
            )  # fmt: skip
            print(tally, flush=True)
            print(*tally.faults[:20], sep="\n", flush=True)
            faults += len(tally.faults)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB, {faults} faults")
    return 1 if faults else 0


def case_of(name: str, place: Path) -> fuzzing.Case:
    """What one case of a campaign does."""
    if name == "configurations":
        return fuzzing.configuration
    if name == "files":
        return fuzzing.damaged_file(fuzzing.good_files())
    if name == "kills":
        return fuzzing.kills(fuzzing.never_killed(place))
    os.fsync = lambda handle: None  # type: ignore[assignment]  # thousands of small files
    for module, names in toy.REPLACED.items():
        for key, value in names.items():
            setattr(module, key, value)
    return fuzzing.damaged_run(*stopped.stopped_run(place))


if __name__ == "__main__":
    sys.exit(main())
