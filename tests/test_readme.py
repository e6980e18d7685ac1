"""README.md is executed: its programs run, its servers serve, its conversations are held, its settings are read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from websockets.asyncio.client import ClientConnection, connect

from gateway.protocols.native import _ACTIONS
from gateway.settings_sources import load_settings

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BOUND = 20
"""Seconds for a program to say what it should; a slow machine takes two."""
ANYTHING = "…"


@attrs.frozen
class Block:
    """A fenced block: `kind` is its language, `about` what stands behind that."""

    kind: str
    about: str
    body: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+) ?(.*?)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)]
FILES = {
    found[1]: block.body
    for block in BLOCKS
    if (found := re.match(r"# ([\w.]+\.(?:py|toml))\n", block.body)) is not None
}


def blocks(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind]


def commands() -> list[tuple[str, str]]:
    """Every command of the console blocks with what it should print."""
    text = "".join(block.body for block in blocks("console"))
    return [(one.partition("\n")[0], one.partition("\n")[2]) for one in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]


SERVERS = [(line, output) for line, output in commands() if line.startswith("hubbub serve")]
PROGRAMS = [(line, output) for line, output in commands() if not line.startswith("hubbub serve")]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A working directory with the programs that the page shows."""
    for name, body in FILES.items():
        if name.endswith(".py"):
            (tmp_path / name).write_text(body)
    return tmp_path


@pytest.fixture
def configured(directory: Path) -> Path:
    """The same, with the settings."""
    for name, body in FILES.items():
        (directory / name).write_text(body)
    return directory


def environment() -> dict[str, str]:
    """As in a shell where the virtual environment is active, and nothing of ours is configured."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    return {**plain, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{plain['PATH']}"}


@contextmanager
def serving(line: str, directory: Path) -> Iterator[tuple[str, str]]:
    """Runs a `hubbub serve` on a free port; yields its greeting and its URL. It must end well when it is told to."""
    process = subprocess.Popen(
        [*shlex.split(line), "--port", "0", "--log-format", "console"],
        cwd=directory, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    too_late = threading.Timer(BOUND, process.kill)
    too_late.start()
    try:
        said = list(until_greeted(process.stderr))
        too_late.cancel()
        greeting = said[-1]
        assert " is listening at " in greeting, "".join(said)
        yield greeting, greeting.split(" is listening at ")[1].split(": ")[0]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=BOUND)
        assert process.returncode == 0
    finally:
        too_late.cancel()
        process.kill()
        process.communicate()


def until_greeted(lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the greeting; all of them if there is none."""
    for line in lines:
        yield line
        if " is listening at " in line:
            return


