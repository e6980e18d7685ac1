"""Frames: the examples of RFC 6455 and the borders between its length fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.sockets.frames import binary_frame, close_frame, ping_frame, pong_frame, text_frame


def test_the_examples_of_the_rfc_come_out_byte_for_byte() -> None:
    """RFC 6455 5.7."""
    assert text_frame(b"Hello") == bytes.fromhex("81 05 48 65 6c 6c 6f")
    assert ping_frame(b"Hello") == bytes.fromhex("89 05 48 65 6c 6c 6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a 05 48 65 6c 6c 6f")
    assert binary_frame(bytes(256))[:4] == bytes.fromhex("82 7e 01 00")
    assert binary_frame(bytes(65536))[:10] == bytes.fromhex("82 7f 00 00 00 00 00 01 00 00")


@pytest.mark.parametrize(("size", "header"), [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
@pytest.mark.parametrize("frame", [text_frame, binary_frame])
def test_the_shortest_length_field_is_used(frame: Callable[[bytes], bytes], size: int, header: int) -> None:
    """RFC 6455 5.2: the minimal number of bytes must be used."""
    assert len(frame(b"x" * size)) == header + size


def test_a_close_carries_code_and_reason_or_nothing() -> None:
    """The code is two bytes, most significant first; a close without a code has no body."""
    assert close_frame(1000) == b"\x88\x02\x03\xe8"
    assert close_frame(3001, "bye") == b"\x88\x05\x0b\xb9bye"
    assert close_frame() == b"\x88\x00"


def test_a_close_that_no_client_may_see_is_not_framed() -> None:
    """Reserved codes, long reasons, and a reason without a code."""
    for code, reason in ((1006, ""), (1000, "x" * 124), (None, "bye")):
        with pytest.raises(ValueError, match="could not close"):
            close_frame(code, reason)


@pytest.mark.parametrize("frame", [ping_frame, pong_frame])
def test_a_control_frame_has_at_most_125_bytes(frame: Callable[[bytes], bytes]) -> None:
    """RFC 6455 5.5."""
    assert len(frame(b"x" * 125)) == 127
    with pytest.raises(ValueError, match="126 bytes"):
        frame(b"x" * 126)
