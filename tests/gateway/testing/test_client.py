"""A client of the fixture `gateway`: what it sends and receives, what it says of what did not come, and its end."""

from __future__ import annotations

import re

import attrs
import pytest

from actors.events import ActorFailed
from gateway import Gateway, Member, Principal, Refused, Room, WebSocket, message, on
from gateway.testing import Closed, NotConnected, NotReceived
from gateway.testing.client import MAX_KEPT, Client
from gateway.testing.words import read_as, written
from tests.support.chat_app import AT_ONCE, Serve, chat
from tests.support.typed import Said, Say


async def test_two_people_talk(gateway: Serve) -> None:
    """The example of the documents."""
    async with gateway(chat()) as server:
        alice = await server.connect("/chat/7", principal="alice")
        bob = await server.connect("/chat/7", principal="bob")
        await alice.send(Say(text="hi"))
        assert await bob.receive(Said) == Said(user="alice", text="hi")
        server.clock.advance(60)
        assert (await bob.closed()).reason == "heartbeat_lost"


async def test_a_wire_that_asks_for_a_newer_token_does_not_come_between(gateway: Serve) -> None:
    """Nobody in the test asked for that: who waits for a message gets it, who reads frames reads all of them."""

    @message
    class Expiring:
        seconds: int

    app = Gateway()
    app.topic("a")(Room)
    async with gateway(app) as server:
        assert app.node is not None
        soon = Principal("ada", expires=app.node.wall() + 10.0)
        ada = await server.connect(principal=soon)
        await ada.join("a")
        await ada.publish("a", Said(user="bob", text="hi"))
        assert await ada.receive(Said) == Said(user="bob", text="hi")
        eve = await server.connect(principal=attrs.evolve(soon, id="eve"))
        zoe = await server.connect(principal=attrs.evolve(soon, id="zoe"))
        server.clock.advance(6.0)
        assert (await eve.receive_json())["action"] == "expiring"
        with pytest.raises(NotReceived, match="received no Expiring but"):
            await zoe.receive(Expiring)


async def test_what_an_endpoint_sends_is_all_its_own(gateway: Serve) -> None:
    """A message of the app that is called as the push of a wire is one like all others there."""
    app = Gateway()

    @app.ws("/raw")
    async def raw(ws: WebSocket) -> None:
        await ws.accept()
        ws.send_json({"action": "expiring", "in": 5})
        await ws.send(Said(user="bob", text="hi"))

    async with gateway(app) as server:
        ada = await server.connect("/raw")
        with pytest.raises(NotReceived, match=r"received no Said but .*expiring"):
            await ada.receive(Said)


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


async def test_a_client_that_is_being_let_go_says_so_when_it_sends(gateway: Serve) -> None:
    """Also before it has read that it was: what its library says of a closing transport names nobody."""
    app = Gateway()

    @app.ws("/bye")
    async def bye(ws: WebSocket) -> None:
        await ws.accept()

    async def talks(client: Client) -> None:
        while True:
            await client.send("x")

    async with gateway(app) as server:
        client = await server.connect("/bye", name="ada")
        with pytest.raises(ConnectionError, match=r"^could not send x: ada is not connected any more$"):
            await talks(client)


async def test_a_refused_upgrade_says_why(gateway: Serve) -> None:
    """Status and words of the answer."""
    async with gateway(chat()) as server:
        with pytest.raises(NotConnected, match="there is nothing at /nowhere") as nowhere:
            await server.connect("/nowhere")
        assert nowhere.value.status == 404
        with pytest.raises(NotConnected) as foreign:
            await server.connect("/me", headers={"Origin": "https://evil.example"})
        assert (foreign.value.status, foreign.value.text) == (403, "origin_not_allowed")


# --- rooms


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
