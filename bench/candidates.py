"""What is measured: floors, which show what the machine allows; peers, as their documentation has it; and ours."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import attrs

from .wires import CENTRIFUGE, NATIVE, RAW, SOCKETIO, Wire

HOME = Path(__file__).parent
BUILD = HOME / "build"
SERVERS = HOME / "servers"
PYTHON = BUILD / "venv" / "bin" / "python"
NODE_MODULES = BUILD / "node" / "node_modules"

Kind = Literal["floor", "peer", "ours"]


@attrs.frozen
class Candidate:
    """
    Args:
        command: Its words; {port} is filled in. It runs in bench/servers.
        package: The distribution whose version is reported, and without which it is skipped; empty needs none.
        note: What a reader of the table has to know about it.
    """

    name: str
    kind: Kind
    command: tuple[str, ...]
    note: str
    package: str = ""
    wire: Wire = RAW

    def version(self) -> str | None:
        """Returns the version that is installed, None if it cannot run here."""
        if self.kind == "ours":
            return _our_version()
        if self.command[0] == "node":
            return _node_version(self.package) if shutil.which("node") else None
        if self.package:
            return _installed().get(self.package)
        return "-" if Path(self.command[0]).exists() else None


def _installed() -> dict[str, str]:
    folders = [str(folder) for folder in (BUILD / "venv" / "lib").glob("python*/site-packages")]
    found = importlib.metadata.distributions(path=folders)
    return {one.metadata["Name"].lower(): one.version for one in found}


def _node_version(package: str) -> str | None:
    file = NODE_MODULES / package / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else None


def _our_version() -> str:
    try:
        return importlib.metadata.version("hubbub")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def commit() -> str:
    """Returns the commit that is checked out, with a + if what it measures was changed since."""
    short = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", "actors", "gateway", "bench/servers", "bench/load")
    return f"{short}+" if changed else short


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=HOME, capture_output=True, text=True, timeout=10)
    except OSError:
        return ""
    return done.stdout.strip()


def _python(script: str) -> tuple[str, ...]:
    return (str(PYTHON), f"{script}.py", "{port}")


def _uvicorn(app: str) -> tuple[str, ...]:
    options = "--loop uvloop --http httptools --backlog 4096 --no-access-log --log-level error"
    quiet = ("--ws-per-message-deflate", "false")
    return (str(PYTHON), "-m", "uvicorn", app, "--port", "{port}", *options.split(), *quiet)


def _hubbub(app: str) -> tuple[str, ...]:
    settings = ("--config", str(HOME / "hubbub.toml"), "--port", "{port}", "--log-format", "json")
    return (sys.executable, "-m", "gateway", "serve", f"ours:{app}", *settings)


_FLOOR = str(BUILD / "floor")

CANDIDATES: tuple[Candidate, ...] = (
    Candidate("floor-each", "floor", (_FLOOR, "{port}", "each"), "C, epoll, one send for each delivery"),
    Candidate("floor-joined", "floor", (_FLOOR, "{port}", "joined"), "C, epoll, writes joined per turn of the loop"),
    Candidate("aiohttp-frames", "floor", _python("aiohttp_frames"), "one prebuilt frame to each transport", "aiohttp"),
    Candidate("aiohttp-loop", "peer", _python("aiohttp_loop"), "a loop of awaited sends", "aiohttp"),
    Candidate("socketify", "peer", _python("socketify_server"), "uWebSockets, in C++", "socketify"),
    Candidate("picows", "peer", _python("picows_server"), "in Cython", "picows"),
    Candidate("websockets", "peer", _python("websockets_server"), "its broadcast()", "websockets"),
    Candidate("starlette", "peer", _uvicorn("starlette_server:app"), "on uvicorn, awaited sends", "starlette"),
    Candidate("socketio", "peer", _python("socketio_server"), "rooms, on aiohttp", "python-socketio", SOCKETIO),
    Candidate("node-ws", "peer", ("node", "node_ws.js", "{port}"), "a loop of sends", "ws"),
    Candidate("ours-raw", "ours", _hubbub("raw"), "an endpoint class of ten lines, as the peers have"),
    Candidate(
        "ours-native", "ours", _hubbub("bare"), "no app code; history, positions, presence; native wire", wire=NATIVE
    ),
    Candidate("ours-centrifuge", "ours", _hubbub("bare"), "the same on Centrifuge's JSON wire", wire=CENTRIFUGE),
)
SHORT = ("floor-each", "floor-joined", "aiohttp-frames", "aiohttp-loop", "socketify", "ours-raw", "ours-native")
REFERENCE = "socketify"
"""What the ratios are to, if it is there; the targets are stated against it."""
