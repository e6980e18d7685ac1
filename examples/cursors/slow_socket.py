"""A WebSocket over real TCP that takes in no more than it is asked for, where libraries read ahead."""

from __future__ import annotations

import asyncio
import socket

RECEIVE_BUFFER = 4096
"""Bytes that the kernel takes ahead of us, and asyncio twice as much. A browser takes some hundred thousand."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class SlowSocket:
    """The client's end of a connection to a gateway of this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> None:
        self._reader, self._writer = reader, writer
        self.client = client
        """The id that the gateway gave it."""

    @classmethod
    async def connect(cls, port: int) -> SlowSocket:
        """Raises ConnectionError if it is not upgraded."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=RECEIVE_BUFFER)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        first, *headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if " 101 " not in first:
            raise ConnectionError(f"could not open a slow socket: the gateway said {first!r}; see its log")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in headers)}
        return cls(reader, writer, named["hubbub-connection"])

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        """Up to 125 bytes; masked with zeros, which RFC 6455 5.3 allows and only proxies would mind."""
        self._writer.write(bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    async def read(self) -> bytes:
        """The next text. Raises EOFError when the connection is over."""
        while True:
            opcode, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
            payload = await self._reader.readexactly(size)
            if opcode & 0x0F == TEXT:
                return payload
            if opcode & 0x0F == CLOSE:
                raise EOFError("the gateway closed the slow socket")
            if opcode & 0x0F == PING:
                self.send(payload, PONG)

    def abort(self) -> None:
        self._writer.transport.abort()
