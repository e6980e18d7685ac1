"""The fixture `gateway`: a real gateway, clients with and without a name, a clock to move on, a failure's report."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from actors.events import ActorFailed
from gateway import Gateway, Member, Principal, Receipt, Refused, Room, WebSocket, WebSocketEndpoint, on
from gateway.auth_settings import AuthSettings
from gateway.authenticators import Bearer
from gateway.config import GatewaySettings
from gateway.events import ConnectionClosed, ConnectionOpened, GatewayStarted, HeartbeatMissed, RoomJoined
from gateway.limits import Limits
from gateway.settings_sources import load_settings
from gateway.testing import Closed, Conversation, NeverHappened, NotConnected, NotReceived, Server
from gateway.testing.badges import HEADER
from gateway.testing.client import MAX_KEPT
from gateway.testing.conversation import MAX_LINES, MAX_SHOWN
from gateway.testing.words import read_as, written
from tests.support.signed import signed
from tests.support.typed import Said, Say

pytest_plugins = ["pytester"]

Serve = Callable[..., Server]
AT_ONCE = 0.01
"""Seconds a test waits for what must not come."""


def chat() -> Gateway:
    """A room per path, an endpoint that tells who one is, and one that does what it is told."""
    app = Gateway()

    @app.ws("/chat/{room_id}")
    class Chat(WebSocketEndpoint):
        def rooms(self) -> list[str]:
            return [f"chat:{self.ws.path_params['room_id']}"]

        @on(Say)
        async def say(self, ws: WebSocket, message: Say) -> None:
            self.broadcast(Said(user=ws.principal.id, text=message.text))

    @app.ws("/me")
    async def me(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json({"id": ws.principal.id, "roles": sorted(ws.principal.roles)})
        await ws.receive()

    @app.ws("/do")
    class Do(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str) -> Any:
            if data == "close":
                return ws.close(4321, "as you wish")
            if data == "sleep":
                return asyncio.sleep(0.001)
            if data == "flood":
                return Receipt.all([ws.send_text(str(number)) for number in range(MAX_KEPT + 100)])
            if data == "bytes":
                return ws.send_bytes(b"\x00\xff")
            raise LookupError(data)

    return app


async def test_two_people_talk(gateway: Serve) -> None:
    """The example of the documents."""
    async with gateway(chat()) as server:
        alice = await server.connect("/chat/7", principal="alice")
        bob = await server.connect("/chat/7", principal="bob")
        await alice.send(Say(text="hi"))
        assert await bob.receive(Said) == Said(user="alice", text="hi")
        server.clock.advance(60)
        assert (await bob.closed()).reason == "heartbeat_lost"


# --- who one is


async def test_a_principal_needs_no_token(gateway: Serve) -> None:
    """An id, a whole principal, or nobody."""
    async with gateway(chat()) as server:
        admin = Principal("root", roles=frozenset({"admin"}))
        for principal, seen in (("alice", ("alice", [])), (admin, ("root", ["admin"])), (None, ("", []))):
            client = await server.connect("/me", principal=principal)
            told = await client.receive_json()
            assert (told["id"], told["roles"]) == seen


async def test_a_badge_is_believed_by_the_server_that_gave_it_alone(gateway: Serve) -> None:
    """Not by another one of the same test, nor if somebody makes one up; and not by the app itself afterwards."""
    app, other = chat(), chat()
    async with gateway(app) as one, gateway(other) as two:
        badge = one._badges.issue("alice")
        for server, headers, seen in ((one, badge, "alice"), (two, badge, ""), (one, {HEADER: "alice"}, "")):
            client = await server.connect("/me", headers=headers)
            assert (await client.receive_json())["id"] == seen
    assert app.authenticators == ()
    assert all(not app._passage(route).authenticators for route in app.routes)


@pytest.mark.parametrize("path", ["/ws", "/socket/websocket?vsn=2.0.0"])
async def test_a_principal_is_known_on_the_wires_too(gateway: Serve, path: str) -> None:
    """Before the first command."""
    async with gateway(chat()) as server:
        await server.connect(path, principal="alice")
        assert (await server.wait_for(ConnectionOpened)).principal == "alice"


async def test_clients_of_centrifuge_say_it_themselves(gateway: Serve) -> None:
    """Their first command does; so a principal there would be a lie."""
    async with gateway(chat()) as server:
        with pytest.raises(ValueError, match="send a token in that"):
            await server.connect("/connection/websocket", principal="alice")
        client = await server.connect("/connection/websocket")
        await client.send({"id": 1, "connect": {}})
        assert "client" in (await client.receive_json())["connect"]


async def test_authenticators_of_the_app_are_asked_as_ever(gateway: Serve) -> None:
    """Those of the app, those of an endpoint, and where there are none the configured secret."""
    auth = AuthSettings(jwt_secret="a secret of the tests, long enough for HS256")
    settings = GatewaySettings(gateway=attrs.evolve(GatewaySettings().gateway, auth=auth))
    app = chat()

    @app.ws("/own", authenticators=[Bearer(lambda key: {"key-of-carol": "carol"}.get(key))])
    async def own(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    async def strict(handshake: Any) -> None:
        raise Refused("unauthorized")

    @app.ws("/strict", authenticators=[strict])
    async def at_strict(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    async with gateway(app, settings=settings) as server:
        token = signed({"sub": "dora"}, auth.jwt_secret)
        client = await server.connect("/me", headers={"Authorization": f"Bearer {token}"})
        assert (await client.receive_json())["id"] == "dora"
        with pytest.raises(NotConnected, match="401"):
            await server.connect("/me", headers={"Authorization": "Bearer made-up"})
        carol = await server.connect("/own", headers={"Authorization": "Bearer key-of-carol"})
        assert await carol.receive() == "carol"
        with pytest.raises(NotConnected, match="401"):
            await server.connect("/strict")
        for path in ("/own", "/strict"):
            assert await (await server.connect(path, principal="alice")).receive() == "alice"


# --- what is said


async def test_values_go_out_as_what_they_are(gateway: Serve) -> None:
    """Text and bytes untouched, messages with their action, the rest as JSON."""

    @attrs.frozen
    class Plain:
        text: str

    assert written("as it is") == "as it is"
    assert written(b"\x00") == b"\x00"
    assert written(Say(text="hi")) == '{"action":"say","text":"hi"}'
    assert written(Plain("hi")) == '{"action":"plain","text":"hi"}'
    assert written({"a": [1]}) == '{"a":[1]}'
    async with gateway(chat()) as server:
        client = await server.connect("/do")
        await client.send("bytes")
        assert await client.receive() == b"\x00\xff"


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ('{"action":"say","text":"hi"}', "its action is 'say', not 'said'"),
        ('{"action":"event","event":"say","payload":{}}', "its event is 'say', not 'said'"),
        ('{"action":"said","user":1,"text":""}', "user"),
        ("hello", "not understood"),
        (b"\xff", "not understood"),
    ],
)
def test_another_message_than_the_one_expected_is_named(frame: str | bytes, why: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ValueError, match=re.escape(why)):
        read_as(Said, frame)


async def test_who_does_not_receive_reads_no_further(gateway: Serve) -> None:
    """A client keeps so many messages; the others wait in its socket, in order."""
    async with gateway(chat()) as server:
        client = await server.connect("/do")
        await client.send("flood")
        await server.clock.advance(1)
        assert len(client._kept) == MAX_KEPT
        assert [await client.receive() for _ in range(MAX_KEPT + 100)] == [str(n) for n in range(MAX_KEPT + 100)]


async def test_what_came_instead_is_said(gateway: Serve) -> None:
    """Another message, nothing, or the end."""
    async with gateway(chat()) as server:
        alice = await server.connect("/chat/7", principal="alice")
        await alice.send(Say(text="hi"))
        with pytest.raises(
            NotReceived, match=r'alice received no Say but \{"action":"said","user":"alice","text":"hi"\}'
        ):
            await alice.receive(Say)
        with pytest.raises(NotReceived, match=r"alice received no Said within 0.01 s, nor anything else"):
            await alice.receive(Said, timeout=AT_ONCE)
        with pytest.raises(NotReceived, match=r"alice is still connected after 0.01 s"):
            await alice.closed(timeout=AT_ONCE)
        await alice.close()
        with pytest.raises(NotReceived, match="not connected any more"):
            await alice.receive()
        with pytest.raises(ConnectionError, match="could not send hello"):
            await alice.send("hello")


async def test_a_refused_upgrade_says_why(gateway: Serve) -> None:
    """Status and words of the answer."""
    async with gateway(chat()) as server:
        with pytest.raises(NotConnected, match="there is nothing at /nowhere") as nowhere:
            await server.connect("/nowhere")
        assert nowhere.value.status == 404
        with pytest.raises(NotConnected) as foreign:
            await server.connect("/me", headers={"Origin": "https://evil.example"})
        assert (foreign.value.status, foreign.value.text) == (403, "origin_not_allowed")


# --- the end of a connection


async def test_ends_have_the_names_of_the_table(gateway: Serve) -> None:
    """Ours by their name, those of the app by their words, a cut cable as lost; what came before is still there."""
    async with gateway(chat()) as server:
        app, crash, client, cable = [await server.connect("/do", name=name) for name in ("app", "crash", "client", "x")]
        await app.send("bytes")
        await app.send("close")
        await crash.send("of course")
        await client.close(1000)
        await cable.cut()
        assert await app.closed() == Closed(4321, "as you wish", "app")
        assert await app.receive() == b"\x00\xff"
        assert await crash.closed() == Closed(1011, "server_error", "crash")
        assert await client.closed() == Closed(1000, "normal", "client")
        assert await cable.closed() == Closed(1006, "lost", "transport")
        assert [fact.doing for fact in server.facts[ActorFailed]] != []


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


# --- rooms


async def test_the_native_wire_s_words(gateway: Serve) -> None:
    """Replies are returned, refusals raised, and what comes in between is kept."""
    app = gateway_with_a_room()
    async with gateway(app) as server:
        alice, bob = [await server.connect(principal=name) for name in ("alice", "bob")]
        for client in (alice, bob):
            assert (await client.join("table:1"))["status"] == "joined"
        with pytest.raises(Refused, match="no more") as full:
            await (await server.connect()).join("table:1")
        assert (full.value.reason, full.value.code, full.value.details) == ("full_up", 444, {"seats": 2})
        reply = await alice.publish("table:1", Say(text="hi"))
        assert reply["status"] == "published"
        assert await alice.receive(Said) == Said(user="alice", text="hi")
        await alice.publish("table:1", {"n": 1}, event="note")
        assert (await bob.leave("table:1"))["status"] == "left"
        assert [(one["event"], one["payload"]) for one in await bob.events(2)] == [
            ("said", {"action": "said", "user": "alice", "text": "hi"}),
            ("note", {"n": 1}),
        ]


def gateway_with_a_room() -> Gateway:
    app = Gateway()

    @app.topic("table:{number}")
    class Table(Room):
        def on_join(self, member: Member, params: object) -> None:
            if len(self.members()) == 2:
                raise Refused("full_up", "no more", code=444, seats=2)

        @on(Say)
        def say(self, member: Member, message: Say) -> None:
            self.broadcast(Said(user=member.principal.id, text=message.text))

    return app


# --- the server


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


# --- the report


def test_a_conversation_is_bounded_and_can_be_read() -> None:
    """The last lines, names side by side, long messages cut."""
    conversation = Conversation()
    assert [conversation.name("al") for _ in range(3)] == ["al", "al 2", "al 3"]
    for number in range(MAX_LINES + 1):
        conversation.note("al", ">", str(number))
    conversation.note("al 2", "<", "x" * (MAX_SHOWN + 1))
    conversation.is_over = True
    conversation.note("al", ">", "not any more")
    lines = str(conversation).splitlines()
    assert len(lines) == MAX_LINES
    assert (lines[0], lines[-1]) == ("al   > 2", f"al 2 < {'x' * MAX_SHOWN}... ({MAX_SHOWN + 1} in all)")


APP = """
from gateway import Gateway, WebSocket
app = Gateway()
@app.ws("/echo")
async def echo(ws):
    await ws.accept()
    async for frame in ws:
        if frame.text() == "crash":
            raise LookupError("as you wish")
        await ws.send_text(frame.text())
"""


def test_a_failure_shows_what_was_said(pytester: pytest.Pytester) -> None:
    """All of the test and nothing of its end; a test that passes shows nothing."""
    pytester.makepyfile(
        APP
        + """
async def test_fails(gateway):
    async with gateway(app) as server:
        alice = await server.connect("/echo", principal="alice")
        await alice.send("hello")
        await alice.receive()
        server.clock.advance(1)
        await alice.send("crash")
        assert (await alice.closed()).code == 1000

async def test_passes(gateway):
    async with gateway(app) as server:
        await (await server.connect("/echo")).send("quiet")
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- conversation with the gateway -*",
            "alice  + /echo",
            "alice  > hello",
            "alice  < hello",
            "clock  ~ 1 s",
            "alice  > crash",
            "server ! * failed on *: LookupError('as you wish')",
            "alice  x 1011 internal server error",
            "*short test summary*",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*quiet*")


def test_the_page_about_tests_is_true(pytester: pytest.Pytester) -> None:
    """Its app and its tests, as they stand there; and its conversation is what that test would show."""
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    files = re.findall(r"^```python\n# ([\w.]+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["app.py", "test_app.py"]
    for name, body in files:
        (pytester.path / name).write_text(body)
    pytester.syspathinsert()
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)
