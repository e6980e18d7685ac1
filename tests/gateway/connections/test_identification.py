"""Who a client is: found at the upgrade or by its first command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from gateway import WebSocket, WebSocketEndpoint
from gateway.access.identity import Principal
from gateway.endpoints.passage import Passage
from gateway.events import ConnectionIdentified, RoomJoined
from gateway.messages.commands import Join, Reply
from gateway.messages.receipts import Receipt
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from gateway.settings.topic import TopicSettings
from gateway.topics.behaviour import Room
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.fake_socket import FakeSocket
from tests.support.issuer import token, with_auth
from tests.support.late_engine import LateEngine
from tests.support.peer import KEPT, PLAIN, Peer, facts_of, passes, settings, settle, start_node
from tests.support.wire_peers import Centrifuge

if TYPE_CHECKING:
    from actors import ActorSystem
    from actors.testkit.tripwires import Tripwires
    from gateway.node import Node

CLOSED = TopicSettings(join="nobody", publish="nobody")
MEMBERS = TopicSettings(join="authenticated", publish="authenticated")


class Doorman(Room):
    """Thinks for a second before it lets anybody in."""

    async def on_join(self, member: Any, params: object) -> None:
        await passes(1.0)


class Later:
    """Knows nobody, after half a second."""

    async def __call__(self, handshake: Any) -> None:
        await passes(0.5)


# --- the first command


async def test_the_answer_to_the_first_command_leaves_before_everything_else(system: ActorSystem) -> None:
    """Topics of the token are joined by the server, and nothing of them is heard before the reply that names them."""
    node = await start_node(system, with_auth({"kept*": KEPT, "*": CLOSED}))
    node.commands.publish("kept", 1, "message")
    one = Centrifuge(node)
    before = one.socket.writes
    one.socket.feed(
        json.dumps({"id": 1, "connect": {"token": token(node, channels=["kept", "news"])}})
        + '\n{"id":2,"publish":{"channel":"kept","data":2}}'
    )
    await settle()
    (connected, *rest) = one.heard()
    assert set(connected["connect"]["subs"]) == {"kept", "news"}
    assert connected["connect"]["subs"]["kept"]["offset"] == 1
    assert connected["connect"]["client"] == "c"
    assert {"id": 2, "publish": {}} in rest
    assert [one["push"]["pub"]["data"] for one in rest if "push" in one] == [2]
    assert one.socket.writes > before


async def test_no_ping_leaves_ahead_of_the_answer_to_the_first_command(system: ActorSystem) -> None:
    """A client that is not told yet that it is connected answers none, and would be lost for that."""
    engines: list[LateEngine] = []

    def late(node: Node) -> LateEngine:
        engines.append(LateEngine(node.clock, node.ids))
        return engines[0]

    node = await start_node(system, with_auth({"kept*": KEPT, "*": CLOSED}), engine=late)
    one = Centrifuge(node)
    assert await one.asks(connect={"token": token(node, channels=["kept"])}) == []
    await passes(2 * 3600)
    assert (one.socket.frames, one.closes) == ([], [])
    engines[0].answer("kept")
    await settle()
    (connected,) = one.heard()
    assert set(connected["connect"]["subs"]) == {"kept"}
    await passes(3600)
    assert {} in one.heard()


async def test_what_was_missed_of_the_servers_topics_comes_with_the_first_answer(system: ActorSystem) -> None:
    """Its positions come with `connect`, and are recovered like any other."""
    node = await start_node(system, with_auth())
    for number in range(5):
        node.commands.publish("kept", number, "message")
    await settle()
    page = await node.commands.history("kept")
    sub = {"recover": True, "offset": 2, "epoch": page.position.epoch}
    reply = await Centrifuge(node).connects(token=token(node, channels=["kept"]), subs={"kept": sub})
    assert [one["data"] for one in reply["subs"]["kept"]["publications"]] == [2, 3, 4]
    assert reply["subs"]["kept"]["recovered"]


async def test_a_bad_token_closes_for_good_and_an_expired_one_asks_for_another(system: ActorSystem) -> None:
    """3500 is final; 109 makes a client fetch a new token. Nothing can be done on either connection."""
    node = await start_node(system, with_auth())
    forged = jwt.encode({"sub": "ada"}, "another secret of thirty-two bytes", algorithm="HS256")
    bad, late = Centrifuge(node, "bad"), Centrifuge(node, "late")
    assert await bad.asks(connect={"token": forged}) == []
    assert bad.socket.sent_close is not None
    assert bad.socket.sent_close[0] == 3500
    (reply,) = await late.asks(connect={"token": token(node, lasts=-1)})
    assert reply["error"]["code"] == 109
    await late.asks(subscribe={"channel": "kept"})
    assert late.socket.sent_close is not None
    assert late.socket.sent_close[0] == 3501


async def test_what_was_said_behind_a_login_that_was_refused_takes_no_credit(system: ActorSystem) -> None:
    """It is not done, and the socket is read on: the client may close it."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    commands = [{"id": 2 + number, "subscribe": {"channel": f"c{number}"}} for number in range(99)]
    old = {"id": 1, "connect": {"token": token(node, lasts=-5, channels=["kept"])}}
    node.authenticators = (Later(),)
    one.socket.feed(json.dumps(old), *map(json.dumps, commands))
    await settle()
    assert not one.socket.is_reading
    await passes(1.0)
    assert one.socket.is_reading
    assert [frame["error"]["code"] for frame in one.heard()] == [109]