def without_ports(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


def websocket_url(url: str) -> str:
    return url.replace("http", "ws", 1)


@pytest.mark.parametrize(("line", "output"), PROGRAMS, ids=[line for line, _ in PROGRAMS])
def test_a_command_prints_what_the_page_says(line: str, output: str, configured: Path) -> None:
    """To the letter: who copies a command and sees something else stops reading."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=configured, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=BOUND, check=False,
    )  # fmt: skip
    assert done.stdout == output


@pytest.mark.parametrize(("line", "output"), SERVERS, ids=[line for line, _ in SERVERS])
def test_a_server_greets_as_the_page_says(line: str, output: str, directory: Path) -> None:
    """The line with the address is the one people look for."""
    with serving(line, directory) as (greeting, _):
        assert without_ports(greeting) == without_ports(output)


def test_the_first_app_is_a_chat(directory: Path) -> None:
    """What one says the others hear, in that room only, and not oneself."""

    async def talk(url: str) -> None:
        async with connect(f"{url}/lobby") as ada, connect(f"{url}/lobby") as bob, connect(f"{url}/attic") as eve:
            await find(bob, ada)
            await ada.send("hello from Ada")
            assert await hear(bob) == "hello from Ada"
            await eve.send("nobody is here")
            await bob.send("hello from Bob")
            assert await hear(ada) == "hello from Bob"  # and neither her own words nor Eve's before it

    with serving("hubbub serve chat:app", directory) as (_, url):
        asyncio.run(asyncio.wait_for(talk(f"{websocket_url(url)}/chat"), BOUND))


CALL = "is anybody here?"


async def find(speaker: ClientConnection, listener: ClientConnection) -> None:
    """Calls until it is heard: then both are in the room. A frame is handled after its sender's `on_connect`."""
    heard = asyncio.ensure_future(listener.recv())
    while not heard.done():
        await speaker.send(CALL)
        await asyncio.wait({heard}, timeout=0.2)
    assert heard.result() == CALL


async def hear(listener: ClientConnection) -> str | bytes:
    """The next words that are no call."""
    while (words := await listener.recv()) == CALL:
        continue
    return words


@pytest.mark.parametrize("block", blocks("transcript"), ids=lambda block: block.about or "without an app")
def test_a_conversation_goes_as_the_page_says(block: Block, directory: Path) -> None:
    """Frame by frame, in this order and with these keys; where the page shows "…", any value will do."""

    async def hold(url: str) -> None:
        async with connect(f"{url}/ws") as socket:
            for line in block.body.splitlines():
                if line.startswith("> "):
                    await socket.send(line[2:])
                else:
                    assert_like(json.loads(await socket.recv()), json.loads(line[2:]))

    with serving(f"hubbub serve {block.about}", directory) as (_, url):
        asyncio.run(asyncio.wait_for(hold(websocket_url(url)), BOUND))


def assert_like(found: Any, shown: Any) -> None:
    if isinstance(shown, dict):
        assert isinstance(found, dict)
        assert list(found) == list(shown), "not the keys that the page shows"
        for key, value in shown.items():
            assert_like(found[key], value)
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            assert_like(one, other)
    elif shown != ANYTHING:
        assert found == shown


def test_the_browser_s_frames_are_those_of_the_conversation() -> None:
    """What the snippet sends is what the transcript below it was answered to."""
    (snippet,) = blocks("js")
    sent = [
        json.loads(re.sub(r"(\w+):", r'"\1":', literal).replace("'", '"'))
        for literal in re.findall(r"JSON\.stringify\((\{.*?\})\)", snippet.body)
    ]
    (conversation,) = [block for block in blocks("transcript") if not block.about]
    spoken = [json.loads(line[2:]) for line in conversation.body.splitlines() if line.startswith("> ")]
    assert sent == spoken[: len(sent)]
    assert sent


def test_all_actions_are_listed() -> None:
    """The page says "all"; `pong` is what clients answer, not what they ask."""
    listed = re.search(r"These are all actions: (.*?)\.\s", TEXT, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(_ACTIONS) - {"pong"}


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".toml")])
def test_settings_are_read(name: str, configured: Path) -> None:
    """A file one may copy; every key in it differs from the default or says why it is there."""
    settings = load_settings(configured / name, {}, {}).settings
    assert settings.gateway.allowed_origins == ("https://example.org",)
    assert settings.topic_table().settings_for("news:today").publish == "nobody"
    assert settings.topic_table().settings_for("room:7").presence
    assert settings.topic_table().settings_for("elsewhere").join == "nobody"


def test_the_admin_listener_answers_what_the_page_lists(directory: Path) -> None:
    """Live, ready, metrics, tree; and of a connection that never was, that nothing is known."""
    paths = re.findall(r"`(/(?:live|ready|metrics|tree|connections/ID))`", TEXT)
    assert len(paths) == 5
    with serving("hubbub serve chat:app", directory) as (greeting, _):
        admin = greeting.rpartition("health and metrics at ")[2].strip()
        for path in paths[:4]:
            assert urllib.request.urlopen(admin + path, timeout=BOUND).status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(admin + paths[4], timeout=BOUND)


def test_what_a_shell_block_makes_exists() -> None:
    """`make` knows every target that the page names."""
    targets = {name for block in blocks("sh") for name in re.findall(r"^make ([\w-]+)", block.body, re.MULTILINE)}
    targets |= set(re.findall(r"`make ([\w-]+)`", TEXT + (ROOT / "CONTRIBUTING.md").read_text()))
    assert targets
    for target in sorted(targets):
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
