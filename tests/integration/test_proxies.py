"""Behind a proxy: whose address counts, what is shared by an address, and what is said of a proxy nobody declared."""

from __future__ import annotations

import json
from typing import Any

from gateway import Gateway, WebSocket
from gateway.events import CommandRefused, ConnectionClosed, ConnectionOpened, ConnectionRefused, ProxyNotTrusted
from tests.support.client import connect, refused, settings, when
from tests.support.raw_client import RawClient, frame

Serve = Any
ADA = {"X-Forwarded-For": "203.0.113.1"}
BOB = {"X-Forwarded-For": "198.51.100.7, 203.0.113.2"}


def behind(**variables: str) -> Any:
    """The proxy is on this machine."""
    return settings(TRUSTED_PROXIES='["127.0.0.0/8"]', **variables)


async def test_facts_and_app_code_see_the_client_s_address(serve: Serve) -> None:
    """Not the proxy's; what the client wrote itself is not believed; the proxy's port is nobody's."""
    app = Gateway()

    @app.ws("/who")
    async def who(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(f"{ws.client.host} {ws.client.port}")

    server = await serve(app, behind())
    facts = server.watch(ConnectionOpened, ConnectionClosed)
    async with connect(server.ws("/who"), headers=BOB) as client:
        assert await client.receive() == "203.0.113.2 0"
        await client.closed()
    await when(lambda: len(facts) == 2)
    assert [fact.address for fact in facts] == ["203.0.113.2"] * 2


async def test_without_trusted_proxies_nobody_is_believed(serve: Serve) -> None:
    """The address is the peer's, whatever it says; after twenty of them one warning, and never another."""
    server = await serve(settings=settings())
    facts = server.watch(ConnectionOpened)
    warnings: list[ProxyNotTrusted] = []
    server.app.node.events.subscribe(ProxyNotTrusted, warnings.append)
    for number in range(45):
        async with connect(server.ws(), headers={"X-Forwarded-For": f"203.0.113.{number}"}):
            assert len(warnings) == (0 if number < 19 else 1)
    assert {fact.address for fact in facts} == {"127.0.0.1"}
    assert [(one.address, one.connections) for one in warnings] == [("127.0.0.1", 20)]


async def test_the_scheme_of_a_page_is_compared_with_what_the_proxy_says(serve: Serve) -> None:
    """Behind TLS a page that came without it is not ours; a client cannot say so itself."""
    server = await serve(settings=behind())
    host = f"127.0.0.1:{server.app.server.port}"
    proto = {"X-Forwarded-Proto": "https"}
    async with connect(server.ws(), origin=f"https://{host}", headers=proto) as client:
        assert (await client.ask(action="ping"))["timestamp"] > 0
    assert (await refused(server.ws(), origin=f"http://{host}", headers=proto))[0] == 403
    server = await serve(settings=settings())
    async with connect(server.ws(), origin=f"http://127.0.0.1:{server.app.server.port}", headers=proto) as client:
        assert (await client.ask(action="ping"))["timestamp"] > 0


async def test_a_page_that_may_not_connect_is_named(serve: Serve) -> None:
    """Its browser tells it nothing, so the log has what `allowed_origins` would need; as much as fits into a line."""
    server = await serve()
    facts = server.watch(ConnectionRefused)
    assert (await refused(server.ws(), origin="http://127.0.0.1:5000"))[0] == 403
    assert (await refused(server.ws(), origin="http://" + "x" * 4000))[0] == 403
    assert [fact.origin for fact in facts] == ["http://127.0.0.1:5000", "http://" + "x" * 193]


async def test_an_address_that_knocks_too_often_is_429_before_the_upgrade(serve: Serve) -> None:
    """With Retry-After; others come in, and so does who is on this machine; each refusal is a fact."""
    limits = {"LIMITS__ADDRESS_CONNECTION_BURST": "2", "LIMITS__ADDRESS_CONNECTIONS_PER_SECOND": "0.01"}
    server = await serve(settings=behind(**limits))
    facts = server.watch(ConnectionRefused)
    for _ in range(2):
        async with connect(server.ws(), headers=ADA):
            pass
    for _ in range(3):
        status, headers = await refused(server.ws(), headers=ADA)
        assert (status, 90 <= int(headers["Retry-After"]) <= 100) == (429, True)
    for other in (BOB, None, None, None, None):
        async with connect(server.ws(), headers=other) as client:
            assert (await client.ask(action="ping"))["timestamp"] > 0
    assert [(fact.address, fact.status, fact.reason) for fact in facts] == [
        ("203.0.113.1", 429, "address_connection_rate")
    ] * 3


async def test_a_storm_is_503_before_the_upgrade(serve: Serve) -> None:
    """From wherever it comes; readers of the header come back when there is room."""
    limits = {"LIMITS__CONNECTION_BURST": "3", "LIMITS__CONNECTIONS_PER_SECOND": "0.5"}
    server = await serve(settings=settings(**limits))
    for _ in range(3):
        async with connect(server.ws()):
            pass
    status, headers = await refused(server.ws())
    assert status == 503
    assert 1 <= int(headers["Retry-After"]) <= 2


async def test_open_connections_of_an_address_can_be_limited(serve: Serve) -> None:
    """The one too many is 429; who leaves makes room, also by a crash of its network."""
    server = await serve(settings=behind(LIMITS__MAX_CONNECTIONS_PER_ADDRESS="2"))
    async with connect(server.ws(), headers=ADA), connect(server.ws(), headers=BOB):
        async with connect(server.ws(), headers=ADA) as second:
            assert (await refused(server.ws(), headers=ADA))[0] == 429
            second.cut()
            await when(lambda: len(server.app.node.directory) == 2)
        async with connect(server.ws(), headers=ADA) as third:
            assert (await third.ask(action="ping"))["timestamp"] > 0
    await when(lambda: len(server.app.node.directory) == 0)
    assert server.app.node.quotas._open == {}


async def test_connections_of_one_address_share_a_rate(serve: Serve) -> None:
    """What one floods the other waits for, and is told how long; it is not closed for it. A third address is free."""
    limits = {"LIMITS__BURST": "20", "LIMITS__MESSAGES_PER_SECOND": "0.1", "LIMITS__ADDRESS_MULTIPLE": "1"}
    server = await serve(settings=behind(**limits))
    facts = server.watch(CommandRefused)
    async with connect(server.ws(), headers=ADA) as quiet, connect(server.ws(), headers=BOB) as other:
        async with connect(server.ws(), headers=ADA) as flooding:
            for _ in range(20):
                assert (await flooding.ask(action="ping")).get("timestamp")
            for _ in range(15):
                error = (await quiet.ask(action="ping"))["error"]
                assert (error["reason"], error["temporary"]) == ("too_many_requests", True)
                assert 0 < error["retry_after"] <= 10
        assert (await other.ask(action="ping"))["timestamp"] > 0
    assert len(facts) == 15


async def test_raw_endpoints_of_one_address_share_it_as_well(serve: Serve) -> None:
    """One table for all wires: two connections of one burst together bring one burst to the endpoint."""
    app = Gateway()
    seen: list[str] = []

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        nonlocal seen
        await ws.accept()
        async for one in ws:
            seen += [one.text()]

    limits = {"LIMITS__BURST": "20", "LIMITS__MESSAGES_PER_SECOND": "0.1", "LIMITS__ADDRESS_MULTIPLE": "1"}
    server = await serve(app, behind(**limits))
    async with connect(server.ws("/"), headers=ADA) as first, connect(server.ws("/"), headers=ADA) as second:
        for client in (first, second):
            for number in range(16):
                await client.send(str(number))
            await client.socket.ping()
        for client in (first, second):
            await client.close()
        await when(lambda: len(server.app.node.directory) == 0)
    assert sorted(map(int, seen)) == sorted((*range(16), *range(4)))  # which socket is read first is nobody's


async def test_new_topics_of_one_address_are_limited(serve: Serve) -> None:
    """Those that live cost nothing; the others are told when; another address, and the application, may."""
    limits = {"LIMITS__ADDRESS_TOPIC_BURST": "3", "LIMITS__ADDRESS_TOPICS_PER_SECOND": "0.1"}
    server = await serve(settings=behind(**limits))
    async with connect(server.ws(), headers=ADA) as ada, connect(server.ws(), headers=BOB) as bob:
        await ada.join("a")
        await ada.publish("b", 1)
        await ada.ask(action="history", room="c")
        for action in ("join_room", "publish", "history", "presence"):
            error = (await ada.ask(action=action, room="d", payload=1))["error"]
            assert error["reason"] == "too_many_requests"
            assert 0 < error["retry_after"] <= 10
        assert server.app.node.live.names() == ("a", "b", "c")
        await bob.join("d")
        await ada.join("d")
        await server.app.room("e").broadcast("from the application")
        await ada.join("e")


async def test_a_flood_from_loopback_concerns_its_own_connection_alone(serve: Serve) -> None:
    """Behind a proxy that is not declared everybody is 127.0.0.1: nobody pays for the one who floods."""
    server = await serve(settings=settings(LIMITS__ADDRESS_MULTIPLE="1", LIMITS__BURST="30"))
    flooding = await RawClient.open(server.app.server.port, path="/ws")
    flooding.send(b"".join(frame(json.dumps({"action": "ping"}).encode()) for _ in range(30)))
    async with connect(server.ws()) as other:
        for _ in range(30):
            assert (await other.ask(action="ping"))["timestamp"] > 0
    flooding.abort()
