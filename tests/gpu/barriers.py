"""Does a barrier of the GPU's programs stand under a condition that lanes decide apart? No GPU is needed.

    PYTHONPATH=src python tests/gpu/barriers.py        # with numba-cuda and its NVVM: one to two minutes

Compiles `learn` and `predict` for sm_90 and follows, in the PTX, what depends on the number of a thread. A conditional
branch on such a value splits lanes until the blocks that all ways from it lead to; a barrier before that is met by
some lanes only, and the launch never ends. Values read from memory count as alike for all lanes unless their address
is not. Exit status 1 if there is one.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

REGISTER = re.compile(r"%[a-z]+\d+|%tid\.x")
BRANCH = re.compile(r"\bbra(?:\.uni)?\s+([\w$]+)")
CAPABILITY = (9, 0)


class Step(NamedTuple):
    """An instruction."""

    line: int
    text: str
    name: str
    registers: list[str]  # the first is written, but by stores, branches and barriers


def blocks_of(ptx: str) -> tuple[list[list[Step]], list[set[int]]]:
    """Basic blocks, and the numbers of those that follow each; the last number is the exit."""
    blocks: list[list[Step]] = [[]]
    labels: dict[str, int] = {}
    lines = ptx.splitlines()
    begin = max(
        n for n, line in enumerate(lines) if line.startswith(".visible .entry") or line.startswith("{")
    )
    inside = False
    for number, line in enumerate(lines[begin:], begin + 1):
        text = line.strip()
        inside = (inside or text == "{") and text != "}" if number > begin + 1 else False
        label = re.match(r"^(\$?[\w$]+):", text)
        if label:
            if blocks[-1]:
                blocks.append([])
            labels[label.group(1)] = len(blocks) - 1
        elif text and text[0] not in "{}./":
            plain = re.sub(r"^@!?%p\d+\s+", "", text)
            found = REGISTER.findall(plain)
            if inside:  # names of a block of inline assembly are its own
                found = [f"{one}." if one.startswith("%p") else one for one in found]
            blocks[-1].append(Step(number, text, plain.split()[0], found))
            if BRANCH.search(text) or plain.startswith(("ret", "exit")):
                blocks.append([])
    after = []
    for n, steps in enumerate(blocks):
        last = steps[-1].text if steps else ""
        branch = BRANCH.search(last)
        if branch:
            after.append({labels[branch.group(1)]} | ({n + 1} if last.startswith("@") else set()))
        else:
            after.append({len(blocks)} if re.search(r"\b(ret|exit)\b", last) else {n + 1})
    return blocks, after


def meets(after: list[set[int]]) -> list[int]:
    """For each block the first that all ways from it lead to (Cooper, Harvey and Kennedy 2001, backwards)."""
    end = len(after)
    before: list[list[int]] = [[] for _ in range(end + 1)]
    for n, following in enumerate(after):
        for one in following:
            before[one].append(n)
    order: list[int] = []
    seen, stack = {end}, [(end, iter(before[end]))]
    while stack:
        node, rest = stack[-1]
        step = next((one for one in rest if one not in seen), None)
        if step is None:
            order.append(node)
            stack.pop()
        else:
            seen.add(step)
            stack.append((step, iter(before[step])))
    place = {node: n for n, node in enumerate(order)}
    known: dict[int, int] = {end: end}
    changed = True
    while changed:
        changed = False
        for node in reversed(order[:-1]):
            ways = [one for one in after[node] if one in known]
            new = ways[0]
            for other in ways[1:]:
                while new != other:
                    while place[new] < place[other]:
                        new = known[new]
                    while place[other] < place[new]:
                        other = known[other]
            if known.get(node) != new:
                known[node], changed = new, True
    return [known.get(n, end) for n in range(end)]


def apart(block: int, after: list[set[int]], meeting: int) -> set[int]:
    """Blocks between a branch and where its ways meet."""
    found: set[int] = set()
    todo = [one for one in after[block] if one != meeting]
    while todo:
        one = todo.pop()
        if one not in found and one != meeting and one < len(after):
            found.add(one)
            todo.extend(after[one])
    return found


def _writes(step: Step) -> bool:
    return bool(step.registers) and not step.name.startswith(("st", "bra", "bar"))


def split_barriers(ptx: str) -> Iterator[tuple[Step, Step]]:
    """Barriers of which some lanes keep away, each with the branch that leads them there."""
    blocks, after = blocks_of(ptx)
    meeting = meets(after)
    times = Counter(step.registers[0] for steps in blocks for step in steps if _writes(step))
    own, split, done = {"%tid.x"}, set[int](), set[int]()
    changed = True
    while changed:
        changed = False
        for n, steps in enumerate(blocks):
            for step in steps:
                if not _writes(step) or step.registers[0] in own:
                    continue
                reads = own.intersection(step.registers[1:])
                merged = n in split and times[step.registers[0]] > 1 and not step.name.startswith("ld.local")
                if reads or merged:
                    own.add(step.registers[0])
                    changed = True
            condition = re.match(r"^@!?(%p\d+)\s+bra", steps[-1].text) if steps else None
            if condition and condition.group(1) in own and n not in done:
                done.add(n)
                split |= apart(n, after, meeting[n])
                changed = True
    for n in sorted(done):
        for block in sorted(apart(n, after, meeting[n])):
            for step in blocks[block]:
                if step.name.startswith("bar"):
                    yield step, blocks[n][-1]


def programs_ptx() -> Iterator[tuple[str, str]]:
    """PTX of `learn` and `predict` of the default chip with permuted MNIST's shape, compiled without a GPU."""
    from numba import cuda, float32, int64, typeof, types
    from numba.cuda import dispatcher

    from cimlearn.chips.m2ru import KIND
    from cimlearn.chips.m2ru.chip import M2RU
    from cimlearn.gpu import pack
    from cimlearn.gpu.lanes import LANES
    from cimlearn.gpu.programs import programs
    from cimlearn.streams.base import StreamShape

    class Device:
        compute_capability = CAPABILITY

    compiler: Any = dispatcher
    compiler.get_current_device = lambda: Device
    chip = M2RU(KIND.parameters({}), StreamShape(28, 28, 10, False), seed=0)
    many: Any = typeof(pack.empty(chip, 1))
    rows, hidden = chip.net.hidden.state.weight.shape
    made = programs(LANES, max(rows, hidden + 1), hidden, 10)
    array: Any = types.Array
    signature = (
        many,
        array(int64, 1, "C"),
        array(float32, 4, "C"),
        array(int64, 2, "C"),
        array(int64, 1, "C"),
    )
    for name in ("learn", "predict"):
        yield name, cuda.compile_ptx(getattr(made, name).py_func, signature, cc=CAPABILITY)[0]


def main() -> int:
    """Print what was found."""
    status = 0
    for name, ptx in programs_ptx():
        found = list(split_barriers(ptx))
        print(
            f"{name}: {len(re.findall('bar[.]', ptx))} barriers, {len(found)} that some lanes keep away from"
        )
        for barrier, branch in found:
            print(f"  line {barrier.line}: {barrier.text}, because of line {branch.line}: {branch.text}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
