"""Document B: its classes are the socket, rooms, middleware and settings here; over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.seeds import b_channel, b_events, b_groups, b_limits, b_middleware, b_practices
from gateway import Gateway
from gateway.events import ConnectionClosed
from tests.support.client import connect, refused, settings, when
from tests.support.raw_client import RawClient
from tests.support.seeds import at, printed, read, say

if TYPE_CHECKING:
    from tests.support.seeds import Serve


async def test_b1_a_channel_has_its_properties(gateway: Serve) -> None:
    """`expires`, `encoding`, `id` and `created` of the socket itself."""
    async with gateway(b_channel.app) as server, connect(at(server, "/properties")) as client:
        told = await read(client)
        assert told == {"expires": 3600, "encoding": "json", "id": client.id, "created": told["created"]}
        assert abs(told["created"] - server.clock.wall()) < 60


async def test_b2_what_is_sent_goes_out_by_its_kind(gateway: Serve) -> None:
    """`send` by the type of the payload, `send_json/text/bytes` as they are called."""
    async with gateway(b_channel.app) as server, connect(at(server, "/sending")) as client:
        assert await read(client) == {"message": "Hello, World!"}
        assert await client.receive() == "Hello, World!"
        assert await client.receive() == b"Hello, World!"
        assert (await read(client))["content"] == "Hello, World!"
        assert await client.receive() == "Hello, World!"
        assert await client.receive() == b"Hello, World!"


async def test_b2_what_is_received_is_what_was_asked_for(gateway: Serve) -> None:
    """`receive`, `receive_json`, `receive_text`, `receive_bytes`, in order."""
    async with gateway(b_channel.app) as server, connect(at(server, "/receiving")) as client:
        for frame in ("any", '{"n":1}', "text", b"\x00\x01"):
            await client.send(frame)
        assert await read(client) == ["any", {"n": 1}, "text", [0, 1]]


async def test_b3_a_group_adds_sends_and_removes(gateway: Serve) -> None:
    """Everybody in the group gets what is sent to it; who was removed counts no more."""
    async with gateway(b_groups.app) as server, connect(at(server, "/group")) as one:
        assert await read(one) == {"message": "Hello, everyone!"}
        assert (await read(one))["type"] == "broadcast"
        async with connect(at(server, "/group")) as two:
            for client in (one, two):
                assert await read(client) == {"message": "Hello, everyone!"}
                assert (await read(client))["type"] == "broadcast"
            await one.send("remove me")
            assert await read(one) == {"members": 1}
            await server.app.room("chat").broadcast("for the others")
            assert await two.receive() == "for the others"


async def test_b4_the_registry_finds_channels_by_id(gateway: Serve) -> None:
    """Live connections are in it without being added, and out of it without being removed."""
    async with gateway(b_groups.app) as server, connect(at(server, "/group")) as member:
        await read(member)
        async with connect(at(server, f"/registry/{member.id}")) as asking:
            assert await read(asking) == {"path": "/group", "all": [member.id, asking.id]}
        await when(lambda: len(server.app.connections) == 1)
        await member.close()
        await when(lambda: len(server.app.connections) == 0)
        async with connect(at(server, f"/registry/{member.id}")) as asking:
            assert await read(asking) == {"path": None, "all": [asking.id]}


async def test_b5_middleware_closes_with_its_codes(gateway: Serve) -> None:
    """4001 for who is not known, 4002 for who comes too often, both before the accept; others go on to the endpoint."""
    known = {"Authorization": "Bearer open sesame"}
    async with gateway(b_middleware.app) as server:
        async with connect(at(server, "/ws")) as client:
            assert await client.closed() == (4001, "")
        for _ in range(2):
            async with connect(at(server, "/ws"), headers=known) as client:
                assert await client.receive() == "welcome"
        async with connect(at(server, "/ws"), headers=known) as client:
            assert await client.closed() == (4002, "")


async def test_b6_functions_are_told_of_a_connections_life(gateway: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Connect and disconnect once each, every message before its endpoint, a handled error keeps the socket."""
    async with gateway(b_events.app) as server:
        async with connect(at(server, "/ws")) as client:
            for text in ("1", "two", "3"):
                await client.send(text)
            assert [await client.receive(), await client.receive()] == ["1 is a number", "3 is a number"]
            client.cut()
        await server.wait_for(ConnectionClosed)
    assert [line.replace(client.id, "ID") for line in printed(capsys)] == [
        "Channel ID connected",
        "Received message from ID: 1",
        "Received message from ID: two",
        "Error in channel ID: invalid literal for int() with base 10: 'two'",
        "Received message from ID: 3",
        "Channel ID disconnected",
    ]


