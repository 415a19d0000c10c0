"""What a chip of MiRU-2 starts from: weights, the rule's constants, memories. Shared by the software twins."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn import team
from cimlearn.chips.m2ru.fast_arrays import make_transfer
from cimlearn.chips.m2ru.loop import PROGRESS, LearningLoop, LearnScratch, LearnState, Rule
from cimlearn.chips.m2ru.sizes import (
    feedback_groups,
    held,
    is_parallel,
    is_probed,
    is_recursive,
    keeps,
    probed_together,
    sharing,
)
from cimlearn.learning.dfa import feedback
from cimlearn.learning.kwta import Kwta, SettlingScratch
from cimlearn.learning.metaplastic import COUNTED, ImportanceState, Metaplastic
from cimlearn.learning.parallel import COUNTED as PULSES_COUNTED
from cimlearn.learning.parallel import Parallel, PulseScratch, PulseState
from cimlearn.learning.probe import Probed, ProbeScratch, ProbeState
from cimlearn.learning.recursive import Recursive, RecursiveScratch
from cimlearn.learning.remainder import Remainder, RemainderScratch
from cimlearn.learning.replay import Buffer, buffer
from cimlearn.learning.sparsify import ROOM
from cimlearn.networks.miru import trace
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator, kernel_state
from cimlearn.streams.base import StreamShape
from cimlearn.untrusted import limits

Float = NDArray[np.float32]
NETWORK: Final = ("hidden", "output")  # arrays that hold weights of the network
SIDE: Final = (
    8  # passes that run side by side on a thread: more gain little, and their memory leaves the cache
)
RATED_UNITS: Final = 100  # units at which the rates of a probed feedback are given


def initial_weights(p: ParameterSet, shape: StreamShape, seed: int) -> tuple[Float, Float, Float]:
    """(features + hidden + 1, hidden), (hidden + 1, classes) and Psi (hidden, classes).

    Input weights normal, recurrent weights a scaled random orthogonal matrix, biases 0; output weights are Psi
    itself where the rule starts aligned, else independent values of the same spread.
    """
    hidden = p["network.hidden"]
    weights = (shape.features + hidden + 1) * hidden + (hidden + 1) * shape.classes
    limits.check_weights(
        f"network.hidden = {hidden}, {shape.features} features, {shape.classes} classes", weights
    )
    draw = generator(seed, "initial weights")
    spread = p["network.output_scale"] / np.sqrt(hidden)
    inputs = (
        draw.standard_normal((shape.features, hidden)) * p["network.input_scale"] / np.sqrt(shape.features)
    )
    orthogonal, upper = np.linalg.qr(draw.standard_normal((hidden, hidden)))
    recurrent = orthogonal * np.sign(np.diag(upper)) * p["network.recurrent_scale"]
    reach = spread * np.sqrt(3.0)  # uniform in +-reach has standard deviation `spread`
    psi = draw.uniform(-reach, reach, (hidden, shape.classes))
    own = draw.uniform(-reach, reach, (hidden, shape.classes))
    first = np.concatenate([inputs, recurrent, np.zeros((1, hidden))]).astype(np.float32)
    second = np.concatenate([psi if p["rule.aligned"] else own, np.zeros((1, shape.classes))]).astype(
        np.float32
    )
    return first, second, psi.astype(np.float32)


def rates(p: ParameterSet) -> dict[str, float]:
    """The learning rates, `rate_input` times the number of features; all times `rule.scale`.

    Those of a probed feedback follow from the sizes. What an update moves an output is a rate times a sum over rows of
    what drives them, squared: so a row of n alike has 1 / n of a rate, inputs by features, states by units (given for
    100). It depends on no number of steps or classes: a state is a mean over steps, an error lies between -1 and 1, and
    the probe's rate is divided by its signs. Of the other rules only inputs are divided.
    """
    names = ("rate_input", "rate_recurrent", "rate_bias", "rate_output", "rate_output_bias")
    found = {name: float(p[f"rule.{name}"]) for name in names}
    if is_probed(p):
        alike = RATED_UNITS / p["network.hidden"]
        output = float(p["rule.probed_rate_output"])
        found |= {"rate_input": float(p["rule.probed_rate_input"])}
        found |= {"rate_recurrent": found["rate_recurrent"] * alike}
        found |= {"rate_output": output * alike, "rate_output_bias": output}
    return {name: rate * p["rule.scale"] for name, rate in found.items()}


def make_rule(
    p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float, *, seed: int = 0, on: str = "float"
) -> Rule:
    """The learning rule's constants; the rate of input weights is divided by the number of features."""
    hidden = p["network.hidden"]
    keep, feed = p["network.lambda"], p["network.beta"]
    chosen = rates(p)
    hidden_rate = np.concatenate(
        [
            np.full(shape.features, chosen["rate_input"] / shape.features),
            np.full(hidden, chosen["rate_recurrent"]),
            np.full(1, chosen["rate_bias"]),
        ]
    )
    output_rate = np.concatenate(
        [np.full(hidden, chosen["rate_output"]), np.full(1, chosen["rate_output_bias"])]
    )
    steps = 0 if p["rule.feedback"] in ("through", "probed") else shape.steps
    return Rule(
        feedback=feedback(p["rule.feedback"], psi, recurrent, steps, keep, feed),
        refresh=(p["rule.refresh"] or 0) if p["rule.feedback"] == "through" else 0,
        keep=keep,
        feed=feed,
        hidden_rate=hidden_rate.astype(np.float32),
        output_rate=output_rate.astype(np.float32),
        circuit=make_kwta(p, shape.classes, seed=seed, on=on),
        keep_hidden=p["rule.keep_hidden"] or 0,
        keep_output=p["rule.keep_output"] or 0,
        whole=p["rule.keep_over"] == "array",
        batch=p["rule.batch"],
        ratio=p["replay.ratio"] if p["replay.slots"] > 0 else 0,
        replay_weight=float(p["replay.weight"]),
        soft=float(p["replay.soft"]),
        centre_over=p["rule.centre_over"],
        zero_read=p["periphery.zero_read"],
        alone=on == "chip" and p["cell.telegraph"] > 0,
        linear=p["rule.answer"] == "linear",
    )


