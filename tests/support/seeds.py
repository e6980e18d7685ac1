"""What the tests of the documents' examples share: where an example is served, and what its client reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from gateway.testing import Server

    from .client import Client

    Serve = Callable[..., Server]
    """The fixture `gateway`."""

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d ")
"""How a line of ours begins where nobody has configured structlog: it shares the standard output then."""


def at(server: Server, path: str) -> str:
    return server.url.replace("http", "ws", 1) + path


async def read(client: Client) -> Any:
    """The next frame, which is JSON."""
    return json.loads(await client.receive())


async def say(client: Client, value: Any) -> None:
    await client.send(json.dumps(value))


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the example itself has printed since the last look."""
    return [line for line in capsys.readouterr().out.splitlines() if not LOG_LINE.match(line)]
