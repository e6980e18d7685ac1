"""Which signals a process that serves hears."""

from __future__ import annotations

import signal

from gateway.web.guard import Guard
from gateway.web.signals import Signals


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
