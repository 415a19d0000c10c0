"""`cimlearn completion SHELL`: a script for bash, zsh or fish that completes commands, options, names and parameters.

    eval "$(cimlearn completion bash)"          in ~/.bashrc (zsh: in ~/.zshrc, after compinit)
    cimlearn completion fish | source           in config.fish

The script holds all words, so completing starts no Python; print it anew after an update.
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterable
from typing import Final

from cimlearn import chips, streams
from cimlearn.cli.parser import make_parser
from cimlearn.cli.words import Command, Option, commands
from cimlearn.costs import prices
from cimlearn.papers import PAPERS

_WITH_CHIP: Final = ("run", "show", "price", "explore")


def command(arguments: Namespace) -> None:
    """Print the script."""
    known = commands(make_parser())
    print(_fish(known) if arguments.shell == "fish" else _bash(known, zsh=arguments.shell == "zsh"), end="")


def parameters() -> list[str]:
    """Every 'part.key=' that some chip, its prices, or a stream has."""
    found: set[str] = set()
    for name in chips.names():
        kind = chips.kind(name)
        found |= set(chips.parameters(name)) | set(prices.parameters({}, kind.costs))
    for stream in (*streams.names(), "mnist+digits"):
        found |= set(streams.parameters(stream))
    return sorted(f"{name}=" for name in found)


def _values(option: Option) -> list[str] | None:
    """What may follow an option; None: a file."""
    if option.choices:
        return list(option.choices)
    if option.name == "--stream":
        return streams.names()
    if option.name == "--on":
        return ["chip", "float", "adam"]
    if option.name == "--chip":
        return chips.names()
    if option.name in ("--set", "--vary"):
        return parameters()
    return None


def _firsts(command: Command) -> list[str]:
    """What the first argument of a command may be, besides a file."""
    if command.name in _WITH_CHIP:
        return chips.names()
    if command.name == "reproduce":
        return sorted(PAPERS)
    return list(command.choices)


def _bash(known: list[Command], *, zsh: bool) -> str:
    """A function for bash; zsh runs it too."""
    lines = ["# cimlearn: completion; made by `cimlearn completion`"]
    if zsh:
        lines.append("autoload -Uz bashcompinit && bashcompinit")
    lines += [
        "_cimlearn() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=""',
        "  COMPREPLY=()",
        "  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W "
        + shlex.quote(_joined([c.name for c in known] + ["--help", "--version"]))
        + ' -- "$cur")); return; fi',
        '  case "$prev" in',
    ]
    seen: dict[str, Option] = {option.name: option for c in known for option in c.options if option.takes}
    for option in seen.values():
        values = _values(option)
        if values is not None:
            nospace = (
                " [[ ${COMPREPLY-} == *= ]] && compopt -o nospace 2>/dev/null;"
                if option.name == "--set"
                else ""
            )
            lines.append(
                f'    {option.name}) COMPREPLY=($(compgen -W {shlex.quote(_joined(values))} -- "$cur"));{nospace}'
                " return;;"
            )
        else:
            lines.append(f'    {option.name}) COMPREPLY=($(compgen -f -- "$cur")); return;;')
    lines += ["  esac", '  case "${COMP_WORDS[1]}" in']
    for one in known:
        options = _joined(option.name for option in one.options)
        lines.append(f"    {one.name}) words={shlex.quote(_joined([*_firsts(one), *options.split()]))};;")
    lines += [
        "  esac",
        '  COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))',
        "}",
        "complete -F _cimlearn cimlearn",
        "",
    ]
    return "\n".join(lines)


def _fish(known: list[Command]) -> str:
    """One `complete` for each command, option and first argument."""
    lines = ["# cimlearn: completion; made by `cimlearn completion fish`"]
    lines += [
        f"complete -c cimlearn -n __fish_use_subcommand -f -a {c.name} -d {_quoted(c.help)}" for c in known
    ]
    for one in known:
        here = f"complete -c cimlearn -n '__fish_seen_subcommand_from {one.name}'"
        if _firsts(one):
            lines.append(f"{here} -a {_quoted(_joined(_firsts(one)))}")
        for option in one.options:
            values = _values(option) if option.takes else None
            more = (
                f" -x -a {_quoted(_joined(values))}" if values is not None else " -r" if option.takes else ""
            )
            lines.append(f"{here} -l {option.name.removeprefix('--')}{more} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)


def _quoted(text: str) -> str:
    """A text in fish's single quotes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
