"""One law: what a socket hears, answers and closes with is what its peer sent, whoever else's bytes come between."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gateway.sockets.socket import Socket, SocketLimits
from gateway.web.upgraded.socket_factory import SocketFactory
from tests.support.laws import examples
from tests.support.pipe import Loop, Pipe
from tests.support.raw_client import frame
from tests.support.streams import MAX_MESSAGE, Ear, cut, places_to_cut, play, settle, streams


class End:
    """One socket of a factory, its transport, and who listens."""

    def __init__(self, factory: SocketFactory, loop: Loop) -> None:
        self.loop, self.pipe = loop, Pipe()
        self.socket = factory.take(self.pipe, congested=False)
        self.socket.open(self._introduce, b"")

    def _introduce(self, socket: Socket) -> Ear:
        self.ear = Ear(socket, share=1 << 30)
        return self.ear

    def read(self, data: bytes) -> None:
        if not self.pipe.closing:
            self.socket.data_received(data)
            settle(self.loop, self.pipe, self.ear)

    def end(self) -> tuple[object, ...]:
        self.socket.connection_lost(None)
        return self.ear.heard, self.pipe.written, self.socket.sent_close


def play_together(cuts: Iterable[list[bytes]], source: random.Random) -> list[tuple[object, ...]]:
    """Feeds the reads of each stream to a socket of its own, in an order that only keeps those of each."""
    loop = Loop()
    factory = SocketFactory(SocketLimits(max_message_bytes=MAX_MESSAGE), loop, float)  # type: ignore[arg-type]
    waiting = [(End(factory, loop), list(reads)) for reads in cuts]
    ends = [end for end, _ in waiting]
    while waiting := [(end, reads) for end, reads in waiting if reads]:
        end, reads = source.choice(waiting)
        end.read(reads.pop(0))
    return [end.end() for end in ends]


@examples(100)
@given(st.lists(st.tuples(streams, places_to_cut), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_streams_do_not_mix(sent: list[tuple[bytes, list[int]]], source: random.Random) -> None:
    """Sockets share a parser between messages, and whatever one peer sends or breaks off is nobody else's."""
    alone = [play([data] if data else [], share=1 << 30) for data, _ in sent]
    assert play_together([cut(data, places) for data, places in sent], source) == alone


def test_a_socket_has_a_parser_only_in_the_middle_of_a_message() -> None:
    """It gives it back, and the others have another one meanwhile."""
    loop = Loop()
    factory = SocketFactory(SocketLimits(), loop, float)  # type: ignore[arg-type]
    one, other, shared = End(factory, loop), End(factory, loop), factory.parser
    one.read(frame(b"whole"))
    assert (one.socket._parser, factory.parser) == (None, shared)
    one.read(frame(b"broken off")[:-1])
    assert one.socket._parser is shared
    other.read(frame(b"whole"))
    assert factory.parser not in (shared, other.socket._parser)
    one.read(frame(b"broken off")[-1:])
    assert one.socket._parser is None
    assert len(one.ear.heard) == 2