async def test_who_does_not_say_in_time_who_it_is_is_closed(system: ActorSystem) -> None:
    """`authenticate_within` seconds after the upgrade, and not before."""
    node = await start_node(system, with_auth(authenticate_within=7.0))
    silent, spoken = Centrifuge(node, "silent"), Centrifuge(node, "spoken")
    await spoken.connects()
    await passes(6.0)
    assert [one.socket.sent_close for one in (silent, spoken)] == [None, None]
    await passes(2.5)
    assert silent.socket.sent_close is not None
    assert silent.socket.sent_close[0] == 3502
    assert spoken.socket.sent_close is None


async def test_a_new_wheel_takes_nobody_the_time_to_log_in(system: ActorSystem) -> None:
    """The heartbeat is killed while a client has yet to say who it is: it has as long as before, and no longer."""
    node = await start_node(system, with_auth(anonymous=False, authenticate_within=7.0))
    ada = Peer(node, "ada")
    old = node.pulse
    assert old is not None
    await passes(2)
    old.actor_ref.kill()
    await passes(4)
    assert node.pulse is not old
    assert ada.socket.sent_close is None
    await passes(3)
    assert ada.socket.sent_close == (3502, "not authenticated in time")


async def test_an_endpoint_that_identifies_has_as_long_for_it(system: ActorSystem) -> None:
    """It runs for who is not known yet; then it is closed with 4001."""
    node = await start_node(system, with_auth(anonymous=False, authenticate_within=7.0))

    class Login(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str) -> None:
            ws.identify(Principal(data))

    passage = Passage(identifies=True)
    silent, spoken = (endpoint_peer(node, Login, name, passage) for name in ("silent", "spoken"))
    for one in (silent, spoken):
        await opened(one)
    spoken.socket.feed("ada")
    await passes(9.0)
    assert silent.socket.sent_close == (4001, "not authenticated in time")
    assert spoken.socket.sent_close is None
    assert node.directory.of("ada") == (spoken.ref,)


async def test_who_is_logged_out_has_as_long_for_the_next_login(system: ActorSystem) -> None:
    """Or it would stay for good where the anonymous may not, and unwatched: no heartbeat counts before a login."""
    node = await start_node(system, with_auth(anonymous=False, authenticate_within=7.0))

    class Login(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str) -> None:
            ws.identify(Principal(data))

    gone, back = (endpoint_peer(node, Login, name, Passage(identifies=True)) for name in ("gone", "back"))
    for one in (gone, back):
        await opened(one)
        one.socket.feed("ada")
        await settle()
    await passes(60)
    for one in (gone, back):
        one.socket.feed("")
    await passes(5)
    back.socket.feed("bob")
    await passes(5)
    assert gone.socket.sent_close == (4001, "not authenticated in time")
    assert back.socket.sent_close is None
    assert (node.directory.of("ada"), node.directory.of("bob")) == ((), (back.ref,))


