"""The machine of a connection: what it writes, when it stops reading, and how it ends, exactly once."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gateway.behaviour import Room, on
from gateway.commands import Invalid
from gateway.endpoint import WebSocketEndpoint
from gateway.endpoint_session import EndpointSession
from gateway.events import (
    ConnectionClosed,
    ConnectionOpened,
    ConsumerSlowed,
    HeartbeatMissed,
    PublicationDropped,
    ReceiptFailed,
    RoomLeft,
)
from gateway.function_session import FunctionSession
from gateway.identity import Principal
from gateway.presence import MAX_INFO
from gateway.protocols.native import NativeWire
from gateway.protocols.raw import RawWire
from gateway.pulse import SLOT
from gateway.reasons import Refused, WebSocketDisconnect
from gateway.session import GOODBYE
from gateway.topic_messages import Answer
from tests.support.fake_socket import FakeSocket
from tests.support.peer import KEPT, PLAIN, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem
    from gateway.member import Member
    from gateway.node import Node
    from gateway.websocket import WebSocket


# --- answers and turns


async def test_everything_of_a_turn_leaves_in_one_write(system: ActorSystem) -> None:
    """Twenty answers to one read are one write to the transport, in order."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await settle()
    before = ada.socket.writes
    ada.socket.feed(*(json.dumps({"action": "ping", "ref": number}) for number in range(20)))
    await settle()
    assert [one["ref"] for one in ada.heard()] == list(range(20))
    assert ada.socket.writes == before + 1


async def test_topics_of_a_connection_are_limited(system: ActorSystem) -> None:
    """One topic too many is refused; leaving one makes room."""
    node = await start_node(system, settings(max_topics_per_connection=2))
    ada = Peer(node, "ada")
    for name in ("a", "b"):
        await ada.joins(name)
    assert (await ada.says("join_room", room="c"))[0]["error"]["reason"] == "limit_exceeded"
    assert (await ada.says("leave_room", room="a"))[0] == {"status": "left", "room": "a"}
    await ada.joins("c")


async def test_permissions_are_those_of_the_topic(system: ActorSystem) -> None:
    """Who may join and who may publish are asked separately; the anonymous are told to log in."""
    chosen = settings({"news": changed(PLAIN, join="authenticated", publish="nobody")})
    node = await start_node(system, chosen)
    nobody, ada = Peer(node, "nobody"), Peer(node, "ada", principal=Principal("ada"))
    assert (await nobody.says("join_room", room="news"))[0]["error"]["reason"] == "unauthorized"
    await ada.joins("news")
    assert (await ada.says("publish", room="news", payload=1))[0]["error"]["reason"] == "permission_denied"


# --- a slow reader


async def test_a_congested_member_queues_and_nobody_else_notices(system: ActorSystem) -> None:
    """While its transport is full nothing is handed to it; afterwards everything comes in order."""
    node = await start_node(system)
    slowed = facts_of(system, ConsumerSlowed)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    ada.socket.stall()
    for number in range(5):
        node.commands.publish("kept", {"n": number}, "message")
        await settle()
    ada.send("ping")
    await settle()
    assert (ada.heard(), ada.socket.writes_while_congested) == ([], 0)
    assert [payload["n"] for _, payload in bob.events()] == list(range(5))
    assert [fact.connection for fact in slowed] == ["ada"]
    ada.socket.flow()
    node.commands.publish("kept", {"n": 5}, "message")
    await settle()
    heard = ada.heard()
    assert [one["payload"]["n"] for one in heard if one["action"] == "event"] == list(range(6))
    assert any(one["action"] == "pong" for one in heard)
    assert ada.socket.writes_while_congested == 0


