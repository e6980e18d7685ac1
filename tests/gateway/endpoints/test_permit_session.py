"""What the application lets a client do in a topic: asked in the session, whatever it takes, and never out of order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actors import NotCharged
from gateway import Gateway
from gateway.access.identity import Principal
from gateway.access.permissions import HasRole
from gateway.endpoints.permit_session import PERMIT_TIMEOUT
from gateway.events import CommandRefused
from gateway.messages.commands import Join, Leave, Reply
from gateway.messages.connection_messages import Adopt, ForgetPermissions, Kick
from gateway.messages.receipts import Receipt
from gateway.protocols.phoenix import PhoenixWire
from gateway.reasons import Refused
from gateway.settings.config import GatewaySettings
from gateway.settings.topic import TopicSettings
from tests.support.peer import KEPT, Peer, changed, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from actors.testkit.tripwires import Tripwires

ADA, BOB = Principal("ada"), Principal("bob")


class Desk:
    """An application that is asked, and answers when it is told to."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes = takes
        self.asked: list[tuple[str, str, str]] = []
        self.refused: set[tuple[str, str]] = set()
        """Principal and action."""

    async def __call__(self, principal: Principal, action: str, topic: str) -> bool:
        self.asked.append((principal.id, action, topic))
        await asyncio.sleep(self.takes)
        return (principal.id, action) not in self.refused


def reasons(heard: list[Any]) -> list[str]:
    """What each answer says: its status, or why not."""
    answers = [one for one in heard if "status" in one]
    return [one["error"]["reason"] if one["status"] == "error" else one["status"] for one in answers]


async def test_each_action_is_asked_for_once(system: ActorSystem) -> None:
    """Fifty publications cost one question; topics that nobody guards cost none, nor a session."""
    desk = Desk()
    node = await start_node(system, permits={"kept:*": desk})
    ada = Peer(node, "ada", principal=ADA)
    await ada.joins("open")
    assert (ada.ref._actor._sessions.permits, desk.asked) == (None, [])
    await ada.joins("kept:1")
    for _ in range(50):
        ada.send("publish", channel="kept:1", payload=1)
    await settle()
    await ada.says("history", channel="kept:1")
    await ada.says("presence", channel="kept:1")
    actions = ("join", "publish", "history", "presence")
    assert desk.asked == [("ada", action, "kept:1") for action in actions]
    assert len((await node.commands.history("kept:1")).entries) == 50


async def test_what_is_said_while_it_thinks_waits_in_order_and_other_topics_do_not(system: ActorSystem) -> None:
    """Join, publish, leave of one topic stay in that order; a ping and another topic are answered at once."""
    desk = Desk(takes=1.0)
    node = await start_node(system, permits={"kept:*": desk})
    ada = Peer(node, "ada", principal=ADA)
    ada.send("join_room", room="kept:1")
    ada.send("publish", channel="kept:1", payload=1)
    ada.send("leave_room", room="kept:1")
    ada.send("ping")
    heard = await ada.says("join_room", room="open")
    assert [one.get("action") or one["status"] for one in heard] == ["pong", "joined"]
    await passes(2.5)
    assert [one["status"] for one in ada.heard() if "status" in one] == ["joined", "published", "left"]
    assert node.live.size("kept:1") == 0


async def test_a_no_is_answered_told_as_a_fact_and_not_remembered(system: ActorSystem) -> None:
    """Who is invited a moment later comes in on the same connection."""
    desk = Desk()
    facts: list[CommandRefused] = []
    desk.refused.add(("ada", "join"))
    node = await start_node(system, permits={"kept:*": desk})
    system.events.subscribe(CommandRefused, facts.append)
    ada, nobody = Peer(node, "c-ada", principal=ADA), Peer(node, "nobody")
    assert reasons(await ada.says("join_room", room="kept:1")) == ["permission_denied"]
    assert facts == [CommandRefused("c-ada", "join_room", "permission_denied")]
    desk.refused = {("", "join")}
    await ada.joins("kept:1")
    assert reasons(await nobody.says("join_room", room="kept:1")) == ["unauthorized"]


async def test_the_file_has_a_say_as_well(system: ActorSystem) -> None:
    """It is looked at first: what it forbids is not asked."""
    desk = Desk()
    chosen = settings({"news": changed(KEPT, publish="nobody")})
    node = await start_node(system, chosen, permits={"*": desk})
    ada = Peer(node, "ada", principal=ADA)
    await ada.joins("news")
    assert reasons(await ada.says("publish", channel="news", payload=1)) == ["permission_denied"]
    assert desk.asked == [("ada", "join", "news")]


async def test_a_client_that_becomes_another_is_asked_about_again(system: ActorSystem) -> None:
    """Also if the question was under way: a yes to whom it was is not used."""
    desk = Desk(takes=1.0)
    desk.refused.add(("bob", "join"))
    node = await start_node(system, permits={"kept:*": desk})
    one = Peer(node, "one", principal=ADA)
    one.send("join_room", room="kept:1")
    await passes(0.5)
    one.ref.tell(Adopt(BOB))
    await passes(0.7)
    assert one.heard() == []
    await passes(1.0)
    assert reasons(one.heard()) == ["permission_denied"]
    assert desk.asked == [("ada", "join", "kept:1"), ("bob", "join", "kept:1")]
    assert node.live.size("kept:1") == 0


