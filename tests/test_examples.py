"""Every example runs and shows what it promises; those that serve are talked to over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
BOUND = 20
"""Seconds for anything an example should do at once; a slow machine takes two."""
MAX_LINES = 100
"""An example is read in one go."""

pytestmark = [pytest.mark.slow, pytest.mark.actors(real_time=True)]


def run(name: str) -> list[str]:
    """What an example prints; a warning is an error, as in our own tests."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        cwd=ROOT, capture_output=True, text=True, timeout=BOUND, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@asynccontextmanager
async def serving(target: str) -> AsyncIterator[str]:
    """`hubbub serve target` on a free port; yields its URL. It must end well when it is told to."""
    command = [sys.executable, "-m", "gateway", "serve", target, "--port", "0", "--log-format", "console"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=plain, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(BOUND):
            while " is listening at " not in (line := (await process.stderr.readline()).decode()):
                assert line, f"{target} ended before it listened"
        yield line.split(" is listening at ")[1].split(": ")[0]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(BOUND):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def receive(ws: ClientConnection) -> dict[str, object]:
    async with asyncio.timeout(BOUND):
        frame: dict[str, object] = json.loads(await ws.recv())
        return frame


def test_examples_are_short() -> None:
    """Each fits into one reading."""
    lines = {file.name: len(file.read_text().splitlines()) for file in EXAMPLES.rglob("*.py")}
    assert [name for name, count in lines.items() if count >= MAX_LINES] == []


def test_the_counter_counts() -> None:
    """Order of one sender, typed answers, nothing lost."""
    assert run("counter_actor.py") == [
        "/counter starts at 100; add 5: 105",
        "after a reset, add 1: 1",
        "a thousand requests at once end at: 1001",
        "accepted 1003 messages, handled 1003, lost 0",
    ]


def test_the_worker_is_restarted_until_its_budget_is_spent() -> None:
    """Three restarts with growing back-off in between, then the rest of its mailbox becomes dead letters."""
    lines = [line.partition(" s  ")[2] or line.strip() for line in run("supervised_worker.py")]
    with pytest.raises(ZeroDivisionError) as divided:
        1 // 0  # noqa: B018  # Python says it in other words since 3.14
    failed = f"failed: {divided.value} (doing Divide)"
    assert lines == [
        "100 / 10 = 10   (job 1 of this instance)",
        "100 / 5 = 20   (job 2 of this instance)",
        failed,
        "restarted after 0.05 s as incarnation 2",
        "100 / 4 = 25   (job 1 of this instance)",
        failed,
        "restarted after 0.10 s as incarnation 3",
        "100 / 2 = 50   (job 1 of this instance)",
        failed,
        "restarted after 0.20 s as incarnation 4",
        failed,
        "gave up on Worker (/office/worker): stop_child",
        "undelivered: Divide(by=1) (gave_up)",
        "stopped: gave_up",
        "the office is running; it can hire again",
    ]


def test_the_word_store_does_not_stop_the_loop() -> None:
    """Answers from SQLite, while the loop turns."""
    assert run("blocking_actor.py") == [
        "14 words written, one transaction each; the most common are:",
        "  the   ###",
        "  dog   ##",
        "  and   #",
        "the event loop turned meanwhile",
    ]


async def test_the_echo_answers_and_counts() -> None:
    """Texts as texts, bytes as bytes; a path parameter that is no number is a 404."""
    async with serving("examples.echo:app") as url:
        ws_url = url.replace("http", "ws", 1)
        async with asyncio.timeout(BOUND), connect(f"{ws_url}/echo") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            await ws.send(b"\x00\xff")
            assert await ws.recv() == b"\x00\xff"
        async with connect(f"{ws_url}/count/41") as ws:
            await ws.send("")
            assert await receive(ws) == {"count": 42}
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{ws_url}/count/many")


async def test_people_in_two_terminals_chat() -> None:
    """They log in; history for who comes later, notices of joining and leaving for who is there."""
    async with serving("examples.chat:app") as url, asyncio.timeout(BOUND):
        ada = await client(url, "Ada")
        assert await ada.line() == "* here: Ada"
        ada.say("hello?")
        assert await ada.line() == "Ada: hello?"
        bob = await client(url, "Bob")
        assert [await bob.line(), await bob.line()] == ["* here: Ada, Bob", "Ada: hello?"]
        assert await ada.line() == "* Bob joined"
        bob.say("/me waves")
        assert [await bob.line(), await ada.line()] == ["* Bob waves"] * 2
        bob.say("x" * 1001)
        assert "must have 1 to 1000 characters" in await bob.line()
        await bob.leave()
        assert await ada.line() == "* Bob left"
        await ada.leave()


class Terminal:
    """A terminal with the chat client in it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().rstrip("\n")

    def say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())

    async def leave(self) -> None:
        """End of input, as Ctrl-D; the client then ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert await self._process.wait() == 0


async def client(url: str, name: str) -> Terminal:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, str(EXAMPLES / "chat" / "client.py"), "--name", name, "--url", url]
    environment = {**os.environ, "CHAT_PASSWORD": "hubbub"}
    return Terminal(await asyncio.create_subprocess_exec(*command, env=environment, stdin=pipe, stdout=pipe))
