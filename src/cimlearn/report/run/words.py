"""Plain language: what a run was, and what each figure of it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cimlearn.runfolder.records import ArrayWrites, Run
from cimlearn.units import count, number, percent, plural, points, whole

_PLACEMENTS = {"chip": "simulated chip", "float": "software twin, floating point", "adam": "software, Adam"}
PHASES = {"learn": "while learning", "predict": "while answering"}


def placement(config: Mapping[str, Any]) -> str:
    """What the run ran on, in words."""
    on = str(config["on"])
    return _PLACEMENTS.get(on, on)


def seeds_text(seeds: tuple[int, ...]) -> str:
    """'seed 0' or '3 seeds (0, 1, 2)'."""
    listed = ", ".join(str(s) for s in seeds)
    return f"seed {listed}" if len(seeds) == 1 else f"{len(seeds)} seeds ({listed})"


def incomplete(run: Run) -> str | None:
    """What is missing from the run; None if it is complete."""
    if run.complete:
        return None
    tasks = len(run.task_names)
    if not run.records:
        return "This run is incomplete: nothing is recorded yet."
    done = {seed: len(run.of_seed(seed)) for seed in run.seeds}
    short = [
        f"seed {seed} has learned {n} of {plural(tasks, 'task')}" for seed, n in done.items() if n < tasks
    ]
    basis = f"Figures are taken over {seeds_text(run.counted_seeds)} after {plural(run.learned, 'task')}."
    return f"This run is incomplete: {', '.join(short)}. {basis}"


def one_task(run: Run, accuracy: Mapping[str, Any]) -> str:
    """What a run with one learned task says about accuracy."""
    n = len(run.counted_seeds)
    over = f", on average over {plural(n, 'seed')}" if n > 1 else ""
    name = run.task_names[0]
    if run.numbers:
        return f"{percent(accuracy['average'])} of the variance of the held-out targets of ‘{name}’ is explained{over}."
    return f"{percent(accuracy['average'])} of the held-out examples of ‘{name}’ are classified right{over}."


def curves(run: Run, accuracy: Mapping[str, Any]) -> str:
    """What the accuracy curves say."""
    n = len(run.counted_seeds)
    band = f" The band is one standard deviation over {plural(n, 'seed')}." if n > 1 else ""
    what = (
        "variance of the held-out targets of all tasks so far is explained, on average over the tasks"
        if run.numbers
        else "held-out examples of all tasks so far are classified right"
    )
    return (
        f"After {plural(run.learned, 'task')}, {percent(accuracy['average'])} of the {what} (heavy line, last point)."
        f" A thin line that falls is a task being forgotten.{band}"
    )


def matrix(run: Run, accuracy: Mapping[str, Any]) -> str:
    """What the accuracy matrix says."""
    over = f", mean of {plural(len(run.counted_seeds), 'seed')}" if len(run.counted_seeds) > 1 else ""
    return (
        f"Each row is one moment, each column one task{over}. The diagonal is a task just learned"
        f" ({percent(accuracy['learning'])} on average); read down a column to see what later tasks do to it."
        f" From their best to the end, earlier tasks lose {points(accuracy['forgetting'])} on average."
    )


def write_map(name: str, writes: ArrayWrites) -> str:
    """What the write map of one array says."""
    tall, wide = writes.block
    square = "one weight" if tall == wide == 1 else f"the mean of {tall} × {wide} weights"
    return (
        f"Where the writes of array ‘{name}’ went: {whole(writes.rows)} rows by {whole(writes.columns)}"
        f" columns, each square {square}. Even colour is even wear; bright rows or columns wear out first."
    )


def write_histogram(name: str, writes: ArrayWrites) -> str:
    """What the write histogram of one array says."""
    if writes.max == 0:
        return f"No cell of array ‘{name}’ was written."
    ratio = f", {number(writes.max / writes.mean, 2)} times the mean" if writes.mean > 0 else ""
    return (
        f"{whole(writes.cells)} cells of array ‘{name}’ saw {count(writes.mean)} writes on average; the most"
        f" written one saw {whole(writes.max)}{ratio}, and its endurance bounds the array’s life."
        f" {whole(writes.worn)} of the cells no longer change."
    )


def told(run: Run) -> str | None:
    """That the chip is told which task an example belongs to, where it is: its accuracy is then an easier one."""
    entry = run.parameters.get("network.tasks")
    if entry is None or entry.value != "own":
        return None
    return (
        "This chip is told which task each example belongs to, also when it answers (network.tasks = own): its "
        "accuracy can’t be set beside that of a chip which has to find out, as with network.tasks = shared."
    )


def chip_name(chip: str) -> str:
    """'M2RU'; the name of somebody's own, as 'mymodel.py:CHIP', as it is."""
    return chip if ":" in chip else chip.upper()
