"""`hubbub top` beside a real gateway, as a person starts it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import socket
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import connect

pytestmark = pytest.mark.slow  # each starts processes of its own

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds for a child process: an interpreter that starts takes one, a machine under load ten."""


async def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `hubbub top` with these arguments."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "top", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "24", **environ},
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        output, errors = await child.communicate()
    assert child.returncode is not None
    return child.returncode, output.decode(), errors.decode()


async def test_once_prints_one_frame_of_plain_text(demo_server: Any) -> None:
    """Without colours and escape sequences, as wide as COLUMNS says, with the room and who is in it."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        code, output, errors = await run("--once", "--interval", "0.1", "--url", demo_server.admin_url)
        assert (code, errors) == (0, "")
        lines = output.splitlines()
        assert lines[0].startswith(f"hubbub   {demo_server.url}   up ")
        assert lines[1].startswith("1 connection   1 topic   ")
        assert any(line.startswith("|  `- public:lobby") for line in lines)
        assert any(client.id[:12] in line for line in lines)
        assert max(map(len, lines)) <= 80
        assert "\x1b" not in output


async def test_a_pipe_gets_one_frame_without_asking(demo_server: Any) -> None:
    """Nobody could press `q` there."""
    code, output, _ = await run("--interval", "0.1", "--url", demo_server.admin_url)
    assert code == 0
    assert output.count("TREE") == 1


async def test_nobody_there_is_a_letter_that_names_the_address() -> None:
    """What was tried, what was found, what to do."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets this port meanwhile
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        code, output, errors = await run("--once", "--url", url)
    assert (code, output) == (2, "")
    assert errors == (
        f"could not ask {url}: nothing listens there; "
        "start one with `hubbub serve`, or name the admin listener (gateway.admin.listen) with --url\n"
    )


async def test_the_public_port_is_told_from_the_admin_listener(demo_server: Any) -> None:
    """The usual slip gets its own hint."""
    code, _, errors = await run("--once", "--url", demo_server.url)
    assert code == 2
    assert errors.startswith(f"could not ask {demo_server.url}: it answered 404 to /tree; name the admin listener")


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "nonsense", "http://"])
async def test_what_is_no_url_is_a_letter(url: str) -> None:
    """No traceback for a typing error."""
    code, _, errors = await run("--once", "--url", url)
    assert code == 2
    assert errors.startswith(f"could not ask {url.rstrip('/')}: that is no URL; write it like http://127.0.0.1:8001")


class Screen:
    """`hubbub top` on a pseudo-terminal, of 80x24 unless said otherwise."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.modes = termios.tcgetattr(self.theirs)
        self.shown = b""
        self._more = asyncio.Event()

    async def start(self, url: str) -> None:
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "gateway", "top", "--interval", "0.1", "--url", url]
        ends = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs}
        self.child = await asyncio.create_subprocess_exec(*command, **ends, env=environ)  # type: ignore[arg-type]
        asyncio.get_running_loop().add_reader(self.ours, self._read)

    async def shows(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.shown:
                self._more.clear()
                await self._more.wait()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.child.wait()

    def close(self) -> None:
        if self.child.returncode is None:
            self.child.kill()
        asyncio.get_running_loop().remove_reader(self.ours)
        os.close(self.ours)
        os.close(self.theirs)

    def _read(self) -> None:
        self.shown += os.read(self.ours, 65536)
        self._more.set()


@pytest.mark.parametrize("way_out", ["q", "SIGINT", "SIGTERM"])
async def test_the_terminal_is_left_as_it_was_found(demo_server: Any, way_out: str) -> None:
    """By the key and by signals: the screen, the cursor and the modes of the keyboard come back, exit code 0."""
    screen = Screen()
    await screen.start(demo_server.admin_url)
    try:
        await screen.shows(b"heartbeat")
        assert not termios.tcgetattr(screen.theirs)[3] & termios.ECHO
        if way_out == "q":
            os.write(screen.ours, b"q")
        else:
            screen.child.send_signal(signal.Signals[way_out])
        assert await screen.ended() == 0
        await screen.shows(b"\x1b[?7h\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(screen.theirs) == screen.modes
    finally:
        screen.close()


async def test_a_terminal_that_does_not_know_its_size_shows_something(demo_server: Any) -> None:
    """A serial console says 0x0, and so do containers whose window nobody has told them of: then it is 80x24."""
    screen = Screen(0, 0)
    await screen.start(demo_server.admin_url)
    try:
        await screen.shows(b"heartbeat")
    finally:
        screen.close()
        await screen.ended()


async def test_a_gateway_that_went_away_is_said_and_does_not_end_the_view(serve: Any) -> None:
    """The last frame stays, with what is wrong above it."""
    server, screen = await serve(), Screen()
    await screen.start(server.admin_url)
    try:
        await screen.shows(b"heartbeat")
        await server.stop()
        await screen.shows(b"nothing listens there; this is what it said last")
        assert screen.child.returncode is None
    finally:
        screen.close()
        await screen.ended()
