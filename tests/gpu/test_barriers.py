"""No compiler copies a barrier: lanes that are told to meet at two places wait for each other for ever.

CPython copies a short end of a function to every branch that jumps to it (3.12 and later to more of them), so a `sync`
after branches can become several before numba sees it. The same for the machine's code: tests/gpu/barriers.py.
"""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

import cimlearn

BARRIERS = ("sync", "votes")
FILES = sorted((Path(cimlearn.__file__).parent / "gpu").glob("*.py"))


def written(tree: ast.AST) -> dict[str, int]:
    """How often each function of a file names a barrier."""
    return {
        function.name: sum(
            isinstance(node, ast.Name) and node.id in BARRIERS and isinstance(node.ctx, ast.Load)
            for node in ast.walk(function)
        )
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
    }


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and those inside it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from codes(one)


def compiled(source: str, file: str) -> dict[str, int]:
    """How often the bytecode of each function loads a barrier."""
    return {
        code.co_name: sum(
            step.opname.startswith("LOAD_GLOBAL") and step.argval in BARRIERS
            for step in dis.get_instructions(code)
        )
        for code in codes(compile(source, file, "exec"))
    }


@pytest.mark.parametrize("file", [f for f in FILES if "sync()" in f.read_text()], ids=lambda f: f.stem)
def test_python_copies_no_barrier(file: Path) -> None:
    source = file.read_text()
    found = compiled(source, str(file))
    for name, count in written(ast.parse(source)).items():
        if name in found and file.stem != "lanes":
            assert found[name] <= count, f"{name}: {count} barriers written, {found[name]} in bytecode"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python copies no end with a call")
def test_a_copied_barrier_is_seen() -> None:
    """An end of two instructions."""
    source = "def f(a, b):\n if a:\n  if b:\n   b()\n  else:\n   a()\n return sync\n"
    assert compiled(source, "f.py")["f"] > written(ast.parse(source))["f"]
