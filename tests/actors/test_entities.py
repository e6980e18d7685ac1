"""Entities: one instance per key at a time, made when needed, ended when not, and nothing lost in between."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorSystem, AskTimeout, Mailbox, MailboxFull, NameTaken
from actors.entities import EntityRef, Region
from actors.testkit import assert_conservation


class Account(Actor):
    """Keeps a log of all its lives; takes its time to save."""

    def __init__(self, key: str, log: list[Any], saving: float = 0.0) -> None:
        super().__init__()
        if key == "bad":
            raise ValueError("no such account")
        self.key, self.log, self.saving = key, log, saving

    def on_start(self) -> None:
        self.log.append(("start", self.key))

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(self.saving)
        self.log.append(("stop", self.key))

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if message == "stop":
            self.stop()
            await asyncio.sleep(1)
        elif isinstance(message, float):
            await asyncio.sleep(message)
        self.log.append((message, self.key))
        return message


async def test_an_entity_begins_with_its_first_message(system: ActorSystem) -> None:
    """And has one instance per key."""
    log: list[Any] = []
    system.entities(Account, log)
    one, other = system.entity(Account, "1"), system.entity(Account, "2")
    await asyncio.sleep(1)
    assert log == []
    one.tell("a")
    system.entity(Account, "1").tell("b")
    assert await other.request("c") == "c"
    assert await one.request("d") == "d"
    assert sorted(log) == sorted([("start", "1"), ("a", "1"), ("b", "1"), ("d", "1"), ("start", "2"), ("c", "2")])


async def test_it_ends_when_idle_and_begins_anew(system: ActorSystem) -> None:
    """After `passivate_after` seconds without a message; its ref stays valid."""
    log: list[Any] = []
    system.entities(Account, log, passivate_after=10.0)
    ref = system.entity(Account, "1")
    for _ in range(3):
        await ref.request("m")
        await asyncio.sleep(7)
    await asyncio.sleep(4)
    assert log == [("start", "1"), ("m", "1"), ("m", "1"), ("m", "1"), ("stop", "1")]
    await ref.request("again")
    assert log[5:] == [("start", "1"), ("again", "1")]


async def test_none_means_for_ever(system: ActorSystem) -> None:
    """No passivation: for what must not be idle-stopped."""
    log: list[Any] = []
    system.entities(Account, log, passivate_after=None)
    await system.entity(Account, "1").request("m")
    await asyncio.sleep(86_400)
    assert log == [("start", "1"), ("m", "1")]


async def test_what_comes_while_it_ends_waits_for_the_next(system: ActorSystem) -> None:
    """In order, after the `on_stop` of the one before; askers get their answers; other keys do not wait."""
    log: list[Any] = []
    system.entities(Account, log, 3.0, passivate_after=10.0)
    ref = system.entity(Account, "1")
    await ref.request("m")
    await asyncio.sleep(11)
    ref.tell("a")
    asking = asyncio.create_task(ref.request("b"))
    ref.tell("c")
    assert await system.entity(Account, "2").request("d") == "d"
    assert asyncio.get_running_loop().time() == 11.0
    assert await asking == "b"
    assert asyncio.get_running_loop().time() == 13.0
    await asyncio.sleep(1)
    ours = [what for what, key in log if key == "1"]
    assert ours == ["start", "m", "stop", "start", "a", "c", "b"]  # the task asked after the tells
    assert_conservation(system)


@pytest.mark.allow_dead_letters("expired")
async def test_the_deadline_of_an_ask_that_waits_runs_on(system: ActorSystem) -> None:
    """It is not handled by the next instance when nobody waits any more."""
    log: list[Any] = []
    system.entities(Account, log, 3.0, passivate_after=10.0)
    ref = system.entity(Account, "1")
    await ref.request("m")
    await asyncio.sleep(11)
    with pytest.raises(AskTimeout, match=r"entity '1' to str: waited 1 s and Account \(/Account/1\) is stopping"):
        await ref.request("too late", timeout=1.0)
    await asyncio.sleep(2)
    assert await ref.request("next") == "next"
    assert ("too late", "1") not in log


async def test_what_waits_for_the_next_is_bounded(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, tripwires: Any
) -> None:
    """A dead letter for a tell, MailboxFull for an ask."""
    tripwires.allow_dead_letters("mailbox_full")
    monkeypatch.setattr("actors.entities.MAX_BUFFERED", 2)
    system.entities(Account, [], 3.0, passivate_after=10.0)
    ref = system.entity(Account, "1")
    await ref.request("m")
    await asyncio.sleep(11)
    for message in ("a", "b", "c"):
        ref.tell(message)
    with pytest.raises(MailboxFull):
        await ref.request("d")
    assert [letter.message for letter in system.dead_letters.recent] == ["c", "d"]
    await asyncio.sleep(5)


async def test_a_busy_one_is_not_ended(system: ActorSystem) -> None:
    """Neither in a handler that waits long, nor with messages that wait."""
    log: list[Any] = []
    system.entities(Account, log, passivate_after=10.0)
    ref = system.entity(Account, "1")
    ref.tell(25.0)
    ref.tell("next")
    await asyncio.sleep(34)
    assert log == [("start", "1"), (25.0, "1"), ("next", "1")]
    await asyncio.sleep(2)
    assert log[-1] == ("stop", "1")


async def test_one_that_has_put_messages_aside_is_not_ended(system: ActorSystem) -> None:
    """They would be lost; it waits for something."""

    class Waiting(Actor):
        def __init__(self, key: str) -> None:
            super().__init__()
            self.is_open = False

        def on_receive(self, message: Any) -> Any:
            if message == "open":
                self.is_open = True
                self.unstash()
            elif not self.is_open:
                self.stash()
            return message

    system.entities(Waiting, passivate_after=10.0)
    ref = system.entity(Waiting, "1")
    asking = asyncio.create_task(ref.request("question", timeout=60))
    await asyncio.sleep(35)
    ref.tell("open")
    assert await asking == "question"


@pytest.mark.allow_failures("ValueError")
async def test_a_failure_is_mended_in_place(system: ActorSystem) -> None:
    """Same actor, same mailbox: what waits is handled by the next instance."""
    log: list[Any] = []
    system.entities(Account, log)
    ref = system.entity(Account, "1")
    ref.tell("a")
    ref.tell(ValueError())
    ref.tell("b")
    await ref.request("c")
    assert [what for what, _ in log] == ["start", "a", "stop", "start", "b", "c"]


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("gave_up")
async def test_one_that_was_given_up_begins_anew_with_the_next_message(system: ActorSystem) -> None:
    """Its budget is its own; other keys do not notice."""
    log: list[Any] = []
    system.entities(Account, log)
    ref, other = system.entity(Account, "1"), system.entity(Account, "2")
    await other.request("m")
    for _ in range(6):
        ref.tell(ValueError())
    await asyncio.sleep(20)
    assert [key for what, key in log if what == "start"].count("1") == 6
    assert await ref.request("again") == "again"
    assert [what for what, key in log if key == "2"] == ["start", "m"]


async def test_one_that_stops_by_itself_is_followed_by_the_next(system: ActorSystem) -> None:
    """What comes once it is ending waits for that."""
    log: list[Any] = []
    system.entities(Account, log, 3.0)
    ref = system.entity(Account, "1")
    ref.tell("stop")
    await asyncio.sleep(2)
    assert await ref.request("next") == "next"
    assert [what for what, _ in log] == ["start", "stop", "stop", "start", "next"]


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("failed")
async def test_a_key_that_cannot_be_made_is_refused_alone(system: ActorSystem) -> None:
    """The asker gets what `__init__` raised, a tell is a dead letter; the other entities live on."""
    log: list[Any] = []
    region = system.entities(Account, log)
    good, bad = system.entity(Account, "1"), system.entity(Account, "bad")
    await good.request("m")
    bad.tell("lost")
    with pytest.raises(ValueError, match="no such account"):
        await bad.request("refused")
    assert await good.request("m") == "m"
    assert region.info().restarts == 0
    assert log == [("start", "1"), ("m", "1"), ("m", "1")]
    assert [letter.message for letter in system.dead_letters.recent] == ["lost", "refused"]


@pytest.mark.allow_dead_letters("mailbox_full")
async def test_a_full_mailbox_of_an_entity_is_told(system: ActorSystem) -> None:
    """The asker gets MailboxFull; a tell is a dead letter, as its sender cannot be told any more."""

    class Narrow(Account):
        mailbox = Mailbox(2, "fail")

    system.entities(Narrow, [])
    ref = system.entity(Narrow, "1")
    ref.tell(1.0)
    await asyncio.sleep(0.5)
    for number in range(3):
        ref.tell(number)
    with pytest.raises(MailboxFull):
        await ref.request("full")
    assert [letter.message for letter in system.dead_letters.recent] == [2, "full"]


@pytest.mark.allow_dead_letters("shutdown")
async def test_what_waits_when_the_region_ends_is_not_lost_silently(system: ActorSystem) -> None:
    """Askers learn it at once, the rest are dead letters."""
    region = system.entities(Account, [], 3.0, passivate_after=10.0)
    ref = system.entity(Account, "1")
    await ref.request("m")
    await asyncio.sleep(11)
    ref.tell("a")
    asking = asyncio.create_task(ref.request("b", timeout=60))
    await asyncio.sleep(0.5)
    await system.stop()
    with pytest.raises(ActorDeadError):
        await asking
    assert not region.is_alive()
    assert [letter.message for letter in system.dead_letters.recent] == ["a", "b"]


@pytest.mark.allow_dead_letters("killed", "shutdown")
@pytest.mark.allow_failures("CancelledError")
async def test_a_region_that_restarts_begins_empty_and_goes_on(system: ActorSystem) -> None:
    """It is permanent; its entities end with their region's instance, each once."""
    log: list[Any] = []
    region = system.entities(Account, log)
    ref = system.entity(Account, "1")
    await ref.request("m")
    region.kill()
    assert await ref.request("again") == "again"
    assert [what for what, _ in log] == ["start", "m", "stop", "start", "again"]
    assert region.info().restarts == 1


