"""
A WebSocket client that sends the bytes it is told to and reads frames as they came: for what no library would send.

Frames are plain tuples of facts; nothing is answered, validated or hidden. Every wait ends after `PATIENCE` seconds.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from typing import Final, cast

import attrs

PATIENCE: Final = 10.0
"""Seconds any wait of a test may take: far above what passes, so that only a hang meets it."""

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""The example of RFC 6455 1.3."""


@attrs.frozen
class Frame:
    """One frame of the server: opcode, payload, and whether it ends its message."""

    opcode: int
    payload: bytes
    fin: bool = True


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04", rsv: int = 0
) -> bytes:
    """A client's frame; `mask=None` leaves the mask out, which no client may."""
    size = len(payload)
    masked = 0x80 if mask else 0
    head = bytes((fin << 7 | rsv << 4 | opcode,))
    if size < 126:
        head += bytes((masked | size,))
    elif size < 65536:
        head += bytes((masked | 126,)) + struct.pack("!H", size)
    else:
        head += bytes((masked | 127,)) + struct.pack("!Q", size)
    return head + (mask + xor(payload, mask) if mask else payload)


def xor(payload: bytes, mask: bytes) -> bytes:
    """Masks and unmasks (RFC 6455 5.3)."""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A client's close frame; without a code it has no status."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason, CLOSE)


def upgrade(path: str = "/", *lines: str, host: str = "127.0.0.1", key: str = KEY) -> bytes:
    """The request that opens a WebSocket, with `lines` as further headers."""
    required = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *required, *lines, "", ""]).encode()


@attrs.define
class RawClient:
    """One TCP or TLS connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> RawClient:
        async with asyncio.timeout(PATIENCE):
            name = "localhost" if tls else None
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=tls, server_hostname=name, limit=1 << 20
            )
        return cls(reader, writer)

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None = None, path: str = "/", tail: bytes = b"") -> RawClient:
        """Connects and upgrades; `tail` is sent in one write behind the request. Fails unless the answer is 101."""
        client = await cls.connect(port, tls)
        client.send(upgrade(path) + tail)
        status, _ = await client.response()
        if status != 101:
            raise ConnectionError(f"could not open a WebSocket: the server answered {status}; see its log")
        return client

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> tuple[int, dict[str, str]]:
        """Status and headers (names in lower case) of the HTTP answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def body(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def frame(self) -> Frame:
        """The next frame, whatever it is; raises IncompleteReadError when the server has gone."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return Frame(first & 0x0F, await self.reader.readexactly(size), bool(first & 0x80))

    async def close_frame(self) -> tuple[int | None, str]:
        """Code and reason of the next close frame; frames before it are skipped."""
        while (got := await self.frame()).opcode != CLOSE:
            pass
        if not got.payload:
            return None, ""
        return int.from_bytes(got.payload[:2], "big"), got.payload[2:].decode()

    async def gone(self) -> bytes:
        """Waits for the end of the connection; returns what came before it. A reset is an end as well."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(-1)
            except ConnectionError:
                return b""

    def stop_reading(self) -> None:
        """Leaves what comes to the kernel, which soon takes no more."""
        self._transport.pause_reading()

    def read_on(self) -> None:
        self._transport.resume_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.writer.transport)

    def abort(self) -> None:
        self.writer.transport.abort()

    async def aclose(self) -> None:
        """Closes from this side, however the other one is."""
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.wait_closed()
        except OSError:
            return  # the server was first, by a reset; TLS may say so too
