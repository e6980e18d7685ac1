"""What all sockets of a loop do in one of its iterations is bounded by time, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.sockets.socket import SocketLimits
from gateway.web.upgraded.fair_share import SHARE, FairShare
from gateway.web.upgraded.socket_factory import SocketFactory
from gateway.web.upgraded.takeover import TakenSocket
from tests.support.pipe import Loop, Pipe
from tests.support.raw_client import PING, PONG, close, frame


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def share(loop: Loop) -> FairShare:
    return FairShare(loop, loop.tick)  # type: ignore[arg-type]


def test_there_is_time_until_the_share_is_used_up_and_again_in_the_next_iteration(loop: Loop, share: FairShare) -> None:
    """It counts from the first who asks."""
    loop.now = 7.0
    assert share.has_time()
    loop.now += SHARE * 0.9
    assert share.has_time()
    loop.now += SHARE * 0.2
    assert not share.has_time()
    loop.iterate()
    assert share.has_time()


def test_a_loop_without_work_is_left_alone(loop: Loop, share: FairShare) -> None:
    """Whoever asked once causes one call, and none after it."""
    share.has_time()
    loop.iterate()
    assert not loop.soon


def test_who_waits_goes_on_in_order_and_as_far_as_there_is_time(loop: Loop, share: FairShare) -> None:
    """Ten turns of a third of the share are three an iteration, and the one that goes over it."""
    done: list[int] = []

    def turn(number: int) -> None:
        done.append(number)
        loop.now += SHARE * 0.3

    for number in range(10):
        share.wait(lambda number=number: turn(number))  # type: ignore[misc]
    counts = []
    while len(done) < 10:
        loop.iterate()
        counts.append(len(done))
    assert done == list(range(10))
    assert counts == [4, 8, 10]


def test_who_waits_again_comes_behind_the_others_and_not_in_the_same_iteration(loop: Loop, share: FairShare) -> None:
    """A socket with a long read takes turns with those that came after it."""
    done: list[str] = []

    def long() -> None:
        done.append("long")
        if done.count("long") < 3:
            share.wait(long)

    share.wait(long)
    share.wait(lambda: done.append("short"))
    loop.iterate()
    assert done == ["long", "short"]
    loop.iterate()
    loop.iterate()
    assert done == ["long", "short", "long", "long"]


def test_what_comes_while_others_wait_has_no_time_that_they_have_used(loop: Loop, share: FairShare) -> None:
    """The line has its turn before what is read next."""

    def spend() -> None:
        loop.now += SHARE

    share.wait(spend)
    share.wait(spend)
    loop.iterate()
    assert not share.has_time()
    loop.iterate()
    assert not share.has_time()
    loop.iterate()
    assert share.has_time()


class Slow:
    """A listener for whom each message takes a third of the share."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.heard: list[str] = []
        self.is_shut = False

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        self.loop.now += SHARE * 0.34
        self.heard.append(data)
        return True

    def shut(self) -> None:
        self.is_shut = True

    def closed(self, code: int, reason: str, clean: bool) -> None:
        return


@pytest.fixture
def open_socket(loop: Loop) -> Callable[..., tuple[TakenSocket, Pipe, Slow]]:
    factory = SocketFactory(SocketLimits(), loop, loop.tick)  # type: ignore[arg-type]

    def make(*, is_tls: bool = False) -> tuple[TakenSocket, Pipe, Slow]:
        pipe, listener = Pipe(half_closes=not is_tls), Slow(loop)
        taken = factory.take(pipe, congested=False)
        taken.open(lambda _: listener, b"")  # type: ignore[arg-type, return-value]
        return taken, pipe, listener

    return make


Opener = Callable[..., tuple[TakenSocket, Pipe, Slow]]


def test_many_who_send_much_at_once_are_served_over_several_iterations(loop: Loop, open_socket: Opener) -> None:
    """Ten with two messages each: those there is time for are heard at once, the others in order, and all of them."""
    sockets = [open_socket() for _ in range(10)]
    for taken, _, _ in sockets:
        taken.data_received(frame(b"a") + frame(b"b"))
    counts = [sum(len(listener.heard) for _, _, listener in sockets)]
    assert sum(pipe.reading for _, pipe, _ in sockets) == 2
    while loop.soon:
        loop.iterate()
        counts.append(sum(len(listener.heard) for _, _, listener in sockets))
    assert counts == [4, 8, 12, 16, 20, 20]
    assert all(listener.heard == ["a", "b"] for _, _, listener in sockets)
    assert all(pipe.reading for _, pipe, _ in sockets)


