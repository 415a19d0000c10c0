"""Which runs are not worth their end.

Optuna prunes on one objective only. Here a trial is pruned when it is dominated at the same point of its course: after
the second task or a later one, a finished trial that was expected to cost no more in any objective had, with the same
seed, an accuracy on the tasks so far that is better by more than a margin. What could still win on a cost is never
pruned, and neither is anything where an objective besides accuracy is not known in advance. The first task says too
little: forgetting shows from the second on (docs/search.md has a front that judging the first would have cut).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Rival(NamedTuple):
    """A finished trial."""

    expected: Mapping[str, float]  # column -> cost, as for the trial that is judged
    curves: Mapping[str, Sequence[float]]  # seed -> (tasks,) accuracy on the tasks so far


def floors(
    expected: Mapping[str, float],
    rivals: Sequence[Rival],
    goals: Mapping[str, bool],
    seed: int,
    margin: float | None,
) -> tuple[float, ...]:
    """(tasks - 1,) accuracy below which a run is pruned after each task but the last; 0: it goes on; empty: always.

    Parameters
    ----------
    expected
        what the trial is expected to cost, by column
    rivals
        the trials that are finished
    goals
        objective -> whether larger is better
    seed
        of the run
    margin
        in accuracy; None: nothing is pruned
    """
    costs = {name: larger for name, larger in goals.items() if name != "accuracy"}
    if margin is None or "accuracy" not in goals or not costs.keys() <= expected.keys():
        return ()

    def no_dearer(rival: Rival) -> bool:
        return all(
            name in rival.expected
            and (rival.expected[name] >= expected[name] if larger else rival.expected[name] <= expected[name])
            for name, larger in costs.items()
        )

    courses = [rival.curves[str(seed)] for rival in rivals if no_dearer(rival) and str(seed) in rival.curves]
    after = [max(accuracy) - margin for accuracy in zip(*courses, strict=False)]
    return (0.0, *after[1:-1]) if len(after) > 2 else ()