@pytest.mark.parametrize("message", [ForgetPermissions(), Kick("kept:1", "kicked", False, None)])
async def test_app_code_takes_back_what_was_granted(system: ActorSystem, message: object) -> None:
    """By word, or by ending a membership: the next command is asked about, with what is known then."""
    desk = Desk()
    node = await start_node(system, permits={"kept:*": desk})
    ada = Peer(node, "ada", principal=ADA)
    await ada.joins("kept:1")
    await ada.says("publish", channel="kept:1", payload=1)
    desk.refused.add(("ada", "publish"))
    ada.ref.tell(message)
    await settle()
    ada.heard()
    assert reasons(await ada.says("publish", channel="kept:1", payload=2)) == ["permission_denied"]


@pytest.mark.parametrize("act", ["join_room", "publish", "history"])
async def test_whom_app_code_or_a_back_end_puts_out_is_asked_about_again(system: ActorSystem, act: str) -> None:
    """By the methods of the API and of handles: one who was let in before is not let in again on that yes."""
    desk = Desk()
    node = await start_node(system, permits={"kept": desk})
    ada = Peer(node, "ada", principal=ADA)
    await ada.joins("kept")
    await ada.says("publish", room="kept", payload=1)
    await ada.says("history", room="kept")
    desk.refused |= {("ada", action) for action in ("join", "publish", "history")}
    receipt: Receipt[Any] = Receipt("unsubscribe kept", node.receipt_lost)
    ada.ref.tell(Leave("kept", Reply("unsubscribe", topic="kept", receipt=receipt, is_by_server=True)))
    await receipt
    await settle()
    assert [one["action"] for one in ada.heard()] == ["unsubscribed"]
    assert reasons(await ada.says(act, room="kept", payload=2)) == ["permission_denied"]


async def test_a_permission_that_fails_is_no_yes_and_closes_nobody(system: ActorSystem, tripwires: Tripwires) -> None:
    """What waited is answered `internal`, however often; when it works again it is asked as before."""
    desk, is_broken = Desk(), True

    async def fails(principal: Principal, action: str, topic: str) -> bool:
        if is_broken:
            raise OSError("the database is gone")
        return await desk(principal, action, topic)

    tripwires.allow_failures()
    node = await start_node(system, permits={"kept:*": fails})
    ada = Peer(node, "ada", principal=ADA)
    for _ in range(5):
        ada.send("publish", channel="kept:1", payload=1)
        assert reasons(await ada.says("join_room", room="kept:1")) == ["internal", "internal"]
    is_broken = False
    await ada.joins("kept:1")
    assert ada.closes == []


async def test_a_permission_that_does_not_come_is_a_no_in_time(system: ActorSystem) -> None:
    """After 3 s, so that a client that waits for 5 hears it; the next topic has its own time."""
    node = await start_node(system, permits={"kept:*": Desk(takes=3600.0)})
    ada = Peer(node, "ada", principal=ADA)
    ada.send("join_room", room="kept:1")
    await passes(PERMIT_TIMEOUT - 0.1)
    assert ada.heard() == []
    await passes(0.2)
    assert reasons(ada.heard()) == ["timed_out"]


@pytest.mark.parametrize(("end", "times"), [("stop_now", 1), ("kill", 1), ("kill", 4)])
async def test_who_stops_the_session_of_permissions_says_no_yes(
    system: ActorSystem, tripwires: Tripwires, end: str, times: int
) -> None:
    """What it was asked is answered, each once; afterwards it is asked as before, also if its budget was spent."""
    tripwires.allow_failures()
    tripwires.allow_dead_letters()
    node = await start_node(system, permits={"kept:*": Desk(takes=1.0)})
    ada = Peer(node, "ada", principal=ADA)
    for number in range(6):
        ada.send("join_room", room=f"kept:{number}")
    await settle()
    for _ in range(times):
        getattr(ada.ref._actor._sessions.permits, end)()
        await settle()
    await passes(10.0)
    told = reasons(ada.heard())
    assert len(told) == 6
    assert set(told) <= {"internal", "joined"}
    assert ("internal" in told) is (end == "kill")
    ada.send("join_room", room="kept:9")
    await passes(1.5)
    assert (reasons(ada.heard()), ada.closes) == (["joined"], [])


async def test_what_waits_holds_its_credit_and_gives_it_back(system: ActorSystem) -> None:
    """A client that says more than may be under way is not read; afterwards all of it is answered."""
    node = await start_node(system, settings(in_flight_commands=8), permits={"kept:*": Desk(takes=1.0)})
    ada = Peer(node, "ada", principal=ADA)
    for _ in range(8):
        ada.send("publish", channel="kept:1", payload=1)
    await settle()
    assert ada.ref._actor._gate.credit.is_held
    await passes(1.5)
    assert reasons(ada.heard()) == ["published"] * 8
    assert not ada.ref._actor._gate.credit.is_held


