"""One law: what a socket hears, answers and closes with depends on the bytes, not on how they were cut into reads."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.sockets.socket import Socket, SocketLimits
from gateway.web.upgraded.fair_share import SHARE
from gateway.web.upgraded.socket_factory import SocketFactory
from gateway.web.upgraded.takeover import TakenSocket
from tests.support.laws import examples
from tests.support.pipe import Loop, Pipe
from tests.support.raw_client import BINARY, CLOSE, PING, PONG, TEXT, close, frame

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


@examples(300)
@given(streams, places_to_cut, st.integers(1, 1000), st.integers(0, 1 << 30), st.booleans(), st.lists(st.booleans()))
def test_chunking_does_not_matter(
    data: bytes, places: list[int], share: int, tail: int, patient: bool, steps: list[bool]
) -> None:
    """
    Any cut, credit, and time, any part of it behind the upgrade request: the same is heard, answered, and closed with.
    """
    whole = play([data] if data else [], share=1 << 30)
    behind = tail % (len(data) + 1)
    assert play(cut(data[behind:], places), share, data[:behind], patient, steps) == whole


@examples(100)
@given(
    st.lists(st.one_of(messages(), controls, closes, wild), max_size=4)
    .map(b"".join)
    .filter(lambda data: len(data) < 3000)
)
def test_byte_by_byte_is_the_same_as_whole(data: bytes) -> None:
    """The finest cut there is: every header, length and mask arrives in pieces."""
    whole = play([data] if data else [], share=1 << 30)
    assert play([data[at : at + 1] for at in range(len(data))], share=1) == whole


@examples(200)
@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=200)), max_size=50), st.integers(1, 7))
def test_every_message_is_heard_once_and_in_order(sent: list[tuple[int, str]], share: int) -> None:
    """What was sent is heard, whatever the credit, and then the close."""
    data = b"".join(frame(text.encode(), opcode) for opcode, text in sent) + close(1000)
    heard, written, _ = play([data], share)
    expected: list[tuple[Any, ...]] = [(opcode, text if opcode == TEXT else text.encode()) for opcode, text in sent]
    assert heard == [*expected, ("closed", 1000, "", True)]
    assert written == bytes((0x80 | CLOSE, 2)) + (1000).to_bytes(2, "big")


def test_what_comes_after_the_pause_waits_behind_what_was_kept() -> None:
    """TLS may have more in hand when it is told to stop: that is heard after the rest, not before."""
    texts = [f"{number:04}" for number in range(2000)]
    frames = [frame(text.encode()) for text in texts]
    reads = [b"".join(frames[start : start + 1000]) for start in (0, 1000)]
    heard, _, _ = play(reads, share=100, patient=False)
    assert [text for kind, text in heard[:-1]] == texts


def test_a_ping_that_comes_alone_is_answered_at_once() -> None:
    """It takes another way than one among other frames."""
    taken, pipe, _ = opened()
    taken.data_received(frame(b"1", PING))
    assert pipe.written == bytes((0x80 | PONG, 1)) + b"1"


def test_only_the_newest_pong_is_kept_for_a_peer_that_became_congested() -> None:
    """Answers not yet sent when the transport fills up shrink to the last of them (RFC 6455 5.5.3)."""
    pipe = Pipe()
    taken = SocketFactory(SocketLimits(), Loop(), float).take(pipe, congested=False)  # type: ignore[arg-type]

    class Filling(Ear):
        def text_received(self, data: str, is_alone: bool = False) -> bool:
            taken.pause_writing()
            return True

    taken.open(lambda socket: Filling(socket, 9), b"")
    taken.data_received(frame(b"1", PING) + frame(b"2", PING) + frame(b"now it is full"))
    assert pipe.written == b""
    taken.resume_writing()
    assert pipe.written == bytes((0x80 | PONG, 1)) + b"2"


def test_a_socket_is_the_protocol_of_its_transport() -> None:
    """Taking a transport makes it talk to the socket, with the limits of the socket."""
    pipe = Pipe()
    taken = SocketFactory(SocketLimits(write_high_bytes=9, write_low_bytes=3), Loop(), float).take(pipe, congested=True)  # type: ignore[arg-type]
    assert isinstance(taken, TakenSocket)
    assert pipe.protocol is taken
    assert taken.is_congested
    assert pipe.limits == (9, 3)


def opened(share: int = 9) -> tuple[TakenSocket, Pipe, Ear]:
    """A socket with its transport, and who listens."""
    pipe = Pipe()
    taken = SocketFactory(SocketLimits(), Loop(), float).take(pipe, congested=False)  # type: ignore[arg-type]
    ears: list[Ear] = []

    def introduce(socket: Socket) -> Ear:
        ears.append(Ear(socket, share))
        return ears[0]

    taken.open(introduce, b"")
    return taken, pipe, ears[0]


def test_a_read_in_the_middle_of_a_message_is_none_of_its_own_whatever_it_looks_like() -> None:
    """The payload of a message may be a frame, byte for byte; and a message may not begin within another."""
    inner = frame(b"a frame in a frame")
    outer = frame(inner, BINARY, mask=bytes(4))
    begin = len(outer) - len(inner)
    assert outer[begin:] == inner
    heard, _, _ = play([outer[:begin], outer[begin:]], share=9)
    assert heard[:-1] == [(BINARY, inner)]
    heard, _, sent_close = play([frame(b"a", fin=False), frame(b"b")], share=9)
    assert heard[:-1] == []
    assert sent_close is not None
    assert sent_close[0] == 1002


def test_a_message_that_came_alone_may_be_the_last_for_now() -> None:
    """Its listener wants no more: the transport is paused, and goes on when it is told."""
    taken, pipe, ear = opened(share=1)
    taken.data_received(frame(b"a"))
    assert not pipe.reading
    ear.more()
    assert pipe.reading


def test_a_listener_is_told_which_message_came_alone() -> None:
    """Of several in one read it is none, nor is one that came in pieces."""
    alone: list[tuple[str | bytes, bool]] = []

    class Noting(Ear):
        def text_received(self, data: str, is_alone: bool = False) -> bool:
            alone.append((data, is_alone))
            return True

        def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
            alone.append((data, is_alone))
            return True

    pipe = Pipe()
    taken = SocketFactory(SocketLimits(), Loop(), float).take(pipe, congested=False)  # type: ignore[arg-type]
    taken.open(lambda socket: Noting(socket, 9), b"")
    for read in (frame(b"a"), frame(b"b", BINARY), frame(b"c") + frame(b"d"), frame(b"e", fin=False), frame(b"f", 0)):
        taken.data_received(read)
    assert alone == [("a", True), (b"b", True), ("c", False), ("d", False), ("ef", False)]


def test_a_message_that_came_alone_is_not_heard_after_our_close() -> None:
    """The listener hears nothing but `closed` then."""
    taken, _, ear = opened()
    taken.close(1000)
    taken.data_received(frame(b"late"))
    assert ear.heard == []
