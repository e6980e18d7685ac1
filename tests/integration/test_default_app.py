"""`hubbub serve` without an application: the demo in development mode, else nothing but what is configured."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.process import Process, serving

pytestmark = [pytest.mark.slow, pytest.mark.actors(real_time=True)]

SETTINGS = """
[topics."news:*"]
join = "anyone"

[topics."team:*"]
join = "authenticated"
"""


async def answers(gateway: Process, *commands: dict[str, Any]) -> list[Any]:
    """To each of these, on Centrifuge's wire, after its `connect`."""
    async with connect(gateway.url.replace("http", "ws", 1) + "/connection/websocket") as socket:
        await socket.send('{"id":1,"connect":{}}')
        await socket.recv()
        found = []
        for command in commands:
            await socket.send(json.dumps({"id": 2, **command}))
            found.append(json.loads(await socket.recv()))
        return found


async def test_a_file_without_an_app_opens_what_it_names(tmp_path: Path) -> None:
    """Not what the demo opens; and nobody is joined to a topic by a hook that is there for the tests of clients."""
    (tmp_path / "hubbub.toml").write_text(SETTINGS)
    async with serving(directory=tmp_path) as gateway:
        said = await answers(
            gateway,
            {"subscribe": {"channel": "news:a"}},
            {"subscribe": {"channel": "public:a"}},
            {"subscribe": {"channel": "team:a"}},
            {"rpc": {"method": "subscribe", "data": {"channel": "team:a"}}},
        )
        assert [sorted(one) for one in said] == [["id", "subscribe"], ["error", "id"], ["error", "id"], ["error", "id"]]
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            await asyncio.to_thread(urllib.request.urlopen, gateway.url, timeout=10)
        refused.value.close()


async def test_without_either_the_demo_is_served(tmp_path: Path) -> None:
    """With its page, its rooms, and the hooks."""
    async with serving(directory=tmp_path) as gateway:
        said = await answers(gateway, {"subscribe": {"channel": "public:a"}}, {"rpc": {"method": "echo", "data": 5}})
        assert [sorted(one) for one in said] == [["id", "subscribe"], ["id", "rpc"]]
        assert (await asyncio.to_thread(urllib.request.urlopen, gateway.url, timeout=10)).status == 200
