"""A read that is one frame says the same as aiohttp's reader, which hears of every other read."""

from __future__ import annotations

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.web.upgraded.aiohttp_names import WSMessage
from gateway.web.upgraded.inbox import Inbox
from gateway.web.upgraded.parser import Parser
from gateway.web.upgraded.whole_message import whole_control, whole_message
from tests.support.raw_client import BINARY, CLOSE, PING, PONG, TEXT, close, frame

LIMIT = 66_000
SIZES = [1, 2, 125, 126, 127, 500, 65_535, 65_536, LIMIT, LIMIT + 1]

payloads = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(str.encode),
    st.sampled_from(SIZES).map(lambda size: b"x" * size),
)
frames = st.builds(
    frame,
    payloads,
    st.integers(0, 15),
    fin=st.booleans(),
    mask=st.sampled_from([b"\x01\x02\x03\x04", b"\x00\x00\x00\x00", b"\xff\x80\x7f\x01", None]),
    rsv=st.sampled_from([0, 0, 0, 4, 7]),
)
closes = st.builds(
    lambda code, reason: frame(code.to_bytes(2, "big") + reason, CLOSE),
    st.one_of(
        st.integers(0, 65_535), st.sampled_from([1000, 1001, 1005, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000])
    ),
    st.one_of(st.text(max_size=40).map(str.encode), st.binary(max_size=124)),
)
LONG = frame(b"x" * 65_536, BINARY)
"""Its length takes eight bytes, and the byte that says so is 127."""

reads = st.one_of(
    frames,
    closes,
    st.tuples(frames, st.binary(max_size=9)).map(b"".join),
    st.tuples(frames, st.integers(0, 400)).map(lambda cut: cut[0][: cut[1]]),
    st.binary(max_size=40),
    st.binary(max_size=300).map(lambda data: b"\x81\xfe" + len(data).to_bytes(2, "big") + b"mask" + data),
    st.integers(100, 160).map(lambda cut: LONG[:cut]),
)
"""The last but one says its length with more bytes than it needs, which the reader takes; the last is cut off."""


def read(data: bytes) -> tuple[list[WSMessage], Parser]:
    """What the reader makes of it, at the beginning of a stream."""
    heard: list[WSMessage] = []
    loop = asyncio.new_event_loop()
    try:
        inbox = Inbox(loop)
        parser = Parser(inbox, LIMIT)
        safe = parser.guard.scan(data, 0, len(data))
        fault = inbox.feed(heard.append, parser.reader, data[:safe])
    finally:
        loop.close()
    parser.guard.fault = parser.guard.fault or (None if fault is None else str(fault))
    return heard, parser


@given(reads)
@example(frame(b"\xff"))
@example(frame(b"\xff", BINARY))
@example(frame(b"a") + frame(b"b"))
@example(frame(b""))
@example(LONG[:133])  # as long as its length would be, if 127 were one
def test_it_is_what_the_reader_hears(data: bytes) -> None:
    """That message and nothing else, without a fault, and at its end nothing has begun."""
    message = whole_message(data, LIMIT)
    if message is not None:
        heard, parser = read(data)
        assert [one[1] for one in heard] == [message]
        assert type(heard[0][1]) is type(message)
        assert parser.guard.is_between_messages


@given(reads)
@example(frame(b"", CLOSE))
@example(frame(b"a", CLOSE))
@example(close(1000, b"\xff"))
@example(frame(b"", PONG, mask=None))
@example(frame(b"x" * 125, PING))
@example(frame(b"x" * 126, PING))
@example(b"\x89\xfe" + bytes(130))  # as long as its length would be, if that were one
@example(frame(b"", PONG) + frame(b"", PONG))
def test_a_control_frame_is_what_the_reader_hears(data: bytes) -> None:
    """The same kind, data and reason, without a fault, and at its end nothing has begun."""
    control = whole_control(data)
    if control is not None:
        heard, parser = read(data)
        assert [tuple(one) for one in heard] == [tuple(control)]
        assert parser.guard.is_between_messages


@given(
    st.one_of(
        st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG])),
        st.builds(close, st.sampled_from([1000, 1003, 1007, 1014, 3000, 4999]), st.text(max_size=30).map(str.encode)),
        st.just(close(None)),
    )
)
def test_no_control_frame_in_order_is_left_to_the_reader(data: bytes) -> None:
    """Pings and pongs of any length, closes with each code that may be sent, with a reason or without."""
    assert whole_control(data) is not None


@given(st.one_of(st.text(min_size=1), st.binary(min_size=1, max_size=300), st.sampled_from(SIZES[:7]).map("y".__mul__)))
def test_nothing_that_is_whole_is_left_to_the_reader(message: str | bytes) -> None:
    """Texts and bytes of up to 65,535 bytes, as long as they are within the limit of a message."""
    payload = message.encode() if isinstance(message, str) else message
    data = frame(payload, TEXT if isinstance(message, str) else BINARY)
    assert whole_message(data, LIMIT) == message
    assert whole_message(data, len(payload)) == message
    assert whole_message(data, len(payload) - 1) is None