async def test_who_has_not_said_who_it_is_is_joined_to_nothing_and_stays(system: ActorSystem) -> None:
    """App code that joins every connection there is does no harm to one whose first command is on its way."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    await settle()
    receipt: Receipt[Any] = Receipt("join kept", node.receipt_lost)
    one.ref.tell(Join("kept", Reply("join", topic="kept", receipt=receipt)))
    with pytest.raises(Refused, match="unauthorized"):
        await receipt
    assert (one.socket.sent_close, node.live.is_live("kept")) == (None, False)
    assert (await one.connects(token=token(node)))["client"] == "c"


async def test_who_is_logged_out_can_still_be_put_out(system: ActorSystem) -> None:
    """Its app code need not wait for the next login, or for the end of the time for it."""
    node = await start_node(system, with_auth({"*": PLAIN}, anonymous=False))

    class Login(WebSocketEndpoint):
        async def on_receive(self, ws: WebSocket, data: str) -> None:
            ws.identify(Principal(data))
            await (ws.join("kept") if data else ws.leave("kept"))

    one = endpoint_peer(node, Login, "one", Passage(identifies=True))
    await opened(one)
    one.socket.feed("ada")
    await settle()
    assert node.live.size("kept") == 1
    one.socket.feed("")
    await settle()
    assert node.live.size("kept") == 0


async def test_the_anonymous_stay_only_where_they_may(system: ActorSystem) -> None:
    """Without `anonymous` a client of the native wire can do nothing but log in."""
    node = await start_node(system, with_auth(anonymous=False))
    ada = Peer(node, "ada")
    (refused,) = await ada.says("join_room", room="kept")
    assert refused["error"]["reason"] == "unauthorized"
    (welcome,) = await ada.says("auth", token=token(node))
    assert welcome == {"status": "authenticated", "user": "ada"}
    await ada.joins("kept")


async def test_a_token_that_is_not_taken_leaves_a_native_client_as_it_was(system: ActorSystem) -> None:
    """It hears why, stays, and may try another."""
    node = await start_node(system, with_auth({"m": MEMBERS, "*": PLAIN}))
    ada = Peer(node, "ada")
    (refused,) = await ada.says("auth", token="nonsense")
    assert refused["error"]["reason"] == "unauthorized"
    assert (await ada.says("join_room", room="m"))[0]["error"]["reason"] == "unauthorized"
    facts: list[Any] = []
    system.events.subscribe(ConnectionIdentified, facts.append)
    await ada.says("auth", token=token(node))
    await ada.joins("m")
    assert facts == [ConnectionIdentified("ada", "ada")]
    assert [ref.path for ref in node.directory.of("ada")] == [ada.ref.path]


async def test_commands_wait_in_order_while_the_client_is_being_found_out(system: ActorSystem) -> None:
    """What came in one frame behind `connect` is done after it, although the server joins a topic first."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    said = [
        {"id": 1, "connect": {"token": token(node, channels=["kept"])}},
        {"id": 2, "subscribe": {"channel": "a"}},
        {"id": 3, "publish": {"channel": "a", "data": 1}},
        {"id": 4, "unsubscribe": {"channel": "a"}},
    ]
    one.socket.feed("\n".join(map(json.dumps, said)))
    await settle()
    assert [frame["id"] for frame in one.heard() if "id" in frame] == [1, 2, 3, 4]


async def test_a_login_in_mid_session_holds_nothing_up(system: ActorSystem) -> None:
    """Its answer comes at once; topics of the token follow when they have let it in, and the others go on."""
    node = await start_node(system, with_auth(), behaviour=Doorman)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    (welcome,) = await ada.says("auth", token=token(node, channels=["room"]), ref=1)
    assert (welcome["ref"], welcome["status"]) == (1, "authenticated")
    node.commands.publish("kept", "meanwhile", "message")
    await settle()
    assert ada.events() == [(1, "meanwhile")]
    await passes(2.0)
    (subscribed,) = ada.heard()
    assert (subscribed["action"], subscribed["channel"]) == ("subscribed", "room")


async def test_what_was_said_before_a_login_is_answered_before_what_comes_of_it(system: ActorSystem) -> None:
    """Who leaves a topic and is joined to it by its token hears both, in this order, and is a member."""
    node = await start_node(system, with_auth())
    ada = Peer(node, "ada")
    await ada.joins("kept")
    ada.socket.feed(
        json.dumps({"action": "leave_room", "room": "kept"}),
        json.dumps({"action": "auth", "token": token(node, channels=["kept"])}),
    )
    await settle()
    node.commands.publish("kept", 1, "message")
    await settle()
    heard = [one.get("action") or one["status"] for one in ada.heard()]
    assert sorted(heard[:2]) == ["authenticated", "left"]
    assert heard[2:] == ["subscribed", "event"]
    assert node.live.size("kept") == 1


@pytest.mark.parametrize("first", ["nobody's", "a guest's"])
async def test_what_waits_behind_a_second_attempt_goes_on_waiting(system: ActorSystem, first: str) -> None:
    """A first token that is not taken, or makes nobody of its client, lets go on until the next one and no further."""

    async def knows(handshake: Any) -> Principal | None:
        await passes(0.1)
        return {"a guest's": Principal(), "ada's": Principal("ada")}.get(handshake.token)

    node = await start_node(system, settings({"m": MEMBERS, "*": PLAIN}))
    node.authenticators = (knows,)
    ada = Peer(node, "ada")
    ada.send("auth", token=first, ref=1)
    ada.send("join_room", room="m", ref=2)
    ada.send("auth", token="ada's", ref=3)
    ada.send("join_room", room="m", ref=4)
    await passes(1.0)
    heard = ada.heard()
    assert [one["ref"] for one in heard] == [1, 2, 3, 4]
    assert heard[1]["error"]["reason"] == "unauthorized"
    assert (heard[3]["status"], heard[2]["user"]) == ("joined", "ada")


# --- what the application says


