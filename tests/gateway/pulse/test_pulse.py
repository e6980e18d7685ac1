"""The one timer of all connections: reminds whoever is due, and leaves the others their turns meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors import Actor, ActorRef, handles
from gateway.messages.connection_messages import Due
from gateway.pulse.pulse import DEADLINES, PORTION, Pulse
from gateway.pulse.wheel import SLOT
from tests.support.peer import passes, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node


class Listener(Actor):
    """Notes its name with each reminder; the first of all passes a word on."""

    def __init__(self, name: str, heard: list[str], neighbour: ActorRef[Listener] | None = None) -> None:
        super().__init__()
        self._name, self._heard, self._neighbour = name, heard, neighbour

    @handles(Due)
    def due(self, due: Due) -> None:
        self._heard.append(f"{self._name} {due.what}")
        if self._neighbour is not None:
            self._neighbour.tell(due)


def pulse_of(node: Node) -> Pulse:
    assert node.pulse is not None
    return node.pulse


async def test_many_that_are_due_at_once_leave_the_others_a_turn(system: ActorSystem) -> None:
    """Everybody is reminded once and in order; who is told something meanwhile does not wait for the last of them."""
    node = await start_node(system)
    heard: list[str] = []
    bystander = system.spawn(Listener, "bystander", heard)
    count = 3 * PORTION
    for number in range(count):
        ref = system.spawn(Listener, str(number), heard, bystander if number == 0 else None)
        pulse_of(node).call_at(ref, "heartbeat", node.now())
    await passes(2 * SLOT)
    place = heard.index("bystander heartbeat")
    assert heard[:place] + heard[place + 1 :] == [f"{number} heartbeat" for number in range(count)]
    assert place <= PORTION


async def test_each_word_has_its_own_deadline(system: ActorSystem) -> None:
    """One of five is cancelled, the others come; the latest time for a word counts."""
    node = await start_node(system)
    heard: list[str] = []
    ref = system.spawn(Listener, "ada", heard)
    for what in DEADLINES:
        pulse_of(node).call_at(ref, what, node.now() + 5)
    pulse_of(node).cancel(ref, "outbox")
    pulse_of(node).call_at(ref, "expiry", node.now() + 10)
    await passes(5 + 2 * SLOT)
    assert sorted(heard) == ["ada heartbeat", "ada identity", "ada topics"]
    await passes(5)
    assert heard[3:] == ["ada expiry"]


async def test_who_is_gone_is_not_reminded(system: ActorSystem) -> None:
    """An actor that ended before its time is passed over; the rest hear it."""
    node = await start_node(system)
    heard: list[str] = []
    gone, there = system.spawn(Listener, "gone", heard), system.spawn(Listener, "there", heard)
    for ref in (gone, there):
        pulse_of(node).call_at(ref, "topics", node.now())
    gone.stop_now()
    await settle()
    await passes(2 * SLOT)
    assert heard == ["there topics"]
