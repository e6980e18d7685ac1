"""
Where clients are accepted: sockets bound to an address, which go on when the process has no files left.

asyncio tries as often as its backlog is long, writes a traceback for each try, and begins again after a second: 4,096
lines each time, and little else in between (Python 3.11, 2026-11). libuv, and so uvloop, lets go of whom it cannot
take; so do these. What is accepted in C does not come by here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})

SHED_AT_ONCE = 64
"""Clients that are let go before anything else has its turn."""


async def bound_to(host: str, port: int) -> list[socket.socket]:
    """
    One socket for each address of that name, not yet listening. A family that is switched off has none, as IPv6 in many
    containers, where `localhost` is `::1` all the same.

    Raises:
        OSError: There is no such name, or one of its addresses is not to be had.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except ValueError as error:  # a part of it is empty or has more than 63 characters; or there is a NUL in it
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
    sockets: list[socket.socket] = []
    switched_off: list[OSError] = []
    with ExitStack() as made:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                sockets.append(made.enter_context(_bound(family, kind, protocol, address)))
            except OSError as error:
                if not _is_switched_off(family, error):
                    raise
                switched_off.append(error)
        if switched_off and not sockets:
            raise switched_off[0]
        made.pop_all()
    return sockets


def _bound(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere that would take the address of another process
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # those of before may linger in TIME_WAIT
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # so that each family has a socket
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


def _is_switched_off(family: int, error: OSError) -> bool:
    """Of the kernel, or of each interface, which is said of IPv6 only."""
    return error.errno == errno.EAFNOSUPPORT or (family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL)


class ListeningSocket(socket.socket):
    """
    Takes over a socket that is bound.

    Args:
        shed: Is told the address of each client that was let go; empty at a Unix socket.
    """

    def __init__(self, bound: socket.socket, shed: Callable[[str], None]) -> None:
        super().__init__(bound.family, bound.type, bound.proto, bound.detach())
        self.setblocking(False)
        self._shed = shed
        self._spare = _spare_file()

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError when nobody waits, or enough were let go for now."""
        for _ in range(SHED_AT_ONCE):
            try:
                return super().accept()
            except OSError as error:
                if error.errno not in NO_FILES:
                    raise
            self._let_go()
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def close(self) -> None:
        self._give_spare()
        super().close()

    def _let_go(self) -> None:
        """Of the first who waits, with the file that is kept for this. A thread may be quicker to take that."""
        self._give_spare()
        try:
            accepted, address = super().accept()
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        accepted.close()
        self._spare = _spare_file()
        self._shed(address[0] if isinstance(address, tuple) else "")

    def _give_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


def _spare_file() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None