async def test_a_connection_that_closes_does_nothing_of_what_waits(system: ActorSystem) -> None:
    """Nobody was told that it was done."""
    node = await start_node(system, permits={"kept:*": Desk(takes=1.0)})
    ada = Peer(node, "ada", principal=ADA)
    ada.send("publish", channel="kept:1", payload=1)
    await settle()
    node.directory.close("ada")
    await passes(1.5)
    assert (await node.commands.history("kept:1")).entries == ()
    assert ada.closed.ended_by == "app"


async def test_app_code_asks_nobody(system: ActorSystem) -> None:
    """What it does with its own client's memberships is its own affair."""
    desk = Desk()
    desk.refused.update({("ada", "join"), ("ada", "publish")})
    node = await start_node(system, permits={"*": desk})
    ada = Peer(node, "ada", principal=ADA)
    for command in (Join, Leave):
        receipt: Receipt[Any] = Receipt("act", node.receipt_lost)
        ada.ref.tell(command("kept:1", Reply("act", topic="kept:1", receipt=receipt)))
        await receipt
    assert desk.asked == []


async def test_who_may_not_see_who_is_there_is_not_told_by_joining(system: ActorSystem) -> None:
    """Clients of Phoenix are shown presence without asking for it: only if they might ask."""
    desk = Desk()
    desk.refused.add(("ada", "presence"))
    node = await start_node(system, permits={"kept:*": desk})
    heard = {}
    for who in (ADA, BOB):
        peer = Peer(node, who.id, principal=who, wire=PhoenixWire())
        peer.socket.feed('["1","1","kept:1","phx_join",{}]')
        await settle()
        heard[who.id] = [frame[3] for frame in peer.heard()]
    assert heard == {"ada": ["phx_reply"], "bob": ["phx_reply", "presence_state"]}


# --- how it is declared


def declared(app: Gateway, **topics: TopicSettings) -> Any:
    """The settings of a topic with that app and that file."""
    chosen = GatewaySettings(topics={name.replace("_", ":"): one for name, one in topics.items()})
    return app.topics.within(chosen).settings_for


async def test_who_may_not_read_back_loses_nothing_by_joining_again(system: ActorSystem) -> None:
    """What is on its way does not come again behind the answer, so it comes before."""

    def may(_: Principal, action: str, topic: str) -> bool:
        if action == "history":  # reaches the connection behind this answer, and before the join that it lets go on
            node.commands.publish(topic, "on its way", "message")
        return action != "history"

    node = await start_node(system, permits={"kept*": may})
    ada = Peer(node, "ada")
    await ada.joins("kept")
    heard = await ada.says("join_room", room="kept", since={"offset": 0}, ref=2)
    assert [one.get("payload") or one["recovered"] for one in heard] == ["on its way", False]


def test_a_pattern_that_the_file_does_not_know_is_declared_by_its_permission() -> None:
    """Open to whom it lets in; what the file says of the same names, or of more, goes on to hold."""
    app = Gateway()
    app.permits("team:*")(HasRole("staff"))
    app.permits("kept:inner:*")(HasRole("staff"))
    settings_for = declared(app, kept_inner=KEPT)
    assert (settings_for("team:1").join, settings_for("team:1").publish) == ("anyone", "anyone")
    assert settings_for("other").join == "nobody"
    strict = TopicSettings(join="authenticated", history=KEPT.history)
    chosen = GatewaySettings(topics={"kept:*": strict})
    table = app.topics.within(chosen)
    assert table.settings_for("kept:inner:1") == strict


def test_a_pattern_has_one_function() -> None:
    """Two that match the same names would leave open which of them is asked."""
    app = Gateway()
    app.permits("team:{id}")(lambda *_: True)
    with pytest.raises(ValueError, match="a function for that already"):
        app.permits("team:{name}")(lambda *_: True)
    with pytest.raises(TypeError, match="write it with brackets"):
        app.permits("other:*")(HasRole)


async def test_the_most_specific_pattern_is_asked(system: ActorSystem) -> None:
    """And no other one."""
    wide, narrow = Desk(), Desk()
    node = await start_node(system, permits={"*": wide, "kept:1": narrow})
    ada = Peer(node, "ada", principal=ADA)
    await ada.joins("kept:1")
    await ada.joins("kept:2")
    assert ([topic for *_, topic in narrow.asked], [topic for *_, topic in wide.asked]) == (["kept:1"], ["kept:2"])


@pytest.mark.parametrize("details", [{"who": object()}, {"who": "\ud800"}])
async def test_a_refusal_that_no_wire_can_carry_is_no_crash_of_the_connection(
    system: ActorSystem, tripwires: Tripwires, details: dict[str, Any]
) -> None:
    """Answered `internal`, as anything that goes wrong there; the connection goes on."""
    tripwires.allow_failures(NotCharged)

    def full(principal: Principal, action: str, topic: str) -> bool:
        raise Refused("full", **details)

    ada = Peer(await start_node(system, permits={"kept:*": full}), "ada", principal=ADA)
    assert reasons(await ada.says("join_room", room="kept:1")) == ["internal"]
    assert reasons(await ada.says("join_room", room="open")) == ["joined"]
