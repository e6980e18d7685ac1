"""A process whose log cannot be written serves all the same: it is there for its clients."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.process import END_WITHIN, ROOT, START_WITHIN, free_ports

pytestmark = pytest.mark.slow  # each starts processes of its own

ENDS = {
    "full": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)",
    "closed": "os.close(2)",
    "all closed": "os.closerange(0, 3)",
    "broken": "r, w = os.pipe(); os.dup2(w, 2); os.close(r)",
}
"""What is done to standard error before the command begins."""

COMMAND = "import os, sys; {end}; os.execv(sys.executable, [sys.executable, '-m', 'hubbub', *sys.argv[1:]])"


def started(end: str, *arguments: str, directory: Path) -> asyncio.Future[asyncio.subprocess.Process]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    child = asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND.format(end=ENDS[end]), *arguments,
        cwd=directory, env={**inherited, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return asyncio.ensure_future(child)


async def is_ready(port: int, child: asyncio.subprocess.Process) -> bool:
    """Once it answers; False if it ends before."""
    async with asyncio.timeout(START_WITHIN), aiohttp.ClientSession() as session:
        while child.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port + 1}/ready") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
    return False


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("end", ENDS)
async def test_a_log_that_cannot_be_written_keeps_nobody_from_being_served(tmp_path: Path, end: str) -> None:
    """It starts, says that it is ready to whoever asks, drains on a signal, and ends with 0."""
    port = free_ports()
    child = await started(end, "serve", "--port", str(port), directory=tmp_path)
    try:
        assert await is_ready(port, child)
        async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://127.0.0.1:{port}/ws") as ws:
            await ws.send_json({"action": "join_room", "room": "lobby"})
            assert (await ws.receive_json(timeout=10))["status"] == "joined"
            child.send_signal(signal.SIGTERM)
            assert (await ws.receive(timeout=10)).data == 3001
        async with asyncio.timeout(END_WITHIN):
            assert await child.wait() == 0
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("end", ENDS)
async def test_a_letter_that_cannot_be_written_is_the_exit_code_alone(tmp_path: Path, end: str) -> None:
    """2 is what the unit of examples/deploy does not start again after."""
    (tmp_path / "hubbub.toml").write_text("gateway = 3")
    child = await started(end, "serve", directory=tmp_path)
    async with asyncio.timeout(END_WITHIN):
        assert await child.wait() == 2
