"""What a run's configuration says of its stream besides sizes: classes of each task, late labels, how it was read."""

from __future__ import annotations

from typing import Any, cast

from cimlearn.streams.base import NumberStream, Stream


def described(stream: Stream) -> dict[str, Any]:
    """Entries of run.json.

    `class_counts` {train, held_out}: (tasks, classes) examples of each class that arrive in a task, and that are held
    out; `stream_facts`: what the stream itself has to say (`facts`), if anything; `label_delay` and `never_learned`,
    where labels arrive late; `data_from`: where data sets were found. A stream of one's own that counts no classes
    has none of the first. `targets` {names, offset, unit}: what the numbers of a regression stand for.
    """
    entries: dict[str, Any] = {}
    if stream.shape.numbers:
        targets = cast(NumberStream, stream).targets
        scaling = {"offset": targets.offset.tolist(), "unit": targets.unit.tolist()}
        entries["targets"] = {"names": list(targets.names), **scaling}
    elif hasattr(stream, "class_counts"):
        counts = [stream.class_counts(k) for k in range(len(stream.tasks))]
        entries["class_counts"] = {
            "train": [count.train.tolist() for count in counts],
            "held_out": [count.held_out.tolist() for count in counts],
        }
    if hasattr(stream, "data_from"):
        entries["data_from"] = stream.data_from
    facts: dict[str, Any] = dict(getattr(stream, "facts", {}))
    late = {key: facts.pop(key) for key in ("label_delay", "never_learned") if key in facts}
    return entries | ({"stream_facts": facts} if facts else {}) | late
