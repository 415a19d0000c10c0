"""Write the table of layer sizes (src/cimlearn/networks/sizes.json) from the backbones themselves.

    python scripts/backbone_sizes.py

Run it after a backbone has changed or a new one has come; tests/networks/test_layers.py fails until then.
"""

from __future__ import annotations

import json
from pathlib import Path

from cimlearn.networks.backbones import blank, names
from cimlearn.networks.counting import measured
from cimlearn.networks.sizes import TABLE, Sizes

FILE = Path(__file__).parents[1] / "src" / "cimlearn" / "networks" / TABLE


def text(found: list[Sizes]) -> str:
    """JSON with a block a line."""
    parts = []
    for one in found:
        blocks = ",\n".join(f"  {json.dumps(block)}" for block in one.blocks)
        head = f'"{one.name}": {{"size": {one.size}, "multiple": {one.multiple}, "blocks": [\n'
        parts.append(f"{head}{blocks}\n ]}}")
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    FILE.write_text(text([measured(blank(name)) for name in names()]), "utf-8")
