"""The admin listener tells the truth, to those who may ask, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors import SystemFailed
from gateway import Gateway
from gateway.settings.sources import load_settings
from tests.support.client import connect, settings, when
from tests.support.process import free_ports

Serve = Any


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else await response.text()


async def samples(server: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every metric by its name and labels."""
    status, text = await get(server.admin_url + "/metrics")
    assert status == 200
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def part(server: Any, path: str) -> Any:
    (found,) = [ref for ref in server.app.node.system.root.children() if ref.path == path]
    return found


async def test_a_healthy_gateway_is_live_and_ready(demo_server: Any) -> None:
    """200 from both, without problems."""
    assert await get(demo_server.admin_url + "/live") == (200, {"live": True, "problems": []})
    assert await get(demo_server.admin_url + "/ready") == (200, {"ready": True, "problems": []})


async def test_nothing_of_it_is_on_the_public_port(demo_server: Any) -> None:
    """/live, /ready, /metrics and /connections/ID are 404 there."""
    for path in ("/live", "/ready", "/metrics", "/connections/x"):
        assert (await get(demo_server.url + path))[0] == 404


async def test_a_part_that_restarted_is_live_and_one_that_is_gone_is_not(serve: Serve) -> None:
    """A kill that the root mends is no problem a moment later; when the budget is spent the probe fails and says so."""
    server = await serve(Gateway(), settings())
    part(server, "/engine").kill()
    await when(lambda: part(server, "/engine").info().restarts == 1)
    assert (await get(server.admin_url + "/live"))[0] == 200
    counted = await samples(server)
    assert counted["hubbub_actors_restarted_total", ()] == 1
    root = server.app.node.system.root

    def is_over() -> bool:
        """Kills it again whenever it is back."""
        for ref in root.children():
            if ref.path == "/engine":
                ref.kill()
        return not root.is_alive()

    await when(is_over, "the end of the root's budget")
    status, said = await get(server.admin_url + "/live")
    assert status == 503
    assert "/engine is gone" in said["problems"]
    assert (await get(server.admin_url + "/ready"))[0] == 503
    with pytest.raises(SystemFailed):
        await server.stop()


async def test_readiness_goes_with_the_connection_limit_and_comes_back(serve: Serve) -> None:
    """Full is not ready, and live; the metrics say so as well."""
    server = await serve(settings=settings(LIMITS__MAX_CONNECTIONS="1"))
    async with connect(server.ws()):
        status, said = await get(server.admin_url + "/ready")
        assert status == 503
        assert said["problems"] == ["connection limit of 1 reached"]
        assert (await samples(server))["hubbub_ready", ()] == 0
        assert (await get(server.admin_url + "/live"))[0] == 200
    await when(lambda: len(server.app.node.directory) == 0)
    assert (await get(server.admin_url + "/ready"))[0] == 200


async def test_a_draining_gateway_is_live_and_not_ready(serve: Serve) -> None:
    """From the first moment of a drain; metrics say so as well."""
    server = await serve(settings=settings(DRAIN__SPREAD="20s"))
    async with connect(server.ws()):
        draining = asyncio.ensure_future(server.app.drain())
        await when(lambda: server.app.node.is_draining)
        status, said = await get(server.admin_url + "/ready")
        assert (status, said["problems"]) == (503, ["draining"])
        assert (await get(server.admin_url + "/live"))[0] == 200
        assert (await samples(server))["hubbub_ready", ()] == 0
        draining.cancel()
        await asyncio.wait({draining})


async def test_metrics_parse_and_count_what_happens(demo_server: Any) -> None:
    """Counters move by what was done; no label names a topic, a user or a connection."""
    before = await samples(demo_server)
    async with connect(demo_server.ws()) as client:
        await client.join("public:m")
        for _ in range(3):
            await client.publish("public:m", {"text": "x"})
        await client.ask(action="nonsense")
        during = await samples(demo_server)
        await client.close()
    await when(lambda: len(demo_server.app.node.directory) == 0)
    after = await samples(demo_server)

    def moved(now: Any, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        value: float = now[key] - before.get(key, 0)
        return value

    assert moved(during, "hubbub_connections_open") == 1
    assert moved(after, "hubbub_connections_open") == 0
    assert moved(after, "hubbub_topics_live") == 1
    assert moved(after, "hubbub_connections_total", wire="native") == 1
    assert moved(after, "hubbub_connections_closed_total", ended_by="client") == 1
    assert moved(after, "hubbub_joins_total") == 1
    assert moved(after, "hubbub_leaves_total") == 1
    assert moved(after, "hubbub_publications_total") == 3
    assert moved(after, "hubbub_commands_refused_total", reason="unknown_action") == 1
    assert not any("public:m" in value or client.id in value for _, pairs in after for _, value in pairs)


async def test_why_was_this_user_disconnected(demo_server: Any) -> None:
    """By the id of the 101: open, then everything about its end; 404 for one nobody knows."""
    async with connect(demo_server.ws()) as client:
        url = f"{demo_server.admin_url}/connections/{client.id}"
        await client.join("public:x")
        status, said = await get(url)
        assert (status, said["state"], said["connection"], said["topics"]) == (200, "open", client.id, ["public:x"])
        await client.close(4009, "had enough")
    await when(lambda: len(demo_server.app.node.directory) == 0)
    status, said = await get(url)
    assert status == 200
    wanted = {
        "state": "closed", "connection": client.id, "code": 4009, "reason": "had enough", "ended_by": "client",
        "wire": "native", "path": "/ws", "address": "127.0.0.1", "topics": ["public:x"], "received": 1,
    }  # fmt: skip
    assert {name: said[name] for name in wanted} == wanted
    assert said["seconds"] >= said["last_inbound_age"] >= 0
    status, text = await get(f"{demo_server.admin_url}/connections/nobody")
    assert status == 404
    assert "nothing is known of nobody" in text


async def test_the_admin_listener_can_be_off(serve: Serve) -> None:
    """No address, and everything else works; facts are still told."""
    server = await serve(settings=settings(ADMIN__LISTEN="off"))
    assert server.app.server.admin_url is None
    async with connect(server.ws()) as client:
        assert (await client.ask(action="ping"))["timestamp"] > 0


async def test_logs_do_not_depend_on_the_admin_listener(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """With the listener off, a connection's two lines are written all the same."""
    server = await serve(settings=settings(ADMIN__LISTEN="off"))
    async with connect(server.ws()) as client:
        await client.close()
    await when(lambda: len(server.app.node.directory) == 0)
    output = capsys.readouterr().out
    assert "connection.opened" in output
    assert "connection.closed" in output


async def test_an_admin_port_of_zero_is_the_system_s_choice(serve: Serve) -> None:
    """Also where the public port is given, and the one behind it is somebody else's."""
    port = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        changes = {"HUBBUB_GATEWAY__ADMIN__LISTEN": "127.0.0.1:0"}
        server = await serve(settings=load_settings(None, changes, {"--port": port}).settings)
        assert (await get(server.admin_url + "/live"))[0] == 200
