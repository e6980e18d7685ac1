"""The command as a process: interrupted before it serves, or with nowhere to write to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import ROOT, invoke, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alone", "can_be_interrupted")]

WAITS = "import sys, threading\nprint('importing', flush=True)\nthreading.Event().wait(60)\n"


@pytest.fixture
def can_be_interrupted() -> Iterator[None]:
    """Children inherit an ignored SIGINT, which is what shells give to what they start in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _interrupted(*arguments: str, path: Path) -> tuple[int, str]:
    """Exit code and standard error of a Python that is sent SIGINT once it has said something."""
    environ = {**os.environ, "PYTHONPATH": f"{path}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "importing\n"
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=30)
        finally:
            child.kill()
    return child.returncode, said


@pytest.mark.parametrize("command", [["-m", "gateway"], ["-m", "hubbub"]])
def test_an_interrupted_import_of_an_app_is_silent(tmp_path: Path, command: list[str]) -> None:
    """Ctrl-C while the app connects to its database: the prompt, and nothing about an abortion."""
    (tmp_path / "mine.py").write_text(WAITS)
    assert _interrupted(*command, "serve", "mine:app", path=tmp_path) == (130, "")


def test_the_command_is_interrupted_from_its_first_line_on(tmp_path: Path) -> None:
    """While it still imports itself there is no traceback either."""
    (tmp_path / "click.py").write_text(WAITS)
    assert _interrupted("-m", "hubbub", "serve", path=tmp_path) == (130, "")


def test_the_version_needs_nothing_of_the_gateway(tmp_path: Path) -> None:
    """A bug report is possible where nothing can be imported; the words are the command's own."""
    (tmp_path / "click.py").write_text("raise ImportError('broken')\n")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    said = subprocess.check_output([sys.executable, "-m", "hubbub", "--version"], text=True, env=environ, timeout=60)
    assert said == invoke("--version").output


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["why", "--nonsense"]])
def test_help_needs_nothing_of_the_gateway(tmp_path: Path, arguments: list[str]) -> None:
    """Who asks how a command is given does not wait until all of it is imported; nor who gave it wrongly."""
    (tmp_path / "gateway.py").write_text("raise ImportError('broken')\n")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "hubbub", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    said = invoke(*arguments)
    assert (done.stdout + done.stderr).split() == said.output.split()  # lines are as long as a terminal is wide
    assert done.returncode == said.exit_code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    "arguments", [["check"], ["check", "--print-defaults"], ["--version"], ["--help"], ["serve", "-h"], ["check", "-h"]]
)
def test_a_full_disk_is_a_letter(arguments: list[str]) -> None:
    """`hubbub check > defaults.toml` that could not be written does not look as if it had been."""
    code = (
        f"import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); from hubbub import main; import sys; "
        f"sys.argv[1:] = {arguments!r}; main()"
    )
    done = run("-c", code)
    assert done.returncode == 1
    assert done.stderr == "could not write to standard output: No space left on device; make room, or write elsewhere\n"


@pytest.mark.parametrize("arguments", [["check"], ["--version"], ["--help"], ["serve", "--help"]])
def test_a_reader_that_has_gone_is_no_failure_to_talk_of(arguments: list[str]) -> None:
    """`hubbub check | head -1`: what is left has nobody to read it."""
    code = (
        f"import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); from hubbub import main; import sys; "
        f"sys.argv[1:] = {arguments!r}; main()"
    )
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (1, "")
