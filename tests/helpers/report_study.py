"""Made-up studies, many runs in one folder: helper of the tests of the page of many runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from report_run import make_run


def change_run(
    folder: Path, values: Mapping[str, Any], *, gain: float = 0.0, work: int = 1, **words: Any
) -> Path:
    """Set parameters as a user does, add `gain` to every accuracy, multiply the digital work, change words."""
    config = json.loads((folder / "run.json").read_text()) | words
    for name, value in values.items():
        group = "parameters" if name in config["parameters"] else "prices"
        config[group][name] |= {"value": value, "changed": True}
    (folder / "run.json").write_text(json.dumps(config))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        line["accuracy"] = [min(1.0, max(0.0, round(a + gain, 4))) for a in line["accuracy"]]
        for phase in line["ledger"]["counts"].values():
            phase["digital"] = {action: n * work for action, n in phase["digital"].items()}
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def make_study(root: Path, *, hidden=(400, 50, 100), seeds=(0, 1), twin: bool = True) -> Path:
    """A run per hidden width and seed, more accurate and dearer with the width; and a software twin."""
    for width in hidden:
        for seed in seeds:
            folder = make_run(root / "runs" / f"m2ru,hidden={width},seed={seed}", seeds=(seed,), tasks=3)
            change_run(folder, {"network.hidden": width}, gain=-8 / width, work=width)
    if twin:
        make_run(root / "runs" / "m2ru,float", on="float", tasks=3)
    return root
