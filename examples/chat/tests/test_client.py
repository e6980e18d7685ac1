"""The client for the terminal: who is let in, and what people are shown of what comes."""

from __future__ import annotations

from typing import Any

import pytest

from examples.chat.client import show, talk
from gateway import Gateway
from gateway.events import ConnectionOpened

from .conftest import Serve


async def test_who_has_another_password_is_told_why(gateway: Serve, app: Gateway) -> None:
    """It ends with the server's words, and has opened no socket."""
    async with gateway(app) as server:
        with pytest.raises(SystemExit, match="there is no account of that name and password"):
            await talk(server.url, "general", "Ada", "a guess")
        assert server.facts[ConnectionOpened] == []


SAID = {"action": "event", "event": "said"}
BOB = {"client": "1", "user": "Bob"}


@pytest.mark.parametrize(
    ("frame", "lines"),
    [
        ({**SAID, "payload": {"user": "Ada", "text": "hi", "is_act": False}}, ["Ada: hi"]),
        ({**SAID, "payload": {"user": "Ada", "text": "waves", "is_act": True}}, ["* Ada waves"]),
        ({"action": "presence", "state": [BOB, {**BOB, "client": "2"}]}, ["* here: Bob"]),
        ({"action": "presence", "joins": [BOB]}, ["* Bob joined"]),
        ({"action": "presence", "leaves": [BOB]}, ["* Bob left"]),
        (
            {"action": "event", "event": "was_put_out", "payload": {"user": "Bob", "by": "admin"}},
            ["* admin put Bob out"],
        ),
        ({"action": "event", "event": "is_typing", "payload": {"user": "Bob"}}, []),
        ({"action": "publish", "status": "error", "error": {"message": "wait 1.00 s"}}, ["! wait 1.00 s"]),
        ({"action": "publish", "status": "published", "offset": 1}, []),
    ],
)
def test_each_frame_is_a_line_for_people_or_none(frame: dict[str, Any], lines: list[str]) -> None:
    """Two tabs of one person are one person; what is no news is not shown."""
    assert show(frame) == lines
