"""A message is one line that can be printed, whatever a file put into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cimlearn.errors import InputError, printable


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert str(InputError(text)).isprintable()
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text


def test_what_cannot_be_printed_is_shown() -> None:
    assert printable("a\nb\x1b[31m\u202ec\ud800") == r"a\nb\x1b[31m\u202ec\ud800"


def test_a_message_without_end_is_cut() -> None:
    cut = printable("a" * 10**6 + "; the remedy")
    assert len(cut) < 2100 and cut.endswith("; the remedy")
