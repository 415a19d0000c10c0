"""Pieces of jobs: each is done once, whoever is there, and nobody meets what belongs to another job."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from cimlearn import team
from cimlearn.compiled import entry

JOBS, PIECES = 3000, 7


@entry
def _help(words, done):
    """Do pieces until the caller has come to its end: done[job, number] counts how often each number was met."""
    turn = 0
    while True:
        piece = team.take(words)
        if piece >= 0:
            job, each = words[team.JOB], words[team.JOB + 3]
            for n in range(piece * each, (piece + 1) * each):
                done[job, n] += 1
            team.finish(words)
            turn = 0
        else:
            if team.has_ended(words):
                return
            team.wait_a_little(turn)
            turn += 1


@entry
def _call(words, done, each, helping):
    """Offer one job after the other, of 1 to PIECES pieces; with `helping` do what nobody else takes."""
    for job in range(done.shape[0]):
        last, turn = each * (1 + job % PIECES), 0
        team.offer(words, job, 0, last, each, 0)
        while helping:
            piece = team.take(words)
            if piece < 0:
                break
            for n in range(piece * each, (piece + 1) * each):
                done[job, n] += 1
            team.finish(words)
        while not team.is_done(words):
            team.wait_a_little(turn)
            turn += 1
    return 0


@pytest.mark.skipif(team.ALONE, reason="without a compiler nobody can help")
@pytest.mark.parametrize(("helpers", "helping"), [(0, True), (1, True), (3, True), (1, False), (2, False)])
def test_every_piece_is_done_once(helpers: int, helping: bool) -> None:
    words, each = team.gathered(1 + helpers).words, 3
    done = np.zeros((JOBS, PIECES * each), np.int64)
    threads = [Thread(target=_help, args=(words, done), daemon=True) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    _call(words, done, each, helping)
    words[team.ENDED] = 1
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    wanted = np.arange(PIECES * each) < each * (1 + np.arange(JOBS)[:, None] % PIECES)
    assert np.array_equal(done, wanted)


def test_nothing_is_taken_where_nothing_is_offered() -> None:
    words = team.gathered(2).words
    assert words[team.THREADS] == 2
    done = np.zeros((0, 3), np.int64)
    assert _call(words, done, 3, True) == 0
    words[team.ENDED] = 1
    _help(words, done)  # comes back at once
    assert team.alone().words.size == 0
