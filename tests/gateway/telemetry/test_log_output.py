"""A log that nobody reads: lines are dropped, counted and told of, and whoever says one goes on."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import resource
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from gateway.telemetry.log_output import MOST, LogOutput, log_output

LINE = "x" * 99 + "\n"
MANY = 10_000
"""More than any pipe, socket or terminal takes of `LINE`."""
TWO_PAGES = 2 * 4096


def say_dropped(count: int) -> str:
    return f"{count} dropped\n"


class Ends:
    """Two ends: `out` writes to one, and what arrived at the other is read here."""

    def __init__(self, stack: ExitStack, reading: int, writing: int) -> None:
        os.set_blocking(reading, False)
        stack.callback(self.close)
        self._reading = reading
        self.stream = stack.enter_context(open(writing, "w", encoding="utf-8"))  # noqa: SIM115
        out = log_output(self.stream, say_dropped)
        assert isinstance(out, LogOutput)
        self.out = out

    def read(self) -> str:
        """All that is there now."""
        parts = []
        with suppress(BlockingIOError):
            while part := os.read(self._reading, 1 << 20):
                parts.append(part)
        return b"".join(parts).decode()

    def close(self) -> None:
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


def _pipe(stack: ExitStack) -> Ends:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, TWO_PAGES)
    return Ends(stack, reading, writing)


def _socket(stack: ExitStack) -> Ends:
    """As systemd's journal gives one."""
    ours, theirs = socket.socketpair()
    return Ends(stack, theirs.detach(), ours.detach())


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pipe(stack: ExitStack) -> Ends:
    return _pipe(stack)


@pytest.mark.parametrize("make", [_pipe, _socket])
def test_what_nobody_reads_is_dropped_counted_and_told_of(stack: ExitStack, make: object) -> None:
    """No write waits; once there is room the count is said first; nothing of a dropped line was written."""
    assert callable(make)
    ends: Ends = make(stack)
    before = LogOutput.dropped
    for _ in range(MANY):
        ends.out.write(LINE)
    dropped = LogOutput.dropped - before
    assert ends.read() == LINE * (MANY - dropped)
    assert 0 < dropped < MANY
    ends.out.write("on\n")
    ends.out.write("and on\n")
    assert ends.read() == f"{dropped} dropped\non\nand on\n"
    assert LogOutput.dropped - before == dropped


def test_a_terminal_that_is_stopped_stops_nobody(stack: ExitStack) -> None:
    """Ctrl-S at the keyboard; Ctrl-Q, and it goes on."""
    reading, writing = pty.openpty()
    ends = Ends(stack, reading, writing)
    ends.out.write("before\n")
    assert ends.read() == "before\r\n"
    termios.tcflow(writing, termios.TCOOFF)
    ends.out.write("meanwhile\n")
    termios.tcflow(writing, termios.TCOON)
    ends.out.write("after\n")
    assert ends.read() == "1 dropped\r\nafter\r\n"


def test_a_line_that_was_begun_is_finished_first(pipe: Ends) -> None:
    """Long ones go in parts; what comes while the rest waits is dropped."""
    long = "y" * (TWO_PAGES + 100) + "\n"
    pipe.out.write(long)
    pipe.out.write("lost\n")
    text = pipe.read()
    assert text == long[:TWO_PAGES]
    pipe.out.write("on\n")
    assert text + pipe.read() == f"{long}1 dropped\non\n"


def test_a_reader_that_has_gone_costs_the_lines_alone(pipe: Ends) -> None:
    """Nothing is raised to who speaks."""
    pipe.close()
    before = LogOutput.dropped
    pipe.out.write("one\n")
    pipe.out.write("two\n")
    assert LogOutput.dropped - before == 2


def test_the_file_stays_as_others_have_it(pipe: Ends) -> None:
    """It is shared with a shell, or with other programs: they would see it change."""
    pipe.out.write("a\n")
    assert os.get_blocking(pipe.stream.fileno())


def test_a_line_said_within_another_follows_it(stack: ExitStack) -> None:
    """A collection of garbage may say one anywhere; neither waits for the other."""
    ends = _pipe(stack)

    def says_more(count: int) -> str:
        out.write("within\n")
        return say_dropped(count)

    out = LogOutput(ends.stream, says_more)
    before = LogOutput.dropped
    for _ in range(MANY):
        out.write(LINE)
    ends.read()
    dropped = LogOutput.dropped - before
    out.write("on\n")
    assert ends.read() == f"{dropped} dropped\non\nwithin\n"


def test_lines_of_many_threads_are_whole(stack: ExitStack) -> None:
    """Each once, none in the midst of another, and those of one thread in order."""
    ends = _pipe(stack)
    fcntl.fcntl(ends.stream.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
    said = [[f"{thread} {number} {'z' * 2 * MOST}\n" for number in range(5)] for thread in range(4)]
    threads = [threading.Thread(target=lambda lines=lines: [ends.out.write(line) for line in lines]) for lines in said]
    before = LogOutput.dropped
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert LogOutput.dropped == before
    found = ends.read().splitlines(keepends=True)
    assert sorted(found) == sorted(line for lines in said for line in lines)
    assert [[line for line in found if line in lines] for lines in said] == said


def test_what_an_encoding_has_not_is_escaped(stack: ExitStack) -> None:
    """A line arrives, whatever the terminal of somebody may show; half a surrogate pair too."""
    ends = _pipe(stack)
    ends.out.write("snow \N{SNOWMAN} \ud800\n")
    assert ends.read() == "snow \N{SNOWMAN} \\ud800\n"
    ends.stream.reconfigure(encoding="ascii")
    LogOutput(ends.stream, say_dropped).write("snow \N{SNOWMAN}\n")
    assert ends.read() == "snow \\u2603\n"


@pytest.fixture
def disk() -> Iterator[Callable[[int], None]]:
    """`disk(1_000)`: no file gets longer than so many bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_does_not_take_is_dropped_counted_and_told_of(
    tmp_path: Path, disk: Callable[[int], None]
) -> None:
    """The line within which it became full goes on where it ended, and none is cut."""
    log = tmp_path / "log"
    with log.open("w") as file:
        out = log_output(file, say_dropped)
        before = LogOutput.dropped
        disk(250)
        for _ in range(5):
            out.write(LINE)
        whole = log.read_text()
        assert whole == (LINE * 3)[:250]
        assert LogOutput.dropped - before == 2
        disk(100_000)
        out.write("on\n")
    assert log.read_text() == f"{LINE * 3}2 dropped\non\n"


def test_a_long_line_goes_into_a_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else appends to it writes behind it, and not into it."""
    written: list[int] = []
    write = os.write

    def noted(number: int, data: bytes) -> int:
        written.append(len(data))
        return write(number, data)

    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr(os, "write", noted)
        log_output(file, say_dropped).write(LINE * MOST)
    assert written == [len(LINE) * MOST]


def test_what_is_no_open_file_is_written_as_ever(tmp_path: Path) -> None:
    """It has no number that one could ask."""
    with (tmp_path / "log").open("w") as file:
        pass
    memory = io.StringIO()
    assert log_output(memory, say_dropped) is memory
    assert log_output(file, say_dropped) is file, "it is closed"
