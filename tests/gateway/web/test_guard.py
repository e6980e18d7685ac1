"""Whoever was told to end ends: in the time of the shortest word, whichever came first."""

from __future__ import annotations

import pytest

from tests.support.command import run

pytestmark = pytest.mark.slow  # each starts processes of its own

PROGRAM = """
import threading
from gateway.web.guard import Guard

guard = Guard(lambda why: print(why, flush=True))
guard.start()
for seconds, code, why in {words}:
    guard.end_within(seconds, code, why)
threading.Event().wait(60)
"""


def ended(*words: tuple[float, int, str]) -> tuple[int, str]:
    """Exit code and last line of a program that has these words and then waits; none of them: it would be a minute."""
    done = run("-c", PROGRAM.format(words=list(words)))
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("first", [0, 1])
def test_a_longer_time_never_takes_the_place_of_a_shorter_one(first: int) -> None:
    """The handler of a second signal may interrupt that of the first, and put its word before it."""
    words = [(300.0, 0, "the first signal"), (0.1, 3, "the second")]
    assert ended(words[first], words[1 - first]) == (3, "the second")


def test_who_ends_in_time_hears_nothing() -> None:
    """Its block is left, and the thread with it."""
    program = "from gateway.web.guard import Guard\nwith Guard(print) as guard:\n    guard.end_within(300.0, 3, 'no')\n"
    done = run("-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
