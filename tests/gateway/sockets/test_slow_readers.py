"""A slow reader: what waits for it, what gives way, when it is closed, and that nobody else notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.events import ConsumerSlowed, PublicationDropped, RoomLeft
from gateway.pulse.wheel import SLOT
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import KEPT, PLAIN, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket


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


async def test_topics_write_past_the_machine_only_while_nothing_is_in_the_way(system: ActorSystem) -> None:
    """Not before the 101, not while something waits, not of a topic that is left out, not after the close frame."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    ada.socket._answers_close = False
    await ada.joins("kept")

    async def ways() -> int:
        """How many of one broadcast went past it."""
        before = ada.ref.shortcuts
        node.commands.publish("kept", "x", "message")
        await settle()
        return ada.ref.shortcuts - before

    assert await ways() == 1
    ada.socket.stall()
    assert await ways() == 0
    ada.socket.flow(room=1)
    await settle()
    assert await ways() == 0  # it took one frame and is full again
    ada.socket.flow()
    await settle()
    assert await ways() == 1
    ada.ref._actor._outlet.mute("other", 1)
    assert await ways() == 0
    ada.ref._actor._outlet.unmute("other", 1)
    assert await ways() == 1
    assert [offset for offset, _ in ada.events()] == list(range(1, 7))
    node.directory.close("ada", "shutdown", "shutdown")
    await settle()
    assert ada.socket.sent_close is not None
    assert await ways() == 0
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


async def test_who_has_left_reads_nothing_from_behind_a_hole(system: ActorSystem) -> None:
    """Else the last position that it has seen would hide the hole, when it comes back with it."""
    chosen = settings({"kept": changed(KEPT, slow="drop_oldest", presence=False), "*": PLAIN}, outbox_bytes=1500)
    node = await start_node(system, chosen)
    ada = Peer(node, "ada")
    for room in ("kept", "other"):
        await ada.joins(room)
    await node.commands.publish("kept", "read", "message")
    await settle()
    ada.socket.stall()
    for _ in range(3):
        node.commands.publish("kept", "x" * 200, "message")
    ada.send("leave_room", room="kept")
    await settle()
    for _ in range(2):
        node.commands.publish("other", "x" * 200, "message")
    await settle()
    ada.socket.flow()
    await settle()
    heard = ada.heard()
    assert [one["offset"] for one in heard if one.get("room") == "kept" and "offset" in one] == [1]
    assert [one["status"] for one in heard if one.get("room") == "kept" and "status" in one] == ["left"]
    back = await ada.joins("kept", since={"offset": 1})
    assert (back["recovered"], back["missed"]) == (True, 3)


async def test_nobody_misses_who_came_and_went(system: ActorSystem) -> None:
    """Whatever gives way, a slow reader has the list as it is."""
    node = await start_node(
        system, settings({"live": changed(PLAIN, presence=True, slow="drop_oldest")}, outbox_bytes=1500)
    )
    drops = facts_of(system, PublicationDropped)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    await ada.joins("live", presence=True)
    ada.heard()
    ada.socket.stall()
    await bob.joins("live")
    for number in range(20):
        node.commands.publish("live", {"n": number, "text": "x" * 200}, "message")
        await settle()
    bob.send("leave_room", room="live")
    await settle()
    ada.socket.flow()
    await settle()
    changes = [one for one in ada.heard() if one["action"] == "presence"]
    assert [[one["client"] for one in change["joins"]] for change in changes] == [["bob"], []]
    assert [[one["client"] for one in change["leaves"]] for change in changes] == [[], ["bob"]]
    assert drops
    assert ada.closes == []
