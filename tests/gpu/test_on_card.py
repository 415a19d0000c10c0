"""The engine's tests: here where numba finds a GPU, else in its simulator, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

try:
    from numba import cuda

    GPU = cuda.is_available()
except Exception:
    GPU = False

FILE = Path(__file__).with_name("on_card.py")

if GPU:
    from on_card import *  # noqa: F403


@pytest.mark.skipif(GPU, reason="the tests run on the GPU itself")
def test_the_engine_in_the_simulator() -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(FILE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
