"""Messages with a limit of their own: how many reach their handler, what becomes of the others, on every wire."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gateway import Gateway, Limit, Room, WebSocketEndpoint, message, on
from gateway.application.app import StartsSession
from gateway.endpoints.passage import OPEN
from gateway.events import CommandRefused, MessageDropped
from gateway.limits.gate import Gate
from gateway.limits.limits import Limits
from gateway.limits.message_limit import DROPPED, Meter
from gateway.limits.quotas import Quotas
from gateway.limits.shared_buckets import NOBODY
from gateway.messages.handlers import Handlers
from gateway.protocols.raw import RawWire
from tests.support.peer import Peer, passes, settings, settle, start_node
from tests.support.wire_peers import Centrifuge, Phoenix

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node
    from gateway.topics.member import Member


@message
class Move:
    x: int


MOVES = Limit(120, per=1.0, on_excess="drop")
SLOWER = Limit(20, per=10.0)


class Board(Room):
    """Cursors, and a chat for people."""

    @on(Move, limit=MOVES)
    def move(self, member: Member, message: Move) -> None:
        self.state = message

    @on("message", limit=MOVES)
    def moved(self, member: Member, data: Any) -> None:
        """What Centrifuge calls everything."""

    @on("say", limit=SLOWER)
    def say(self, member: Member, data: Any) -> None: ...

    @on("other")
    def other(self, member: Member, data: Any) -> None: ...


def passed(gate: Gate, limit: Limit, count: int, now: float = 0.0) -> int:
    return sum(gate.wait_for(limit, now) == 0.0 for _ in range(count))


def counted(node: Node) -> Counter[type]:
    """How many of each kind of refusal become known, from now on."""
    facts: Counter[type] = Counter()
    for kind in (CommandRefused, MessageDropped):
        node.events.subscribe(kind, lambda fact: facts.update([type(fact)]))
    return facts


# --- what is decided


@pytest.mark.parametrize("wrong", [{"messages": 0}, {"messages": 1.5}, {"per": 0.0}, {"on_excess": "close"}])
def test_what_is_no_limit_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    """Not when the first client comes."""
    with pytest.raises((ValueError, TypeError)):
        Limit(**{"messages": 1, **wrong})


def test_so_many_at_once_and_so_many_a_second() -> None:
    """Evenly: half a second later there is room for half of them."""
    meter = Meter(MOVES)
    assert [sum(meter.wait(now) == 0.0 for _ in range(500)) for now in (0.0, 0.5, 1.5)] == [120, 60, 120]


def test_only_what_drops_is_dropped_and_only_so_many_times_as_much() -> None:
    """Above that it is a flood."""
    assert not Meter(SLOWER).may_drop(0.0)
    meter = Meter(MOVES)
    assert sum(meter.may_drop(0.0) for _ in range(5000)) == DROPPED * 120


def test_it_stands_in_the_place_of_the_connection_s_rate() -> None:
    """Above it or below; the others have what they had; two that are one object have one bucket."""
    limits = Limits(burst=100, messages_per_second=50)
    gate = Gate(limits, Quotas(limits), NOBODY, "")
    assert passed(gate, MOVES, 200) == 120
    assert passed(gate, SLOWER, 200) == 20
    assert passed(gate, Limit(120), 200) == 120
    assert sum(gate.wait(0.0) == 0.0 for _ in range(200)) == 100


def test_what_a_principal_may_do_together_counts_them() -> None:
    """Or a hundred tabs of one user would be a hundred mice."""
    limits = Limits(burst=10, principal_multiple=10)
    quotas = Quotas(limits)
    tabs = [Gate(limits, quotas, NOBODY, "ada") for _ in range(2)]
    assert [passed(tab, MOVES, 200) for tab in tabs] == [100, 0]


def test_marks_carry_their_limit() -> None:
    """By event and by action; an override without a mark keeps it, one with a mark replaces it."""

    class Free(Board):
        def say(self, member: Member, data: Any) -> None: ...

        @on(Move)
        def move(self, member: Member, message: Move) -> None: ...

    assert Handlers.of(Board).limits == {"move": MOVES, "message": MOVES, "say": SLOWER}
    assert Handlers.of(Free).limits == {"message": MOVES, "say": SLOWER}


async def start(system: ActorSystem) -> Node:
    return await start_node(system, behaviour=Board)


# --- on the wires


async def test_a_cursor_that_is_too_fast_loses_moves_and_nothing_else(system: ActorSystem) -> None:
    """Those within the limit are handled, each of the others is a fact, all are answered alike; it stays."""
    node = await start(system)
    facts, ada = counted(node), Peer(node, "ada")
    await ada.joins("room")
    ada.socket.feed(
        *[json.dumps({"action": "publish", "room": "room", "event": "move", "payload": {"x": n}}) for n in range(500)]
    )
    await settle()
    assert Counter(one["status"] for one in ada.heard()) == {"published": 500}
    assert facts == {MessageDropped: 380}
    assert node.live.machine("room")._code.ref._actor.state == Move(x=119)
    assert (await ada.says("publish", room="room", event="other", payload=1))[0]["status"] == "published"
    await passes(0.5)
    assert (await ada.says("publish", room="room", event="move", payload={"x": 7}))[0]["status"] == "published"
    assert node.live.machine("room")._code.ref._actor.state == Move(x=7)
    assert (facts, ada.closes) == ({MessageDropped: 380}, [])


async def test_a_flood_of_what_is_dropped_ends_as_any_other(system: ActorSystem) -> None:
    """Ten times the limit is no mouse."""
    node = await start(system)
    facts, ada = counted(node), Peer(node, "ada")
    await ada.joins("room")
    frame = json.dumps({"action": "publish", "room": "room", "event": "move", "payload": {"x": 1}})
    ada.socket.feed(*[frame] * 2000)
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("rate_limit", 3013)
    assert facts == {MessageDropped: 1200, CommandRefused: 10}


async def test_what_is_not_dropped_is_refused_with_when_to_come_again(system: ActorSystem) -> None:
    """As over the connection's rate; what has no limit there is counted as ever."""
    node = await start(system)
    ada = Peer(node, "ada")
    await ada.joins("room")
    say = partial(ada.says, "publish", room="room", event="say", payload=1)
    assert [(await say())[0]["status"] for _ in range(21)] == ["published"] * 20 + ["error"]
    (refused,) = await say()
    assert refused["error"]["reason"] == "too_many_requests"
    assert refused["error"]["retry_after"] == 0.5
    assert (await ada.says("publish", room="elsewhere", event="say", payload=1))[0]["status"] == "published"
    await passes(0.5)
    assert (await say())[0]["status"] == "published"


