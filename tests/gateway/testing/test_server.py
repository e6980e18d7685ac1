"""The server of the fixture `gateway`: production's on another port, with facts to wait for and a clock to move on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway import Gateway, Principal, Refused
from gateway.events import ConnectionClosed, ConnectionOpened, GatewayStarted, HeartbeatMissed, RoomJoined
from gateway.limits.limits import Limits
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings
from gateway.testing import NeverHappened, Server
from tests.support.chat_app import AT_ONCE, Serve, chat
from tests.support.typed import Said, Say


async def test_it_is_the_gateway_of_production_on_another_port(gateway: Serve, tmp_path: Path) -> None:
    """Its limits, its closed topics; what a file or the settings say counts, but for where it listens."""
    file = tmp_path / "hubbub.toml"
    file.write_text(
        '[gateway]\nhost = "0.0.0.0"\nport = 1\n[gateway.limits]\nburst = 7\n[topics."*"]\njoin = "anyone"\n'
    )
    given = GatewaySettings(gateway=attrs.evolve(GatewaySettings().gateway, limits=Limits(burst=9)))
    made = Gateway(settings=given)
    async with gateway(chat()) as plain, gateway(chat(), config=file) as read, gateway(made) as own:
        assert len({plain.url, read.url, own.url}) == 3
        assert all(one.url.startswith("http://127.0.0.1:") for one in (plain, read, own))
        assert [one.app.server.admin_url for one in (plain, read, own)] == [None] * 3
        assert plain.app.node.limits == load_settings(None, {}, {}, app=True).settings.gateway.limits
        assert (read.app.node.limits.burst, own.app.node.limits.burst) == (7, 9)
        with pytest.raises(Refused):
            await (await plain.connect()).join("undeclared")
        assert (await (await read.connect()).join("undeclared"))["status"] == "joined"
        assert [fact.principal for fact in own.facts[ConnectionOpened]] == []


async def test_a_restart_is_another_process_at_the_same_address(gateway: Serve) -> None:
    """Who was there is let go, and can come back; facts of before stay."""
    async with gateway(chat()) as server:
        url = server.url
        alice = await server.connect("/chat/7", principal="alice")
        await server.restart()
        assert (await alice.closed()).reason == "shutdown"
        assert server.url == url
        again = await server.connect("/chat/7", principal="alice")
        await again.send(Say(text="hi"))
        assert (await again.receive(Said)).user == "alice"
        assert len(server.facts[GatewayStarted]) == 2


async def test_each_fact_is_waited_for_once(gateway: Serve) -> None:
    """Also one that is there already; what never comes is said, with what came."""
    async with gateway(chat()) as server:
        for name in ("alice", "bob", "carol"):
            await server.connect("/chat/7", principal=name)
        assert (await server.wait_for(RoomJoined, lambda fact: fact.principal == "bob")).topic == "chat:7"
        assert [(await server.wait_for(RoomJoined)).principal for _ in range(2)] == ["alice", "carol"]
        with pytest.raises(NeverHappened, match=r"no RoomJoined within 0.01 s; the last facts are .*RoomJoined\("):
            await server.wait_for(RoomJoined, timeout=AT_ONCE)


async def test_what_cannot_be_served_is_refused(gateway: Serve) -> None:
    """No app, one that runs, and a loop of somebody else; nothing is left behind."""
    wrong: Any = chat
    with pytest.raises(TypeError, match="it is no Gateway"):
        gateway(wrong)
    app = chat()
    async with gateway(app) as server:
        with pytest.raises(RuntimeError, match="it runs already"):
            await gateway(app).__aenter__()
        await server.connect("/me")


def test_it_wants_the_loop_of_the_test() -> None:
    """Its clock is the loop's."""

    async def enter() -> None:
        await Server(chat()).__aenter__()

    with pytest.raises(RuntimeError, match="use the fixture `gateway`"):
        asyncio.run(enter())


# --- the clock


async def test_an_hour_is_the_heartbeats_of_an_hour(gateway: Serve) -> None:
    """Who answers pings lives through it; who stops is missed twice and gone."""
    async with gateway(chat()) as server:
        page = await server.connect("/chat/7", answers_pings=True)
        await server.clock.advance(3600)
        assert server.facts[ConnectionClosed] == []
        page.answers_pings = False
        await server.clock.advance(18)  # at most 26 s after the last pong, which leaves 1 s of 45
        assert server.facts[ConnectionClosed] == []
        await server.clock.advance(46)
        (fact,) = server.facts[ConnectionClosed]
        assert (fact.ended_by, len(server.facts[HeartbeatMissed])) == ("heartbeat", 1)


async def test_identities_expire_by_the_clock(gateway: Serve) -> None:
    """Wall time moves with it."""
    async with gateway(chat()) as server:
        principal = Principal("alice", expires=server.clock.wall() + 3600)
        alice = await server.connect("/chat/7", principal=principal, answers_pings=True)
        await server.clock.advance(3500)
        assert server.facts[ConnectionClosed] == []
        server.clock.advance(200)
        assert (await alice.closed()).reason == "expired"


async def test_handlers_that_sleep_wake_by_themselves(gateway: Serve) -> None:
    """Time that nobody moves goes on as outside."""
    async with gateway(chat()) as server:
        client = await server.connect("/do")
        await client.send("sleep")
        await client.send("bytes")
        assert await client.receive() == b"\x00\xff"
