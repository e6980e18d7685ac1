"""What app code sends to its own client: who awaits that waits for a slow reader, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reasons import Refused, WebSocketDisconnect

if TYPE_CHECKING:
    from actors import Actor

    from .connection_messages import Send
    from .outlet import Outlet
    from .protocols.base import Wire
    from .receipts import Receipt

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
    Of one connection. Bounded by what the outbox takes.

    Args:
        machine: Is told `SendOverdue`.
    """

    __slots__ = ("_machine", "_outlet", "_waiting", "_wire")

    def __init__(self, machine: Actor, wire: Wire, outlet: Outlet) -> None:
        self._machine = machine
        self._wire = wire
        self._outlet = outlet
        self._waiting: list[Receipt[None]] | None = None

    @property
    def is_empty(self) -> bool:
        return self._waiting is None

    def send(self, send: Send) -> None:
        """Who awaits it waits for a slow reader; a broadcast does not."""
        try:
            self._outlet.put(self._wire.message(send.payload, send.kind))
        except Refused as error:
            send.receipt.fail(error)
            return
        if self._outlet.is_behind:
            self._add(send.receipt)
        else:
            send.receipt.resolve(None)

    def _add(self, receipt: Receipt[None]) -> None:
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(receipt)
        self._machine.timers.once(receipt, SendOverdue(receipt), SEND_PATIENCE)

    def go_on(self) -> None:
        """The reader has taken something."""
        if self._waiting is None or self._outlet.is_behind:
            return
        receipts, self._waiting = self._waiting or (), None
        for receipt in receipts:
            self._machine.timers.cancel(receipt)
            receipt.resolve(None)

    def fail(self, error: WebSocketDisconnect) -> None:
        """It will not any more."""
        receipts, self._waiting = self._waiting or (), None
        for receipt in receipts:
            receipt.fail(error)
