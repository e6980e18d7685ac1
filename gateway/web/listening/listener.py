"""What a gateway listens at: its addresses, from the first bind to the last connection that is let go."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ...limits.open_files import is_reserved
from .listening_socket import ListeningSocket, bound_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from .server_log import ServerLog
    from .unix_socket import UnixSocket

    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

IDLE_WITHIN = 75.0
"""
Seconds until a connection without a whole request is closed, a new one or one that is kept alive. Above the 60 s of
nginx and of AWS' load balancers, which else meet our close with their next request; aiohttp's own is an hour.
"""

HANDSHAKE_WITHIN = 10.0
"""
Seconds for a client's part of a TLS handshake, two round trips: until then it holds a file, and nobody has counted it.
asyncio's own is a minute.
"""

BACKLOG = 4096
"""Connections that the kernel keeps for us until we take them; Linux' own limit since 5.4."""


class CannotListen(OSError):
    """An address is not to be had: it is in use, or not ours."""

    def __init__(self, address: str, error: OSError, purpose: str = "", *, is_file: bool = False) -> None:
        is_name = isinstance(error, socket.gaierror)  # whose numbers are others
        said = error.strerror if is_name or not error.errno else os.strerror(error.errno)
        super().__init__(error.errno, said or str(error))
        self.address = address
        self.purpose = purpose
        """Of a listener that nobody has asked for by name; empty for the gateway's own."""
        self.hint = _hint(None if is_name else error.errno, is_file)
        """What to do now: which flag or setting to change."""

    def __str__(self) -> str:
        purpose = f", for {self.purpose}" if self.purpose else ""
        return f"could not listen at {self.address}{purpose}: {self.strerror}"


def _hint(number: int | None, is_file: bool) -> str:
    if number == errno.EADDRINUSE:
        return "choose another with --port, gateway.admin.listen or gateway.uds"
    if is_file:
        return "give gateway.uds a path of at most 107 bytes in a directory that is there and that you may write to"
    if number == errno.EACCES:
        return "choose one above 1023 with --port or gateway.admin.listen, or a file you may write as gateway.uds"
    return "choose an address of this machine with --host, gateway.admin.listen or gateway.uds"


class Deaf(asyncio.Protocol):
    """
    What a client that is cut may have said already reaches nobody: a request, for which there was to be no file.

    Args:
        handler: Is told of the end.
    """

    def __init__(self, handler: asyncio.BaseProtocol) -> None:
        self._handler = handler

    def connection_lost(self, exc: Exception | None) -> None:
        self._handler.connection_lost(exc)


class Listener:
    """
    One application at one address. HTTP, TLS and keep-alive are aiohttp's.

    Args:
        file: A Unix socket, which then is listened at instead of the address.
        log: What aiohttp says of requests.
        gets: Answers any GET without the application being asked: finding its one route costs 7 us a connection.
        purpose: What it is for, if that is to be said where its address is not to be had.
        refused: Is told the address of each client for whom there is no file.
        keeps_files: Whether clients are refused before the last file is taken (see `open_files`).
    """

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        log: ServerLog,
        *,
        file: UnixSocket | None = None,
        tls: SSLContext | None = None,
        gets: Answer | None = None,
        refused: Callable[[str], None],
        purpose: str = "",
        keeps_files: bool = False,
    ) -> None:
        self._host, self._port, self._file, self._tls, self._gets = host, port, file, tls, gets
        self._refused, self._purpose, self._keeps_files = refused, purpose, keeps_files
        self._servers: list[asyncio.Server] = []
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=2.0,
            keepalive_timeout=IDLE_WITHIN, logger=log,
        )  # fmt: skip

    async def start(self) -> None:
        """Raises CannotListen; `end` has to be called all the same."""
        await self._runner.setup()
        if self._gets is not None:
            self._go_ahead(self._gets)
        if self._keeps_files:
            self._look_at_files()
        waiting: list[ListeningSocket] = []
        try:
            waiting += await self._bound()
            while waiting:
                await self._accept_at(waiting[0])
                del waiting[0]
        except OSError as error:
            at = str(self._file.path) if self._file is not None else f"{self._host}:{self._port}"
            raise CannotListen(at, error, self._purpose, is_file=self._file is not None) from error
        finally:
            for bound in waiting:
                bound.close()

    def _go_ahead(self, gets: Answer) -> None:
        server: Any = self._runner.server
        application = server.request_handler

        def answer(request: web.Request) -> Awaitable[web.StreamResponse]:
            is_ours = request.method == "GET" and "Expect" not in request.headers
            return (gets if is_ours else application)(request)

        server.request_handler = answer

    def _look_at_files(self) -> None:
        server: Any = self._runner.server
        enter = server.connection_made

        def connection_made(handler: Any, transport: Any) -> None:
            enter(handler, transport)
            found = transport.get_extra_info("socket")
            if found is not None and is_reserved(found.fileno()):
                transport.set_protocol(Deaf(handler))
                asyncio.get_running_loop().call_soon(transport.abort)  # its task has to have begun by then
                self._refused(_address_of(transport))

        server.connection_made = connection_made

    async def _accept_at(self, bound: ListeningSocket) -> None:
        """aiohttp's own sites know no time for a handshake."""
        patience = None if self._tls is None else HANDSHAKE_WITHIN
        serving: Any = self._runner.server
        server = await asyncio.get_running_loop().create_server(
            serving, sock=bound, ssl=self._tls, backlog=BACKLOG, ssl_handshake_timeout=patience
        )
        self._servers.append(server)

    async def _bound(self) -> list[ListeningSocket]:
        found = [self._file.bind()] if self._file is not None else await bound_to(self._host, self._port)
        return [ListeningSocket(bound, self._refused) for bound in found]

    @property
    def port(self) -> int:
        """The one that was bound; 0 at a Unix socket."""
        address = self._address
        return int(address[1]) if isinstance(address, tuple) else 0

    @property
    def url(self) -> str:
        if self._file is not None:
            return f"unix:{self._file.path}"
        address = self._address
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        return f"http{'' if self._tls is None else 's'}://{host}:{address[1]}"

    @property
    def _address(self) -> Any:
        """The first that is listened at."""
        return self._servers[0].sockets[0].getsockname()

    def stop_accepting(self) -> None:
        """Nobody new; who is connected stays."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def end(self) -> None:
        """Lets go of everybody, and of the file."""
        self.stop_accepting()
        await self._runner.cleanup()
        if self._file is not None:
            self._file.remove()


def _address_of(transport: Any) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
