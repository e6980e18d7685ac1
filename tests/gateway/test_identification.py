"""Who a client is: found at the upgrade or by its first command, for as long as its token says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import jwt

from gateway.auth_settings import AuthSettings
from gateway.behaviour import Room
from gateway.events import ConnectionIdentified
from gateway.heartbeat import HeartbeatConfig
from gateway.identity import Principal
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from gateway.topic_settings import TopicSettings
from tests.support.peer import KEPT, PLAIN, Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from actors.testkit.tripwires import Tripwires
    from gateway.config import GatewaySettings
    from gateway.member import Member
    from gateway.node import Node

SECRET = "a secret of thirty-two bytes or more"
CLOSED = TopicSettings(join="nobody", publish="nobody")
MEMBERS = TopicSettings(join="authenticated", publish="authenticated")


def with_auth(topics: dict[str, TopicSettings] | None = None, **changes: Any) -> GatewaySettings:
    chosen = settings(topics)
    auth, rare = AuthSettings(jwt_secret=SECRET, **changes), HeartbeatConfig(ping_interval=3600.0)
    return attrs.evolve(chosen, gateway=attrs.evolve(chosen.gateway, auth=auth, heartbeat=rare))


def token(node: Node, user: str = "ada", lasts: float | None = None, **claims: Any) -> str:
    """Signed with the configured secret; `lasts` in seconds from now."""
    if lasts is not None:
        claims["exp"] = int(node.wall() + lasts)
    return jwt.encode({"sub": user, **claims}, SECRET, algorithm="HS256")


class Centrifuge(Peer):
    """A client of Centrifuge; commands are numbered."""

    def __init__(self, node: Node, name: str = "c") -> None:
        super().__init__(node, name, wire=CentrifugeWire())
        self._number = 0

    async def asks(self, **command: Any) -> list[Any]:
        """Sends one command, and returns what it was told until nothing moved any more."""
        self._number += 1
        self.socket.feed(json.dumps({"id": self._number, **command}))
        await settle()
        return self.heard()

    async def connects(self, **connect: Any) -> Any:
        (reply, *rest) = await self.asks(connect=connect)
        assert not rest, rest
        return reply["connect"]


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


async def test_who_does_not_say_in_time_who_it_is_is_closed(system: ActorSystem) -> None:
    """`authenticate_within` seconds after the upgrade, and not before."""
    node = await start_node(system, with_auth(authenticate_within=7.0))
    silent, spoken = Centrifuge(node, "silent"), Centrifuge(node, "spoken")
    await spoken.connects()
    await passes(6.0)
    assert silent.socket.sent_close is None
    await passes(2.5)
    assert silent.socket.sent_close is not None
    assert silent.socket.sent_close[0] == 3502
    assert spoken.socket.sent_close is None


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


# --- the end of a token


async def test_an_expired_connection_has_the_grace_to_renew(system: ActorSystem) -> None:
    """It is closed `refresh_grace` seconds after its token's end, and not if a newer one came before."""
    node = await start_node(system, with_auth(refresh_grace=20.0))
    lazy, keen = Centrifuge(node, "lazy"), Centrifuge(node, "keen")
    for one in (lazy, keen):
        reply = await one.connects(token=token(node, lasts=30))
        assert reply["expires"] is True
        assert 29 <= reply["ttl"] <= 30
    await passes(31.0)
    (renewed,) = await keen.asks(refresh={"token": token(node, lasts=3600)})
    assert renewed["refresh"]["client"] == "keen"
    assert 3599 <= renewed["refresh"]["ttl"] <= 3600
    await passes(18.0)
    assert lazy.socket.sent_close is None
    await passes(3.0)
    assert lazy.socket.sent_close is not None
    assert lazy.socket.sent_close[0] == 3005
    assert keen.socket.sent_close is None


async def test_a_native_client_is_warned_before_its_token_ends(system: ActorSystem) -> None:
    """A minute before; then it brings a newer one."""
    node = await start_node(system, with_auth())
    ada = Peer(node, "ada")
    (welcome,) = await ada.says("auth", token=token(node, lasts=100))
    assert 99 <= welcome["expires_in"] <= 100
    await passes(42.0)
    (warning,) = [one for one in ada.heard() if one.get("action") == "expiring"]
    assert 50 <= warning["in"] <= 60
    (renewed,) = await ada.says("auth", token=token(node, lasts=1000))
    assert renewed["status"] == "authenticated"
    await passes(200.0)
    assert ada.socket.sent_close is None


