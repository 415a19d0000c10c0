"""How many chips of one design lie side by side in memory: every array has a first axis of chips.

`Plan` is what they share, `Bars` one of their arrays of cells, `Many` everything of them; `Room` is what the lanes of a
block share while they work on one chip. Random numbers are functions of a chip's own keys and counters, which are
saved with its state, so a chip's run depends neither on its neighbours nor on where it was interrupted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

# Counters of a chip that all lanes keep alike; those of the learning loop (chips/m2ru/kernels.py) come first.
REGISTER: Final = 8  # of the probe's signs
TURN: Final = 9
PROBES: Final = 10
AGAIN: Final = 11
DRIVEN: Final = 12
SEEN: Final = 13  # examples offered to the replay memory
STORED: Final = 14
DRIVES: Final = 15  # vectors of the hidden, output and feedback array (3), then of predictions (2)
UNIFORM: Final = 20
# Tallies of which each lane has its own part.
BITS: Final = 0  # input bits that were 1: hidden, output, feedback
PULSES: Final = 3
ROWS: Final = 6  # rows that were written
LIT: Final = 9
TALLIES: Final = 10
# Sums [S] and the offset of a chip.
ON: Final = 0  # hidden, output, feedback, then of predictions hidden, output
OFFSET: Final = 5
SUMS: Final = 6
# Keys of random numbers.
READ: Final = 0  # hidden, output, feedback, then of predictions hidden, output
WRITE: Final = 5  # hidden, output, feedback
SLOT: Final = 8
STORE: Final = 9
RECALL: Final = 10
KEYS: Final = 11
KEY_NAMES: Final = (
    *(f"{name}/read" for name in ("hidden", "output", "feedback", "hidden/predict", "output/predict")),
    *(f"{name}/write" for name in ("hidden", "output", "feedback")),
    "replay/slot",
    "replay/store",
    "replay/recall",
)
CONDUCTANCE: Final = 0  # places in Bars.cells
WEIGHT: Final = 1
GAIN: Final = 2
VARIANCE: Final = 3  # of a read for a full input, in weight^2
REFERENCE: Final = 4  # what is subtracted [S]
PLANES: Final = 5
WRITES: Final = 0  # places in Bars.wear
LIMIT: Final = 1


class Plan(NamedTuple):
    """What all the chips share, beside their arrays."""

    keep: float  # lambda
    feed: float  # beta
    state_steps: float
    winners: int  # K of the K-WTA; 0 = softmax
    winner_gain: float
    winner_settling: float
    winner_noise: float
    keep_hidden: int  # changes written per column; 0 = all
    keep_output: int
    batch: int
    ratio: int
    replay_weight: float
    soft: float
    centre_over: int
    refresh: int  # of the feedback copies; 0 = never
    groups: int  # of steps with a feedback matrix of their own; 0 = feedback through time
    sharing: int
    together: int
    every: int
    sigma: float
    rate: float
    code_steps: float  # of the replay memory
    share_steps: float
    quantiser: int
    hidden_rate: Any  # (rows,) float32
    output_rate: Any  # (hidden + 1,) float32


class Bars(NamedTuple):
    """One array of every chip; the numbers are those of `arrays.crossbar.Crossbar` and of its periphery."""

    device: Any
    scale: float  # weight per siemens [ohm]
    reference: float  # G_ref [S]
    read_variance: float
    steps: float
    reach: float
    step: float
    top: float
    thermal: float
    tiles: Any  # (row tiles + 1,) int64
    ones: Any  # (codes,) int64
    code: Any  # (chips, 2, codes) float32
    column: Any  # (chips, 2, row tiles, columns) float32
    hanging: Any  # (groups + 1,) int64 rows that load a column together
    loaded: bool  # weights depend on what else hangs on their column (arrays/circuit.py)
    transconductance: float  # that holds a column [S]; 0 = ideal
    calibration: int
    noisy: bool  # what is subtracted comes from cells, whose reads are noisy
    beside: bool  # a reference column hangs on the same virtual ground as its column
    trim: Any  # (chips, row tiles, columns) float32
    cells: (
        Any  # (chips, PLANES, rows, columns) float32: conductance [S], weight, gain, variance, reference [S]
    )
    wear: Any  # (chips, 2, rows, columns) int32: pulses seen, pulses until it sticks
    row_on: Any  # (chips, rows) float64 [S]


class Many(NamedTuple):
    """All of the chips."""

    plan: Plan
    hidden: Bars
    output: Bars
    feedback: Bars
    counts: Any  # (chips, UNIFORM) int64
    tallies: Any  # (chips, TALLIES) int64 of learning
    asked: Any  # (chips, 2) int64 input bits that were 1 in predictions: hidden, output
    sums: Any  # (chips, SUMS) float64
    keys: Any  # (chips, KEYS) uint64
    hidden_change: Any  # (chips, rows, hidden) float32 that wait
    output_change: Any  # (chips, hidden + 1, classes) float32
    output_copy: Any  # (chips, classes, hidden) float32
    recurrent_copy: Any  # (chips, hidden, hidden) float32
    winner_offset: Any  # (chips, classes) float32
    words: Any  # (chips, 4) uint64 of the K-WTA's noise
    codes: Any  # (chips, slots, steps, features) int16
    labels: Any  # (chips, slots) int64
    share: Any  # (chips, slots, classes) float32
    rows: Any  # scratch from here: (chips, steps, rows) float32 what was applied
    candidate: Any  # (chips, steps, hidden)
    states: Any  # (chips, steps, hidden)
    delta: Any  # (chips, steps, hidden)
    x: Any  # (chips, steps, features) inputs less their offset
    signs: Any  # (chips, steps disturbed together, hidden)
    ask: Any  # (chips, classes, hidden) change of one group of the feedback array


class Room(NamedTuple):
    """What the lanes of a block share (shared memory), and what each has for itself (the last three)."""

    drive: Any  # (2, longest column) float32 effective inputs; their noise weights
    part: Any  # (2, at least lanes) float32 parts of sums
    sums: Any  # (3, lanes) float64
    touched: Any  # (longest column,) int32
    state: Any  # (hidden,) float32
    readout: Any  # (hidden + 1,) float32 what the output array was driven with
    out: Any  # (widest,) float32
    share: Any  # (classes,) float32
    error: Any  # (classes,) float32
    before: Any  # (classes,) float32
    scratch: Any  # (2, classes) float32
    bits: Any  # (widest,) int32 thresholds of the sparsifier
    few: Any  # (4,) float32
    uniform: Any  # (UNIFORM,) int64
    mine: Any  # (TALLIES,) int64
    on: Any  # (3,) float64
