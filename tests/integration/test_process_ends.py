"""A process that is told to end does: whatever its app code makes of its cancellation, of its loop, of its threads."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.client import connect
from tests.support.process import serving

pytestmark = pytest.mark.slow  # each starts processes of its own

STUBBORN = """
import asyncio
from gateway import Gateway

app = Gateway()

@app.ws("/stubborn")
async def stubborn(ws):
    await ws.accept()
    await ws.send_text("in")
    while True:
        try:
            await asyncio.sleep(1000)
        except BaseException:
            pass
"""

UNTIL_TOLD = """
import ctypes, sys, time
from gateway import Gateway

app = Gateway()

@app.ws("/block")
async def block(ws):
    await ws.accept()
    await ws.send_text("in")
    await ws.receive()
"""

EXITING = f"""{UNTIL_TOLD}
    sys.exit(3)
"""

BLOCKING = f"""{UNTIL_TOLD}
    print("blocked", file=sys.stderr, flush=True)
    time.sleep(1000)
"""

IN_A_CALL_TO_C = f"""{UNTIL_TOLD}
    mutex, library = ctypes.create_string_buffer(128), ctypes.CDLL(None)
    library.pthread_mutex_lock(mutex)
    print("blocked", file=sys.stderr, flush=True)
    library.pthread_mutex_lock(mutex)
"""

FORKING = """
import multiprocessing, time
from gateway import Gateway

app = Gateway()
context = multiprocessing.get_context("fork")

def work(began):
    began.set()
    time.sleep(1000)

@app.ws("/fork")
async def fork(ws):
    await ws.accept()
    began = context.Event()
    child = context.Process(target=work, args=(began,), daemon=True)
    child.start()
    began.wait()
    child.terminate()
    child.join(5)
    child.kill()
    await ws.send_text(str(child.exitcode))
    await ws.receive()
"""

LISTENING = """
import asyncio, signal, sys
from actors import Actor
from gateway import Gateway

app = Gateway()

class Ears(Actor):
    def on_start(self):
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.heard)

    def heard(self):
        self.count = getattr(self, "count", 0) + 1
        print("heard", self.count, file=sys.stderr, flush=True)

app.actor(Ears, name="ears")
"""

SLOW_START = """
import asyncio, sys
from actors import Actor
from gateway import Gateway

app = Gateway()

class Slow(Actor):
    async def on_start(self):
        print("starting", file=sys.stderr, flush=True)
        await asyncio.sleep(1000)

app.actor(Slow, name="slow")
"""

THREAD = """
import sys, threading
from gateway import Gateway