async def test_a_reader_that_takes_a_little_at_a_time_loses_nothing(system: ActorSystem) -> None:
    """Stalling again and again, with room for some hundred bytes, keeps the order and every frame."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    ada.heard()
    ada.socket.stall()
    for number in range(40):
        node.commands.publish("kept", number, "message")
        await settle()
        if number % 3 == 0:
            ada.socket.flow(room=300)
            await settle()
    while ada.socket.is_congested:
        ada.socket.flow(room=300)
        await settle()
    assert [offset for offset, _ in ada.events()] == list(range(1, 41))
    assert ada.socket.writes_while_congested == 0


async def test_too_much_for_a_slow_reader_closes_it(system: ActorSystem) -> None:
    """Policy `disconnect`: over the outbox's bytes the connection ends as slow_consumer, and says so."""
    node = await start_node(system, settings(outbox_bytes=2000))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    ada.socket.stall()
    for _ in range(10):
        node.commands.publish("kept", "x" * 300, "message")
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("slow_consumer", 3008)
    assert ada.socket.sent_close == (3008, "slow consumer")
    assert len(bob.events()) == 10
    assert node.live.size("kept") == 1


async def test_too_old_for_a_slow_reader_closes_it(system: ActorSystem) -> None:
    """One frame that waits longer than the outbox's age ends the connection, on the wheel, without another frame."""
    node = await start_node(system, settings(outbox_age=10.0))
    ada = Peer(node, "ada")
    await ada.joins("kept")
    ada.socket.stall()
    node.commands.publish("kept", "x", "message")
    await passes(9.5)
    assert ada.closes == []
    await passes(0.5 + 2 * SLOT)
    assert ada.closed.ended_by == "slow_consumer"


async def test_who_reads_in_time_is_not_closed(system: ActorSystem) -> None:
    """The age counts from the oldest frame that waits; a reader that keeps up slowly stays."""
    node = await start_node(system, settings(outbox_age=10.0))
    ada = Peer(node, "ada")
    await ada.joins("kept")
    for _ in range(5):
        ada.socket.stall()
        node.commands.publish("kept", "x", "message")
        await passes(8)
        ada.socket.flow()
        ada.socket.pong()
        await passes(4)
    assert ada.closes == []
    assert len(ada.events()) == 5


async def test_drop_oldest_without_positions_loses_the_oldest(system: ActorSystem) -> None:
    """Each lost publication is a fact; answers are never dropped, and what is left is in order."""
    chosen = settings({"live": changed(PLAIN, slow="drop_oldest")}, outbox_bytes=1500)
    node = await start_node(system, chosen)
    dropped = facts_of(system, PublicationDropped)
    ada = Peer(node, "ada")
    await ada.joins("live")
    ada.heard()
    ada.socket.stall()
    ada.send("ping", ref="kept")
    for number in range(40):
        node.commands.publish("live", number, "message")
        await settle()
    ada.socket.flow()
    await settle()
    pong, *events = ada.heard()
    assert (pong["action"], pong["ref"]) == ("pong", "kept")
    assert [one["payload"] for one in events] == list(range(len(dropped), 40))
    assert len(dropped) > 20
    assert {(fact.topic, fact.connection, fact.policy) for fact in dropped} == {("live", "ada", "drop_oldest")}


async def test_droppable_frames_never_end_a_connection_by_their_age(system: ActorSystem) -> None:
    """A reader that takes nothing of what may be dropped stays connected for as long as it answers pings."""
    chosen = settings({"live": changed(PLAIN, slow="drop_oldest")}, outbox_bytes=1500, outbox_age=10.0)
    node = await start_node(system, chosen)
    ada = Peer(node, "ada")
    await ada.joins("live")
    ada.heard()
    ada.socket.stall()
    for number in range(40):
        node.commands.publish("live", number, "message")
        ada.socket.pong()
        await passes(1)
    assert ada.closes == []
    ada.socket.flow()
    await settle()
    numbers = [payload for _, payload in ada.events()]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 39
    assert len(numbers) < 40


