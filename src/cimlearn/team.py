"""Threads that share out work inside compiled code.

One thread, the caller, offers pieces of a job; whoever is there takes one after the other, the caller too, until none
is left. So a helper that the system doesn't run costs nothing but its help. What a piece does must not depend on who
does it, nor on what others do at the same time: then no number of threads changes a bit.

The words of a team lie in one array, each in a line of memory of its own. TICKET holds how many pieces there are
(upper half) and the next one (lower half): taking one is a single atomic addition, whose answer says whether the piece
was there. A job ends when all its pieces are done, so what describes it stands still while somebody holds one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from cimlearn.compiled import kernel

_LINE: Final = 16  # words from one to the next: two lines of 64 bytes, since processors fetch pairs
TICKET: Final = 0 * _LINE
DONE: Final = 1 * _LINE  # pieces of this job that are done
ENDED: Final = 2 * _LINE  # 1: helpers go home
JOB: Final = (
    3 * _LINE
)  # what is done, its first, its number after the last, how many are a piece, one number more
THREADS: Final = 4 * _LINE  # the caller and its helpers
WORDS: Final = 5 * _LINE
_HALF: Final = 32  # bits of half a word
# Looks at a word before the core is offered to others (some 50 us: on a busy machine one that is offered is gone for
# milliseconds), and before a sleep.
_SPIN, _YIELD = 20_000, 22_000
_NAP: Final = 50  # microseconds
_config: Any = config
_WHOLE: Final[Any] = ir.IntType(64)


class Team(NamedTuple):
    """Those who share work out."""

    words: NDArray[np.int64]  # (WORDS,), or (0,) where the caller is alone


def alone() -> Team:
    """A team of the caller alone."""
    return Team(np.zeros(0, np.int64))


def gathered(threads: int) -> Team:
    """A team of so many threads, the caller among them; nothing is offered yet."""
    words = np.zeros(WORDS, np.int64)
    words[THREADS] = threads
    return Team(words)


def _atomic(emit_one: Callable[[Any, Any, Any], Any], values: int) -> Callable[..., Any]:
    """A kernel (words, place[, value]) that does one atomic step on words[place]."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return emit_one(builder, pointer, arguments[2] if values else None)

    def typed_one(_context: Any, words: Any, place: Any) -> Any:
        return types.int64(words, types.intp), emit

    def typed_two(_context: Any, words: Any, place: Any, value: Any) -> Any:
        return types.int64(words, types.intp, types.int64), emit

    made: Any = intrinsic
    found: Callable[..., Any] = made(typed_two if values else typed_one)
    return found


def _emit_look(builder: Any, pointer: Any, _value: Any) -> Any:
    return builder.load_atomic(pointer, "acquire", 8)


def _emit_add(builder: Any, pointer: Any, value: Any) -> Any:
    return builder.atomic_rmw("add", pointer, value, "acq_rel")


def _emit_put(builder: Any, pointer: Any, value: Any) -> Any:
    return builder.atomic_rmw("xchg", pointer, value, "acq_rel")


def _calls(name: str, given: tuple[Any, ...]) -> Callable[..., Any]:
    """A kernel that calls the C library's `name` with these 32-bit numbers, and forgets the answer."""

    def emit(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        number = ir.IntType(32)
        kind = ir.FunctionType(number, [number] * len(given))
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [ir.Constant(number, one) for one in given])
        return context.get_dummy_value()

    def typed(_context: Any) -> Any:
        return types.void(), emit

    made: Any = intrinsic
    found: Callable[..., Any] = made(typed)
    return found


def _look_python(words: Any, place: int) -> int:
    return int(words[place])


def _add_python(words: Any, place: int, value: int) -> int:
    words[place] += value
    return int(words[place]) - value


def _put_python(words: Any, place: int, value: int) -> int:
    words[place], before = value, int(words[place])
    return before


def _pass_python() -> None:
    """Without a compiler every chip learns on one thread."""


_python: Final = bool(_config.DISABLE_JIT)
ALONE: Final = _python  # nobody can help: Python runs one thread at a time
_look: Any = _look_python if _python else _atomic(_emit_look, 0)
_add: Any = _add_python if _python else _atomic(_emit_add, 1)
_put: Any = _put_python if _python else _atomic(_emit_put, 1)
_let_others: Any = _pass_python if _python else _calls("sched_yield", ())
_sleep: Any = _pass_python if _python else _calls("usleep", (_NAP,))


@kernel
def offer(words, what, first, last, each, more):
    """Offer first .. last - 1 of job `what` in pieces of `each`; `more` is a number that it needs."""
    words[JOB], words[JOB + 1], words[JOB + 2], words[JOB + 3], words[JOB + 4] = what, first, last, each, more
    _put(words, DONE, 0)
    _put(words, TICKET, (last - first + each - 1) // each << _HALF)


@kernel
def take(words):
    """The number of a piece that is the taker's to do; -1 where none is left."""
    ticket = _look(words, TICKET)
    if ticket & 0xFFFFFFFF >= ticket >> _HALF:
        return np.int64(-1)
    ticket = _add(words, TICKET, 1)
    piece = ticket & 0xFFFFFFFF
    return piece if piece < ticket >> _HALF else np.int64(-1)


@kernel
def finish(words):
    """A piece that was taken is done."""
    _add(words, DONE, 1)


@kernel
def is_done(words):
    """Whether all pieces that were offered are done."""
    return _look(words, DONE) >= _look(words, TICKET) >> _HALF


@kernel
def has_ended(words):
    """Whether helpers go home."""
    return _look(words, ENDED) != 0


@kernel
def wait_a_little(turn):
    """Wait for the `turn`-th time in a row: at first the thread goes on looking, then it lets others run, then it
    sleeps.
    """
    if turn > _YIELD:
        _sleep()
    elif turn > _SPIN:
        _let_others()
