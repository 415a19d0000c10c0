"""Many M2RU chips on one GPU: examples a second together, agreement with the CPU, and what the card could do.

    PYTHONPATH=src python benchmarks/cuda_chips.py --out FOLDER

Every part prints as it goes and stands in a `try` of its own; FOLDER/cuda_chips.json is written after each. Images are
scikit-learn's digits, enlarged to 28 x 28, each task with a permutation of its own: the sizes of permuted MNIST, and
nothing to download. In the simulator (NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1) use --tiny.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import config, cuda, float32
from sklearn.datasets import load_digits

import cimlearn
from cimlearn.chips.m2ru import KIND
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.gpu.card import Card
from cimlearn.gpu.monte_carlo import card_name
from cimlearn.streams.base import StreamShape

SIDE, CLASSES = 28, 10
CHIPS = (1, 32, 132, 264, 528, 1024, 2048)


def images(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(1797, side, side) uint8 digits, enlarged, and their classes."""
    digits = load_digits()
    at = (np.arange(side) * 8 // side).clip(0, 7)
    large = digits.images[:, at][:, :, at] * (255 / 16)
    return large.astype(np.uint8), digits.target.astype(np.int64)


def permuted(side: int, tasks: int, train: int, test: int, seed: int) -> list[tuple[Any, Any, Any, Any]]:
    """Tasks of `train` and `test` images, the pixels of each task in an order of its own."""
    x, y = images(side)
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(tasks):
        order = draw.permutation(len(x))[: train + test]
        pixels = draw.permutation(side * side)
        shown = x[order].reshape(-1, side * side)[:, pixels].reshape(-1, side, side)
        found.append((shown[:train], y[order][:train], shown[train:], y[order][train:]))
    return found


def settings_of(rule: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The default design with this feedback; through time without the read that a card does not simulate."""
    return {"rule.feedback": rule, **settings} | ({"periphery.zero_read": False} if rule == "through" else {})


def chip_of(rule: str, settings: dict[str, Any], side: int, seed: int) -> M2RU:
    """A chip with the parameters of the default design and this feedback."""
    p = KIND.parameters(settings_of(rule, settings))
    return M2RU(p, StreamShape(side, side, CLASSES, False), seed=seed)


def work_of(side: int, hidden: int, rule: str) -> dict[str, float]:
    """Multiply-adds of one new example with one replayed, and bytes that they move if the card's caches hold a chip."""
    rows = side + hidden + 1
    probed = rule == "probed"
    passes = 2 + (0.5 if probed else 0.0)  # a probe runs half an example again
    mean_and_variance = 2
    forward = passes * side * rows * hidden * mean_and_variance
    changes = 2 * side * rows * hidden
    back = 2 * side * CLASSES * hidden * mean_and_variance if probed else 2 * side * hidden * hidden
    output = 2 * passes * (hidden + 1) * CLASSES
    pixels = side * side
    return {
        "multiply_adds": forward + changes + back + output,
        "bytes_from_memory": pixels * (4 + 2 + 2),  # the example, its stored codes, a recalled one
        "bytes_from_caches": 4 * passes * side * rows * hidden
        + 8 * 2 * rows * hidden
        + (8 * 28000 if probed else 0),
    }


def limits() -> dict[str, Any]:
    """What the driver says of the card, and multiply-adds a second that a loop of nothing else reaches."""
    if config.ENABLE_CUDASIM:
        return {"card": "simulator"}
    device = cuda.get_current_device()
    found: dict[str, Any] = {"card": card_name(), "capability": list(device.compute_capability)}
    for name in (
        "MULTIPROCESSOR_COUNT",
        "CLOCK_RATE",
        "MEMORY_CLOCK_RATE",
        "GLOBAL_MEMORY_BUS_WIDTH",
        "L2_CACHE_SIZE",
        "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR",
    ):
        try:
            found[name.lower()] = int(getattr(device, name))
        except Exception as error:
            found[name.lower()] = str(error)
    try:
        found["fma_per_second"] = _fused(found["multiprocessor_count"])
    except Exception as error:
        found["fma_per_second"] = str(error)
    return found


def _fused(processors: int) -> float:
    @cuda.jit(fastmath=True)
    def many(out, steps):
        a = float32(cuda.threadIdx.x)
        b, c, d, e = a + float32(1), a + float32(2), a + float32(3), a + float32(4)
        x = out[0]
        for _ in range(steps):
            a = a * x + x
            b = b * x + x
            c = c * x + x
            d = d * x + x
            e = e * x + x
        out[cuda.grid(1)] = a + b + c + d + e

    blocks, threads, steps = processors * 8, 256, 20_000
    out = cuda.to_device(np.full(blocks * threads, 0.5, np.float32))
    many[blocks, threads](out, 10)
    cuda.synchronize()
    began = time.perf_counter()
    many[blocks, threads](out, steps)
    cuda.synchronize()
    return 5.0 * blocks * threads * steps / (time.perf_counter() - began)


def filled(rule: str, settings: dict[str, Any], side: int, count: int) -> Card:
    """A card with `count` new chips, each of a seed of its own."""
    card = Card(chip_of(rule, settings, side, 0), count)
    for seed in range(count):
        card.put(chip_of(rule, settings, side, seed), seed, seed)
    return card


def speed(
    card: Card, counts: tuple[int, ...], side: int, examples: int, repeats: int
) -> list[dict[str, Any]]:
    """Examples a second of launches with so many chips; `kernel` without copies, `whole` with them."""
    x, y = images(side)
    draw = np.random.default_rng(0)
    rows = []
    for count in counts:
        mine = []
        for _ in range(count):
            which, pixels = draw.integers(len(x), size=examples), draw.permutation(side * side)
            shown = x[which].reshape(examples, -1)[:, pixels].reshape(examples, side, side)
            mine.append((shown.astype(np.float32) / np.float32(255), y[which]))
        places = list(range(count))
        whole, kernel = [], []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            card.learn(places, mine)
            whole.append(time.perf_counter() - began)
            kernel.append(card.seconds)
        new = count * examples / statistics.median(kernel[1:])
        rows.append(
            {
                "chips": count,
                "examples_each": examples,
                "kernel_seconds": kernel,
                "whole_seconds": whole,
                "new_per_second": new,
                "learned_per_second": 2 * new,
                "new_per_second_with_copies": count * examples / statistics.median(whole[1:]),
            }
        )
        row = rows[-1]
        print(
            f"  {count:5d} chips: {row['new_per_second']:>12,.0f} new/s, {row['learned_per_second']:>12,.0f} learned/s "
            f"(with copies {row['new_per_second_with_copies']:,.0f} new/s); kernel {kernel[-1] * 1e3:.1f} ms",
            flush=True,
        )
    return rows


def one_core(rule: str, settings: dict[str, Any], side: int, examples: int) -> dict[str, float]:
    """New examples a second of one chip on one core of this machine."""
    chip = chip_of(rule, settings, side, 0)
    x, y = images(side)
    shown, classes = x[:examples].astype(np.float32) / np.float32(255), y[:examples]
    chip.learn(shown[:20], classes[:20])
    times = []
    for _ in range(3):
        began = time.process_time()
        chip.learn(shown[20:], classes[20:])
        times.append(time.process_time() - began)
    rate = (len(shown) - 20) / statistics.median(times)
    print(f"  one chip on one core: {rate:,.0f} new/s, {2 * rate:,.0f} learned/s", flush=True)
    return {"new_per_second": rate, "learned_per_second": 2 * rate}


def agreement(
    rule: str, settings: dict[str, Any], side: int, sizes: tuple[int, int, int, int, int], out: Path
) -> dict[str, Any]:
    """Means over chips of a short run: `sizes` = chips on the card, on the CPU, tasks, images to learn, to test."""
    on_card, on_cpu, tasks, train, test = sizes
    stream = cimlearn.ArrayStream(permuted(side, tasks, train, test, 1), seed=0, name="permuted-large-digits")
    found: dict[str, Any] = {}
    for device, seeds in (("cuda", on_card), ("cpu", on_cpu)):
        began = time.perf_counter()
        folder = out / f"run-{rule}-{device}-{int(time.time())}"
        run: Any = cimlearn.run
        run(
            "m2ru",
            stream=stream,
            seeds=seeds,
            settings=settings_of(rule, settings),
            out=folder,
            on_device=device,
            threads=min(8, seeds),
        )
        seconds = time.perf_counter() - began
        found[device] = {"seconds": seconds, "values": _values(folder)}
        print(f"  {device}: {seeds} chips, whole run {seconds:.1f} s", flush=True)
    compared = {}
    for name in found["cpu"]["values"]:
        a, b = (np.array(found[device]["values"][name], float) for device in ("cuda", "cpu"))
        error = float(np.hypot(a.std(ddof=1) / len(a) ** 0.5, b.std(ddof=1) / len(b) ** 0.5))
        apart = float(a.mean() - b.mean())
        compared[name] = {
            "cuda": float(a.mean()),
            "cpu": float(b.mean()),
            "error": error,
            "apart_in_errors": apart / error if error > 0 else (0.0 if apart == 0 else None),
        }
        print(f"  {name:42s} cuda {a.mean():14.6g}  cpu {b.mean():14.6g}  error {error:.3g}", flush=True)
    return {"seconds": {d: found[d]["seconds"] for d in found}, "means": compared}


def _values(folder: Path) -> dict[str, list[float]]:
    """What each seed measured in its last record: accuracies, and counts of the ledger that depend on chance."""
    last: dict[int, dict[str, Any]] = {}
    for line in (folder / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        last[record["seed"]] = record
    found: dict[str, list[float]] = {}
    for record in last.values():
        values = {"mean accuracy": float(np.mean(record["accuracy"]))}
        values |= {f"accuracy of task {n}": a for n, a in enumerate(record["accuracy"])}
        learn, on = record["ledger"]["counts"]["learn"], record["ledger"]["conductance_on_S"]
        for array in ("hidden", "output", "feedback"):
            if "vectors" in learn.get(array, {}):
                values |= {f"{array} {w}": learn[array][w] for w in ("vectors", "active_bits", "writes")}
        values |= {f"on {p} {a} [S]": s for p, arrays in on.items() for a, s in arrays.items()}
        values["examples stored"] = learn["buffer"]["stored"]
        for name, value in values.items():
            found.setdefault(name, []).append(float(value))
    return found


def main() -> None:
    """Run every part that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    parser.add_argument("--rules", default="probed,through")
    parser.add_argument("--chips", default=",".join(str(n) for n in CHIPS))
    parser.add_argument("--examples", type=int, default=100, help="of each chip in one launch")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tiny = arguments.tiny
    side, repeats = (3, 1) if tiny else (SIDE, 3)
    settings: dict[str, Any] = {"network.hidden": 3, "replay.slots": 4, "rule.batch": 2} if tiny else {}
    counts = (1, 2) if tiny else tuple(int(n) for n in arguments.chips.split(","))
    examples = 3 if tiny else arguments.examples
    report: dict[str, Any] = {"tiny": tiny}

    def part(name: str, does: Callable[[], Any]) -> Any:
        print(name, flush=True)
        began = time.perf_counter()
        try:
            report[name] = does()
        except BaseException as error:
            report[name] = {"error": repr(error)}
            traceback.print_exc()
        print(f"  [{time.perf_counter() - began:.1f} s]", flush=True)
        (arguments.out / "cuda_chips.json").write_text(json.dumps(report, indent=1, default=str))
        return report[name]

    part("card", limits)
    first = True
    for rule in arguments.rules.split(","):
        held: dict[str, Card] = {}
        mine = counts if first else counts[-2:-1] or counts  # of other rules the last but one count
        first = False

        def fill(rule: str = rule, held: dict[str, Card] = held, most: int = max(mine)) -> dict[str, Any]:
            card = held["card"] = filled(rule, settings, side, most)
            began = time.perf_counter()
            speed(card, (1,), side, 2, 1)
            return {"first launch seconds": time.perf_counter() - began, "program": card.facts()}

        part(f"{rule}: build and compile", fill)
        if "card" in held:
            card = held["card"]
            part(f"{rule}: speed", lambda r=card, n=mine: speed(r, n, side, examples, repeats))
        part(f"{rule}: one core", lambda r=rule: one_core(r, settings, side, 60 if tiny else 1000))
        hidden = settings.get("network.hidden", 100)
        part(f"{rule}: work of a new example", lambda r=rule, h=hidden: work_of(side, h, r))
        held.clear()
        sizes = (2, 2, 1, 5, 3) if tiny else (256, 8, 3, 1000, 400)
        part(
            f"{rule}: agreement",
            lambda r=rule, s=sizes: agreement(r, settings, side, s, arguments.out),
        )
    print("written:", arguments.out / "cuda_chips.json")


if __name__ == "__main__":
    main()
