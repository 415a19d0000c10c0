"""What the learning loop works with: constants of the rule, its state and its memory."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.learning.kwta import Kwta
from cimlearn.learning.metaplastic import ImportanceState, Metaplastic
from cimlearn.learning.parallel import Parallel, PulseState
from cimlearn.learning.probe import Probed, ProbeState
from cimlearn.learning.recursive import Recursive
from cimlearn.learning.remainder import Remainder
from cimlearn.networks.miru import Trace
from cimlearn.team import Team

LEARNED: Final = 0  # examples learned, new and replayed
REPLAYED: Final = 1  # of these, replayed
WAITING: Final = 2  # new examples whose changes are not written yet
UPDATES: Final = 3  # times that changes were written
CENTRED: Final = 4  # examples that the input offset was measured on
NEW: Final = 5  # new examples learned
COPIES: Final = 6  # times that the feedback copies were read
LIT: Final = 7  # inputs of examples learned that were not 0
PROGRESS: Final = 8
NUMBERS: Final = -1  # in place of a class: what is wanted are numbers


LEARN: Final = 0  # what the chip is asked for
TEST: Final = 1
SHARE: Final = 2  # the same answer to the same example, whatever was asked before
ASSIST: Final = 3  # to help another thread with what it was asked for


class Asked(NamedTuple):
    """What the chip is asked for."""

    what: int  # LEARN, TEST, SHARE or ASSIST
    x: NDArray[np.float32]  # (examples, steps, features)
    y: NDArray[
        np.int64
    ]  # (examples,) classes, NUMBERS where numbers are to be learned; answers are put there
    numbers: NDArray[np.float32]  # (examples, outputs) numbers to learn, or what is told; (0, 0): none
    again: int  # examples of the replay memory to learn after x; as many for each write as a batch has, new and old


class Rule(NamedTuple):
    """The learning rule's constants."""

    feedback: NDArray[
        np.float32
    ]  # (steps, classes, hidden) Psi_t; no steps = probed, or feedback through time
    refresh: int  # new examples between readings of the feedback copies; 0 = never
    keep: float  # lambda
    feed: float  # beta
    hidden_rate: NDArray[np.float32]  # (features + hidden + 1,) rate of each row of the hidden array
    output_rate: NDArray[np.float32]  # (hidden + 1,) rate of each row of the output array
    circuit: Kwta  # of the answer
    keep_hidden: int  # changes written per column (or, with whole, in the array); 0 = all
    keep_output: int
    whole: bool  # the largest changes are looked for in the whole array, not in each column
    batch: int  # new examples between writes
    ratio: int  # replayed examples per new one
    replay_weight: float  # weight of a replayed example's change
    soft: float  # share of the stored answer in the target of a replayed example
    centre_over: int  # examples that the input offset is measured on
    zero_read: bool  # what is read into the feedback copies is less a read without input
    alone: bool  # each pass runs alone: cells draw telegraph noise for each inference
    linear: bool  # outputs themselves are compared with the target, by the squared error


class LearnState(NamedTuple):
    """What learning keeps between examples; every field is saved with a run."""

    hidden: NDArray[np.float32]  # (rows, hidden) proposed change of the hidden array that waits
    output: NDArray[np.float32]  # (hidden + 1, classes) the same of the output array
    output_copy: NDArray[np.float32]  # (classes, hidden) digital copy of the output weights, transposed
    recurrent_copy: NDArray[np.float32]  # (hidden, hidden) digital copy of the recurrent weights, transposed
    progress: NDArray[np.int64]  # (PROGRESS,)
    offset: NDArray[np.float64]  # (1,) mean input, subtracted
    probe: ProbeState  # of the probed feedback
    feedback: Any  # state of the feedback array
    answer_words: NDArray[np.uint64]  # (4,) generator of the K-WTA's noise
    importance: ImportanceState  # of the weights
    inverse: NDArray[np.float32]  # P of recursive least squares
    pulses: PulseState  # of parallel writes


class LearnScratch(NamedTuple):
    """Memory of the learning loop that holds nothing between two groups of examples."""

    trace: Trace  # of passes side by side: each new example, then those replayed with it
    again: Trace  # of the probes of the new examples
    down: NDArray[np.float32]  # (passes,) what the error is divided by before it drives the feedback array
    sign: NDArray[np.float32]  # (new,) of the reads of each probe
    probed: NDArray[np.int64]  # (new,) 0, or 1 + number of the probe among those of this group
    slot: NDArray[np.int64]  # (passes,) where in the replay memory the example lies; -1: nowhere
    label: NDArray[np.int64]  # (passes,) its class
    wanted: NDArray[
        np.float32
    ]  # (passes, classes) numbers that a new example asks for, where its class is NUMBERS
    share: NDArray[np.float32]  # (passes, classes) the network's answer; of such an example what it asks for
    error: NDArray[np.float32]  # (passes, classes)
    raw: NDArray[np.float32]  # (steps, features) a recalled example
    row: NDArray[np.float32]  # (max(rows, hidden + 1),)
    applied: NDArray[np.float32]  # (max(rows, hidden + 1),)
    told: NDArray[np.float32]  # (classes,)
    delta: NDArray[np.float32]  # (passes, steps, hidden) error at each unit and step
    bounds: NDArray[np.float32]  # (ROOM, max(hidden, classes)) scratch of the sparsifier


class LearningLoop(NamedTuple):
    """What the learning loop works with."""

    state: LearnState
    scratch: LearnScratch
    probed: Probed
    metaplastic: Metaplastic
    recursive: Recursive
    parallel: Parallel
    remainder: Remainder
    transfer: Any  # Direct, or Transfer to fast arrays
    team: Team  # threads that share the work
