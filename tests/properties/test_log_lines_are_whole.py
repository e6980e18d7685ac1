"""Whatever is read of a log, and when: each line is there whole, or among those that a line before the next counts."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.log_output import LogOutput
from tests.support.laws import examples

READ = 0
"""In place of the length of a line that is said."""
PAGES = 2 * 4096
steps = st.lists(st.just(READ) | st.integers(1, 200) | st.integers(1, 3 * PAGES), max_size=50)


def read(number: int) -> bytes:
    parts = []
    with suppress(BlockingIOError):
        while True:
            parts.append(os.read(number, PAGES))
    return b"".join(parts)


@given(steps)
@examples(200)
def test_lines_are_whole_or_counted(lengths: list[int]) -> None:
    """No half line, no line twice, none out of order, and the count is right where it stands."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(writing, "w", encoding="utf-8") as stream, open(reading, "rb"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGES)
        out = LogOutput(stream, lambda count: f"dropped {count}\n")
        said: list[str] = []
        got = b""
        for length in lengths:
            if length == READ:
                got += read(reading)
            else:
                said.append(f"{len(said)} {'x' * length}")
                out.write(said[-1] + "\n")
        while not got.endswith(b"end\n"):
            got += read(reading)
            said.append("end")
            out.write("end\n")
            got += read(reading)
    place = 0
    for line in got.decode().splitlines():
        if line.startswith("dropped "):
            place += int(line.removeprefix("dropped "))
        else:
            assert line == said[place]
            place += 1
    assert place == len(said)
