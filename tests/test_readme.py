"""README.md and its pages are executed: programs run, servers serve, conversations are held, settings are read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.protocols.native_commands import ACTIONS
from gateway.reasons import CLOSE_REASONS
from gateway.settings.sources import load_settings
from gateway.web.api.methods import METHODS
from tests.support.browser import Browser, find_chromium
from tests.support.pages import ANYTHING, BOUND, Block, Command, Page, environment, is_like, serving

ROOT = Path(__file__).parent.parent
PAGES = [Page(name, (ROOT / name).read_text()) for name in (
    "README.md", "docs/app-code.md", "docs/wires.md", "docs/http-api.md", "docs/production.md",
)]  # fmt: skip
README, APP_CODE, WIRES, HTTP_API, PRODUCTION = PAGES


def marks(line: str) -> list[pytest.MarkDecorator]:
    """What a command of a page needs and a machine may not have."""
    if line.startswith("curl ") and shutil.which("curl") is None and "CI" not in os.environ:
        return [pytest.mark.skip(reason="there is no curl")]
    return []


SERVERS = [
    pytest.param(page, command, id=command.line)
    for page in PAGES
    for block in page.blocks("console")
    for command in block.commands
    if command.serves
]
PROGRAMS = [
    pytest.param(page, block, id=block.commands[0].line, marks=marks(block.commands[0].line))
    for page in PAGES for block in page.blocks("console") if not block.commands[0].serves
]  # fmt: skip
CONVERSATIONS = [
    pytest.param(page, block, id=f"{page.name} {block.about}") for page in PAGES for block in page.blocks("transcript")
]
BESIDE = ["cent"]
"""Modules of programs that have an environment of their own; `tests/integration/test_users_project.py` runs these."""


@pytest.mark.slow
@pytest.mark.parametrize(("page", "block"), PROGRAMS)
def test_commands_print_what_the_page_says(page: Page, block: Block, tmp_path: Path) -> None:
    """To the letter: who copies a command and sees something else stops reading."""
    page.write_files(tmp_path, settings=not block.about or "--config" in block.about)
    with serving(block.about, tmp_path) if block.about else nullcontext() as served:
        for command in block.commands:
            said = run(served.here(command.line) if served else command.line, tmp_path)
            assert is_like(said.rstrip("\n"), command.output.rstrip("\n")), said


def run(line: str, directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=directory, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=BOUND, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command"), SERVERS)
def test_a_server_greets_as_the_page_says(page: Page, command: Command, tmp_path: Path) -> None:
    """The line with the address is the one people look for."""
    page.write_files(tmp_path, settings=False)
    with serving(command.line, tmp_path) as served:
        assert without_ports(served.greeting) == without_ports(command.output)


def without_ports(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


@pytest.mark.slow
@pytest.mark.parametrize("page", [
    pytest.param(page, id=page.name) for page in PAGES if any("test_" in name for name in page.files)
])  # fmt: skip
def test_the_tests_of_a_page_pass(page: Page, tmp_path: Path) -> None:
    """With plain pytest, and a warning is an error."""
    page.write_files(tmp_path, settings=False)
    count = sum("def test_" in line for body in page.files.values() for line in body.splitlines())
    said = run("pytest -q -p no:cacheprovider -W error", tmp_path)
    assert f"{count} passed" in said, said
    assert "failed" not in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_program_of_a_page_is_left_out(page: Page) -> None:
    """Each Python block has a name, and is served, spoken to, imported by a test, or itself one."""
    assert [block.body for block in page.blocks("python") if block.file is None] == []
    used = [block.about + block.body for block in page.blocks("console")]
    used += [block.about for block in page.blocks("transcript")]
    used += [body for name, body in page.files.items() if name.startswith("test_")]
    modules = {name.removesuffix(".py") for name in page.files if name.endswith(".py") and "test_" not in name}
    left_out = {name for name in modules if not re.search(rf"\b{name}(:app\b| import\b|\.py\b)", "\n".join(used))}
    assert [name for name in left_out if not imports(page.files[f"{name}.py"], BESIDE)] == []


def imports(source: str, modules: list[str]) -> bool:
    return any(f"from {name} import" in source for name in modules)


@pytest.mark.slow
def test_the_first_app_is_a_chat(tmp_path: Path) -> None:
    """What one says everybody in the room hears; who goes is missed."""
    README.write_files(tmp_path, settings=False)
    with serving("hubbub serve chat:app", tmp_path) as served:
        asyncio.run(asyncio.wait_for(talk(served.at("/chat")), BOUND))


async def talk(url: str) -> None:
    async with connect(f"{url}/lobby") as ada, connect(f"{url}/attic") as eve:
        async with connect(f"{url}/lobby") as bob:
            await say(bob, "hello from Bob")
            await say(ada, "hello from Ada")
            assert await bob.recv() == "hello from Ada"
            await eve.send("nobody is here")
        while (heard := await ada.recv()) == "hello from Bob":  # if she was there already
            continue
        assert heard == "somebody left"  # and not a word of Eve's


async def say(speaker: ClientConnection, words: str) -> None:
    """Speaks, and hears itself: it is in the room."""
    await speaker.send(words)
    while await speaker.recv() != words:
        continue


def test_it_is_a_chat_in_twelve_lines() -> None:
    """Blank ones and the name of the file are not counted."""
    lines = [line for line in README.files["chat.py"].splitlines() if line and not line.startswith("#")]
    assert len(lines) == 12


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
@pytest.mark.actors(real_time=True)
async def test_its_page_talks(tmp_path: Path) -> None:
    """The picture below it is of two such windows."""
    README.write_files(tmp_path, settings=False)
    with serving("hubbub serve chat:app", tmp_path) as served:
        async with Browser() as browser:
            ada, bob = [await browser.open(served.url, isolated=True) for _ in range(2)]
            for tab, words in ((ada, "Is anybody here?"), (bob, "I am.")):
                await tab.type("input", words)
                await tab.press("Enter")
                for other in (ada, bob):
                    await other.wait_for(f"document.querySelector('ul').innerText.includes({json.dumps(words)})")
            assert (ada.errors, bob.errors) == ([], [])


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium")
@pytest.mark.actors(real_time=True)
async def test_a_page_with_our_client_talks(tmp_path: Path) -> None:
    """What one writes both read, also after a loss, and the console is silent."""
    WIRES.write_files(tmp_path, settings=False)
    with serving("hubbub serve board:app", tmp_path) as served:
        async with Browser() as browser:
            ada, bob = [await browser.open(served.url, isolated=True) for _ in range(2)]
            for tab in (ada, bob):
                await tab.wait_for("document.querySelector('p').textContent === 'connected'")
            await bob.set_offline(True)
            await ada.type("input", "Is anybody here?")
            await ada.press("Enter")
            await bob.set_offline(False)
            for tab in (ada, bob):
                await tab.wait_for("document.querySelector('ul').innerText === 'Is anybody here?'", timeout=BOUND)
            assert (ada.errors, bob.errors) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize(("page", "block"), CONVERSATIONS)
def test_a_conversation_goes_as_the_page_says(page: Page, block: Block, tmp_path: Path) -> None:
    """Frame by frame, in this order and with these keys; where the page shows "…", any value will do."""
    *target, path = block.about.split() if "/" in block.about else [*block.about.split(), "/ws"]
    page.write_files(tmp_path, settings=False)
    with serving(" ".join(["hubbub serve", *target]), tmp_path) as served:
        asyncio.run(asyncio.wait_for(hold(block, served.at(path)), BOUND))


async def hold(block: Block, url: str) -> None:
    async with connect(url) as socket:
        for line in block.body.splitlines():
            if line.startswith("> "):
                await socket.send(line[2:])
            else:
                assert_like(decoded(await socket.recv()), decoded(line[2:]))


def decoded(text: str | bytes) -> Any:
    """JSON, or the text of a frame that is none."""
    return json.loads(text) if text[:1] in ("{", "[") else text


def assert_like(found: Any, shown: Any) -> None:
    if isinstance(shown, dict):
        assert isinstance(found, dict)
        assert list(found) == list(shown), f"not the keys that the page shows: {found}"
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
    (snippet,) = [block for block in README.blocks("js") if block.file is None]
    sent = [
        json.loads(re.sub(r"(\w+):", r'"\1":', literal).replace("'", '"'))
        for literal in re.findall(r"JSON\.stringify\((\{.*?\})\)", snippet.body)
    ]
    (conversation,) = README.blocks("transcript")
    assert sent == [json.loads(line[2:]) for line in conversation.body.splitlines() if line.startswith("> ")]
    assert sent


@pytest.mark.slow
def test_the_letter_about_a_connection_is_shown_as_it_comes(tmp_path: Path) -> None:
    """Somebody who sends without end is told why; and `hubbub why` tells it to whoever asks."""
    (letter,) = [block for block in README.blocks("text") if block.about == "hubbub why ID"]
    README.write_files(tmp_path, settings=False)
    with serving("hubbub serve chat:app", tmp_path) as served:
        connection = asyncio.run(asyncio.wait_for(send_without_end(served.at("/chat/lobby")), BOUND))
        said = run(f"hubbub why {connection} --url {served.admin}", tmp_path)
    assert is_like(said, letter.body), said


async def send_without_end(url: str) -> str:
    """Until it is closed for it; returns the connection's id."""
    async with connect(url) as socket:
        assert socket.response is not None
        while True:
            try:
                await socket.send("and another thing")
            except ConnectionClosed:
                return str(socket.response.headers["Hubbub-Connection"])


