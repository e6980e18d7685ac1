"""Log lines of a process: JSON where nobody reads along, words for people where they are asked for."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.command import run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alone")]


def log(format_: str) -> str:
    """Returns what a process with this format writes for one line of ours and one of the standard library."""
    done = run(
        "-c",
        "import logging, structlog; from gateway.telemetry.logs import configure_logging\n"
        f"configure_logging({format_!r})\n"
        "structlog.get_logger().info('room.joined', room='a')\n"
        "structlog.get_logger().debug('too.quiet')\n"
        "logging.getLogger('asyncio').warning('slow %s', 'callback')\n"
        "logging.getLogger('aiohttp.access').info('GET /')\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("format_", ["json", "auto"])
def test_without_a_terminal_every_line_is_json(format_: str) -> None:
    """Also those of the libraries; standard output stays free."""
    ours, theirs = map(json.loads, log(format_).splitlines())
    assert (ours["event"], ours["room"], ours["level"]) == ("room.joined", "a", "info")
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}(\.\d{6})?Z", line["timestamp"]) for line in (ours, theirs))
    assert (theirs["event"], theirs["level"]) == ("slow callback", "warning")


def test_console_lines_are_for_people() -> None:
    """Asked for, they come without a terminal too, and then without colours."""
    ours, theirs = log("console").splitlines()
    assert "room.joined" in ours
    assert "room=a" in ours
    assert "\x1b" not in ours
    assert "slow callback" in theirs
