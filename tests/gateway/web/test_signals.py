"""Which signals a process that serves hears."""

from __future__ import annotations

import signal

import pytest

from gateway.web.guard import Guard
from gateway.web.signals import Signals, Tally


@pytest.mark.parametrize(
    ("came", "asked"),
    [
        ([signal.SIGHUP], 1),
        ([signal.SIGHUP, signal.SIGHUP], 1),
        ([signal.SIGTERM, signal.SIGHUP], 1),
        ([signal.SIGHUP, signal.SIGTERM], 1),
        ([signal.SIGTERM, signal.SIGTERM], 2),
        ([signal.SIGINT, signal.SIGHUP, signal.SIGTERM], 2),
    ],
)
def test_a_hang_up_asks_and_never_insists(came: list[int], asked: int) -> None:
    """What insists is a person at a keyboard, or an orchestrator that says so twice."""
    tally = Tally()
    assert [tally.add(number) for number in came][-1] == asked


def test_one_that_the_process_was_started_without_stays_ignored() -> None:
    """`nohup` means that the end of a terminal is none of the server's; else it is handled, and given back."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(Guard(lambda _: None), 20.0):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with Signals(Guard(lambda _: None), 20.0):
            assert callable(signal.getsignal(signal.SIGHUP))
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
