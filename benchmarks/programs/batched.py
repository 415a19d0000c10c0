"""The same network in plain PyTorch, all examples between two steps in one batch: float32, no hardware at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SLOTS, RATE = 2000, 0.05


class Batched:
    """MiRU-2 with a fixed feedback for each step (or through time), a replay memory, plain steps."""

    def __init__(
        self, first: Any, second: Any, *, features: int, keep: float, feed: float, through: bool, batch: int
    ):
        torch.set_num_threads(1)
        self.first, self.second = torch.tensor(first), torch.tensor(second)
        self.features, self.keep, self.feed, self.through, self.batch = features, keep, feed, through, batch
        self.psi: torch.Tensor | None = None  # (steps, classes, hidden)
        self.x: torch.Tensor | None = None  # (slots, steps, features)
        self.y = torch.zeros(SLOTS, dtype=torch.long)
        self.held = 0
        self.draw = np.random.default_rng(0)

    def step(self, x: torch.Tensor, labels: torch.Tensor) -> None:
        """One step on x (examples, steps, features)."""
        count, steps, hidden = len(x), x.shape[1], self.first.shape[1]
        if self.psi is None:
            self.psi = self.second[:-1].T.repeat(steps, 1, 1)
        inputs, again, bias = self.first[: self.features], self.first[self.features : -1], self.first[-1]
        seen = x @ inputs + bias
        state = torch.zeros(count, hidden)
        states, candidates = torch.empty(steps, count, hidden), torch.empty(steps, count, hidden)
        for t in range(steps):
            states[t] = state
            torch.tanh(torch.addmm(seen[:, t], state, again, alpha=self.feed), out=candidates[t])
            state = self.keep * state + (1 - self.keep) * candidates[t]
        error = torch.softmax(torch.addmm(self.second[-1], state, self.second[:-1]), 1)
        error[torch.arange(count), labels] -= 1
        slope = (1 - candidates * candidates) * (1 - self.keep)
        if self.through:
            deltas = torch.empty_like(slope)
            back = error @ self.second[:-1].T
            for t in range(steps - 1, -1, -1):
                deltas[t] = back * slope[t]
                back = self.keep * back + self.feed * (deltas[t] @ again.T)
        else:
            deltas = (error @ self.psi) * slope
        flat = deltas.reshape(-1, hidden)
        rate = RATE / count
        self.first[: self.features] -= rate * (x.transpose(0, 1).reshape(-1, self.features).T @ flat)
        self.first[self.features : -1] -= rate * self.feed * (states.reshape(-1, hidden).T @ flat)
        self.first[-1] -= rate * flat.sum(0)
        self.second[:-1] -= rate * (state.T @ error)
        self.second[-1] -= rate * error.sum(0)

    @torch.no_grad()
    def learn(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features), each with one replayed example."""
        given, labels = torch.from_numpy(x), torch.from_numpy(y)
        if self.x is None:
            self.x = torch.zeros(SLOTS, *given.shape[1:])
        for start in range(0, len(given), self.batch):
            new, of = given[start : start + self.batch], labels[start : start + self.batch]
            if self.held:
                which = torch.from_numpy(self.draw.integers(self.held, size=len(new)))
                self.step(torch.cat([new, self.x[which]]), torch.cat([of, self.y[which]]))
            else:
                self.step(new, of)
            room = min(len(new), SLOTS - self.held)
            self.x[self.held : self.held + room], self.y[self.held : self.held + room] = new[:room], of[:room]
            self.held += room