def make_kwta(p: ParameterSet, classes: int, *, seed: int, on: str) -> Kwta:
    """The K-WTA of the answer; the float twin's has no mismatch, no noise and all the time that it needs."""
    real = 1.0 if on == "chip" else 0.0
    spread = p["rule.winner_mismatch"] * real
    offset = spread * generator(seed, "answer", "mismatch").standard_normal(classes)
    return Kwta(
        winners=p["rule.winners"] if p["rule.answer"] == "kwta" else 0,
        gain=float(p["rule.winner_gain"]),
        settling=float(p["rule.winner_settling"] or 0) * real,
        noise=float(p["rule.winner_noise"]) * real,
        offset=offset.astype(np.float32),
        words=kernel_state(seed, "answer", "noise"),
        scratch=SettlingScratch(np.zeros(classes, np.float32), np.zeros(classes, np.float32)),
    )


def first_feedback(p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float) -> Float:
    """(groups * classes, hidden) what the feedback array is programmed to, the mean over a group's steps.

        Psi_t = (lambda I + (1 - lambda) s beta U_0)^(T-t) Psi,    s = `rule.start_slope`,

    is what a network asks for whose tanh have the slope s: 'timed', where s = 1. No rows where the feedback is not
    probed.
    """
    if not is_probed(p):
        return np.zeros((0, psi.shape[0]), np.float32)
    feed = p["rule.start_slope"] * p["network.beta"]
    table = feedback("timed", psi, recurrent, shape.steps, p["network.lambda"], feed)
    share, groups = sharing(p, shape), feedback_groups(p, shape)
    ends = [shape.steps - share * (groups - 1 - n) for n in range(groups)]
    means = [table[max(0, end - share) : end].mean(axis=0) for end in ends]
    return np.concatenate(means).astype(np.float32)


def followers(p: ParameterSet, shape: StreamShape, start: Float) -> Float:
    """(groups,) what of a change of the output weights each matrix of start (groups, classes, hidden) takes.

    |Psi_t|^2 / |Psi_T|^2 of the start, times `rule.follow_decay` per step before the last.
    """
    size = np.square(start.astype(np.float64)).sum(axis=(1, 2))
    age = sharing(p, shape) * np.arange(len(start) - 1, -1, -1)  # steps before the last
    part = size / max(size[-1:].sum(), 1e-30) * p["rule.follow_decay"] ** age
    return np.where(age < p["rule.follow"], part, 0).astype(np.float32)


