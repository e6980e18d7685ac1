"""What app code sends to its own client: who awaits that waits for a slow reader, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reasons import WebSocketDisconnect

if TYPE_CHECKING:
    from actors import Actor

    from ..messages.receipts import Receipt
    from ..sockets.outlet import Outlet

SEND_PATIENCE = 10.0
"""Seconds an awaited send waits for a slow reader before it fails; the age at which its outbox ends it as well."""


class SendOverdue:
    """An awaited send has waited long enough."""

    __slots__ = ("receipt",)

    def __init__(self, receipt: Receipt[None]) -> None:
        self.receipt = receipt

    def fail(self) -> None:
        self.receipt.fail(WebSocketDisconnect(1013, f"the reader took nothing for {SEND_PATIENCE:g} s"))


class AwaitedSends:
    """
    Of one connection whose reader is slow; made for the first that waits. Bounded by what the outbox takes.

    Args:
        machine: Is told `SendOverdue`.
    """

    __slots__ = ("_machine", "_outlet", "_waiting")

    def __init__(self, machine: Actor, outlet: Outlet) -> None:
        self._machine = machine
        self._outlet = outlet
        self._waiting: list[Receipt[None]] = []

    def add(self, receipt: Receipt[None]) -> None:
        self._waiting.append(receipt)
        self._machine.timers.once(receipt, SendOverdue(receipt), SEND_PATIENCE)

    def go_on(self) -> None:
        """The reader has taken something."""
        if self._outlet.is_behind:
            return
        receipts, self._waiting = self._waiting, []
        for receipt in receipts:
            self._machine.timers.cancel(receipt)
            receipt.resolve(None)

    def fail(self, error: WebSocketDisconnect) -> None:
        """It will not any more."""
        receipts, self._waiting = self._waiting, []
        for receipt in receipts:
            receipt.fail(error)