async def test_nobody_becomes_somebody_else(system: ActorSystem) -> None:
    """A newer token of another user ends the connection: its memberships are those of the first."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    await one.connects(token=token(node, lasts=60))
    await one.asks(refresh={"token": token(node, "eve", lasts=60)})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3500


# --- tokens of topics


async def test_a_topics_token_stands_for_the_permission(system: ActorSystem) -> None:
    """With it a client joins what is closed to all, and is seen with the info it carries."""
    node = await start_node(system, with_auth({"secret": attrs.evolve(KEPT, join="nobody"), "*": PLAIN}))
    one = Centrifuge(node)
    await one.connects(token=token(node))
    (refused,) = await one.asks(subscribe={"channel": "secret"})
    assert refused["error"]["code"] == 103
    (wrong,) = await one.asks(subscribe={"channel": "secret", "token": token(node, channel="secret", lasts=-1)})
    assert wrong["error"]["code"] == 109
    (joined,) = await one.asks(
        subscribe={"channel": "secret", "token": token(node, channel="secret", info={"seat": 1})}
    )
    assert joined["subscribe"]["recoverable"]
    (seen,) = await one.asks(presence={"channel": "secret"})
    assert seen["presence"]["presence"]["c"]["chan_info"] == {"seat": 1}


async def test_a_topics_token_of_another_topic_closes_for_good(system: ActorSystem) -> None:
    """It was made for something else: somebody is trying things out."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    await one.connects(token=token(node))
    await one.asks(subscribe={"channel": "kept1", "token": token(node, channel="kept2")})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3500


async def test_a_topics_token_that_ends_ends_the_membership_after_the_grace(system: ActorSystem) -> None:
    """2501 and the client comes back with another; one renewed in time goes on."""
    node = await start_node(system, with_auth({"*": KEPT}, refresh_grace=20.0))
    one = Centrifuge(node)
    await one.connects(token=token(node))
    for channel in ("a", "b"):
        (joined,) = await one.asks(subscribe={"channel": channel, "token": token(node, channel=channel, lasts=30)})
        assert joined["subscribe"]["expires"] is True
        assert 29 <= joined["subscribe"]["ttl"] <= 30
    await passes(25.0)
    (renewed,) = await one.asks(sub_refresh={"channel": "b", "token": token(node, channel="b", lasts=3600)})
    assert 3599 <= renewed["sub_refresh"]["ttl"] <= 3600
    await passes(30.0)
    pushes = [frame["push"] for frame in one.heard() if "push" in frame]
    assert [(push["channel"], push["unsubscribe"]["code"]) for push in pushes] == [("a", 2501)]
    assert one.socket.sent_close is None


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


# --- calls


async def test_a_call_reaches_the_application_and_is_answered_in_order(
    system: ActorSystem, tripwires: Tripwires
) -> None:
    """Whatever the wire; `Refused` is an error, anything raised is `internal`, three of those close the connection."""
    tripwires.allow_failures(RuntimeError)
    node = await start_node(system)

    def broken(ws: Any, data: Any) -> None:
        raise RuntimeError("no")

    async def double(ws: Any, data: Any) -> Any:
        return data * 2

    node.calls = {"double": double, "broken": broken}
    one, ada = Centrifuge(node), Peer(node, "ada")
    await one.connects()
    assert await one.asks(rpc={"method": "double", "data": 4}) == [{"id": 2, "rpc": {"data": 8}}]
    assert (await ada.says("double", payload="ab", ref=1)) == [
        {"status": "ok", "action": "double", "ref": 1, "payload": "abab"}
    ]
    (unknown,) = await ada.says("duble")
    assert unknown["error"]["reason"] == "unknown_action"
    assert "'double'" in unknown["error"]["message"]
    for _ in range(3):
        (failed,) = await one.asks(rpc={"method": "broken"})
        assert failed["error"]["code"] == 100
        await passes(2.0)  # its restart is backed off
    await one.asks(rpc={"method": "broken"})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3004
    assert ada.socket.sent_close is None


async def test_a_topics_token_opens_it_on_the_native_wire_too(system: ActorSystem) -> None:
    """`join_room` with a `token`; one that was made for something else closes for good, as everywhere."""
    node = await start_node(system, with_auth({"secret": attrs.evolve(KEPT, join="nobody"), "*": PLAIN}))
    ada = Peer(node, "ada", principal=Principal("ada"))
    (refused,) = await ada.says("join_room", room="secret")
    assert refused["error"]["reason"] == "permission_denied"
    joined = await ada.joins("secret", token=token(node, channel="secret", info={"seat": 1}))
    assert joined["status"] == "joined"
    (read,) = await ada.says("presence", room="secret")
    assert read["members"][0]["info"] == {"seat": 1}
    eve = Peer(node, "eve", principal=Principal("eve"))
    await eve.says("join_room", room="secret", token=token(node, "eve", channel="other"))
    assert (eve.closed.code, eve.closed.ended_by) == (3500, "auth")


class Asking(Room):
    """Lets in who says why."""

    def on_join(self, member: Member, params: Any) -> Any:
        if not isinstance(params, dict):
            raise Refused("no_reason", "say why")
        return {"because": params["why"]}


async def test_a_join_brings_data_for_the_room(system: ActorSystem) -> None:
    """`data` of the native wire is what `on_join` gets; what cannot be read is answered."""
    node = await start_node(system, behaviour=Asking)
    ada = Peer(node, "ada")
    (refused,) = await ada.says("join_room", room="room-1")
    assert refused["error"]["message"] == "say why"
    joined = await ada.joins("room-1", data={"why": "fun"})
    assert joined["response"] == {"because": "fun"}
    ada.socket.feed('{"action":"join_room","room":"room-2","data":1e999}')
    await settle()
    (wrong,) = ada.heard()
    assert wrong["error"]["reason"] == "bad_request"
