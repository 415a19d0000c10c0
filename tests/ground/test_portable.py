"""Strict kernels: elementary functions against NumPy's long doubles, and the same bits for two kinds of processor."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import config

from cimlearn import portable
from cimlearn.compiled import STRICTLY, compiled_for
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import _tell_processor

ULP = 2.0**-52
pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="NUMBA_DISABLE_JIT: nothing is compiled")


@numba.njit
def _all(x, y, out):
    for n in range(len(x)):
        out[0, n] = portable.exp(x[n])
        out[1, n] = portable.exp2(x[n])
        out[2, n] = portable.expm1(x[n])
        out[3, n] = portable.log(abs(x[n]))
        out[4, n] = portable.log1p(abs(x[n]))
        out[5, n] = portable.power(abs(x[n]), y[n])
        out[6, n] = portable.cos(x[n])


def computed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty((7, len(x)))
    _all(x, y, out)
    return out


def test_values_are_those_of_long_doubles() -> None:
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 5, 4000), draw.normal(0, 1e-3, 4000), draw.uniform(-700, 700, 2000)])
    y = draw.uniform(-3, 3, len(x))
    exact, power = x.astype(np.longdouble), y.astype(np.longdouble)
    size = np.abs(exact)
    wanted = [np.exp(exact), np.exp2(exact), np.expm1(exact), np.log(size), np.log1p(size), size**power]
    bounds = [
        4.5,
        4.5,
        9,
        4.5,
        9,
        4.5 * (1 + np.abs(power * np.log(size))),
    ]  # in units of 2^-52, as the module says
    found = computed(x, y)
    for got, want, bound in zip(found[:6], wanted, bounds, strict=True):
        assert np.all(np.abs(got - want) <= bound * ULP * np.abs(want))
    assert np.all(np.abs(found[6] - np.cos(exact)) <= 4.5 * ULP)


def test_ends_are_those_of_the_library() -> None:
    edges = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 1e300, 1e-300, 5e-324, math.inf, -math.inf, math.nan]
    x, y = (part.ravel() for part in np.meshgrid(edges, [0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 101.0, math.inf]))
    found = computed(x, y)
    with np.errstate(all="ignore"):
        wanted = [np.exp(x), np.exp2(x), np.expm1(x), np.log(abs(x)), np.log1p(abs(x)), abs(x) ** y]
    for got, want in zip(found[:6], wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


OLD = {  # as if this were a processor of 2006, for numba, the C library and NumPy
    "NUMBA_CPU_NAME": "x86-64",
    "NUMBA_CPU_FEATURES": "",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX,-FMA4,-AVX512F",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3,X86_V4",
}
KERNEL = """
import hashlib, math
import numpy as np
from cimlearn.compiled import entry, exp_each
from cimlearn import noise

@entry
def work(a, b, out):
    for i in range(len(out)):
        total = np.float32(0)
        for j in range(a.shape[1]):
            total += a[i, j] * b[j]
        out[i] = total * math.exp(-float(a[i, 0]) ** 2) + math.log(1.5 + float(b[i])) * abs(float(b[i])) ** 0.3

draw, out = np.random.default_rng(0), np.empty(128)
work(draw.random((128, 128), np.float32), draw.random(128, np.float32), out)
print(hashlib.sha256(out.tobytes() + exp_each(out).tobytes() + noise._DENSITY.tobytes()).hexdigest())
"""


def digest(folder: Path, **environment: str) -> str:
    """Of what the kernel computes in a new process, kept nowhere."""
    (folder / "work.py").write_text(KERNEL)
    known = {**os.environ, "XDG_CACHE_HOME": str(folder), **environment}
    ended = subprocess.run(
        [sys.executable, str(folder / "work.py")], capture_output=True, text=True, env=known
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="its other processor is an x86-64")
def test_strict_kernels_give_the_same_bits_for_two_processors(tmp_path: Path) -> None:
    strict = digest(tmp_path, **{STRICTLY: "1"})
    assert strict == digest(tmp_path, **{STRICTLY: "1"}, **OLD)
    assert len(strict) == 2 * hashlib.sha256().digest_size
    if "fma" in compiled_for()["features"].split(","):
        assert strict != digest(tmp_path)  # so the option is worth its cost


def test_a_run_goes_on_with_its_own_kind_of_kernels(tmp_path: Path) -> None:
    mine = {"strict": False, "cpu": "a", "features": "avx"}
    _tell_processor(mine, mine, tmp_path)
    _tell_processor({}, mine, tmp_path)  # of before
    with pytest.raises(
        InputError, match=r"began with strict kernels, these are ordinary; set CIMLEARN_STRICT=1$"
    ):
        _tell_processor({**mine, "strict": True}, mine, tmp_path)
    with pytest.raises(
        InputError, match=r"began with ordinary kernels, these are strict; unset CIMLEARN_STRICT$"
    ):
        _tell_processor(mine, {**mine, "strict": True}, tmp_path)
    with pytest.warns(UserWarning, match="began on a processor b, this is a: the last bits"):
        _tell_processor({"strict": False, "cpu": "b", "features": "sse2"}, mine, tmp_path)


def test_another_word_for_it_is_one_line(tmp_path: Path) -> None:
    known = {**os.environ, STRICTLY: "yes"}
    command = [sys.executable, "-m", "cimlearn", "run", "m2ru", "--stream", "permuted-digits", "--out", "run"]
    ended = subprocess.run(command, capture_output=True, text=True, env=known, cwd=tmp_path)
    assert ended.returncode == 2
    assert (
        ended.stderr == "cimlearn: error: CIMLEARN_STRICT = 'yes'; give 1 for strict kernels, or unset it\n"
    )
