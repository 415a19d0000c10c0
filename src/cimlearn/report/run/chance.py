"""Whether a run ended near chance or forgot whole classes, what its stream warns of, and what to try.

    chance = max over classes c of the mean over tasks t of (held-out examples of c in t) / (held-out examples of t)

is the average accuracy of whoever always answers one class. A run that gains less than a tenth of what is left above
it is near chance: it learned nothing that its user may build on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cimlearn import metrics
from cimlearn.runfolder.records import Run
from cimlearn.units import percent

GAIN: Final = 0.1  # share of what is left above chance
_FEW: Final = 2000  # new examples; with fewer, each must count
_NAMED: Final = 4  # classes in a sentence


def chance(run: Run) -> float | None:
    """Average accuracy of always answering the same class; None where the run doesn't say its classes."""
    counts = run.config.get("class_counts")
    if not counts:
        return None
    held_out = counts["held_out"][: max(1, run.learned)]
    shares = [[n / max(1, sum(row)) for n in row] for row in held_out]
    return max(metrics.mean(column) for column in zip(*shares, strict=True))


def near(accuracy: float, level: float | None) -> bool:
    """Whether an average accuracy is near chance."""
    return level is not None and level < 1 and accuracy < level + GAIN * (1 - level)


def at_chance(run: Run) -> bool:
    """Whether the mean over seeds of what a run reached so far is near chance."""
    if not run.counted_seeds:
        return False
    ends = [metrics.mean(run.of_seed(seed)[-1].accuracy) for seed in run.counted_seeds]
    return near(metrics.mean(ends), chance(run))


def stated(run: Run) -> dict[str, Any]:
    """`chance` and `warnings` of a summary.

    chance: `level`, `near`, `never_right` (classes that no seed ever answers right at the end) and `try` (what to
    change); None where the run doesn't say. warnings: sentences, of the stream and of classes without examples.
    """
    warnings = [*run.config.get("stream_facts", {}).get("warnings", ()), *_empty(run)]
    level = chance(run)
    if level is None or not run.counted_seeds:
        return {"chance": None, "warnings": warnings}
    lost = set.intersection(*(set(run.of_seed(seed)[-1].never_right) for seed in run.counted_seeds))
    found: dict[str, Any] = {"level": level, "near": at_chance(run), "never_right": _names(run, sorted(lost))}
    found["classes"] = sum(
        any(column) for column in zip(*run.config["class_counts"]["held_out"], strict=True)
    )
    found["try"] = _remedies(run) if found["near"] or lost else []
    return {"chance": found, "warnings": warnings}


def _names(run: Run, classes: Sequence[int]) -> list[str]:
    """Classes as their stream calls them."""
    names = run.config.get("stream_facts", {}).get("classes")
    return [str(names[c]) if names else str(c) for c in classes]


def _empty(run: Run) -> list[str]:
    """Classes that are only learned or only tested."""
    counts = run.config.get("class_counts")
    if not counts:
        return []
    train, held_out = ([sum(c) for c in zip(*counts[part], strict=True)] for part in ("train", "held_out"))
    cases = (
        (" {} no example to learn from, but tested ones.", lambda c: not train[c] and held_out[c]),
        (
            " {} no held-out example, so nothing is known of how well it is learned.",
            lambda c: train[c] and not held_out[c],
        ),
    )
    said = []
    for what, is_so in cases:
        classes = _names(run, [c for c in range(len(train)) if is_so(c)])
        if classes:
            said.append(_listed(classes) + what.format("has" if len(classes) == 1 else "have"))
    return said


def _listed(names: Sequence[str]) -> str:
    """'Class ‘a’', 'Classes ‘a’, ‘b’ and 3 more'."""
    shown = ", ".join(f"‘{name}’" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{'Class' if len(names) == 1 else 'Classes'} {shown}{more}"


def _remedies(run: Run) -> list[str]:
    """Settings that this run has and that may help, the likeliest first."""
    known = {name: entry.value for name, entry in run.parameters.items()}
    learned = sum(record.examples for record in run.of_seed(run.counted_seeds[0]))
    said = []
    if run.config["on"] == "chip" and "device.step" in known and known.get("write.least") == 0:
        said.append("--set write=slices or write=kept (pulses of this cell are coarse: changes gather first)")
    if learned < _FEW and known.get("stream.passes") == 1:
        said.append("stream.passes = 20 (few examples, each is shown once)")
    if learned < _FEW and known.get("rule.batch", 1) > 1:
        said.append("rule.batch = 1 (a write after each example)")
    if known.get("stream.normalise") == "off":
        said.append("stream.normalise = deviation (inputs of one size)")
    if known.get("stream.window") == 1 and known.get("stream.group"):
        said.append("stream.window (rows of a recording as one example)")
    if run.learned > 1 and known.get("replay.slots") is not None:
        said.append("a larger replay.slots (old tasks are recalled)")
    if run.config["on"] == "chip":
        said.append("--on adam or --on float (can this stream be learned without hardware?)")
    return said


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What must be said above the accuracy."""
    return [*_said(summary), *summary.get("warnings", ())]


def _said(summary: Mapping[str, Any]) -> list[str]:
    """Near chance, and classes that are never right."""
    found = summary.get("chance")
    if not found:
        return []
    said = []
    if found["near"]:
        average = percent(summary["accuracy"]["average"])
        said.append(
            f"Near chance: {average}, where always answering one class gives {percent(found['level'])}."
        )
    if found["never_right"]:
        verb = "is" if len(found["never_right"]) == 1 else "are"
        said.append(
            f"{_listed(found['never_right'])} of {found['classes']} {verb} never answered right at the end."
        )
    if said and found["try"]:
        said.append(f"Try {'; '.join(found['try'])}.")
    return said


def chance_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a table of the terminal."""
    found = summary.get("chance")
    lines = [("chance", percent(found["level"]))] if found else []
    return [*lines, *(("attention", said) for said in sentences(summary))]
