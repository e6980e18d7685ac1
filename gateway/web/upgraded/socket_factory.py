"""What makes sockets of transports: shared by all of one loop and one set of limits."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Final

from .fair_share import FairShare
from .inbox import Inbox
from .parser import Parser
from .takeover import TakenSocket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ...sockets.socket import SocketLimits

TCP_NOTSENT_LOWAT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
"""Python 3.11 may lack the name; 25 is Linux' number (linux/tcp.h)."""


class SocketFactory:
    """What the sockets of one loop and one set of limits share."""

    __slots__ = ("inbox", "limits", "loop", "parser", "share")

    def __init__(self, limits: SocketLimits, loop: asyncio.AbstractEventLoop, tick: Callable[[], float]) -> None:
        self.limits = limits
        self.loop = loop
        self.share = FairShare(loop, tick)
        self.inbox = Inbox(loop)
        self.parser: Parser
        """For the next read of any socket that is between two messages."""
        self.renew_parser()

    def renew_parser(self) -> None:
        """The last one belongs to a socket now, or has met a fault."""
        self.parser = Parser(self.inbox, self.limits.max_message_bytes)

    def take(self, transport: asyncio.Transport, *, congested: bool) -> TakenSocket:
        """
        Makes `transport` talk to a new socket. `congested`: its last protocol was told to pause, the new one will not
        be.
        """
        taken = TakenSocket(transport, self, congested=congested)
        transport.set_protocol(taken)
        transport.set_write_buffer_limits(self.limits.write_high_bytes, self.limits.write_low_bytes)
        self._tune(transport)
        return taken

    def _tune(self, transport: asyncio.Transport) -> None:
        tcp = transport.get_extra_info("socket")
        if tcp is None or tcp.family not in (socket.AF_INET, socket.AF_INET6):
            return
        try:
            if TCP_NOTSENT_LOWAT is not None:
                tcp.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, self.limits.unsent_low_bytes)
        except OSError:
            return  # the peer is gone already; connection_lost() is on its way, and it decides
