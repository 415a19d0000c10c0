"""A study from parts instead of a file: its file is written first and then read, so that both say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, all_parameters
from cimlearn.experiments.file import first_stream
from cimlearn.runfolder.files import to_json
from cimlearn.studies.study import Study, read
from cimlearn.studies.tables import VARIED_WORDS

_WORDS: Final = ("chip", "on", "data")


def grid_study(
    given: Mapping[str, Any], vary: Mapping[str, Sequence[Any]], *, name: str | None = None
) -> Study:
    """Every combination of the values in `vary`, around one experiment.

    Parameters
    ----------
    given
        of the experiment: 'chip', and perhaps 'stream', 'on', 'data', 'seeds', 'settings' ('part.key' -> value)
    vary
        'part.key', 'chip', 'stream' or 'on' -> values, as text or as they are
    name
        of the study; default: chip, stream and what varies

    Raises
    ------
    InputError
        If nothing is varied, a parameter has no value or one twice, or a value isn't allowed.
    """
    if not vary:
        raise InputError(
            "nothing to explore: name parameters and values, such as --vary network.hidden=50,100"
        )
    for varied, values in vary.items():
        if not values:
            raise InputError(f"--vary {varied}: give at least one value, such as {varied}=1,2,3")
    stream, settings = given.get("stream"), given.get("settings", {})
    if stream is None:
        stream, settings = first_stream(given["chip"], settings, given.get("data"))
    base = Experiment(given["chip"], stream, given.get("on") or "chip", (0,), settings, given.get("data"))
    entries = all_parameters(base)
    lines = [f"name = {to_json(name or _name(base, vary))}"]
    lines += [f"{word} = {_toml(getattr(base, word))}" for word in _WORDS if getattr(base, word) is not None]
    lines += [f"seeds = {_toml(given.get('seeds', (0,)))}", f"stream.name = {_toml(stream)}"]
    lines += [f"{key} = {_toml(entries[key])}" for key in settings]
    lines += ["", "[grid]"]
    for varied, values in vary.items():
        word = varied in VARIED_WORDS
        typed = values if word else [entries.replace({varied: value})[varied] for value in values]
        lines.append(f"{'stream.name' if varied == 'stream' else varied} = {_toml(typed)}")
    return read("\n".join(lines) + "\n", Path("study.toml"))


def _name(base: Experiment, vary: Iterable[str]) -> str:
    """'m2ru-permuted-digits-hidden-keep_hidden'."""
    stream = str(base.stream)
    words = [base.chip, stream if "/" not in stream else Path(stream).stem]
    return "-".join([*words, *(name.rpartition(".")[2] for name in vary)])


def _toml(value: Any) -> str:
    """A value as TOML writes it; what is switched off is the text 'none'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    text = to_json("none" if value is None else str(value))
    return text.replace("\x7f", "\\u007f")
