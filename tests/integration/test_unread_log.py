"""A gateway whose log nobody reads, as `hubbub serve 2>&1 | less` has it: clients come and go all the same."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.client import connect
from tests.support.process import END_WITHIN, ROOT, START_WITHIN, free_ports

pytestmark = pytest.mark.slow  # it starts a process of its own

CLIENTS = 30
"""Two lines each; the pipe takes a page."""


async def next_line(reading: int, text: bytes) -> bytes:
    """What is read until a line with this text is there."""
    got = b""
    while text not in got or not got.endswith(b"\n"):
        got += await asyncio.to_thread(os.read, reading, 1 << 16)
    return got


async def test_a_log_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    """It serves, says in the metrics how many lines are missing, in the log once somebody reads, and ends."""
    port = free_ports()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", "--port", str(port),
        cwd=tmp_path, env={**inherited, "PYTHONPATH": str(ROOT)}, stderr=writing,
    )  # fmt: skip
    os.close(writing)
    try:
        async with asyncio.timeout(START_WITHIN):
            await next_line(reading, b"is listening at")
            for _ in range(CLIENTS):
                async with connect(f"ws://127.0.0.1:{port}/ws"):
                    pass
            admin = f"http://127.0.0.1:{port + 1}"
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{admin}/ready") as answer:
                    assert answer.status == 200
                async with session.get(f"{admin}/metrics") as answer:
                    numbers = await answer.text()
            dropped = next(line for line in numbers.splitlines() if line.startswith("hubbub_log_lines_dropped_total "))
            assert float(dropped.split()[1]) >= CLIENTS
            await next_line(reading, b"connection.opened")
            child.terminate()
            told = next(
                json.loads(line)
                for line in (await next_line(reading, b"lines.dropped")).splitlines()
                if b"lines.dropped" in line
            )
            assert (told["event"], told["level"]) == ("lines.dropped", "warning")
            assert told["count"] >= CLIENTS
        async with asyncio.timeout(END_WITHIN):
            assert await child.wait() == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        os.close(reading)
