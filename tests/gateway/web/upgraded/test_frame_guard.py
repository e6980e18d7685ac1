"""What the guard in front of aiohttp's reader counts and refuses, header by header."""

from __future__ import annotations

import pytest

from gateway.web.upgraded.frame_guard import INTERRUPTED, UNMASKED, FrameGuard
from tests.support.raw_client import BINARY, PING, frame

SIZES = [0, 1, 125, 126, 65_535, 65_536]


def scan(guard: FrameGuard, data: bytes, step: int) -> int:
    """Scans all of `data` in steps, as far as it may be fed; returns that place."""
    for start in range(0, len(data), step):
        end = min(start + step, len(data))
        if (safe := guard.scan(data, start, end)) < end or guard.fault:
            return safe
    return len(data)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 4096, 1 << 20])
def test_every_length_is_walked_over(step: int) -> None:
    """Each header form is understood, wherever a read ends, and every frame is counted once."""
    data = b"".join(frame(b"\x81\x00" * (size // 2) + b"x" * (size % 2), BINARY) for size in SIZES)
    guard = FrameGuard()
    assert scan(guard, data, step) == len(data)
    assert (guard.frames, guard.fault) == (len(SIZES), None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_a_frame_without_a_mask_is_found_where_it_begins(size: int, step: int) -> None:
    """What is before it may be fed; of the frame itself at most the first byte was, in an earlier read."""
    good = frame(b"good") + frame(b"", PING)
    guard = FrameGuard()
    safe = scan(guard, good + frame(b"x" * size, mask=None), step)
    assert guard.fault == UNMASKED
    assert len(good) <= safe <= len(good) + 1
    assert guard.frames == 2


def test_an_empty_first_fragment_is_a_begun_message() -> None:
    """The reader forgets it; the guard does not, whatever control frames come between."""
    guard = FrameGuard()
    begun = frame(b"", fin=False) + frame(b"", PING) + frame(b"", 0, fin=False)
    assert scan(guard, begun + frame(b"another"), 4096) == len(begun)
    assert guard.fault == INTERRUPTED


def test_a_finished_message_makes_room_for_the_next() -> None:
    """The last fragment ends it."""
    guard = FrameGuard()
    data = frame(b"", fin=False) + frame(b"", 0) + frame(b"next")
    assert scan(guard, data, 4096) == len(data)
    assert guard.fault is None
