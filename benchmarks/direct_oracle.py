"""How far a direct feedback can go: the exact mean Jacobian do/dh_t in place of what probes learn.

    python benchmarks/direct_oracle.py [--stream permuted-mnist] [--examples 12000] [--on float] [--seeds 1]
                                       [--set rule.answer=kwta ...]

Psi_t is renewed every `--renew` new examples from the last `--sample` of them, by going back through the network's
own weights in float64: an oracle, no rule for a chip. Everything else (answer, rates, replay, writes) is that of the
settings given. The accuracy is that of training images beyond those learned (`--held`), or of the test set with
`--held 0`. `--probed` learns by probes instead and prints how near their Psi_t came to the mean Jacobian.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn import chips, streams
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.chips.m2ru.setup import rates
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import Stream

Float = NDArray[np.float32]
CHUNK = 500


def mean_jacobian(chip: M2RU, x: Float) -> Float:
    """(steps, classes, hidden) mean over x (examples, steps, features) of do/dh_t, from the weights as they are."""
    features, hidden = chip.shape.features, chip.parameters["network.hidden"]
    first, second = (chip.weights()[name].astype(np.float64) for name in ("hidden", "output"))
    keep, feed = chip.net.keep, chip.net.feed
    recurrent = first[features:-1]
    inputs = x.astype(np.float64) - chip.work.state.offset[0]
    state = np.zeros((len(x), hidden))
    slopes = []
    for t in range(chip.shape.steps):
        candidate = np.tanh(inputs[:, t] @ first[:features] + feed * state @ recurrent + first[-1])
        state = keep * state + (1 - keep) * candidate
        slopes.append(1 - candidate**2)
    back = np.broadcast_to(second[:-1].T, (len(x), chip.shape.classes, hidden))
    table = np.zeros((chip.shape.steps, chip.shape.classes, hidden), np.float32)
    for t in range(chip.shape.steps - 1, -1, -1):
        table[t] = back.mean(axis=0)
        back = keep * back + (1 - keep) * feed * (back * slopes[t][:, None, :]) @ recurrent.T
    return table


def learn(chip: M2RU, parts: Iterator[tuple[Float, NDArray[np.int64]]], *, renew: int, sample: int) -> None:
    """Learn the chunks of `parts`, the chip's table of feedback renewed every `renew` examples; 0 = never."""
    for x, y in parts:
        for start in range(0, len(x), renew or CHUNK):
            end = start + (renew or CHUNK)
            if renew:
                chip.rule.feedback[:] = mean_jacobian(chip, x[start:end][-sample:])
            chip.learn(x[start:end], y[start:end])


def cut(stream: Stream, task: int, first: int, last: int) -> Iterator[tuple[Float, NDArray[np.int64]]]:
    """Training examples `first` to `last` of a task in chunks."""
    for x, y in stream.chunks(task, CHUNK, first):
        left = last - first
        if left <= 0:
            return
        yield x[:left], y[:left]
        first += len(y)


def accuracy(chip: M2RU, parts: Iterator[tuple[Float, NDArray[np.int64]]]) -> float:
    """Percent right."""
    right = [chip.predict(x) == y for x, y in parts]
    return 100 * float(np.concatenate(right).mean())


def direct(p: ParameterSet) -> ParameterSet:
    """The same rule with a table in place of the feedback array, at the rates of a probed feedback."""
    chosen = rates(p)
    return p.replace({"rule.feedback": "timed"} | {f"rule.{name}": rate for name, rate in chosen.items()})


def nearness(found: Float, wanted: Float) -> str:
    """Cosine and ratio of sizes of found and wanted (steps, classes, hidden), at a few steps before the last."""
    words = []
    for before in (0, 2, 5, 10, 15, 20, 27):
        if before < len(found):
            a, b = found[-1 - before].ravel(), wanted[-1 - before].ravel()
            size = np.linalg.norm(a) / np.linalg.norm(b)
            cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-30)
            rms = np.sqrt(np.mean(b**2))
            words.append(f"{before}: {cosine:.2f} x{size:.2f} ({rms:.4f})")
    return "  ".join(words)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stream", default="permuted-mnist")
    parser.add_argument("--examples", type=int, default=12000, help="new examples per task")
    parser.add_argument("--held", type=int, default=2000, help="training images to test on; 0 = the test set")
    parser.add_argument("--on", choices=["chip", "float"], default="float")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--renew", type=int, default=500)
    parser.add_argument("--sample", type=int, default=50)
    parser.add_argument("--probed", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="PART.KEY=VALUE")
    args = parser.parse_args()
    settings: dict[str, Any] = {"rule.answer": "kwta"} | dict(word.split("=", 1) for word in args.set)
    p = chips.parameters("m2ru", settings | {"rule.feedback": "probed"})
    for seed in range(args.seeds):
        stream = streams.open_stream(args.stream, seed=seed)
        chip = M2RU(p if args.probed else direct(p), stream.shape, seed=seed, on=args.on)
        for task in range(len(stream.tasks)):
            parts = cut(stream, task, 0, args.examples)
            learn(chip, parts, renew=0 if args.probed else args.renew, sample=args.sample)
            if args.probed:
                x, _ = next(cut(stream, task, 0, CHUNK))
                found = chip.work.probed.array.state.weight.reshape(
                    -1, stream.shape.classes, p["network.hidden"]
                )
                if len(found) == stream.shape.steps:
                    print(f"task {task}, steps before the last: {nearness(found, mean_jacobian(chip, x))}")
        tests = []
        for task in range(len(stream.tasks)):
            held = cut(stream, task, args.examples, args.examples + args.held)
            tests.append(
                accuracy(chip, held if args.held else ((c.x, c.y) for c in stream.held_out(task, CHUNK)))
            )
        name = "probed" if args.probed else "exact mean Jacobian"
        print(f"seed {seed}, {args.on}, {name}: {np.mean(tests):.1f} %", flush=True)


if __name__ == "__main__":
    main()
