"""What a chip of MiRU-2 starts from: weights, the rule's constants, memories. Shared by the software twins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.m2ru.kernels import PROGRESS, LearningLoop, LearnScratch, LearnState, Rule
from cimlearn.learning.dfa import feedback
from cimlearn.learning.replay import Buffer, buffer
from cimlearn.networks.miru import trace
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.streams.base import StreamShape
from cimlearn.untrusted import limits

Float = NDArray[np.float32]


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


def make_rule(p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float) -> Rule:
    """The learning rule's constants; the rate of input weights is divided by the number of features."""
    hidden = p["network.hidden"]
    keep, feed = p["network.lambda"], p["network.beta"]
    hidden_rate = np.concatenate(
        [
            np.full(shape.features, p["rule.rate_input"] / shape.features),
            np.full(hidden, p["rule.rate_recurrent"]),
            np.full(1, p["rule.rate_bias"]),
        ]
    )
    output_rate = np.concatenate(
        [np.full(hidden, p["rule.rate_output"]), np.full(1, p["rule.rate_output_bias"])]
    )
    direct = p["rule.feedback"] != "through"
    steps = shape.steps if direct else 0
    return Rule(
        feedback=feedback(p["rule.feedback"], psi, recurrent, steps, keep, feed),
        refresh=0 if direct else p["rule.refresh"] or 0,
        keep=keep,
        feed=feed,
        hidden_rate=hidden_rate.astype(np.float32),
        output_rate=output_rate.astype(np.float32),
        winners=p["rule.winners"] if p["rule.answer"] == "kwta" else 0,
        winner_gain=float(p["rule.winner_gain"]),
        keep_hidden=p["rule.keep_hidden"] or 0,
        keep_output=p["rule.keep_output"] or 0,
        whole=p["rule.keep_over"] == "array",
        batch=p["rule.batch"],
        ratio=p["replay.ratio"] if p["replay.slots"] > 0 else 0,
        replay_weight=float(p["replay.weight"]),
        soft=float(p["replay.soft"]),
        centre_over=p["rule.centre_over"],
        zero_read=p["periphery.zero_read"],
    )


def make_work(p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float) -> LearningLoop:
    """Memory of the learning loop; feedback copies start as the weights that were programmed."""
    hidden, rows = p["network.hidden"], shape.features + p["network.hidden"] + 1
    widest = max(hidden, shape.classes)
    example = (shape.steps, shape.features)
    state = LearnState(
        hidden=np.zeros((rows, hidden), np.float32),
        output=np.zeros((hidden + 1, shape.classes), np.float32),
        output_copy=np.ascontiguousarray(psi.T),
        recurrent_copy=np.ascontiguousarray(recurrent.T),
        progress=np.zeros(PROGRESS, np.int64),
        offset=np.zeros(1),
    )
    scratch = LearnScratch(
        trace=trace(shape.steps, shape.features, hidden, shape.classes),
        delta=np.zeros((shape.steps, hidden), np.float32),
        share=np.zeros(shape.classes, np.float32),
        error=np.zeros(shape.classes, np.float32),
        raw=np.zeros(example, np.float32),
        x=np.zeros(example, np.float32),
        threshold=np.zeros(widest, np.float32),
        counted=np.zeros(widest, np.float32),
    )
    return LearningLoop(state, scratch)


def make_memory(p: ParameterSet, shape: StreamShape, seed: int) -> Buffer:
    """The empty replay memory that the parameters ask for."""
    return buffer(
        p["replay.slots"],
        (shape.steps, shape.features),
        shape.classes,
        bits=p["replay.bits"],
        share_bits=p["replay.soft_bits"],
        kind=p["replay.quantiser"],
        signed=shape.signed,
        lfsr=p["replay.random"] == "lfsr",
        seed=seed,
    )
