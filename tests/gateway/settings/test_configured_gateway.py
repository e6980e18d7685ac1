"""Keys of `[gateway]` whose behaviour no other test shows; `test_configured_tree` has the list of all keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.demo import create_demo_app
from gateway.events import CommandRefused
from gateway.settings.sources import load_settings
from tests.support.configured import running
from tests.support.peer import Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.actors
@pytest.mark.parametrize(("interval", "timeout", "missed"), [(25, 10, 2), (5, 10, 2), (25, 3, 2), (25, 10, 4)])
async def test_silence_ends_a_connection_when_the_heartbeat_says(
    tmp_path: Path, interval: int, timeout: int, missed: int
) -> None:
    """After the interval and so many timeouts; at most half the interval earlier, since first pings are spread."""
    keys = f"ping_interval = '{interval}s'\nping_timeout = '{timeout}s'\nmax_missed_pings = {missed}\n"
    async with running(tmp_path, "[gateway.heartbeat]\n" + keys) as node:
        peer = Peer(node)
        await passes(interval + missed * timeout + 3)
        assert peer.closed.ended_by == "heartbeat"
        assert interval + missed * timeout - interval / 2 <= peer.closed.seconds <= interval + missed * timeout + 2


@pytest.mark.actors
async def test_so_many_frames_that_nobody_understands_close(system: Any) -> None:
    """Two, if the file says two."""
    peer = Peer(await start_node(system, settings(max_errors=2)))
    for reasons in ([], ["client"]):
        peer.socket.feed("{")
        await settle()
        assert [fact.ended_by for fact in peer.closes] == reasons


@pytest.mark.actors
async def test_a_longer_name_than_allowed_is_refused(system: Any) -> None:
    """In bytes."""
    node = await start_node(system, settings(max_topic_name_bytes=4))
    refused: list[CommandRefused] = []
    node.events.subscribe(CommandRefused, refused.append)
    peer = Peer(node)
    await peer.joins("abcd")
    await peer.says("join_room", room="äbcd")
    assert [fact.reason for fact in refused] == ["bad_request"]


@pytest.mark.actors(real_time=True)
async def test_a_unix_socket_is_listened_on(tmp_path: Path) -> None:
    """Instead of host and port."""
    path = tmp_path / "h.sock"
    file = tmp_path / "hubbub.toml"
    file.write_text(f"[gateway]\nuds = '{path}'\n[gateway.admin]\nlisten = 'off'\n")
    app = create_demo_app()
    await app.start(load_settings(file, {}, {}).settings)
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"GET /none HTTP/1.0\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.")
            writer.close()
        assert app.server.url == f"unix:{path}"
    finally:
        await app.stop()