async def test_the_applications_authenticators_are_asked_first(system: ActorSystem) -> None:
    """With the token of the first command; whom they know needs no configured secret."""
    asked: list[str | None] = []

    async def knows(handshake: Any) -> Principal | None:
        asked.append(handshake.token)
        return Principal("grace", info=b'{"name":"Grace"}') if handshake.token == "opaque" else None

    node = await start_node(system, settings({"*": KEPT}))
    node.authenticators = (knows,)
    one = Centrifuge(node)
    await one.connects(token="opaque")
    await one.asks(subscribe={"channel": "a"})
    (seen,) = await one.asks(presence={"channel": "a"})
    assert seen["presence"]["presence"]["c"] == {"client": "c", "user": "grace", "conn_info": {"name": "Grace"}}
    assert asked == ["opaque"]


async def test_an_authenticator_that_fails_is_answered_and_harms_nobody_else(
    system: ActorSystem, tripwires: Tripwires
) -> None:
    """The client learns `internal`, and may try again on another connection."""
    tripwires.allow_failures(RuntimeError)

    async def fails(handshake: Any) -> Principal | None:
        raise RuntimeError("the session store is down")

    node = await start_node(system, settings({"*": KEPT}))
    node.authenticators = (fails,)
    one = Centrifuge(node)
    (reply,) = await one.asks(connect={"token": "x"})
    assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}


async def test_who_is_closed_while_it_logs_in_does_not_come_in_any_more(system: ActorSystem) -> None:
    """Its peer may take its time over the close; until then it is nobody, in no topic, and owes no credit."""
    moves = facts_of(system, ConnectionIdentified, RoomJoined)

    async def knows(handshake: Any) -> Principal:
        await passes(2.0)
        return Principal("grace", topics=("kept",))

    node = await start_node(system)
    node.authenticators = (knows,)
    one = Peer(node, wire=CentrifugeWire(), socket=FakeSocket(answers_close=False))
    two = Peer(node, socket=FakeSocket(answers_close=False))
    one.socket.feed('{"id":1,"connect":{"token":"x"}}\n{"id":2,"subscribe":{"channel":"kept"}}')
    two.socket.feed('{"action":"auth","token":"x"}', '{"action":"join_room","room":"kept"}')
    await settle()
    for peer in (one, two):
        node.directory.close(peer.client, "disconnected")
    await passes(5.0)
    assert [peer.socket.sent_close[0] for peer in (one, two) if peer.socket.sent_close] == [3503, 3503]
    assert moves == []
    assert node.directory.of("grace") == ()
    for peer in (one, two):
        credit = peer.ref._actor._gate.credit
        assert (credit.commands, credit.bytes) == (0, 0)
        peer.socket.end()
    await settle()


@pytest.mark.parametrize("wire", [CentrifugeWire, None])
async def test_an_authenticator_whose_identity_is_over_lets_nobody_in(system: ActorSystem, wire: Any) -> None:
    """It is closed as expired, and joined to nothing before its peer has answered the close."""
    moves = facts_of(system, RoomJoined)
    node = await start_node(system, with_auth(refresh_grace=0.0))

    async def knows(handshake: Any) -> Principal:
        return Principal("grace", expires=node.wall() - 5, topics=("kept",))

    node.authenticators = (knows,)
    socket = FakeSocket(answers_close=False)
    if wire is None:
        one = Peer(node, socket=socket)
        one.socket.feed('{"action":"auth","token":"x"}')
    else:
        one = Peer(node, wire=wire(), socket=socket)
        one.socket.feed('{"id":1,"connect":{"token":"x"}}')
    await settle()
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3005
    assert moves == []
    credit = one.ref._actor._gate.credit
    assert (credit.commands, credit.bytes) == (0, 0)
    one.socket.end()
    await settle()


@pytest.mark.parametrize("details", [{"who": object()}, {"who": "\ud800"}])
@pytest.mark.parametrize("wire", [CentrifugeWire, None])
async def test_a_refusal_of_an_authenticator_that_no_wire_can_carry_is_its_failure(
    system: ActorSystem, tripwires: Tripwires, wire: Any, details: dict[str, Any]
) -> None:
    """Answered `internal`, as whatever else it raises, and no crash of the connection."""
    tripwires.allow_failures(TypeError, UnicodeEncodeError)
    node = await start_node(system)

    async def full(handshake: Any) -> Principal:
        raise Refused("full", **details)

    node.authenticators = (full,)
    if wire is None:
        (answer,) = await Peer(node, "ada").says("auth", token="x")
        assert answer["error"]["reason"] == "internal"
    else:
        one = Peer(node, wire=wire())
        one.socket.feed('{"id":1,"connect":{"token":"x"}}')
        await settle()
        assert one.socket.objects()[0]["error"]["code"] == 100
        assert one.socket.sent_close is None
