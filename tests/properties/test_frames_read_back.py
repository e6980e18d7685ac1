"""A client of another library reads exactly what was framed, whole or byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from gateway.sockets.frames import binary_frame, close_frame, ping_frame, pong_frame, text_frame

sizes = st.one_of(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 65537]), st.integers(0, 70_000))
kinds = st.sampled_from([(text_frame, Opcode.TEXT), (binary_frame, Opcode.BINARY)])
controls = st.sampled_from([(ping_frame, Opcode.PING), (pong_frame, Opcode.PONG)])
codes = st.one_of(st.integers(1000, 1003), st.integers(1007, 1014), st.integers(3000, 4999))


def read_all(data: bytes, step: int) -> list[Frame]:
    """Feeds the bytes to websockets' parser in pieces and returns the frames it saw."""
    reader, frames = StreamReader(), []
    parsing = Frame.parse(reader.read_exact, mask=False)
    for start in range(0, len(data), step):
        reader.feed_data(data[start : start + step])
        while True:
            try:
                next(parsing)
            except StopIteration as done:
                frames.append(done.value)
                parsing = Frame.parse(reader.read_exact, mask=False)
            else:
                break
    assert not reader.buffer, "bytes that belong to no frame"
    return frames


@given(st.lists(st.tuples(kinds, sizes), min_size=1, max_size=4), st.sampled_from([1, 3, 4096, 1 << 20]))
def test_messages_read_back(messages: list[tuple[tuple[object, Opcode], int]], step: int) -> None:
    """Joined frames are separate messages again, with the same bytes."""
    step = max(step, sum(size for _, size in messages) // 500)
    expected = [(opcode, bytes([number % 251]) * size) for number, ((_, opcode), size) in enumerate(messages)]
    data = b"".join(frame(payload) for ((frame, _), _), (_, payload) in zip(messages, expected, strict=True))  # type: ignore[operator]
    frames = read_all(data, step)
    assert [(frame.opcode, bytes(frame.data), frame.fin) for frame in frames] == [(*each, True) for each in expected]


@given(controls, st.binary(max_size=125))
def test_control_frames_read_back(kind: tuple[object, Opcode], payload: bytes) -> None:
    """A ping and a pong carry any 125 bytes."""
    frame, opcode = kind
    (read,) = read_all(frame(payload), 1)  # type: ignore[operator]
    assert (read.opcode, bytes(read.data)) == (opcode, payload)


@given(codes, st.text(max_size=123).filter(lambda text: len(text.encode()) <= 123))
def test_a_close_reads_back(code: int, reason: str) -> None:
    """Every code that may be sent arrives with its reason."""
    (read,) = read_all(close_frame(code, reason), 1)
    read.check()
    assert read.opcode is Opcode.CLOSE
    assert Close.parse(bytes(read.data)) == Close(code, reason)
