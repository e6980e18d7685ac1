"""`app.run()` in a program of one's own: the same product as `hubbub serve`, from settings to exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.client import connect
from tests.support.process import ROOT, Process, free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.slow  # each starts processes of its own

PROGRAM = """
from gateway import Gateway

app = Gateway(title="mine")

@app.ws("/echo")
async def echo(ws):
    await ws.accept()
    async for frame in ws:
        await ws.send(frame.data)

if __name__ == "__main__":
    app.run(RUN)
"""


@asynccontextmanager
async def program(directory: Path, run: str = "", port: int = 0, **environ: str) -> AsyncIterator[Process]:
    """`python mine.py` there; killed at the end if it still lives."""
    (directory / "mine.py").write_text(PROGRAM.replace("RUN", run))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "mine.py",
        cwd=directory, env={**inherited, "PYTHONPATH": str(ROOT), **environ}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    process = Process(child, port)
    try:
        yield process
    finally:
        await process.kill()


async def test_the_environment_and_the_file_count(tmp_path: Path) -> None:
    """The port is the environment's, the limit that of `hubbub.toml`, and an argument goes before both."""
    port = free_ports()
    (tmp_path / "hubbub.toml").write_text("[gateway]\nport = 1\n[gateway.limits]\nmax_message = '10B'\n")
    async with program(tmp_path, 'host="127.0.0.1"', port, HUBBUB_PORT=str(port), HUBBUB_HOST="nowhere") as process:
        await process.line_with("is listening at")
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("x" * 11)
            assert (await client.closed())[0] == 1009


async def test_its_log_is_that_of_serve(tmp_path: Path) -> None:
    """One JSON object a line where nobody is at a terminal; exit code 0 after a signal."""
    port = free_ports()
    async with program(tmp_path, f"port={port}", port) as process:
        await process.line_with("is listening at")
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    events = [json.loads(line)["event"] for line in process.lines if "is listening at" not in line]
    assert events[:2] == ["gateway.started", "gateway.draining"]


async def test_a_program_that_has_set_up_its_log_keeps_it(tmp_path: Path) -> None:
    """Its own handlers and processors write all lines."""
    port = free_ports()
    own = (
        "__import__('structlog').configure(processors=[lambda *a: 'own ' + str(a[2]['event'])],"
        "logger_factory=__import__('structlog').WriteLoggerFactory(__import__('sys').stderr))"
        f" or {port}"
    )
    async with program(tmp_path, f"port={own}", port) as process:
        await process.line_with("own gateway.started")


async def test_any_address_may_be_served_without_a_file(tmp_path: Path) -> None:
    """An application declares what it opens, so `0.0.0.0` is no mistake: it is not development mode."""
    port = free_ports()
    async with program(tmp_path, f'host="0.0.0.0", port={port}', port) as process:
        await process.line_with("is listening at")
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("hi")
            assert await client.receive() == "hi"


@pytest.mark.parametrize(
    ("run", "environ", "letter"),
    [
        ("port=70000", {}, "gateway.port"),
        ("", {"HUBBUB_PROT": "1"}, 'did you mean "HUBBUB_PORT"?'),
        ('config="none.toml"', {}, "none.toml"),
    ],
)
async def test_a_wrong_setting_is_a_letter(tmp_path: Path, run: str, environ: dict[str, str], letter: str) -> None:
    """Exit code 2 and one line, no traceback, whatever the program does with what `run` returns."""
    async with program(tmp_path, run, **environ) as process:
        assert await process.exit_code() == 2
    assert letter in process.output
    assert len(process.lines) == 1