def test_a_long_read_is_left_where_the_time_is_over(loop: Loop, open_socket: Opener) -> None:
    """Behind a slice of it; the rest is heard in later iterations."""
    taken, pipe, listener = open_socket()
    taken.data_received(frame(b"x" * 1000) * 40)
    assert 0 < len(listener.heard) < 8
    assert not pipe.reading
    loop.run()
    assert len(listener.heard) == 40
    assert pipe.reading


@pytest.mark.parametrize("last", [close(1000), frame(b"", PING)])
def test_closes_and_pings_wait_for_their_turn(loop: Loop, open_socket: Opener, last: bytes) -> None:
    """Each is answered with a write: with many at once that is no less work than messages."""
    (talker, _, _), (other, pipe, _) = open_socket(), open_socket()
    talker.data_received(frame(b"x") * 3)
    other.data_received(last)
    assert not pipe.written
    loop.iterate()
    assert pipe.written


def test_a_pong_does_not_wait(loop: Loop, open_socket: Opener) -> None:
    """It costs less than to wait, and says that somebody is there."""
    (talker, _, _), (other, pipe, listener) = open_socket(), open_socket()
    pongs: list[bytes] = []
    listener.pong_received = pongs.append  # type: ignore[attr-defined]
    talker.data_received(frame(b"x") * 3)
    other.data_received(frame(b"p", PONG))
    assert pongs == [b"p"]
    assert pipe.reading


def test_many_who_leave_at_once_leave_over_several_iterations(loop: Loop, open_socket: Opener) -> None:
    """Without a close frame, too; a transport that waits is not read again, and closed in its turn."""
    (talker, _, _), (other, pipe, listener) = open_socket(), open_socket()
    talker.data_received(frame(b"x") * 3)
    assert other.eof_received()
    pipe.reading = False  # as loops leave it
    other.resume_reading()
    assert not pipe.reading
    assert not pipe.closing
    assert not listener.is_shut
    loop.iterate()
    assert pipe.closing
    assert listener.is_shut


def test_tls_leaves_at_once(loop: Loop, open_socket: Opener) -> None:
    """Its transport cannot be kept open, and says so aloud when it is asked to."""
    (talker, _, _), (other, pipe, _) = open_socket(), open_socket(is_tls=True)
    talker.data_received(frame(b"x") * 3)
    assert not other.eof_received()
    assert pipe.closing


def test_what_was_read_before_the_end_over_tls_is_heard_before_it(loop: Loop, open_socket: Opener) -> None:
    """Both come in one go there, however paused: the last message counts, and the peer has said why it goes."""
    (talker, _, _), (other, pipe, listener) = open_socket(), open_socket(is_tls=True)
    closed: list[tuple[int, str, bool]] = []
    listener.closed = lambda *how: closed.append(how)  # type: ignore[method-assign]
    talker.data_received(frame(b"x") * 3)
    other.data_received(frame(b"a") + close(4001))
    assert listener.heard == []
    other.eof_received()
    assert pipe.closing
    other.connection_lost(None)
    while loop.soon:
        loop.iterate()
    assert listener.heard == ["a"]
    assert closed == [(4001, "", True)]


def test_what_was_read_before_the_end_is_heard_before_it(loop: Loop, open_socket: Opener) -> None:
    """Also when both had to wait."""
    (talker, _, _), (other, pipe, listener) = open_socket(), open_socket()
    talker.data_received(frame(b"x") * 3)
    other.data_received(frame(b"a") + frame(b"b"))
    assert other.eof_received()
    loop.iterate()
    assert listener.heard == ["a", "b"]
    assert pipe.closing


def test_a_connection_that_is_lost_while_it_waits_is_not_ended_again(loop: Loop, open_socket: Opener) -> None:
    """Nothing is armed or closed for it any more."""
    (talker, _, _), (other, pipe, _) = open_socket(), open_socket()
    talker.data_received(frame(b"x") * 3)
    other.eof_received()
    other.connection_lost(None)
    loop.iterate()
    assert not pipe.closing
