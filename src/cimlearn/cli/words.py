"""Commands and options as the parser knows them: what a mistyped word was meant to be, and what may follow a word."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from cimlearn.errors import nearest


class Option(NamedTuple):
    """One option of a command."""

    name: str  # --seeds
    help: str
    takes: str | None  # what follows it: its metavar; None: nothing
    choices: tuple[str, ...]


class Command(NamedTuple):
    """One command."""

    name: str
    help: str
    options: tuple[Option, ...]
    choices: tuple[str, ...]  # of its first argument


def commands(parser: argparse.ArgumentParser) -> list[Command]:
    """All commands of the parser, in its order."""
    sub = _subparsers(parser)
    helps = {action.dest: action.help or "" for action in sub._choices_actions}
    found = []
    for name, one in sub.choices.items():
        options = [a for a in one._actions if a.option_strings]
        first = next((a for a in one._actions if not a.option_strings), None)
        found.append(
            Command(
                name,
                helps.get(name, ""),
                tuple(_option(action) for action in options),
                tuple(first.choices or ()) if first is not None else (),
            )
        )
    return found


def _option(action: argparse.Action) -> Option:
    takes = None if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return Option(action.option_strings[-1], action.help or "", takes, tuple(action.choices or ()))


def _subparsers(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))


def unknown_command(parser: argparse.ArgumentParser, word: str) -> str:
    """What to say of a command that isn't one."""
    return f"unknown command '{word}'; {nearest(word, _subparsers(parser).choices)}"


def unknown_words(parser: argparse.ArgumentParser, command: str, words: Sequence[str]) -> str:
    """What to say of words that a command doesn't take."""
    options = [name for a in _subparsers(parser).choices[command]._actions for name in a.option_strings]
    options = [name for name in options if name.startswith("--")]
    word = next((w for w in words if w.startswith("-")), None)
    if word is None:
        return f"unexpected '{' '.join(words)}'"
    name = word.partition("=")[0]
    return f"{command} has no option '{name}'; {nearest(name, options)}"
