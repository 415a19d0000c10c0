"""Completion in a real bash, and what is said of mistyped words."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

import pytest

from cimlearn import cli
from cimlearn.cli.parser import make_parser
from cimlearn.cli.words import commands


@cache
def _script(shell: str) -> str:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["completion", shell]) == 0
    return said.getvalue()


def _completed(words: Sequence[str], shell: str = "bash") -> list[str]:
    """What bash offers after these words, the last of them half typed."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    quoted = " ".join(f"'{word}'" for word in words)
    program = (
        f"{_script(shell)}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _cimlearn 2>/dev/null;\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["cimlearn", "sw"], ["sweep"]),
        (["cimlearn", "run", "sas"], ["sas-mram"]),
        (["cimlearn", "run", "m2ru", "--see"], ["--seeds"]),
        (["cimlearn", "run", "m2ru", "--on", "a"], ["adam"]),
        (["cimlearn", "run", "m2ru", "--stream", "permuted-mn"], ["permuted-mnist"]),
        (["cimlearn", "run", "m2ru", "--set", "network.hid"], ["network.hidden="]),
        (["cimlearn", "price", "m2ru", "--set", "price.sram_"], ["price.sram_efficiency="]),
        (["cimlearn", "data", "ver"], ["verify"]),
        (["cimlearn", "completion", "fi"], ["fish"]),
    ],
)
def test_bash_completes(words: list[str], offered: list[str]) -> None:
    assert _completed(words) == offered


def test_every_command_and_option_is_in_every_script() -> None:
    for shell in ("bash", "zsh", "fish"):
        script = _script(shell)
        for command in commands(make_parser()):
            assert command.name in script
            for option in command.options:
                assert option.name.removeprefix("--") in script, (shell, command.name, option.name)
    assert "bashcompinit" in _script("zsh")
    if shutil.which("fish"):
        assert subprocess.run(["fish", "-n"], input=_script("fish"), text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu", "m2ru"], "unknown command 'rnu'; did you mean 'run'?"),
        (["swep"], "unknown command 'swep'; did you mean 'sweep'?"),
        (["run", "m2ru", "--sede", "3"], "run has no option '--sede'; did you mean '--seeds'?"),
        (["run", "m2ru", "--strem=x"], "run has no option '--strem'; did you mean '--stream'?"),
        (["price", "m2ru", "more"], "unexpected 'more'"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"cimlearn: error: {said}") and len(error.splitlines()) == 1