def test_all_actions_are_listed() -> None:
    """The page says "all"; `pong` is what clients answer, not what they ask."""
    assert rows(WIRES.text, "action") == set(ACTIONS) - {"pong"}


def test_all_methods_are_listed() -> None:
    """Of the HTTP API, with `batch`, which is several."""
    assert rows(HTTP_API.text, "method") == {*METHODS, "batch"}


def test_all_ends_are_listed() -> None:
    """Every close reason with the codes that clients see."""
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\w+) \|", PRODUCTION.text, re.MULTILINE)
    known = {(one.name, str(one.code), str(one.raw_code), one.come_back) for one in CLOSE_REASONS.values()}
    assert set(listed) == known


def rows(text: str, head: str) -> set[str]:
    """The names in the first column of the table whose head begins so."""
    table = re.search(rf"^\| {head} \|.*?\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    return {name for row in table[1].splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}


def test_settings_are_read(tmp_path: Path) -> None:
    """A file one may copy; every key in it differs from the default or says why it is there."""
    README.write_files(tmp_path, settings=True)
    settings = load_settings(tmp_path / "hubbub.toml", {}, {}).settings
    assert settings.gateway.allowed_origins == ("https://example.org",)
    assert settings.topic_table().settings_for("news:today").publish == "nobody"
    assert settings.topic_table().settings_for("room:7").presence
    assert settings.topic_table().settings_for("elsewhere").join == "nobody"


@pytest.mark.parametrize(("page", "block"), [(page, block) for page in PAGES for block in page.blocks("toml")],
                         ids=lambda one: one.name if isinstance(one, Page) else "")  # fmt: skip
def test_every_key_of_a_page_exists(page: Page, block: Block, tmp_path: Path) -> None:
    """Whoever copies a few lines is not told that they mean nothing."""
    (tmp_path / "shown.toml").write_text(block.body)
    assert load_settings(tmp_path / "shown.toml", {}, {}).settings is not None


@pytest.mark.slow
def test_the_admin_listener_answers_what_the_page_lists(tmp_path: Path) -> None:
    """Live, ready, metrics, tree, connections; and of a connection that never was, that nothing is known."""
    paths = re.findall(r"`(/(?:live|ready|metrics|tree|connections))`", README.text)
    assert len(paths) == 5
    README.write_files(tmp_path, settings=False)
    with serving("hubbub serve chat:app", tmp_path) as served:
        for path in paths:
            assert urllib.request.urlopen(served.admin + path, timeout=BOUND).status == 200
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{served.admin}/connections/nobody", timeout=BOUND)
        refused.value.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_at_is_there(page: Page) -> None:
    """Files and directories, from where the page is."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.text) if "://" not in link]
    assert [link for link in links if not (ROOT / page.name).parent.joinpath(link).exists()] == []


def test_what_a_shell_block_makes_exists() -> None:
    """`make` knows every target that the pages name."""
    shown = "".join(block.body for page in PAGES for block in page.blocks("sh"))
    targets = set(re.findall(r"^make ([\w-]+)", shown, re.MULTILINE))
    named = (ROOT / "CONTRIBUTING.md").read_text() + "".join(page.text for page in PAGES)
    targets |= set(re.findall(r"`make ([\w-]+)`", named))
    assert targets
    for target in sorted(targets):
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
