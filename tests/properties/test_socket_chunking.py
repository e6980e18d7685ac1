"""One law: what a socket hears, answers and closes with depends on the bytes, not on how they were cut into reads."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.sockets.socket import Socket, SocketLimits
from gateway.web.upgraded.socket_factory import SocketFactory
from gateway.web.upgraded.takeover import TakenSocket
from tests.support.laws import examples
from tests.support.pipe import Loop, Pipe
from tests.support.raw_client import BINARY, CLOSE, PING, PONG, TEXT, close, frame
from tests.support.streams import (
    Ear,
    closes,
    controls,
    cut,
    messages,
    places_to_cut,
    play,
    streams,
    wild,
)


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