def make_probed(p: ParameterSet, shape: StreamShape, array: Any, *, seed: int) -> Probed:
    """The rule of a probed feedback that lies in `array`; without rows where the feedback is not probed."""
    hidden, classes = p["network.hidden"], shape.classes
    start = array.state.weight.reshape(-1, classes, hidden)
    together = probed_together(p, shape)
    signs = max(1, together) * hidden
    register = int(kernel_state(seed, "probe")[0] & np.uint64(0xFFFF)) or 0xACE1
    return Probed(
        groups=len(start),
        sharing=sharing(p, shape),
        together=together,
        every=p["rule.probe_every"] or 1,
        sigma=float(p["rule.probe_size"]),
        rate=p["rule.probe_rate"] / signs,
        follow=followers(p, shape, start),
        array=array,
        state=ProbeState(np.full(1, register, np.uint16), *(np.zeros(1, np.int64) for _ in range(4))),
        scratch=ProbeScratch(
            back=np.zeros((len(start), hidden), np.float32),
            miss=np.zeros(classes, np.float32),
            drive=np.zeros((2, classes), np.float32),
            row=np.zeros(hidden, np.float32),
            change=np.zeros((classes, hidden), np.float32),
        ),
    )


def make_work(
    p: ParameterSet,
    shape: StreamShape,
    psi: Float,
    recurrent: Float,
    *,
    probed: Probed,
    rule: Rule,
    seed: int = 0,
    on: str = "float",
) -> LearningLoop:
    """Memory of the learning loop; feedback copies start as the weights that were programmed."""
    hidden, rows = p["network.hidden"], shape.features + p["network.hidden"] + 1
    metaplastic, recursive = make_metaplastic(p, shape, seed=seed), make_recursive(p, shape)
    parallel = make_parallel(p, shape, seed=seed)
    state = LearnState(
        hidden=np.zeros((rows, hidden), np.float32),
        output=np.zeros((hidden + 1, shape.classes), np.float32),
        output_copy=np.ascontiguousarray(psi.T),
        recurrent_copy=np.ascontiguousarray(recurrent.T),
        progress=np.zeros(PROGRESS, np.int64),
        offset=np.zeros(1),
        probe=probed.state,
        feedback=probed.array.state,
        answer_words=rule.circuit.words,
        importance=metaplastic.state,
        inverse=recursive.inverse,
        pulses=parallel.state,
    )
    return LearningLoop(
        state,
        make_scratch(p, shape, probed=probed, rule=rule),
        probed,
        metaplastic,
        recursive,
        parallel,
        make_remainder(p, shape, on=on),
        make_transfer(p, {"hidden": state.hidden.shape, "output": state.output.shape}, seed=seed, on=on),
        team.alone(),
    )


