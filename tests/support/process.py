"""The gateway as a process of its own: started on a free port, waited for by the line it prints, ended by signals."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

START_WITHIN = 30.0
"""Seconds until the line must be there: an interpreter on a loaded machine needs two."""

END_WITHIN = 30.0
"""Seconds until a process that was told to end must have ended; above the 20 s that a drain may take."""

LOWEST_PORT = 10_000
"""Above those that servers are known to use, 5432 and 8000 among them."""

ROOT = Path(__file__).parents[2]


def free_ports(count: int = 2) -> int:
    """
    The first of so many consecutive ports of the loopback that nobody listens on now.

    Below those that the system gives to connections that go out: one of these may be taken before it is listened on.
    Each worker of a run has ports of its own, for the same reason.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = max(_lowest_given() - LOWEST_PORT, 10_000) // workers
    first = LOWEST_PORT + worker * share
    for _ in range(50):
        port = random.randrange(first, first + share - count)
        try:
            for one in range(port, port + count):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", one))
        except OSError:
            continue
        return port
    raise RuntimeError(f"could not find {count} free ports in a row")


def _lowest_given() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768  # Linux' own default; where there is no such file, others begin higher


class Process:
    """A `python -m gateway serve ...`. What it writes to standard error is kept."""

    def __init__(self, child: asyncio.subprocess.Process, port: int) -> None:
        self._child = child
        self.port = port
        self.lines: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def send(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    async def line_with(self, text: str, timeout: float = START_WITHIN) -> str:
        """The first line of standard error that contains `text`; fails if it ends without."""
        seen = 0
        async with asyncio.timeout(timeout):
            while True:
                for line in self.lines[seen:]:
                    if text in line:
                        return line
                seen = len(self.lines)
                if self._reading.done():
                    raise AssertionError(f"it ended without {text!r}:\n{self.output}")
                self._news.clear()
                await self._news.wait()

    async def exit_code(self, timeout: float = END_WITHIN) -> int:
        """Waits for the end; also for all it had to say."""
        async with asyncio.timeout(timeout):
            code = await self._child.wait()
            await self._reading
        return code

    async def kill(self) -> None:
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._child.stderr is not None
        while line := await self._child.stderr.readline():
            self.lines.append(line.decode())
            self._news.set()
        self._news.set()


@asynccontextmanager
async def serving(
    *arguments: str,
    directory: Path,
    port: int | None = None,
    started: bool = True,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """
    Runs `python -m gateway serve ARGUMENTS --port PORT` in a directory; killed at the end if it still lives.

    Args:
        environ: Added to the environment, from which everything of hubbub's is taken away.
        started: Whether to wait for its line; False for one that is meant to fail.
    """
    chosen = free_ports() if port is None else port
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", *arguments, "--port", str(chosen),
        cwd=directory, env={**inherited, "PYTHONPATH": str(ROOT), **(environ or {})}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    process = Process(child, chosen)
    try:
        if started:
            await process.line_with("is listening at")
        yield process
    finally:
        await process.kill()
