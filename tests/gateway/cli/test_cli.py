"""The command teaches, and refuses what it cannot obey before it does anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.cli import verbs as cli
from tests.support.command import invoke, run

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize("arguments", [[], ["serve"], ["check"]])
def test_help_teaches_with_an_example(arguments: list[str]) -> None:
    """Who asks for help sees a line to copy."""
    result = invoke(*arguments, "--help")
    assert result.exit_code == 0
    assert "  hubbub " + "".join(arguments) in result.output.partition("\n\n")[2]


def test_help_says_the_rule_of_the_variables() -> None:
    """Nobody has to guess how a setting is spelled in the environment."""
    output = invoke("serve", "--help").output
    assert "two underscores for each dot" in output
    assert "HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE=128KiB" in output


@pytest.mark.slow
def test_python_dash_m_gateway_is_the_same_command() -> None:
    """It works without an installed script, and calls itself hubbub."""
    done = run("-m", "gateway", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: hubbub [OPTIONS] COMMAND")


def test_the_version_is_printed() -> None:
    """One line, for a bug report."""
    assert invoke("--version").output.startswith("hubbub, version ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "cannot read gateway.port (flag --port): 70000 is out of range"),
        (["--config", "none.toml"], "cannot read none.toml: no such file or directory; check the path"),
        (["--host", "0.0.0.0"], 'cannot read gateway.host (flag --host): "0.0.0.0" is not loopback'),
    ],
)
def test_serve_refuses_bad_settings_before_it_does_anything(arguments: list[str], said: str) -> None:
    """Nothing listens with settings nobody meant."""
    result = invoke("serve", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)


def test_the_reloaded_command_is_the_same_without_reload() -> None:
    """What was not given stays not given."""
    command = cli.child_command("a:b", Path("c.toml"), {"--host": None, "--port": 0})
    assert command == [sys.executable, "-m", "gateway", "serve", "a:b", "--port", "0", "--config", "c.toml"]


@pytest.mark.parametrize("interval", ["0", "nan", "inf", "1e9"])
def test_top_looks_again_within_a_time_that_comes(interval: str) -> None:
    """A nan is never over, and would break the timers of its loop."""
    result = invoke("top", "--once", "--url", "http://127.0.0.1:9", "--interval", interval)
    assert result.exit_code == 2
    assert "Invalid value for '--interval'" in result.output
