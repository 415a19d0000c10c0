"""Run a netlist in ngspice; tests that need it are skipped, and say so, where it is not installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

NEEDED = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed (apt-get install ngspice)"
)
_LINE = re.compile(r"^\s*(?:i\()?(?:vk|o)(\d+)\)?\s*=\s*(\S+)\s*$", re.MULTILINE)


def printed(netlist: str, folder: Path) -> list[float]:
    """The numbers that the netlist prints, in their order."""
    file = folder / "tile.cir"
    file.write_text(netlist)
    done = subprocess.run(
        ["ngspice", "-b", str(file)], capture_output=True, text=True, cwd=folder, check=False, timeout=120
    )
    found = {int(place): float(value) for place, value in _LINE.findall(done.stdout)}
    assert found and sorted(found) == list(range(len(found))), done.stdout[-2000:] + done.stderr[-2000:]
    return [found[n] for n in range(len(found))]
