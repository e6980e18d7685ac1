"""What all actors of one system share, and the ledger in which every accepted message is accounted for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

from .variants import Variants

if TYPE_CHECKING:
    import random

    from .clock import Clock
    from .dispatcher import Dispatcher
    from .events import DeadLetters, EventStream


ASK_TIMEOUT = 5.0
"""Seconds; below the 10 s after which people reload a page, far above any handler that is not stuck."""


@attrs.frozen
class Counts:
    """How many messages were accepted, and what became of them. `accepted == handled + failed + lost + queued`."""

    accepted: int = 0
    handled: int = 0
    failed: int = 0
    lost: int = 0
    """Made into dead letters (or handed to `on_undelivered`)."""
    queued: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    @property
    def balanced(self) -> bool:
        return self.accepted == self.handled + self.failed + self.lost + self.queued


class Ledger:
    """The counts of actors that are gone; those of living ones are on their refs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.settled = Counts()

    def settle(self, counts: Counts) -> None:
        with self._lock:
            self.settled += counts


@attrs.define(eq=False)
class Environment:
    """One per system; every ref points to it. Nothing here is global: two systems live side by side."""

    name: str
    clock: Clock
    dispatcher: Dispatcher
    events: EventStream
    dead_letters: DeadLetters
    random: random.Random
    pykka_compatible: bool = False
    ask_timeout: float = ASK_TIMEOUT
    """Seconds a `request` waits that does not say how long."""
    variants: Variants = attrs.Factory(Variants)
    ledger: Ledger = attrs.Factory(Ledger)
    fatal: BaseException | None = None
    """What ended the system by itself, or the SystemExit or KeyboardInterrupt a handler raised; raised on leaving."""