def make_scratch(
    p: ParameterSet, shape: StreamShape, *, probed: Probed, rule: Rule, threads: int = 1
) -> LearnScratch:
    """Memory of the learning loop for passes side by side on so many threads."""
    hidden, rows = p["network.hidden"], shape.features + p["network.hidden"] + 1
    widest = max(hidden, shape.classes)
    example = (shape.steps, shape.features)
    passes, side = 1 + rule.ratio, SIDE * threads
    new = max(1, min(rule.batch, side // passes))
    most = max(side, new * passes)
    return LearnScratch(
        trace=trace(most, shape.steps, shape.features, hidden, shape.classes),
        again=trace(
            new if probed.together else 1,
            shape.steps,
            shape.features,
            hidden,
            shape.classes,
            kept=1,
            disturbed=max(1, probed.together),
        ),
        down=np.zeros(most, np.float32),
        sign=np.zeros(new, np.float32),
        probed=np.zeros(new, np.int64),
        slot=np.zeros(most, np.int64),
        label=np.zeros(most, np.int64),
        wanted=np.zeros((most, shape.classes), np.float32),
        share=np.zeros((most, shape.classes), np.float32),
        error=np.zeros((most, shape.classes), np.float32),
        raw=np.zeros(example, np.float32),
        row=np.zeros(max(rows, hidden + 1), np.float32),
        applied=np.zeros(max(rows, hidden + 1), np.float32),
        told=np.zeros(shape.classes, np.float32),
        delta=np.zeros((most, shape.steps, hidden), np.float32),
        bounds=np.zeros((ROOM, widest), np.float32),
    )


def make_remainder(p: ParameterSet, shape: StreamShape, *, on: str) -> Remainder:
    """What becomes of changes that are not written; the float twin's memory is exact, and writes the smallest."""
    real, kept, hidden = on == "chip", keeps(p), p["network.hidden"]
    ranges = {name: p[f"mapping.{name}_range"] if real else 0.0 for name in NETWORK}
    units = {name: float(size / 2.0 ** (p["digital.change_bits"] - 1)) for name, size in ranges.items()}
    return Remainder(
        kept=kept,
        returned=real and kept and p["write.missed"] == "kept",
        least=float(p["write.least"]) if real else 0.0,
        hidden_unit=units["hidden"],
        output_unit=units["output"],
        scratch=RemainderScratch(
            np.zeros((shape.features + hidden + 1, hidden) if kept else (0, 0), np.float32),
            np.zeros((hidden + 1, shape.classes) if kept else (0, 0), np.float32),
        ),
    )


def make_parallel(p: ParameterSet, shape: StreamShape, *, seed: int) -> Parallel:
    """The scheme of parallel writes; with no slots and no memory where changes are written row by row."""
    hidden, classes = p["network.hidden"], shape.classes
    rows, used = shape.features + hidden + 1, is_parallel(p)
    signs = max(1, probed_together(p, shape)) * hidden
    size = 1 if used else 0
    return Parallel(
        longest=int(p["write.pulse_slots"]) if used else 0,
        hidden=2.0 * p["write.pulse_step"] * p["mapping.hidden_range"],
        output=2.0 * p["write.pulse_step"] * p["mapping.output_range"],
        feedback=2.0 * p["write.pulse_step"] * p["mapping.feedback_range"],
        probe_rate=np.full(classes, p["rule.probe_rate"] / signs, np.float32),
        state=PulseState(
            kernel_state(seed, "pulses"), *(np.zeros(PULSES_COUNTED, np.int64) for _ in range(3))
        ),
        scratch=PulseScratch(
            hidden=np.zeros((2, rows * size, hidden), np.int32),
            output=np.zeros((2, (hidden + 1) * size, classes), np.int32),
            feedback=np.zeros((2, classes * size, hidden), np.int32),
            lit=np.zeros(max(hidden, classes), np.int32),
        ),
    )


def make_metaplastic(p: ParameterSet, shape: StreamShape, *, seed: int) -> Metaplastic:
    """Importance of the weights, 0 at first; none where the parameters ask for none."""
    rises = {name: float(p[f"rule.importance_{name}"]) if name in held(p, shape) else 0.0 for name in NETWORK}
    sizes = {name: held(p, shape).get(name, (0, 0)) for name in NETWORK}
    return Metaplastic(
        top=2 ** int(p["rule.importance_bits"]) - 1,
        never=is_recursive(p),
        hidden_rise=rises["hidden"] * 2.0**32,
        output_rise=rises["output"] * 2.0**32,
        state=ImportanceState(
            hidden=np.zeros(sizes["hidden"], np.uint8),
            output=np.zeros(sizes["output"], np.uint8),
            words=kernel_state(seed, "importance"),
            counts=np.zeros(COUNTED, np.int64),
        ),
    )


def make_recursive(p: ParameterSet, shape: StreamShape) -> Recursive:
    """P of recursive least squares, identity / ridge at first; (0, 0) where the rule is not used."""
    rows = p["network.hidden"] + 1 if is_recursive(p) else 0
    inverse = (np.eye(rows) / p["rule.ridge"]).astype(np.float32)
    scratch = RecursiveScratch(np.zeros(rows, np.float32), np.zeros((rows, shape.classes), np.float32))
    return Recursive(inverse, scratch)


def make_memory(p: ParameterSet, shape: StreamShape, seed: int) -> Buffer:
    """The empty replay memory that the parameters ask for."""
    return buffer(
        p["replay.slots"],
        (shape.steps, shape.features),
        shape.classes,
        bits=p["replay.bits"],
        share_bits=p["replay.bits"] if shape.numbers else p["replay.soft_bits"],
        kind=p["replay.quantiser"],
        signed=shape.signed,
        lfsr=p["replay.random"] == "lfsr",
        seed=seed,
    )
