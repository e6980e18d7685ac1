"""
Frames of the Centrifuge protocol (client.proto of github.com/centrifugal/protocol, 2026-08), in its JSON variant.

A text frame carries commands or replies, one JSON object a line. The Protobuf variant is a second class like
`JsonFrames` (a command behind its length as varint, in binary frames): the wire and the shapes of the replies do not
know which it is. What they write are dicts under the names of client.proto, its `bytes` fields as `Raw`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from .. import wire_json
from ..sockets.frames import text_frame

MAX_COMMANDS = 1024
"""Commands in one frame: a frame is 64 KiB and a subscribe takes 64 bytes. Clients send one for each of their channels
when they come back, and topics are 128 a connection; without a bound one frame could hold 20,000 pongs."""

_ABSENT = msgspec.Raw()

# What Go's decoder takes, this takes: null is as good as absent, numbers have the ranges of client.proto.
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None
Uint32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None
Uint64 = Annotated[int, msgspec.Meta(ge=0)] | None
"""Its upper bound does not fit into msgspec's: who has one calls `_check_uint64`."""


def _check_uint64(value: int | None) -> None:
    """Raises ValueError, which msgspec takes for a value of the wrong kind when `__post_init__` does."""
    if value is not None and value >= 2**64:
        raise ValueError("Expected `int` <= 18446744073709551615")


class Subscribe(msgspec.Struct):
    """`positioned` and `recoverable` are wishes that a server need not hear; `flag` 1 is about numeric channel ids."""

    channel: str | None = None
    token: str | None = None
    recover: bool | None = None
    offset: Uint64 = None
    epoch: str | None = None
    data: msgspec.Raw = _ABSENT
    join_leave: bool | None = None
    delta: str | None = None
    tf: msgspec.Raw = _ABSENT
    flag: Int64 = None
    type: Int32 = None

    def __post_init__(self) -> None:
        _check_uint64(self.offset)


class Connect(msgspec.Struct):
    token: str | None = None
    data: msgspec.Raw = _ABSENT
    subs: dict[str, Subscribe | None] | None = None


class Channel(msgspec.Struct):
    """Of `unsubscribe`, `presence` and `presence_stats`."""

    channel: str | None = None


class Publish(msgspec.Struct):
    channel: str | None = None
    data: msgspec.Raw = _ABSENT
    type: Int32 = None


class Place(msgspec.Struct):
    offset: Uint64 = None
    epoch: str | None = None

    def __post_init__(self) -> None:
        _check_uint64(self.offset)


class History(msgspec.Struct):
    channel: str | None = None
    limit: Int32 = None
    since: Place | None = None
    reverse: bool | None = None


class Rpc(msgspec.Struct):
    method: str | None = None
    data: msgspec.Raw = _ABSENT


class Send(msgspec.Struct):
    data: msgspec.Raw = _ABSENT


class Refresh(msgspec.Struct):
    token: str | None = None


class SubRefresh(msgspec.Struct):
    channel: str | None = None
    token: str | None = None


class Ping(msgspec.Struct):
    pass


class Command(msgspec.Struct):
    """An id and one request; without either it is a pong. Keys that nobody knows are ignored."""

    id: Uint32 = None
    connect: Connect | None = None
    subscribe: Subscribe | None = None
    unsubscribe: Channel | None = None
    publish: Publish | None = None
    presence: Channel | None = None
    presence_stats: Channel | None = None
    history: History | None = None
    ping: Ping | None = None
    send: Send | None = None
    rpc: Rpc | None = None
    refresh: Refresh | None = None
    sub_refresh: SubRefresh | None = None

    def requests(self) -> list[str]:
        """The names of what it asks; a right one asks one thing."""
        return [name for name in _REQUESTS if getattr(self, name) is not None]


_REQUESTS = Command.__struct_fields__[1:]
_commands = msgspec.json.Decoder(Command)


class JsonFrames:
    """Stateless: one object serves all connections."""

    subprotocol = "centrifuge-json"
    ping = text_frame(b"{}")
    """An empty reply."""

    def read(self, data: str | bytes) -> Iterator[tuple[Command | None, int]]:
        """
        The commands of a frame, in order, each with its size in bytes; None for one that is not understood.

        A binary frame, and all that comes behind `MAX_COMMANDS`, is one that is not understood. One newline at the end
        is tolerated, an empty line is not (as in the reference).
        """
        if isinstance(data, bytes):
            yield None, len(data)
            return
        lines = data.removesuffix("\n").split("\n", MAX_COMMANDS)
        for line in lines[:MAX_COMMANDS]:
            yield _command(line), len(line)
        for rest in lines[MAX_COMMANDS:]:
            yield None, len(rest)

    def write(self, *replies: Mapping[str, object]) -> bytes:
        """All of them in one frame."""
        return text_frame(b"\n".join([_line(reply) for reply in replies]))


def _command(line: str) -> Command | None:
    if wire_json.is_too_deep(line):
        return None
    try:
        return _commands.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _line(reply: Mapping[str, object]) -> bytes:
    """Payloads are passed on as they came: a newline between their tokens would end the line (within, it is \\n)."""
    line = wire_json.encode(reply)
    return line.replace(b"\n", b"") if b"\n" in line else line
