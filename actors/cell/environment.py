"""What all actors of one system share, and the ledger in which every accepted message is accounted for."""

from __future__ import annotations

import threading
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import attrs

from .variants import Variants

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from ..clock import Clock
    from ..events import DeadLetters, EventStream
    from ..turns.dispatcher import Dispatcher, Suspension


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


MAX_CLASSES = 256
"""Names of classes with an account of their own: a label in a metric. Applications have dozens; what makes classes as
it runs shares one."""

OTHERS = "(others)"


@attrs.define(eq=False)
class Account:
    """What the actors of one class that are gone did in their lives."""

    accepted: int = 0
    handled: int = 0
    failed: int = 0
    lost: int = 0
    restarts: int = 0


class Ledger:
    """What actors that are gone have counted, by class; the counts of living ones are on their refs. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}

    @property
    def settled(self) -> Counts:
        """All classes together."""
        with self._lock:
            accounts = tuple(self._accounts.values())
            sums = (sum(getattr(one, name) for one in accounts) for name in ("accepted", "handled", "failed", "lost"))
            return Counts(*sums)

    def settle(self, name: str, accepted: int, handled: int, failed: int, lost: int) -> None:
        """An actor of the class `name` has ended, or was told something after its end."""
        with self._lock:
            account = self._account(name)
            account.accepted += accepted
            account.handled += handled
            account.failed += failed
            account.lost += lost

    def settle_restarts(self, name: str, restarts: int) -> None:
        """Once per actor, at its burial."""
        with self._lock:
            self._account(name).restarts += restarts

    def label(self, name: str) -> str:
        """Under which name a class is counted, from now on for good: its own, or `OTHERS` once there are too many."""
        with self._lock:
            self._account(name)
            return name if name in self._accounts else OTHERS

    def accounts(self) -> dict[str, Account]:
        """By label. The accounts go on counting."""
        with self._lock:
            return dict(self._accounts)

    def _account(self, name: str) -> Account:
        found = self._accounts.get(name)
        if found is None:
            label = name if len(self._accounts) < MAX_CLASSES else OTHERS
            found = self._accounts.setdefault(label, Account())
        return found


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
    overdue: Callable[[Any, Suspension], None] = attrs.field(kw_only=True)
    """What becomes of a cell with what a kill has cancelled a grace ago, if that still runs."""
    context: Context = attrs.Factory(copy_context)
    """That of who started the system. Each actor gets a copy of it, whoever is on the stack when it first needs one;
    nobody runs in this one."""
    fatal: BaseException | None = None
    """What ended the system by itself, or the SystemExit or KeyboardInterrupt a handler raised; raised on leaving."""