async def test_phoenix_has_the_same_limits(system: ActorSystem) -> None:
    """A push that is dropped gets its reply, one that is refused an error with `retry_after`."""
    node = await start(system)
    facts, ada = counted(node), Phoenix(node)
    await ada.pushes(["1", "1", "room", "phx_join", {}])
    told = await ada.pushes(*[["1", str(n), "room", "move", {"x": n}] for n in range(200)])
    assert Counter(frame[4]["status"] for frame in told) == {"ok": 200}
    assert facts == {MessageDropped: 80}
    told = await ada.pushes(*[["1", str(n), "room", "say", {}] for n in range(21)])
    assert [(frame[1], frame[4]["response"]["retry_after"]) for frame in told if frame[4]["status"] == "error"] == [
        ("20", 0.5)
    ]


async def test_centrifuge_has_the_same_limits(system: ActorSystem) -> None:
    """What is dropped gets its reply."""
    node = await start(system)
    facts, ada = counted(node), Centrifuge(node)
    await ada.connects()
    await ada.asks(subscribe={"channel": "room"})
    ada.socket.feed(*[json.dumps({"id": n, "publish": {"channel": "room", "data": {}}}) for n in range(3, 203)])
    await settle()
    assert Counter("error" in one for one in ada.heard() if "id" in one) == {False: 200}
    assert facts == {MessageDropped: 80}


