"""Chips of a Monte Carlo that share a card: each asks from a thread of its own, one thread serves them all at once.

Whoever asks waits until it is served. The serving thread takes all that wait, learns them in one launch, and meanwhile
the others fetch their next examples; who stands beside whom changes no result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.errors import InputError
from cimlearn.gpu.card import Card
from cimlearn.ledger import Ledger

LINGER: Final = 0.002  # [s] that the server waits for one more chip
PATIENCE: Final = 0.2  # [s] that it waits at most

Float = NDArray[np.float32]
Whole = NDArray[np.int64]


@dataclass
class _Wish:
    """What one chip asks for."""

    kind: str  # put, learn, predict or take
    chip: CardChip
    given: Any = None
    found: Any = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Fleet:
    """Chips of one design on one card, at most `capacity` at a time."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.launches: list[tuple[str, int, float]] = []  # kind, chips, seconds
        self._wishes: list[_Wish] = []
        self._come = threading.Condition()
        self._free = list(range(capacity))
        self._card: Card | None = None
        self._server: threading.Thread | None = None

    def ask(self, kind: str, chip: CardChip, given: Any = None) -> Any:
        """Wait for what the serving thread answers; raises what went wrong there."""
        wish = _Wish(kind, chip, given)
        with self._come:
            if self._server is None:
                self._server = threading.Thread(target=self._serve, daemon=True, name="cimlearn card")
                self._server.start()
            self._wishes.append(wish)
            self._come.notify()
        wish.done.wait()
        if wish.error is not None:
            raise wish.error
        return wish.found

    def leave(self, place: int) -> None:
        """Give a place back; nobody waits for that."""
        with self._come:
            self._free.append(place)

    def _serve(self) -> None:
        while True:
            wishes = self._gathered()
            for kind, serve in self._kinds().items():
                mine = [wish for wish in wishes if wish.kind == kind]
                if mine:
                    began = time.perf_counter()
                    self._served(serve, mine)
                    self.launches.append((kind, len(mine), time.perf_counter() - began))

    def _gathered(self) -> list[_Wish]:
        """All that wait, once no other comes within a moment."""
        with self._come:
            while not self._wishes:
                self._come.wait()
            began = time.monotonic()
            before = 0
            while len(self._wishes) > before and time.monotonic() - began < PATIENCE:
                before = len(self._wishes)
                self._come.wait(LINGER)
            wishes, self._wishes = self._wishes, []
        return wishes

    def _kinds(self) -> dict[str, Callable[[list[_Wish]], None]]:
        return {
            "put": self._put,
            "learn": self._learn,
            "predict": self._predict,
            "take": self._take,
        }

    def _served(self, serve: Callable[[list[_Wish]], None], wishes: list[_Wish]) -> None:
        try:
            serve(wishes)
        except BaseException as error:
            for wish in wishes:
                wish.error = error
        for wish in wishes:
            wish.done.set()

    def _put(self, wishes: list[_Wish]) -> None:
        for wish in wishes:
            chip = wish.chip
            if self._card is None:
                self._card = Card(chip.host, self.capacity)
            if chip.place is None:
                if not self._free:
                    raise InputError(f"{self.capacity} chips share this card; one more has no place")
                chip.place = self._free.pop()
            self._card.put(chip.host, chip.seed, chip.place)

    def _learn(self, wishes: list[_Wish]) -> None:
        self._ready().learn([self._place(w) for w in wishes], [w.given for w in wishes])

    def _predict(self, wishes: list[_Wish]) -> None:
        found = self._ready().predict([self._place(w) for w in wishes], [w.given for w in wishes])
        for wish, classes in zip(wishes, found, strict=True):
            wish.found = classes

    def _take(self, wishes: list[_Wish]) -> None:
        for wish in wishes:
            self._ready().take(wish.chip.host, self._place(wish))

    def _ready(self) -> Card:
        assert self._card is not None
        return self._card

    @staticmethod
    def _place(wish: _Wish) -> int:
        assert wish.chip.place is not None
        return wish.chip.place


class CardChip:
    """An M2RU whose state is on a card while it learns; its records come from the M2RU on the host.

    It takes its place on the card when it first learns, answers or loads, and brings its state back when somebody
    asks for it.
    """

    def __init__(self, host: M2RU, seed: int, fleet: Fleet) -> None:
        self.host, self.seed = host, seed
        self.shape, self.parameters, self.on = host.shape, host.parameters, host.on
        self._fleet = fleet
        self._ahead = False  # the card knows more than the host
        self._learned = host.learned()
        self.place: int | None = None

    def __del__(self) -> None:
        """Leave the place to another chip."""
        if self.place is not None:
            self._fleet.leave(self.place)

    def _on_card(self) -> None:
        if self.place is None:
            self._fleet.ask("put", self)

    def _here(self) -> M2RU:
        """The chip on the host, up to date."""
        if self._ahead:
            self._fleet.ask("take", self)
            self._ahead = False
        return self.host

    def start_task(self, task: int) -> None:
        """M2RU takes no notice of tasks."""

    def end_task(self) -> None:
        """Examples that wait go on waiting."""

    def learn(self, x: Float, y: Whole) -> None:
        """Learn x (examples, steps, features) with classes y (examples,), each once as new."""
        self._on_card()
        self._ahead = True
        self._fleet.ask("learn", self, (x, y))
        self._learned += len(x) * (1 + (self.host.rule.ratio if self.host.memory.state.labels.size else 0))

    def predict(self, x: Float, task: int | None = None) -> Whole:
        """(examples,) the class of each of x (examples, steps, features)."""
        self._on_card()
        self._ahead = True
        classes: Whole = self._fleet.ask("predict", self, x)
        self.host.count_classified(len(x))
        return classes

    def learned(self) -> int:
        """Examples learned so far, new and replayed."""
        return self._learned

    def ledger(self) -> Ledger:
        """What was done so far, by phase."""
        return self._here().ledger()

    def weights(self) -> dict[str, Float]:
        """A copy of the effective weights of each array (rows, columns)."""
        return self._here().weights()

    def writes(self) -> dict[str, Whole]:
        """Per array (cells per weight, rows, columns): pulses seen by each cell."""
        return self._here().writes()

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        return self._here().worn()

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs."""
        return self.host.memory_bits()

    def inventory(self) -> dict[str, dict[str, int]]:
        """What the chip is made of."""
        return self.host.inventory()

    def figures(self) -> dict[str, Any]:
        """Nothing: prices tell."""
        return self.host.figures()

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        return self._here().state()

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises StateError where a tensor is missing or has another shape."""
        self.host.load(tensors, values)
        self._learned, self._ahead = self.host.learned(), False
        self._fleet.ask("put", self)
