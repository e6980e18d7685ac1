"""A user's project: our wheel in a fresh environment, pytest, the fixture `gateway`, and other people's plugins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

import attrs
import pytest

from tests.support.pages import Page, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
INSTALL_WITHIN = 300.0
"""Seconds for pip: a dozen wheels, on a slow line."""
RUN_WITHIN = 60.0

SOURCE = ("actors", "gateway", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
"""What a wheel is made of; built from a copy, so that nothing is left in the checkout."""

FAILING = """
from app import Say, app

async def test_nobody_answers(gateway):
    async with gateway(app) as server:
        alice = await server.connect("/chat/7", principal="alice")
        await alice.send(Say(text="is anybody here?"))
        await alice.receive(Say)
"""

THEIRS = """
import asyncio
import pytest

@pytest.fixture
async def loop():
    return asyncio.get_running_loop()

async def test_theirs():
    assert "Time" not in type(asyncio.get_running_loop()).__name__

async def test_ours(gateway):
    assert type(asyncio.get_running_loop()).__name__ == "MovableTimeLoop"

async def test_their_fixture(loop):
    assert "Time" not in type(loop).__name__

async def test_our_fixture(gateway, loop):
    assert loop is asyncio.get_running_loop()
"""


@attrs.frozen
class Environment:
    """A virtual environment, and a directory with a project."""

    python: Path
    project: Path

    def install(self, *what: str) -> None:
        """Skips the test where there is nothing to install from; in CI there has to be."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        done = run(command, self.project, INSTALL_WITHIN)
        if done.returncode:
            give_up(f"pip could not install {what}: {done.stdout.strip().splitlines()[-1]}")

    def pytest(self, *arguments: str) -> str:
        """What it prints."""
        return run([str(self.python), "-m", "pytest", "-p", "no:cacheprovider", *arguments], self.project).stdout


def give_up(why: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(why)
    pytest.skip(why)


def run(command: list[str], directory: Path, timeout: float = RUN_WITHIN) -> subprocess.CompletedProcess[str]:
    """Without what would let the environment see this checkout."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environ = {name: value for name, value in environ.items() if not name.startswith(("HUBBUB_", "PYTEST_", "COV_"))}
    return subprocess.run(
        command, cwd=directory, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Our wheel and pytest, and the project that the page about tests shows."""
    home = tmp_path_factory.mktemp("user")
    venv.create(home / "venv", with_pip=True)
    bin_directory = "Scripts" if sys.platform == "win32" else "bin"
    found = Environment(home / "venv" / bin_directory / "python", home / "project")
    found.project.mkdir()
    Page("testing.md", (ROOT / "docs" / "testing.md").read_text()).write_files(found.project, settings=False)
    found.install(str(wheel(found, home)), "pytest")
    return found


def wheel(environment: Environment, home: Path) -> Path:
    """Built as a release is. Skips without what it is built with."""
    source = home / "source"
    source.mkdir()
    for name in SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    command = [str(environment.python), "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(home), str(source)]
    done = run(command, home, INSTALL_WITHIN)
    built = list(home.glob("*.whl"))
    if not built and "No matching distribution" in done.stdout:
        give_up(f"pip could not get what a wheel is built with: {done.stdout.strip().splitlines()[-1]}")
    assert built, done.stdout
    return built[0]


def test_the_tests_of_the_page_pass_with_plain_pytest(environment: Environment) -> None:
    """Nothing else is installed, and nothing is configured."""
    said = environment.pytest("test_app.py")
    assert re.search(r"^=+ 3 passed in ", said, re.MULTILINE), said
    assert "hubbub" in said.partition("plugins: ")[2].partition("\n")[0]


def test_a_failure_shows_what_was_said(environment: Environment) -> None:
    """In a section of its own, with the words of both sides."""
    (environment.project / "test_failing.py").write_text(FAILING)
    said = environment.pytest("test_failing.py")
    assert "1 failed" in said
    section = said.partition("- conversation with the gateway -")[2].partition("=====")[0]
    assert section.strip("-\n").splitlines() == [
        "alice + /chat/7",
        'alice > {"action":"say","text":"is anybody here?"}',
        'alice < {"action":"said","user":"alice","text":"is anybody here?"}',
    ]


def test_plugins_of_others_run_other_tests(environment: Environment) -> None:
    """pytest-asyncio and anyio in their auto modes keep all tests and fixtures but those with ours."""
    environment.install("pytest-asyncio", "anyio>=4.12")
    (environment.project / "test_mixed.py").write_text(THEIRS)
    for options in (("-o", "asyncio_mode=auto"), ("-p", "no:asyncio", "-o", "anyio_mode=auto")):
        said = environment.pytest("test_mixed.py", "test_app.py", *options)
        assert re.search(r"\b7 passed\b", said), said
        assert "failed" not in said


def test_a_back_end_publishes_with_cent(environment: Environment, tmp_path: Path) -> None:
    """The program of the page about the HTTP API, with Centrifugo's library as it is on PyPI."""
    environment.install("cent")
    source = Page("http-api.md", (ROOT / "docs" / "http-api.md").read_text()).files["publish_news.py"]
    with serving("HUBBUB_GATEWAY__API__KEY=our-key hubbub serve", tmp_path) as served:
        (environment.project / "publish_news.py").write_text(served.here(source))
        done = run([str(environment.python), "publish_news.py"], environment.project)
    assert (done.stdout, done.returncode) == ("1\n", 0)