async def test_idle_entities_of_a_region_that_stops_are_silent(system: ActorSystem) -> None:
    """One whose time has come while the region ends does not tell the dead."""
    log: list[Any] = []
    region = system.entities(Account, log, 4.0, passivate_after=2.0)
    await system.entity(Account, "1").request("m")
    await asyncio.sleep(1)
    await region.stop()
    await asyncio.sleep(10)
    assert log[-1] == ("stop", "1")


async def test_an_entity_has_a_name_in_the_tree(system: ActorSystem) -> None:
    """Its key, below the region, which is named for the class."""
    system.entities(Account, [])
    await system.entity(Account, "alice").request("m")
    assert [ref.path for ref in system.root.walk()][1:] == ["/Account", "/Account/alice"]


@pytest.mark.parametrize("seconds", [0, -1.0])
async def test_passivation_takes_a_while(system: ActorSystem, seconds: float) -> None:
    """0 would end each entity before its next message; None switches it off."""
    with pytest.raises(ValueError, match="None"):
        system.entities(Account, [], passivate_after=seconds)
    assert Region.supervision.scope == "child"


def session_of(module: str) -> type[Actor]:
    class Session(Actor):
        def __init__(self, _key: str) -> None:
            super().__init__()

        def on_receive(self, _: object) -> str:
            return module

    Session.__module__, Session.__qualname__ = module, "Session"
    return Session


async def test_classes_of_one_name_have_a_region_each(system: ActorSystem) -> None:
    """From two modules, and two of the same; which one is the first is seen in the tree. Each has its region once."""
    kinds = [session_of(module) for module in ("web", "admin", "admin")]
    for kind in (*kinds, *kinds):
        assert await system.entity(kind, "1").request("whose?") == kind.__module__
    assert [child.path for child in system.root.children()] == ["/Session", "/admin.Session", "/admin.Session-2"]
    for kind in kinds:
        with pytest.raises(NameTaken):
            system.entities(kind)


async def test_threads_that_ask_first_at_once_get_the_same_region(system: ActorSystem) -> None:
    """Whichever of them makes it."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(100):
            kind, start = session_of("web"), threading.Barrier(2)
            both = [pool.submit(entity_at, start, system, kind) for _ in range(2)]
            assert both[0].result(10) == both[1].result(10)


def entity_at(start: threading.Barrier, system: ActorSystem, kind: type[Actor]) -> EntityRef:
    start.wait(10)
    return system.entity(kind, "1")