async def test_a_hole_in_a_positioned_subscription_ends_it(system: ActorSystem) -> None:
    """Nothing behind the hole leaves any more; the client is told `insufficient_state`, comes back and recovers all."""
    chosen = settings({"kept": changed(KEPT, slow="drop_oldest", presence=False)}, outbox_bytes=1500)
    node = await start_node(system, chosen)
    left = facts_of(system, RoomLeft)
    ada = Peer(node, "ada")
    begun = await ada.joins("kept")
    node.commands.publish("kept", 0, "message")
    await settle()
    assert ada.events() == [(1, 0)]
    ada.socket.stall()
    for number in range(1, 20):
        node.commands.publish("kept", number, "message")
        if number % 7 == 0:
            await settle()
    await settle()
    ada.socket.flow()
    await settle()
    heard = ada.heard()
    assert [one["action"] for one in heard] == ["unsubscribed"]
    assert (heard[0]["reason"], heard[0]["code"], heard[0]["retry"]) == ("insufficient_state", 2500, True)
    assert [(fact.connection, fact.reason) for fact in left] == [("ada", "insufficient_state")]
    back = await ada.says("join_room", room="kept", since={"offset": 1, "epoch": begun["epoch"]})
    assert (back[0]["recovered"], back[0]["missed"]) == (True, 19)
    assert [one["payload"] for one in back[1:]] == list(range(1, 20))
    node.commands.publish("kept", 20, "message")
    await settle()
    assert ada.events() == [(21, 20)]


async def test_an_awaited_send_waits_for_a_slow_reader(system: ActorSystem) -> None:
    """It returns when the outbox is below half, and fails after 10 s if it never is."""
    node = await start_node(system, settings(outbox_bytes=1000, outbox_age=60.0))
    sent: list[str] = []

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        for number in range(3):
            await ws.send_text("x" * 300)
            sent.append(str(number))

    ada = endpoint_peer(node, endpoint)
    await opened(ada)
    ada.socket.stall()
    ada.socket.feed("go")
    await passes(1)
    assert sent == ["0"]
    ada.socket.flow()
    await settle()
    assert sent == ["0", "1", "2"]


# --- credit


class Deaf(Room):
    """Takes every event and answers none for a long time."""

    patience = None

    @on("work")
    async def work(self, member: Member, data: Any) -> None:
        await passes(1e6)


async def test_what_is_not_answered_stops_the_reading(system: ActorSystem) -> None:
    """With a behaviour that does not answer, at most `in_flight_commands` are under way, and nothing grows."""
    node = await start_node(system, settings(in_flight_commands=4), behaviour=Deaf)
    ada = Peer(node, "ada")
    ada.socket.feed(*(json.dumps({"action": "publish", "room": "room", "event": "work", "ref": n}) for n in range(20)))
    await passes(5)
    assert (ada.socket.is_reading, ada.socket.unread) == (False, 16)
    await passes(5)
    assert ada.socket.unread == 16
    assert ada.heard() == []


async def test_silence_of_a_socket_that_is_not_read_is_no_lost_heartbeat(system: ActorSystem) -> None:
    """Its pongs wait unread behind our own slow handler; a broadcast to a peer that is gone still ends it."""
    node = await start_node(system, settings(in_flight_commands=4), behaviour=Deaf)
    ada = Peer(node, "ada")
    ada.socket.feed(*(json.dumps({"action": "publish", "room": "room", "event": "work", "ref": n}) for n in range(20)))
    await passes(600)
    assert ada.closes == []
    assert ada.socket.unread == 16


async def test_many_bytes_stop_the_reading_as_well(system: ActorSystem) -> None:
    """The other bound is bytes: one command may overshoot, the next waits."""
    node = await start_node(system, settings(in_flight_bytes=1000), behaviour=Deaf)
    ada = Peer(node, "ada")
    frame = json.dumps({"action": "publish", "room": "room", "event": "work", "payload": "x" * 600})
    ada.socket.feed(*[frame] * 10)
    await settle()
    assert ada.socket.unread == 8


async def test_reading_goes_on_when_answers_come(system: ActorSystem) -> None:
    """Every command is answered, however few may be under way at once."""

    class Slow(Room):
        @on("work")
        async def work(self, member: Member, data: Any) -> Any:
            await passes(0.01)
            return data

    node = await start_node(system, settings(in_flight_commands=4), behaviour=Slow)
    ada = Peer(node, "ada")
    commands = [{"action": "publish", "room": "room", "event": "work", "payload": n, "ref": n} for n in range(50)]
    ada.socket.feed(*map(json.dumps, commands))
    await passes(2)
    assert [one["ref"] for one in ada.heard()] == list(range(50))
    assert ada.socket.is_reading