async def test_b6_errors_and_disconnects_are_told_apart(gateway: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """The document's own loops: an error is an error, an end is an end, and the clean-up runs after both."""
    async with gateway(b_practices.app) as server:
        async with connect(at(server, "/errors")) as client:
            await client.send("x")
            assert (await client.receive()) == "could not: invalid literal for int() with base 10: 'x'"
            assert await client.closed() == (1000, "")
        async with connect(at(server, "/managed")) as client:
            assert await client.receive() == "connected"
            await client.send("5")
            assert await client.receive() == "one of 5"
            await client.close()
        await when(lambda: len(server.app.connections) == 0)
    assert printed(capsys) == ["disconnected", "cleaned up, connected: False"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"timestamp": "now"}, "timestamp"), ({"content": None}, "content"), ({"type": 1}, "type")],
)
async def test_b7_a_message_that_does_not_fit_is_answered_with_the_field(
    gateway: Serve, change: dict[str, object], field: str
) -> None:
    """The reply names the field and the reason; the connection stays and takes what fits."""
    good = {"action": "message", "type": "note", "content": "hi", "timestamp": 1.5}
    async with gateway(b_practices.app) as server, connect(at(server, "/validated")) as client:
        await say(client, {**good, **change})
        reply = await read(client)
        assert (reply["status"], reply["error"]["reason"]) == ("error", "bad_request")
        assert reply["error"]["field"] == field
        assert "expected `" in reply["error"]["message"]
        await say(client, good)
        assert await client.receive() == "note: hi"


async def test_b8_a_hundred_messages_a_minute(gateway: Serve) -> None:
    """Each one more is answered with `retry_after`, the tenth closes with 4002; a minute later there is room again."""
    options = settings(LIMITS__BURST="1000")
    async with gateway(b_limits.app, settings=options) as server:
        async with connect(at(server, "/open"), ping_interval=None) as client:
            for number in range(101):
                await client.send(str(number))
            assert [await client.receive() for _ in range(100)] == [str(number) for number in range(100)]
            assert 0 < (await read(client))["error"]["retry_after"] <= 60
            await server.clock.advance(61)
            await client.send("again")
            while (got := await client.receive()) == '{"type":"ping"}':
                pass
            assert got == "again"
        async with connect(at(server, "/open")) as client:
            for number in range(110):
                await client.send(str(number))
            assert (await client.closed())[0] == 4002


async def test_b9_pages_are_sent_a_heartbeat_and_the_silent_are_closed_with_4000(gateway: Serve) -> None:
    """A JSON ping beside the protocol's, which pages cannot see; who answers neither is stale."""
    async with gateway(b_limits.app) as server:
        silent = await RawClient.open(server.app.server.port, path="/open")
        async with connect(at(server, "/open"), ping_interval=None) as client:
            await server.clock.advance(32)
            assert await client.receive() == '{"type":"ping"}'
            await server.clock.advance(30)
            assert (await silent.close_frame())[0] == 4000
            await client.send("still here")
            while (got := await client.receive()) == '{"type":"ping"}':
                pass
            assert got == "still here"
        await silent.aclose()


async def test_b11_nothing_may_be_sent_before_authentication(gateway: Serve) -> None:
    """An endpoint for those who are known refuses everybody else before the upgrade."""
    async with gateway(b_limits.app) as server:
        assert (await refused(at(server, "/secure")))[0] == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert (await refused(at(server, "/secure"), headers=wrong))[0] == 401
        async with connect(at(server, "/secure"), headers={"Authorization": "Bearer open-sesame"}) as client:
            assert await client.receive() == "hello ada"


async def test_b11_who_does_not_say_who_it_is_within_10_s_is_closed(gateway: Serve) -> None:
    """Where a client may say it by its first message: until then nothing is done for it, and not for long."""
    options = settings(AUTH__ANONYMOUS="false")
    async with gateway(Gateway(), settings=options) as server, connect(at(server, "/ws"), ping_interval=None) as client:
        await server.clock.advance(9)
        assert client.id in server.app.connections
        await server.clock.advance(3)
        assert (await client.closed())[0] == 3502