async def test_centrifuge_is_told_when_to_come_again(system: ActorSystem) -> None:
    """Beside the code that its clients know."""
    node = await start_node(system, settings(burst=3, messages_per_second=2))
    ada = Centrifuge(node)
    await ada.connects()
    told = [one for _ in range(3) for one in await ada.asks(publish={"channel": "t", "data": 1})]
    assert told[-1]["error"] == {"code": 111, "message": "wait 0.50 s", "temporary": True, "retry_after": 0.5}


# --- endpoints


class Desk(WebSocketEndpoint):
    """Takes moves and words; everything else by `on_receive`."""

    @on(Move, limit=MOVES)
    def move(self, ws: Any, message: Move) -> None:
        """Nothing to say to that."""

    @on("say", limit=SLOWER)
    def say(self, ws: Any, message: Any) -> None: ...

    def on_receive(self, ws: Any, data: Any) -> Any:
        return ws.send_text("taken")


async def at_desk(node: Node) -> Peer:
    """A raw client of it, accepted."""
    peer = Peer(node, "ada", wire=RawWire(), session=StartsSession(Desk, {}, OPEN))
    peer.ticket.limits = Desk._typed.limits
    await settle()
    peer.open()
    await settle()
    return peer


async def test_messages_of_an_endpoint_have_limits_as_well(system: ActorSystem) -> None:
    """By the action in the frame; who gave a `ref` is answered, also for what was dropped."""
    node = await start_node(system)
    facts, ada = counted(node), await at_desk(node)
    ada.socket.feed(*[json.dumps({"action": "move", "x": n, "ref": n}) for n in range(200)])
    await settle()
    assert Counter((one["status"], one["action"]) for one in ada.heard()) == {("ok", "move"): 200}
    ada.socket.feed(*[json.dumps({"action": "move", "x": 200})] * 300)
    await settle()
    assert ada.heard() == []
    assert (facts, ada.closes) == ({MessageDropped: 380}, [])
    ada.socket.feed(*[json.dumps({"action": "say", "ref": n}) for n in range(21)])
    await settle()
    (refused,) = [one for one in ada.heard() if "error" in one]
    assert (refused["ref"], refused["action"], refused["error"]["retry_after"]) == (20, "say", 0.5)


@pytest.mark.parametrize("frame", ["no JSON", '{"action": "mov', '{"action": 7}', b"\xff\xfe", '{"action": "other"}'])
async def test_frames_without_a_limit_have_the_connection_s(system: ActorSystem, frame: str | bytes) -> None:
    """Whatever is in them; those over it are answered with `retry_after`, and the tenth closes."""
    node = await start_node(system, settings(burst=5, messages_per_second=1))
    facts, ada = counted(node), await at_desk(node)
    for count in (5, 50):
        ada.socket.feed(*[frame] * count)
        await settle()
    taken, refused = ada.socket.texts()[:5], ada.socket.texts()[5:]
    assert taken == ["taken"] * 5
    assert [0 < json.loads(one)["error"]["retry_after"] <= 1 for one in refused] == [True] * 10
    assert facts == {CommandRefused: 10}
    assert (ada.closed.ended_by, ada.closed.code) == ("rate_limit", 4002)
    assert ada.ref._actor is None or ada.ref._actor._gate.credit.commands == 0


def test_handlers_of_channels_take_limits() -> None:
    """And the gateway knows which events to look up."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on(Move, limit=MOVES)
    async def move(member: Member, data: Move) -> None: ...

    app.topic("board:*")(Board)
    behaviour = chat.behaviour()
    assert behaviour is not None
    assert behaviour.limits == {"move": MOVES}
    assert app.limited_events == {"move", "message", "say"}