async def test_frames_that_app_code_does_not_take_stop_the_reading(system: ActorSystem) -> None:
    """The queue of a function endpoint is bounded by the same credit."""
    node = await start_node(system, settings(in_flight_commands=4))
    taken: list[str] = []
    go_on = asyncio.Event()

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await go_on.wait()
        async for frame in ws:
            taken.append(frame.text())  # noqa: PERF401  # one by one, as they come

    ada = endpoint_peer(node, endpoint)
    await opened(ada)
    ada.socket.feed(*map(str, range(20)))
    await settle()
    assert ada.socket.unread == 16
    go_on.set()
    await settle()
    assert taken == [str(number) for number in range(20)]
    ada.socket.end(1000, "", True)
    await settle()
    assert len(ada.closes) == 1


# --- rates and errors


async def test_too_many_messages_are_answered_with_when_to_come_again(system: ActorSystem) -> None:
    """Over the burst each is answered `too_many_requests`; the tenth closes."""
    node = await start_node(system, settings(messages_per_second=1, burst=3))
    ada = Peer(node, "ada")
    ada.socket.feed(*[json.dumps({"action": "ping"})] * 12)
    await settle()
    heard = ada.heard()
    assert [one.get("action") for one in heard[:3]] == ["pong"] * 3
    refused = [one["error"] for one in heard[3:]]
    assert {one["reason"] for one in refused} == {"too_many_requests"}
    assert all(0 < one["retry_after"] <= 1 for one in refused)
    assert (ada.closes, len(refused)) == ([], 9)
    ada.socket.feed(json.dumps({"action": "ping"}))
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("rate_limit", 3013)


async def test_who_waits_as_told_is_served(system: ActorSystem) -> None:
    """`retry_after` is a promise."""
    node = await start_node(system, settings(messages_per_second=2, burst=1))
    ada = Peer(node, "ada")
    await ada.says("ping")
    for _ in range(5):
        (refused,) = await ada.says("ping")
        await passes(refused["error"]["retry_after"])
        assert (await ada.says("ping"))[0]["action"] == "pong"


async def test_ten_frames_nobody_understands_close(system: ActorSystem) -> None:
    """Each is answered `bad_request`; unknown actions do not count."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    for _ in range(12):
        await ada.says("no_such_action")
    ada.socket.feed(*["{"] * 9)
    await settle()
    assert {one["error"]["reason"] for one in ada.heard()[-9:]} == {"bad_request"}
    assert ada.closes == []
    ada.socket.feed("}")
    await settle()
    assert (ada.closed.ended_by, ada.closed.code, ada.closed.reason) == ("client", 3509, "too many errors")


# --- heartbeat


async def test_silence_is_closed_within_its_time(system: ActorSystem) -> None:
    """45 s after the last inbound byte, plus the slots of the wheel; two pings went out before."""
    node = await start_node(system)
    missed = facts_of(system, HeartbeatMissed)
    ada = Peer(node, "ada")
    ends: list[float] = []
    system.events.subscribe(ConnectionClosed, lambda _: ends.append(node.now()))
    begun = node.now()
    await passes(60)
    assert (ada.closed.ended_by, ada.closed.code) == ("heartbeat", 3012)
    spread = node.heartbeat_config.ping_interval / 2
    assert 45 - spread <= ends[0] - begun <= 46 + SLOT
    assert ada.socket.pings == 2
    assert [fact.missed for fact in missed] == [1]
    assert ada.closed.missed_pings == 2


@pytest.mark.parametrize("sign", ["pong", "text", "bytes"])
async def test_any_sign_of_life_counts(system: ActorSystem, sign: str) -> None:
    """A pong, a text or a binary message each keep a connection for as long as they come."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    signs: dict[str, Callable[[], None]] = {
        "pong": ada.socket.pong,
        "text": partial(ada.socket.feed, '{"action":"pong"}'),
        "bytes": partial(ada.socket.feed, b'{"action":"pong"}'),
    }
    for _ in range(20):
        await passes(30)
        signs[sign]()
    assert ada.closes == []
    await passes(60)
    assert ada.closed.ended_by == "heartbeat"


