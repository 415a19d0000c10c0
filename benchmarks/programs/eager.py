"""The same rule in float, as one would first write it in PyTorch, example by example, no hardware."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SLOTS = 2000
RATE = 0.01


class Eager:
    """MiRU-2 with feedback through time (or a fixed Psi for every step), a replay memory, plain steps."""

    def __init__(
        self, first: Any, second: Any, *, features: int, keep: float, feed: float, through: bool, batch: int
    ):
        torch.set_num_threads(1)
        self.first, self.second = torch.tensor(first), torch.tensor(second)
        self.features, self.keep, self.feed, self.through, self.batch = features, keep, feed, through, batch
        self.waiting = (torch.zeros_like(self.first), torch.zeros_like(self.second))
        self.seen = 0
        self.psi = self.second[:-1].clone()  # (hidden, classes)
        self.recurrent = self.first[features:-1].clone()  # (hidden, hidden)
        self.slots: list[tuple[torch.Tensor, int]] = []
        self.draw = np.random.default_rng(0)

    def changes(self, x: torch.Tensor, label: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Changes of both weight matrices that x (steps, features) asks for."""
        hidden = self.first.shape[1]
        one, state = torch.ones(1), torch.zeros(hidden)
        rows, candidates = [], []
        for now in x:
            row = torch.cat([now, self.feed * state, one])
            candidate = torch.tanh(row @ self.first)
            state = self.keep * state + (1 - self.keep) * candidate
            rows.append(row)
            candidates.append(candidate)
        last = torch.cat([state, one])
        error = torch.softmax(last @ self.second, 0)
        error[label] -= 1
        back = self.psi @ error
        deltas = []
        for candidate in reversed(candidates):
            delta = back * (1 - candidate * candidate) * (1 - self.keep)
            deltas.append(delta)
            if self.through:
                back = self.keep * back + self.feed * (self.recurrent @ delta)
        deltas.reverse()
        return torch.stack(rows).T @ torch.stack(deltas), torch.outer(last, error)

    @torch.no_grad()
    def learn(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features), each with one replayed example."""
        for example, label in zip(torch.from_numpy(x), y.tolist(), strict=True):
            self.add(self.changes(example, label))
            if self.slots:
                self.add(self.changes(*self.slots[self.draw.integers(len(self.slots))]))
            if len(self.slots) < SLOTS:
                self.slots.append((example.clone(), label))
            self.seen += 1
            if self.seen % self.batch == 0:
                self.first -= RATE * self.waiting[0]
                self.second -= RATE * self.waiting[1]
                for waiting in self.waiting:
                    waiting.zero_()

    def add(self, changes: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Let changes wait for the next step."""
        for waiting, change in zip(self.waiting, changes, strict=True):
            waiting += change
