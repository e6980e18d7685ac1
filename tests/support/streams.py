"""What a client may send on one socket as bytes, cut anyhow; who hears it, and what came of it."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from gateway.sockets.socket import Socket, SocketLimits
from gateway.web.upgraded.fair_share import SHARE
from gateway.web.upgraded.socket_factory import SocketFactory
from tests.support.pipe import Loop, Pipe
from tests.support.raw_client import BINARY, PING, PONG, TEXT, close, frame

MAX_MESSAGE = 10_000


class Steps:
    """A clock that goes on by one of its steps whenever it is looked at: 0 s, or more than a share of time."""

    def __init__(self, steps: list[bool]) -> None:
        self.steps = itertools.cycle(steps)
        self.now = 0.0

    def __call__(self) -> float:
        self.now += SHARE * next(self.steps)
        return self.now


class Ear:
    """Hears everything; takes `share` messages, then waits until it is given more."""

    def __init__(self, socket: Socket, share: int) -> None:
        self.socket = socket
        self.share = self.left = share
        self.heard: list[tuple[Any, ...]] = []
        self.shuts = 0

    def more(self) -> None:
        self.left = self.share
        self.socket.resume_reading()

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        return self._hears(TEXT, data)

    def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
        return self._hears(BINARY, data)

    def _hears(self, *message: Any) -> bool:
        self.left -= 1
        self.heard.append(message)
        return self.left > 0

    def pong_received(self, data: bytes) -> None:
        self.heard.append((PONG, data))

    def congested(self) -> None:
        self.heard.append(("congested",))

    def shut(self) -> None:
        assert not self.socket.is_open
        self.shuts += 1

    def writable(self) -> None:
        self.heard.append(("writable",))

    def closed(self, code: int, reason: str, clean: bool) -> None:
        self.heard.append(("closed", code, reason, clean))


def play(
    reads: list[bytes], share: int, tail: bytes = b"", patient: bool = True, steps: list[bool] | None = None
) -> tuple[list[tuple[Any, ...]], bytes, tuple[int, str] | None]:
    """
    Feeds the reads to a new socket; returns what was heard, written, and closed with.

    A patient transport waits until it is to read again; the other has all in hand already, as TLS may.
    """
    loop, pipe = Loop(), Pipe()
    factory = SocketFactory(SocketLimits(max_message_bytes=MAX_MESSAGE), loop, Steps(steps or [False]))  # type: ignore[arg-type]
    ears: list[Ear] = []

    def introduce(socket: Socket) -> Ear:
        ears.append(Ear(socket, share))
        return ears[0]

    taken = factory.take(pipe, congested=False)
    taken.open(introduce, tail)
    settle(loop, pipe, ears[0])
    for read in reads:
        if pipe.closing:
            break
        taken.data_received(read)
        if patient:
            settle(loop, pipe, ears[0])
    settle(loop, pipe, ears[0])
    taken.connection_lost(None)
    assert ears[0].shuts == 1
    return ears[0].heard, pipe.written, taken.sent_close


def settle(loop: Loop, pipe: Pipe, ear: Ear) -> None:
    """Gives turns and credit until the transport would be read again: before that no read comes."""
    loop.run()
    while not pipe.reading and not pipe.closing:
        ear.more()
        loop.run()


masks = st.binary(min_size=4, max_size=4)
payloads = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(str.encode),
    st.integers(0, MAX_MESSAGE + 2).map(lambda size: b"x" * size),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message in one to four fragments, pings and pongs between them."""
    pieces = draw(st.lists(payloads, min_size=1, max_size=4))
    out = b""
    for number, piece in enumerate(pieces):
        opcode = draw(st.sampled_from([TEXT, BINARY])) if number == 0 else 0
        out += frame(piece, opcode, fin=number == len(pieces) - 1, mask=draw(masks))
        out += draw(st.one_of(st.just(b""), controls))
    return out


controls = st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG]), mask=masks)
closes = st.one_of(st.builds(close, st.integers(0, 65535)), st.just(close(None)))
wild = st.builds(
    frame,
    st.binary(max_size=130),
    st.integers(0, 15),
    fin=st.booleans(),
    mask=st.one_of(masks, st.none()),
    rsv=st.sampled_from([0, 0, 0, 1, 2, 4]),
)
floods = st.builds(
    lambda one, count: one * count, st.sampled_from([frame(b""), frame(b"", PING)]), st.integers(0, 3000)
)
lawful = st.one_of(messages(), messages(), controls, floods)
endings = st.one_of(st.just(b""), closes, wild, st.binary(max_size=20))
streams = st.tuples(st.lists(lawful, max_size=8).map(b"".join), endings, st.one_of(st.just(b""), lawful)).map(b"".join)
"""What a client may send; then an end, a fault, or something broken off; then perhaps more, which must not matter."""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at `places` modulo its length."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]


places_to_cut = st.lists(st.integers(0, 1 << 30), max_size=40)
