"""The page of commands: what `cimlearn COMMAND --help` prints, at this commit."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from cimlearn.cli.parser import make_parser

WIDTH = 100


def page() -> str:
    """Markdown."""
    lines = [
        "# Commands",
        "",
        "Results go to stdout, progress and errors to stderr. Exit status: 0 done, 2 something given can't be used "
        "(one line says what, and what to do), 130 stopped by Ctrl-C (the run goes on with `--resume`).",
    ]
    for name, parser in _commands(make_parser()):
        lines += ["", f"## {name}", "", "```text", _help(parser), "```"]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parser and those below it, with the words that reach them."""
    yield parser.prog, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _commands(below)


def _help(parser: argparse.ArgumentParser) -> str:
    """The help text, with a fixed width so that every machine makes the same page."""
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=WIDTH)
    return parser.format_help().strip()
