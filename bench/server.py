"""A server under measurement: started on a core of its own, awaited, and stopped whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .candidates import BUILD, NODE_MODULES, SERVERS, Candidate

START_TIMEOUT = 20.0
"""Seconds until it accepts. An interpreter with its imports takes one or two."""
STOP_TIMEOUT = 3.0
"""Seconds after SIGTERM until it is killed; a drain with 1,000 clients gone has nothing to wait for."""
QUIET_TIMEOUT = 3.0
"""Seconds until the next run begins all the same."""
QUIET_TICKS = 2
"""Hundredths of a second of CPU within a tenth; below that a server has nothing left to do but to wait."""


class CannotStart(Exception):
    def __init__(self, name: str, problem: str, log: Path) -> None:
        super().__init__(name, problem, log)
        self.name, self.problem, self.log = name, problem, log

    def __str__(self) -> str:
        return f"could not start {self.name}: {self.problem}; see {self.log}"


def free_port() -> int:
    """A port that is free, and the next one too, where our admin listener goes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _wait_until_it_accepts(process: subprocess.Popen[bytes], port: int, name: str, log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT
    while not _accepts(port):
        if process.poll() is not None:
            raise CannotStart(name, f"it ended with {process.returncode}", log)
        if time.monotonic() > end:
            raise CannotStart(name, f"nothing accepted on port {port} within {START_TIMEOUT:.0f} s", log)
        time.sleep(0.05)


def _cpu_ticks(pid: int) -> int:
    """Hundredths of a second that it has used; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def wait_until_quiet(pid: int) -> None:
    """Waits until the clients of the last run are forgotten: that work would be charged to who is measured next."""
    end = time.monotonic() + QUIET_TIMEOUT
    before = -1_000
    while time.monotonic() < end:
        now = _cpu_ticks(pid)
        if now - before < QUIET_TICKS:
            return
        before = now
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(candidate: Candidate, core: int, settings: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """
    Yields its port and its process id, which is the one whose memory and CPU count: no candidate has children.

    Raises:
        CannotStart: It ended, or does not accept connections.
    """
    port = free_port()
    command = [word.replace("{port}", str(port)) for word in candidate.command]
    log = BUILD / "logs" / f"{candidate.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES), **settings}
    pinned = ["taskset", "-c", str(core), *command]  # it replaces itself, so the process id is the server's
    with log.open("wb") as output:
        process = subprocess.Popen(pinned, cwd=SERVERS, env=environment, stdout=output, stderr=output)
        try:
            _wait_until_it_accepts(process, port, candidate.name, log)
            yield port, process.pid
        finally:
            _stop(process)