# --- how it ends


def endpoint_peer(node: Node, endpoint: Any, name: str = "ada") -> Peer:
    """A raw connection with app code; `opened` brings up its socket."""

    def start(machine: Any, ws: WebSocket) -> Any:
        if isinstance(endpoint, type):
            return machine.spawn_session(EndpointSession, ws, endpoint)
        return machine.spawn_session(FunctionSession, ws, endpoint, {})

    return Peer(node, name, wire=RawWire(), session=start, says_goodbye=isinstance(endpoint, type))


async def opened(peer: Peer) -> None:
    """The verdict is 101, and the socket is handed over."""
    await settle()
    assert peer.ticket.verdict.done()
    peer.open()
    await settle()


class Recorder(WebSocketEndpoint):
    """Joins a room, keeps its ends, and may fail."""

    ends: list[int]
    lasts: float = 0.0

    async def on_connect(self, ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("kept")

    async def on_receive(self, ws: WebSocket, data: Any) -> None:
        if data == "bug":
            raise RuntimeError(data)
        if data == "close":
            await ws.close(4321, "enough")

    async def on_disconnect(self, ws: WebSocket, code: int) -> None:
        self.ends.append(code)
        await passes(self.lasts)


def recorder(lasts: float = 0.0) -> type[Recorder]:
    return type("Recording", (Recorder,), {"ends": [], "lasts": lasts})


ENDINGS: dict[str, Callable[[Node, Peer], Any]] = {
    "client closes": lambda node, peer: peer.socket.end(1000, "bye", True),
    "transport is lost": lambda node, peer: peer.socket.end(),
    "app closes": lambda node, peer: peer.socket.feed("close"),
    "app fails": lambda node, peer: peer.socket.feed("bug"),
    "server closes": lambda node, peer: node.directory.close(peer.client, "disconnected", "app"),
    "drain": lambda node, peer: asyncio.get_running_loop().create_task(node.drain(10, 1)),
    "session is killed": lambda node, peer: next(iter(peer.ref.children())).kill(),
    "machine is killed": lambda node, peer: peer.ref.kill(),
    "machine is stopped": lambda node, peer: peer.ref.stop_now(),
    "machine fails": lambda node, peer: peer.ref.tell(Answer(None, None)),  # type: ignore[arg-type]
    "system is stopped": lambda node, peer: asyncio.get_running_loop().create_task(node.stop()),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.allow_failures("RuntimeError", "AttributeError")
async def test_an_accepted_connection_ends_once(system: ActorSystem, ending: str) -> None:
    """One `ConnectionClosed`, one `on_disconnect`, one departure, whatever ended it."""
    node = await start_node(system)
    endpoint = recorder()
    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    left = facts_of(system, RoomLeft)
    assert node.live.size("kept") == 1
    ENDINGS[ending](node, peer)
    await passes(20)
    assert len(peer.closes) == 1
    assert len(endpoint.ends) == 1
    assert [fact.topic for fact in left] == ["kept"]
    assert node.live.size("kept") == 0
    assert len(node.directory) == 0


@pytest.mark.parametrize("how", ["stop_now", "kill"])
async def test_a_machine_that_is_stopped_or_killed_ends_once(system: ActorSystem, how: str) -> None:
    """One `ConnectionClosed`, one departure, the socket closed."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await ada.joins("kept")
    left = facts_of(system, RoomLeft)
    getattr(ada.ref, how)()
    await passes(1)
    assert (ada.closed.ended_by, ada.socket.sent_close[0] if ada.socket.sent_close else None) == ("shutdown", 3001)
    assert len(left) == 1


class Faulty(NativeWire):
    """Fails on a word."""

    def decode(self, data: str | bytes) -> Any:
        if "bug" in str(data):
            raise RuntimeError("a bug of the wire")
        return super().decode(data)


@pytest.mark.allow_failures("RuntimeError")
async def test_a_bug_of_a_wire_ends_one_connection_once(system: ActorSystem) -> None:
    """The client gets 3004, its topics and the log learn it, and everybody else goes on."""
    node = await start_node(system)
    ada, bob = Peer(node, "ada", wire=Faulty(says_hello=False)), Peer(node, "bob")
    for peer in (ada, bob):
        await peer.joins("kept")
    left = facts_of(system, RoomLeft)
    ada.socket.feed("bug", '{"action":"ping"}')
    await settle()
    assert (ada.closed.ended_by, ada.socket.sent_close) == ("crash", (3004, "internal server error"))
    assert [fact.connection for fact in left] == ["ada"]
    node.commands.publish("kept", "on", "message")
    await settle()
    assert [payload for _, payload in bob.events()] == ["on"]


@pytest.mark.parametrize(("lasts", "ends_after"), [(2.0, 2.0), (100.0, GOODBYE)])
async def test_a_membership_ends_after_the_last_word(system: ActorSystem, lasts: float, ends_after: float) -> None:
    """It lasts until `on_disconnect` has returned, and at most 5 s and a margin of 1 s."""
    node = await start_node(system)
    peer = endpoint_peer(node, recorder(lasts))
    await opened(peer)
    left: list[float] = []
    system.events.subscribe(RoomLeft, lambda _: left.append(node.now()))
    gone = node.now()
    peer.socket.end()
    await passes(ends_after - 0.1)
    assert (left, node.live.size("kept")) == ([], 1)
    await passes(1.3)
    assert ends_after <= round(left[0] - gone, 3) <= ends_after + 1.01
    assert len(peer.closes) == 1
    await passes(10)


async def test_a_function_learns_its_end_by_the_exception(system: ActorSystem) -> None:
    """`receive` raises WebSocketDisconnect with the peer's code; what came before it is received first."""
    node = await start_node(system)
    seen: list[Any] = []

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                seen.append(await ws.receive_text())
        except WebSocketDisconnect as gone:
            seen.append((gone.code, gone.reason))

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed("one", "two")
    peer.socket.end(1001, "reload", True)
    await settle()
    assert seen == ["one", "two", (1001, "reload")]
    assert (peer.closed.code, peer.closed.ended_by) == (1001, "client")


async def test_an_upgrade_that_is_refused_is_no_connection(system: ActorSystem) -> None:
    """No opened, no closed, nothing left."""
    node = await start_node(system)
    facts = facts_of(system, ConnectionOpened, ConnectionClosed)

    async def endpoint(ws: WebSocket) -> None:
        ws.refuse(401, "who are you")

    peer = endpoint_peer(node, endpoint)
    verdict = await peer.ticket.verdict
    assert (verdict.status, verdict.text) == (401, "who are you")
    peer.ref.stop_now()
    await settle()
    assert (facts, len(node.directory)) == ([], 0)


@pytest.mark.parametrize("moment", ["at once", "after a turn", "after a while"])
async def test_receipts_never_hang_when_the_connection_goes(system: ActorSystem, moment: str) -> None:
    """Whatever app code awaits ends, with a value or an error, whenever the socket goes."""
    node = await start_node(system)
    outcomes: list[tuple[str, str]] = []

    async def note(name: str, receipt: Any) -> None:
        try:
            await receipt
            outcomes.append((name, "done"))
        except Exception as error:
            outcomes.append((name, type(error).__name__))

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        acts = {
            "join": ws.join("kept"),
            "send": ws.send_text("x"),
            "publish": ws.publish("kept", {"a": 1}),
            "leave": ws.leave("kept"),
            "join other": ws.join("other"),
        }
        if moment == "at once":
            peer.socket.end()
        async with asyncio.TaskGroup() as tasks:
            for name, receipt in acts.items():
                tasks.create_task(note(name, receipt))

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed("go")
    if moment == "after a turn":
        await asyncio.sleep(0)
        peer.socket.end()
    await passes(1)
    peer.socket.end()
    await passes(10)
    assert sorted(name for name, _ in outcomes) == ["join", "join other", "leave", "publish", "send"]
    assert node.live.size("kept") == node.live.size("other") == 0
    assert len(peer.closes) == 1


async def test_a_receipt_that_fails_unawaited_is_a_fact(system: ActorSystem) -> None:
    """And one that is awaited is none."""
    node = await start_node(system)
    failed = facts_of(system, ReceiptFailed)

    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive()
        ws.join("bad,name")
        with pytest.raises(Exception, match="bad_request"):
            await ws.join("worse\nname")

    peer = endpoint_peer(node, endpoint)
    await opened(peer)
    peer.socket.feed("go")
    await settle()
    await settle()
    assert [fact.act for fact in failed] == ["join bad,name"]


async def test_what_is_refused_because_the_gateway_stops_is_no_fact(system: ActorSystem) -> None:
    """Every farewell of app code is, at every stop; who awaits it is told."""
    node = await start_node(system)
    failed = facts_of(system, ReceiptFailed)
    node.is_draining = True
    node.commands.publish("kept", "somebody left", "message")
    await settle()
    await settle()
    assert failed == []
    with pytest.raises(Refused, match="shutting_down"):
        await node.commands.publish("kept", "somebody left", "message")


async def test_drain_lets_everybody_go_and_refuses_commands(system: ActorSystem) -> None:
    """Everybody is told to come back later; what was accepted is delivered; new commands are refused."""
    node = await start_node(system)
    peers = [Peer(node, f"p{number}") for number in range(5)]
    for peer in peers:
        await peer.joins("kept")
        peer.heard()
    node.commands.publish("kept", "last", "message")
    begun = node.now()
    draining = asyncio.get_running_loop().create_task(node.drain(15, 2))
    await settle()
    late = await peers[0].says("publish", room="kept", payload="late") if peers[0].socket.is_open else []
    assert [one["error"]["reason"] for one in late if "error" in one] in (["shutting_down"], [])
    await draining
    assert node.now() - begun <= 2.1
    assert {peer.closed.code for peer in peers} == {3001}
    assert all([payload for _, payload in peer.events()] in (["last"], []) for peer in peers[1:])
    assert len(node.directory) == 0


async def test_a_peer_that_does_not_answer_the_close_ends_too(system: ActorSystem) -> None:
    """The socket bounds the closing handshake; the machine waits for it and reports once."""
    node = await start_node(system)
    peer = Peer(node, "ada", socket=FakeSocket(answers_close=False))
    await peer.joins("kept")
    node.directory.close("ada", "reconnect", "app")
    await passes(1)
    assert peer.closes == []
    peer.socket.end()
    await settle()
    assert (peer.closed.code, peer.closed.ended_by) == (3011, "app")


async def test_one_clients_end_is_nobody_elses(system: ActorSystem) -> None:
    """A hundred come and go in every way; one that stays notices only who came and went."""
    node = await start_node(system)
    stays = Peer(node, "stays")
    await stays.joins("kept")
    for number in range(100):
        peer = Peer(node, f"p{number}")
        peer.send("join_room", room="kept")
        if number % 3:
            await settle()
        if number % 5 == 0:
            peer.ref.kill()
        elif number % 5 == 1:
            peer.socket.feed(*["{"] * 10)
        else:
            peer.socket.end(1000 + number % 2, "", True)
    await passes(1)
    stays.heard()
    node.commands.publish("kept", "still here", "message")
    await settle()
    assert [payload for _, payload in stays.events()] == ["still here"]
    assert node.live.size("kept") == 1
    assert len(node.directory) == 1


def test_invalid_commands_are_commands() -> None:
    """A wire never raises: what it does not understand it returns."""
    (command,) = NativeWire(says_hello=False).decode("nonsense")
    assert isinstance(command, Invalid)


async def test_what_a_client_says_of_itself_has_a_bound(system: ActorSystem) -> None:
    """Everybody in the topic is told it: what is too long is refused, and the connection goes on."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    (refused,) = await ada.says("join_room", room="kept", info="x" * MAX_INFO)
    assert refused["error"]["reason"] == "limit_exceeded"
    await ada.joins("kept", info="x" * (MAX_INFO - 2))
