"""A gateway on a Unix socket: clients, permissions, what is in the way."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest
from websockets.asyncio.client import unix_connect

from gateway.events import ConnectionClosed, ConnectionOpened
from gateway.settings.sources import load_settings
from gateway.web.listening.listener import CannotListen
from tests.support.client import Client, when
from tests.support.raw_client import PATIENCE

Serve = Any
URI = "ws://localhost/ws"
"""Where to on it; the host says nothing."""


def at(path: Path, *more: str) -> Any:
    """Development mode on this socket, with more lines for [gateway]."""
    file = path.with_suffix(".toml")
    file.write_text(
        "\n".join(["development = true", "[gateway]", f"uds = '{path}'", *more, "[gateway.admin]", "listen = 'off'"])
    )
    return load_settings(file, {}, {}).settings


async def start(serve: Serve, path: Path, *more: str) -> Any:
    return await serve(settings=at(path, *more))


async def test_clients_talk_over_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    """As over any other; the one who connects has no address."""
    server = await start(serve, tmp_path / "h.sock")
    facts = server.watch(ConnectionOpened, ConnectionClosed)
    async with asyncio.timeout(PATIENCE):
        path = str(tmp_path / "h.sock")
        async with unix_connect(path, URI) as one, unix_connect(path, URI) as two:
            first, second = Client(one), Client(two)
            await asyncio.gather(first.join("r"), second.join("r"))
            await first.publish("r", "x" * 60_000)
            assert await second.payloads(1) == ["x" * 60_000]
        await when(lambda: len(facts) == 4)
    assert {fact.address for fact in facts} == {""}
    assert server.url == f"unix:{tmp_path / 'h.sock'}"


async def test_a_proxy_at_the_unix_socket_says_who_it_is(serve: Serve, tmp_path: Path) -> None:
    """If the file trusts `unix`."""
    server = await start(serve, tmp_path / "h.sock", 'trusted_proxies = ["unix"]')
    facts = server.watch(ConnectionOpened)
    headers = {"X-Forwarded-For": "203.0.113.9"}
    async with asyncio.timeout(PATIENCE):
        async with unix_connect(str(tmp_path / "h.sock"), URI, additional_headers=headers) as client:
            await client.send(json.dumps({"action": "ping"}))
            await client.recv()
    assert [fact.address for fact in facts] == ["203.0.113.9"]


@pytest.mark.parametrize(("line", "mode"), [("", 0o660), ("uds_mode = '600'", 0o600), ("uds_mode = '0666'", 0o666)])
async def test_the_file_has_the_permissions_it_should(serve: Serve, tmp_path: Path, line: str, mode: int) -> None:
    """And is gone with the gateway."""
    path = tmp_path / "h.sock"
    server = await start(serve, path, line)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    await server.stop()
    assert not path.exists()


async def test_a_second_gateway_does_not_take_the_socket_of_the_first(serve: Serve, tmp_path: Path) -> None:
    """It says that it is in use; the first one goes on."""
    path = tmp_path / "h.sock"
    await start(serve, path)
    with pytest.raises(CannotListen, match=rf"could not listen at {path}: Address already in use"):
        await start(serve, path)
    async with asyncio.timeout(PATIENCE), unix_connect(str(path), URI) as client:
        await client.send(json.dumps({"action": "ping"}))
        assert "timestamp" in json.loads(await client.recv())


async def test_a_gateway_that_was_killed_is_followed_by_another(serve: Serve, tmp_path: Path) -> None:
    """Its socket file is still there, and nobody listens on it."""
    path = tmp_path / "h.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    await start(serve, path)
    async with asyncio.timeout(PATIENCE), unix_connect(str(path), URI) as client:
        await client.send(json.dumps({"action": "ping"}))
        assert "timestamp" in json.loads(await client.recv())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none/h.sock", "No such file or directory; give gateway.uds"),
        ("x" * 108, "path too long; give gateway.uds"),
        ("file", "there is a file that is no socket; give gateway.uds"),
    ],
)
async def test_a_path_that_is_not_to_be_had_is_said_with_the_setting(
    serve: Serve, tmp_path: Path, name: str, said: str
) -> None:
    """Another host, or another port, would be of no use."""
    (tmp_path / "file").touch()
    settings = at(tmp_path / "h.sock")
    listen = attrs.evolve(settings.gateway, uds=str(tmp_path / name))
    with pytest.raises(CannotListen) as caught:
        await serve(settings=attrs.evolve(settings, gateway=listen))
    assert said in f"{caught.value}; {caught.value.hint}"
    assert "--host" not in caught.value.hint