app = Gateway()
threading.Thread(target=threading.Event().wait).start()
"""

QUICKLY = {"HUBBUB_GATEWAY__DRAIN__TIMEOUT": "3s", "HUBBUB_GATEWAY__DRAIN__SPREAD": "0s"}
AT_MOST = 15.0
"""Seconds in which all of these have ended on a loaded machine; without their law none of them ever does."""


async def test_a_function_that_swallows_its_cancellation_keeps_no_process_alive(tmp_path: Path) -> None:
    """One SIGTERM is enough: exit code 0 after the drain, and a line that names who did not end."""
    (tmp_path / "mine.py").write_text(STUBBORN)
    async with (
        serving("mine:app", directory=tmp_path, environ=QUICKLY) as process,
        connect(f"ws://127.0.0.1:{process.port}/stubborn") as client,
    ):
        assert await client.receive() == "in"
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0
    assert "gateway.cut_short" in process.output


async def test_a_second_signal_ends_a_start_that_never_ends(tmp_path: Path) -> None:
    """Somebody waits at a terminal for an actor that waits for a database; twice Ctrl-C, and there is the prompt."""
    (tmp_path / "mine.py").write_text(SLOW_START)
    async with serving("mine:app", directory=tmp_path, started=False) as process:
        await process.line_with("starting")
        process.send(signal.SIGINT)
        process.send(signal.SIGTERM)  # another one: two that are the same may arrive as one
        await process.line_with("gateway.cut_short", AT_MOST)
        assert await process.exit_code(AT_MOST) == 0
    assert "Traceback" not in process.output


async def test_one_signal_ends_a_start_that_never_ends(tmp_path: Path) -> None:
    """It has the time of a drain; an orchestrator sends one, and then SIGKILL."""
    (tmp_path / "mine.py").write_text(SLOW_START)
    async with serving("mine:app", directory=tmp_path, started=False, environ=QUICKLY) as process:
        await process.line_with("starting")
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0


@pytest.mark.parametrize("fast", [True, False])
async def test_a_second_signal_ends_a_loop_that_is_blocked(tmp_path: Path, fast: bool) -> None:
    """Signals need no turn of the loop, with uvloop and without."""
    _write(tmp_path, BLOCKING, fast)
    async with (
        serving("mine:app", directory=tmp_path, environ={"PYTHONPATH": _path(tmp_path)}) as process,
        connect(f"ws://127.0.0.1:{process.port}/block") as client,
    ):
        assert await client.receive() == "in"
        await client.send("go")
        await process.line_with("blocked")
        began = time.monotonic()
        process.send(signal.SIGINT)
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0
        assert time.monotonic() - began < AT_MOST


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("count", [1, 2])
async def test_signals_end_a_loop_that_hears_of_none(tmp_path: Path, fast: bool, count: int) -> None:
    """A library in C waits for a lock for ever: no handler in Python runs, and the process ends as it should."""
    _write(tmp_path, IN_A_CALL_TO_C, fast)
    environ = {"PYTHONPATH": _path(tmp_path), **(QUICKLY if count == 1 else {})}
    async with (
        serving("mine:app", directory=tmp_path, environ=environ) as process,
        connect(f"ws://127.0.0.1:{process.port}/block") as client,
    ):
        assert await client.receive() == "in"
        await client.send("go")
        await process.line_with("blocked")
        for number in (signal.SIGTERM, signal.SIGINT)[:count]:
            process.send(number)
        assert await process.exit_code(AT_MOST) == 0
    assert "gateway.cut_short" in process.output


@pytest.mark.parametrize("fast", [True, False])
async def test_the_signals_of_a_forked_child_are_its_own(tmp_path: Path, fast: bool) -> None:
    """A worker of a pool that is told to end does, and the gateway that it was forked from goes on."""
    _write(tmp_path, FORKING, fast)
    async with serving("mine:app", directory=tmp_path, environ={"PYTHONPATH": _path(tmp_path)}) as process:
        for _ in range(2):
            async with connect(f"ws://127.0.0.1:{process.port}/fork") as client:
                assert await client.receive() == str(-signal.SIGTERM)
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0
    assert "gateway.cut_short" not in process.output


@pytest.mark.parametrize("fast", [True, False])
async def test_signals_that_app_code_listens_to_reach_it(tmp_path: Path, fast: bool) -> None:
    """By `add_signal_handler` of the loop, which has its own way to hear of them; and one still ends the process."""
    _write(tmp_path, LISTENING, fast)
    async with serving("mine:app", directory=tmp_path, environ={"PYTHONPATH": _path(tmp_path)}) as process:
        for count in (1, 2):
            process.send(signal.SIGUSR1)
            await process.line_with(f"heard {count}")
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0
    assert "gateway.cut_short" not in process.output


async def test_the_end_of_a_terminal_is_one_signal(tmp_path: Path) -> None:
    """The kernel and the shell both say it, at once; nobody insists, so what was accepted has its time."""
    (tmp_path / "mine.py").write_text(STUBBORN)
    async with (
        serving("mine:app", directory=tmp_path, environ=QUICKLY) as process,
        connect(f"ws://127.0.0.1:{process.port}/stubborn") as client,
    ):
        assert await client.receive() == "in"
        process.send(signal.SIGHUP)
        await process.line_with("gateway.draining")
        process.send(signal.SIGHUP)
        assert await process.exit_code(AT_MOST) == 0
    assert "it had not ended 3 s after the signal" in process.output


async def test_an_exit_of_a_handler_is_the_exit_code_of_a_drain_like_any_other(tmp_path: Path) -> None:
    """It fails the handler alone; whoever reads the log is told all the same that everything was taken down."""
    (tmp_path / "mine.py").write_text(EXITING)
    async with (
        serving("mine:app", directory=tmp_path, environ=QUICKLY) as process,
        connect(f"ws://127.0.0.1:{process.port}/block") as client,
    ):
        assert await client.receive() == "in"
        await client.send("exit")
        assert (await client.closed())[0] == 1011
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 3
    assert '"event":"gateway.stopped"' in process.output.splitlines()[-1]


async def test_a_thread_that_goes_on_keeps_no_process_alive(tmp_path: Path) -> None:
    """A thread of the app that nobody ends is left behind, a moment after everything else has ended."""
    (tmp_path / "mine.py").write_text(THREAD)
    async with serving("mine:app", directory=tmp_path, environ=QUICKLY) as process:
        process.send(signal.SIGTERM)
        assert await process.exit_code(AT_MOST) == 0


def _write(directory: Path, program: str, fast: bool) -> None:
    (directory / "mine.py").write_text(program)
    if not fast:
        (directory / "uvloop.py").write_text("raise ImportError('none here')\n")


def _path(first: Path) -> str:
    from tests.support.process import ROOT

    return f"{first}:{ROOT}"
