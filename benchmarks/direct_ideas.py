"""What could make a direct feedback learn better: ideas tried on a float prototype of M2RU in NumPy, validation images.

    python benchmarks/direct_ideas.py [--examples 12000] [--seeds 1] [--ideas probed,oracle,through] [--tasks 5]

The prototype has the float twin's start, rates, K-WTA, replay and sparsifier (permuted MNIST, batches of `rule.batch`),
and a feedback that is a table Psi (steps, classes, hidden), filled as an idea says. Accuracy is that of 2,000 training
images a task beyond those learned. docs/recipe.md has the table that came out.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn import chips, streams
from cimlearn.chips.m2ru.setup import initial_weights, rates
from cimlearn.parameters import ParameterSet

Float = NDArray[np.float32]
HELD, CHUNK, RENEW, SAMPLE = 2000, 500, 500, 50


class Idea(NamedTuple):
    """What is changed; the defaults are the rule as it comes."""

    feedback: str = (
        "probed"  # oracle: exact mean Jacobian; through: exact, of each example; trace: lambda^(T-t) W_o
    )
    probes: int = 1  # of each new example, each of another step
    replayed: bool = False  # the replayed example is probed too
    sigma: float = 0.5
    rate: float = 0.28
    settle: float = 0.0  # probes of a step over which the rate falls from 1 / n to `rate`; 0 = never
    units: int = 0  # a probe disturbs so many of the units; 0 = all
    share: int = 1  # neighbouring steps with one matrix
    scaled: float = 0.0  # rate of a factor for each matrix, learned beside it
    slow: float = 1.0  # share of a change that stays; the rest fades
    fade: float = 0.002  # of what fades, each update


IDEAS = {
    "probed": Idea(),
    "oracle": Idea("oracle"),
    "through": Idea("through"),
    "trace": Idea("trace"),
    "four probes": Idea(probes=4),
    "replayed too": Idea(replayed=True),
    "quarter of the units": Idea(units=25),
    "sigma 0.1": Idea(sigma=0.1),
    "sigma 2": Idea(sigma=2.0),
    "rate falls": Idea(settle=1.0),
    "rate x 2": Idea(rate=0.56),
    "two steps share": Idea(share=2),
    "four steps share": Idea(share=4),
    "scaled": Idea(scaled=0.05),
    "slow 0.7": Idea(slow=0.7),
    "slow 0.7 of the oracle": Idea("oracle", slow=0.7),
}


class Passed(NamedTuple):
    """What a forward pass leaves: drive x (T, B, F), states h (T + 1, B, H), candidates c (T, B, H), outputs (B, K)."""

    x: Float
    h: Float
    c: Float
    out: Float


class Network:
    """MiRU in float32, its feedback table, its replay memory."""

    def __init__(self, p: ParameterSet, shape: Any, seed: int, idea: Idea) -> None:
        """As the float twin starts."""
        self.p, self.idea, self.hidden = p, idea, int(p["network.hidden"])
        self.steps, self.features, self.classes = shape.steps, shape.features, shape.classes
        self.keep, self.feed = np.float32(p["network.lambda"]), np.float32(p["network.beta"])
        self.first, self.second, psi = initial_weights(p, shape, seed)
        self.stays = [self.first.copy(), self.second.copy()]
        self.fades = [np.zeros_like(self.first), np.zeros_like(self.second)]
        found = rates(p)
        self.rate_first = np.r_[
            np.full(self.features, found["rate_input"] / self.features),
            np.full(self.hidden, found["rate_recurrent"]), found["rate_bias"],
        ].astype(np.float32)[:, None]  # fmt: skip
        self.rate_second = np.r_[
            np.full(self.hidden, found["rate_output"]), found["rate_output_bias"]
        ].astype(np.float32)[:, None]
        self.psi = np.zeros((self.steps, self.classes, self.hidden), np.float32)
        back, recurrent = psi.T.astype(np.float64), self.first[self.features : -1].astype(np.float64)
        for t in reversed(range(self.steps)):
            self.psi[t] = back
            back = self.keep * back + (1 - self.keep) * p["rule.start_slope"] * self.feed * back @ recurrent.T
        self.draw, self.turn = np.random.default_rng(seed), 0
        self.seen = np.zeros(self.steps)
        self.factor = np.ones(self.steps, np.float32)
        self.memory: list[tuple[Float, int, Float]] = []
        self.offset, self.offered = 0.0, 0

    def forward(self, x: Float, at: NDArray[np.int64] | None = None, disturb: Float | None = None) -> Passed:
        """x (B, T, F); `disturb` (B, H) is added to the state after step `at` (B,)."""
        drive = (x - np.float32(self.offset)).transpose(1, 0, 2)
        a = drive.reshape(-1, self.features) @ self.first[: self.features] + self.first[-1]
        a = a.reshape(self.steps, len(x), self.hidden)
        recurrent = self.feed * self.first[self.features : -1]
        h, c = np.zeros((self.steps + 1, len(x), self.hidden), np.float32), np.empty_like(a)
        for t in range(self.steps):
            c[t] = np.tanh(a[t] + h[t] @ recurrent)
            h[t + 1] = self.keep * h[t] + (1 - self.keep) * c[t]
            if at is not None and disturb is not None:
                h[t + 1] += np.where((at == t)[:, None], disturb, 0)
        return Passed(drive, h, c, h[-1] @ self.second[:-1] + self.second[-1])

    def answer(self, out: Float) -> Float:
        """K-WTA: p = max(0, u / 2 - theta)^2 of the `winners` largest, the sum 1 (1.5-entmax cut to K)."""
        z = 0.5 * self.p["rule.winner_gain"] * out
        top = -np.sort(-z, axis=1)[:, : self.p["rule.winners"]]
        n = np.arange(1, top.shape[1] + 1)
        mean = np.cumsum(top, axis=1) / n
        theta = mean - np.sqrt(np.maximum((1 - (np.cumsum(top**2, axis=1) - n * mean**2)) / n, 0))
        last = np.maximum((theta <= top).sum(axis=1) - 1, 0)
        cut = np.maximum(z - theta[np.arange(len(z)), last][:, None], 0) ** 2
        return np.where(z >= top[:, -1:], cut, 0).astype(np.float32)

    def learn(self, x: Float, y: NDArray[np.int64]) -> None:
        """One batch of new examples, each with a replayed one, and one update."""
        new, eye = len(y), np.eye(self.classes, dtype=np.float32)
        recalled = [self.memory[self.draw.integers(len(self.memory))] for _ in range(new) if self.memory]
        target, weight = eye[y], np.ones(new, np.float32)
        if recalled:
            soft = np.float32(self.p["replay.soft"])
            old = np.stack([soft * kept + (1 - soft) * eye[label] for _, label, kept in recalled])
            x, target = np.concatenate([x, np.stack([r[0] for r in recalled])]), np.concatenate([target, old])
            weight = np.r_[weight, np.full(len(recalled), self.p["replay.weight"])].astype(np.float32)
        passed = self.forward(x)
        share = self.answer(passed.out)
        self.write(passed, (share - target) * weight[:, None], x)
        if self.idea.feedback == "probed":
            probed = len(x) if self.idea.replayed else new
            for _ in range(self.idea.probes):
                self.probe(x[:probed], passed.out[:probed])
        self.store(x[:new], y, share[:new])

    def write(self, passed: Passed, error: Float, x: Float) -> None:
        """Changes of both arrays from error (B, K), scaled, made sparse, written."""
        steps, _, hidden = passed.c.shape
        slope = (1 - self.keep) * (1 - passed.c**2)
        if self.idea.feedback == "through":
            delta, back = np.empty_like(passed.c), error @ self.second[:-1].T
            for t in reversed(range(steps)):
                delta[t] = back * slope[t]
                back = self.keep * back + self.feed * delta[t] @ self.first[self.features : -1].T
        else:
            delta = np.matmul(error[None], self.table()) * slope
        flat = delta.reshape(-1, hidden)
        drive = [passed.x.reshape(-1, self.features), self.feed * passed.h[:-1].reshape(-1, hidden)]
        change = np.concatenate([drive[0].T @ flat, drive[1].T @ flat, flat.sum(axis=0)[None]])
        scale = np.float32(1 / (2 * self.p["rule.batch"]))
        change *= -self.rate_first * scale
        kept = self.p["rule.keep_hidden"]
        limit = -np.partition(-np.abs(change), kept - 1, axis=0)[kept - 1]
        change[np.abs(change) < limit] = 0
        out = np.concatenate([passed.h[-1].T @ error, error.sum(axis=0)[None]]) * -self.rate_second * scale
        for n, one in enumerate((change, out)):
            self.stays[n] += np.float32(self.idea.slow) * one
            if self.idea.slow < 1:
                self.fades[n] *= np.float32(1 - self.idea.fade)
                self.fades[n] += np.float32(1 - self.idea.slow) * one
        both = zip(self.stays, self.fades, strict=True)
        self.first, self.second = (a + b if self.idea.slow < 1 else a for a, b in both)

    def table(self) -> Float:
        """Psi as it is used."""
        if self.idea.feedback == "trace":
            powers = self.keep ** np.arange(self.steps - 1, -1, -1, dtype=np.float32)
            return powers[:, None, None] * self.second[:-1].T
        return self.psi * self.factor[:, None, None]

    def probe(self, x: Float, out: Float) -> None:
        """Each example of x runs again, one step of it disturbed; its change of the outputs teaches that Psi."""
        idea = self.idea
        at = (self.turn + np.arange(len(x))) % self.steps
        self.turn = int(at[-1] + 1) % self.steps
        xi = self.draw.choice(np.float32([-1, 1]), (len(x), self.hidden))
        if idea.units:
            groups = self.hidden // idea.units
            xi *= (np.arange(self.hidden) % groups)[None] == self.draw.integers(groups, size=len(x))[:, None]
        moved = (self.forward(x, at, np.float32(idea.sigma) * xi).out - out) / np.float32(idea.sigma)
        for n, t in enumerate(at):
            one = (
                self.steps - 1 - (self.steps - 1 - t) // idea.share * idea.share
            )  # stands for its neighbours
            self.seen[one] += 1
            signs = float(np.abs(xi[n]).sum())
            rate = max(idea.rate, idea.settle * self.hidden / (self.seen[one] + self.hidden)) / signs
            predicted = self.psi[one] @ xi[n]
            if idea.scaled:
                size = float(predicted @ predicted) + 1e-12
                gap = float((moved[n] - self.factor[one] * predicted) @ predicted) / size
                self.factor[one] = np.clip(self.factor[one] + idea.scaled * gap, 0.2, 5.0)
            miss = moved[n] - predicted
            low = max(one - idea.share + 1, 0)
            self.psi[low : one + 1] = self.psi[one] + np.float32(rate) * np.outer(miss, xi[n])

    def store(self, x: Float, y: NDArray[np.int64], share: Float) -> None:
        """Offer examples to a reservoir, in 4 bits, rounded at random."""
        top = np.float32(2 ** self.p["replay.bits"] - 1)
        coarse = np.floor(x * top + self.draw.random(x.shape, np.float32)) / top
        for n in range(len(y)):
            self.offered += 1
            if len(self.memory) < self.p["replay.slots"]:
                self.memory.append((coarse[n], int(y[n]), share[n]))
            elif (place := self.draw.integers(self.offered)) < len(self.memory):
                self.memory[place] = (coarse[n], int(y[n]), share[n])

    def renew(self, x: Float) -> None:
        """Psi is the mean of do/dh_t over x, by going back through the weights."""
        passed = self.forward(x)
        back = np.broadcast_to(self.second[:-1].T, (len(x), self.classes, self.hidden))
        for t in reversed(range(self.steps)):
            self.psi[t] = back.mean(axis=0)
            slope = (1 - self.keep) * self.feed * (1 - passed.c[t] ** 2)
            back = self.keep * back + (back * slope[:, None]) @ self.first[self.features : -1].T


def accuracy(idea: Idea, examples: int, tasks: int, seed: int) -> float:
    """Percent right, mean over tasks after the last."""
    p = chips.parameters("m2ru", {"rule.feedback": "probed"})
    stream = streams.open_stream("permuted-mnist", seed=seed)
    net = Network(p, stream.shape, seed, idea)
    batch, centred = p["rule.batch"], 0
    for task in range(tasks):
        for x, y in _cut(stream.chunks(task, CHUNK, 0), examples):
            if centred < p["rule.centre_over"]:
                net.offset += (float(x.mean()) - net.offset) * len(x) / (centred + len(x))
                centred += len(x)
            if idea.feedback == "oracle":
                net.renew(x[-SAMPLE:])
            for start in range(0, len(y), batch):
                net.learn(x[start : start + batch], y[start : start + batch])
    right = [
        net.forward(x).out.argmax(axis=1) == y
        for task in range(tasks)
        for x, y in _cut(stream.chunks(task, CHUNK, examples), HELD)
    ]
    return 100 * float(np.concatenate(right).mean())


def _cut(parts: Any, most: int) -> Any:
    """The first `most` examples of chunks."""
    for x, y in parts:
        if most <= 0:
            return
        yield x[:most], y[:most]
        most -= len(y)


def main() -> None:
    """Print a row for each idea and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", type=int, default=12000, help="new examples per task")
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--ideas", default=",".join(IDEAS), help="names, with commas between")
    args = parser.parse_args()
    for name in args.ideas.split(","):
        found = []
        for seed in range(args.first, args.first + args.seeds):
            began = time.process_time()
            found.append(accuracy(IDEAS[name], args.examples, args.tasks, seed))
            spent = time.process_time() - began
            print(f"{name}: seed {seed}: {found[-1]:.1f} % ({spent:.0f} s of CPU)", flush=True)
        if args.seeds > 1:
            print(f"{name}: {np.mean(found):.1f} %", flush=True)


if __name__ == "__main__":
    main()
