"""Tells: what is accepted is accounted for, in order, one message at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from actors import Actor, ActorDeadError, ActorSystem, NameTaken, NotInSystem, handles, tell_many
from actors.events import MessageUnhandled
from actors.testkit import TestProbe, assert_conservation


@attrs.frozen
class Note:
    text: str


class Recorder(Actor):
    """Keeps what it is told; sleeps over numbers, fails on errors."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.inside = 0

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        self.inside += 1
        assert self.inside == 1
        if isinstance(message, float):
            await asyncio.sleep(message)
        self.inside -= 1
        self.seen.append(message)
        return list(self.seen)


async def test_a_sender_s_messages_are_handled_in_the_order_sent(system: ActorSystem) -> None:
    """FIFO per sender and receiver."""
    ref = system.spawn(Recorder)
    for number in range(200):
        ref.tell(number)
    assert await ref.request("end") == [*range(200), "end"]


async def test_the_next_message_waits_until_the_handler_s_awaits_are_done(system: ActorSystem) -> None:
    """Non-reentrant: suspended is still in hand (the actor asserts it is never inside twice)."""
    ref = system.spawn(Recorder)
    for pause in (3.0, 2.0, 1.0):
        ref.tell(pause)
    assert await ref.request("end", timeout=10) == [3.0, 2.0, 1.0, "end"]
    assert asyncio.get_running_loop().time() == 6.0


async def test_others_run_while_one_actor_waits(system: ActorSystem) -> None:
    """A suspended handler keeps its actor busy, nobody else."""
    slow, quick = system.spawn(Recorder), system.spawn(Recorder)
    slow.tell(60.0)
    assert await quick.request("now") == ["now"]
    assert asyncio.get_running_loop().time() == 0.0
    assert slow.info().doing == "float"


@pytest.mark.allow_failures("ValueError")
async def test_a_failing_message_is_lost_and_published_and_the_rest_is_handled(
    system: ActorSystem, facts: list[Any]
) -> None:
    """Lost, not redelivered; a fact names actor, error and what was in hand."""
    ref = system.spawn(Recorder)
    error = ValueError("bad")
    for message in ("before", error, "after"):
        ref.tell(message)
    assert await ref.request("end") == ["after", "end"]
    failed = [fact for fact in facts if type(fact).__name__ == "ActorFailed"]
    assert [(fact.ref, fact.error, fact.doing) for fact in failed] == [(ref, error, "ValueError")]
    assert ref.counts().failed == 1


@pytest.mark.allow_dead_letters("stopped")
async def test_every_accepted_message_has_exactly_one_end(system: ActorSystem) -> None:
    """accepted = handled + failed + dead-lettered + queued, at any time between turns."""
    ref = system.spawn(Recorder)
    for number in range(10):
        ref.tell(number)
    assert_conservation(system)
    assert ref.counts().queued == 10
    ref.stop_now()
    await ref.terminated
    counts = system.counts()
    assert (counts.accepted, counts.handled, counts.lost, counts.queued) == (10, 0, 10, 0)
    assert [letter.message for letter in system.dead_letters.recent] == list(range(10))


async def test_a_stop_waits_for_what_was_told_before(system: ActorSystem) -> None:
    """`stop` travels in the user lane."""
    ref = system.spawn(Recorder)
    actor = ref._actor
    for number in range(5):
        ref.tell(number)
    assert await ref.stop() is True
    assert actor.seen == [0, 1, 2, 3, 4]
    assert await ref.stop() is False


@pytest.mark.allow_dead_letters("stopped")
async def test_what_is_told_after_a_stop_becomes_dead_letters(system: ActorSystem) -> None:
    """The tail stop ends the mailbox; nothing behind it is handled, nothing is silent."""
    ref = system.spawn(Recorder)
    stopped = ref.stop()
    ref.tell("late")
    await stopped
    assert [letter.message for letter in system.dead_letters.recent] == ["late"]


@pytest.mark.allow_dead_letters("stopped")
async def test_system_messages_overtake_user_messages(system: ActorSystem) -> None:
    """Two lanes: a signal is read before any waiting message."""

    class Watching(Recorder):
        def on_signal(self, signal: object) -> None:
            self.seen.append(type(signal).__name__)

    target, ref = system.spawn(Recorder), system.spawn(Watching)
    await ref.request("up")
    ref._actor.watch(target)
    ref.tell(1.0)
    await asyncio.sleep(0.5)
    ref.tell("waits")
    await target.stop()
    assert await ref.request("end") == ["up", 1.0, "Terminated", "waits", "end"]


async def test_a_dead_actor_says_so_to_its_senders(system: ActorSystem) -> None:
    """The error names the actor; nothing is queued for the dead."""
    ref = system.spawn(Recorder, name="gone")
    await ref.stop()
    with pytest.raises(ActorDeadError, match="gone"):
        ref.tell("anyone?")
    with pytest.raises(ActorDeadError):
        await ref.request("anyone?")
    with pytest.raises(ActorDeadError):
        await ref.ask("anyone?", block=False)
    assert not ref.is_alive()


async def test_a_name_is_taken_while_its_holder_lives(system: ActorSystem) -> None:
    """Names are unique among living siblings, and free again afterwards."""
    first = system.spawn(Recorder, name="one")
    with pytest.raises(NameTaken, match="one"):
        system.spawn(Recorder, name="one")
    await first.stop()
    assert system.spawn(Recorder, name="one").path == "/one"


async def test_an_actor_whose_init_raises_is_not_spawned(system: ActorSystem) -> None:
    """`__init__` runs in the caller: its error is the caller's, and the name stays free."""

    class Refusing(Actor):
        def __init__(self) -> None:
            raise LookupError("no")

    with pytest.raises(LookupError):
        system.spawn(Refusing, name="one")
    assert system.spawn(Recorder, name="one").is_alive()


def test_an_actor_outside_of_a_system_says_what_to_do() -> None:
    """No global default: an actor without a home names `system.spawn`."""
    with pytest.raises(NotInSystem, match="spawn"):
        Recorder.start()
    with pytest.raises(NotInSystem, match="spawn"):
        Recorder()


async def test_handlers_are_found_by_exact_type_then_mro_then_on_receive(system: ActorSystem) -> None:
    """The most specific handler wins."""

    class Loud(Note):
        pass

    class Louder(Loud):
        pass

    class Sorting(Recorder):
        @handles(Note)
        def note(self, message: Note) -> str:
            return "note"

        @handles(Loud)
        async def loud(self, message: Loud) -> str:
            return "loud"

    ref = system.spawn(Sorting)
    assert [await ref.request(kind("x")) for kind in (Note, Loud, Louder)] == ["note", "loud", "loud"]
    assert await ref.request("else") == ["else"]


async def test_a_type_seen_before_does_not_hide_a_handler_from_its_subtypes(system: ActorSystem) -> None:
    """What was remembered for one type is no handler for another: only declared handlers are looked up."""

    class Base:
        pass

    class Mixin:
        pass

    class Sub(Base, Mixin):
        pass

    class Sorting(Recorder):
        @handles(Mixin)
        def mixin(self, message: Mixin) -> str:
            return "mixin"

    ref = system.spawn(Sorting)
    ref.tell(Base())
    assert await ref.request(Sub()) == "mixin"


async def test_marks_on_one_method_add_up(system: ActorSystem) -> None:
    """Each with its own types, and in place for those that say so."""

    class Both(Actor):
        @handles(int, in_place=True)
        @handles(str, bytes)
        def either(self, message: Any) -> Any:
            return message

        def on_receive(self, message: Any) -> None:
            raise AssertionError(message)

    ref = system.spawn(Both)
    assert [await ref.request(message) for message in (1, "a", b"b")] == [1, "a", b"b"]
    assert list(Both._in_place) == [int]


async def test_a_method_overridden_in_a_subclass_handles_its_messages(system: ActorSystem) -> None:
    """An override without a mark of its own replaces the marked method, as everywhere in Python."""

    class First(Recorder):
        @handles(Note)
        def note(self, message: Note) -> str:
            return "first"

    class Second(First):
        def note(self, message: Note) -> str:
            return "second"

    assert await system.spawn(Second).request(Note("x")) == "second"


async def test_a_broadcast_reaches_the_living_and_buries_the_rest(system: ActorSystem, tripwires: Any) -> None:
    """`tell_many` is `tell` per ref, but one dead receiver does not end it."""
    tripwires.allow_dead_letters("stopped")
    probes = [await TestProbe.start(system) for _ in range(3)]
    await probes[1].ref.stop()
    tell_many([probe.ref for probe in probes], "all")
    await probes[0].expect("all")
    await probes[2].expect("all")
    assert [letter.ref for letter in system.dead_letters.recent] == [probes[1].ref]


async def test_an_unhandled_type_is_a_fact(system: ActorSystem, facts: list[Any]) -> None:
    """An actor without a handler for a message publishes it, and runs on."""
    ref = system.spawn(Actor)
    assert await ref.request(Note("x")) is None
    assert [(type(fact).__name__, fact.message_type) for fact in facts] == [("MessageUnhandled", "Note")]


@pytest.mark.allow_dead_letters("stopped")
async def test_on_undelivered_takes_the_tells_and_leaves_the_asks(system: ActorSystem) -> None:
    """The last instance may take what it will not handle; asks are answered all the same."""
    taken: list[object] = []

    class Saving(Recorder):
        def on_undelivered(self, messages: list[object]) -> None:
            taken.extend(messages)

    ref = system.spawn(Saving)
    ref.tell(1.0)
    await asyncio.sleep(0.5)
    ref.tell("a")
    ask = ref.ask("b", block=False)
    ref.tell("c")
    ref.stop_now()
    await ref.terminated
    assert taken == ["a", "c"]
    with pytest.raises(ActorDeadError):
        await ask
    assert [letter.message for letter in system.dead_letters.recent] == ["b"]
    system_counts = system.counts()
    assert (system_counts.handled, system_counts.lost) == (1, 3)


@pytest.mark.allow_failures("LookupError")
@pytest.mark.allow_dead_letters("stopped")
async def test_a_failing_on_undelivered_leaves_dead_letters(system: ActorSystem) -> None:
    """Each message is accounted for exactly once, also when the last hook fails."""

    class Failing(Recorder):
        def on_undelivered(self, messages: list[object]) -> None:
            raise LookupError

    ref = system.spawn(Failing)
    ref.tell("a")
    ref.stop_now()
    await ref.terminated
    assert [letter.message for letter in system.dead_letters.recent] == ["a"]
    assert system.counts().lost == 1


async def test_a_subscriber_that_fails_is_reported_and_harms_nobody(system: ActorSystem, tripwires: Any) -> None:
    """A fact reaches the others; the error goes to the handler of the system's own loop."""
    errors: list[Any] = []
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))

    def failing(fact: object) -> None:
        raise LookupError

    for subscriber in (failing, seen.append):
        system.events.subscribe(MessageUnhandled, subscriber)
    ref = system.spawn(Actor)
    await ref.request("?")
    assert len(seen) == 1
    assert [type(error) for error in errors] == [LookupError]


@pytest.mark.actors(real_time=True)
async def test_a_ref_of_a_system_that_ended_can_still_be_killed() -> None:
    """Killing or stopping the dead does no harm, whatever became of their loop."""
    async with ActorSystem() as system:
        ref = system.spawn(Recorder)
    await asyncio.to_thread(ref.kill)
    await asyncio.to_thread(ref.stop_now)
    assert not ref.is_alive()


def test_a_ref_outlives_its_loop() -> None:
    """With the loop closed as well, a late kill is still nothing."""

    async def main() -> Any:
        async with ActorSystem() as system:
            return system.spawn(Recorder)

    ref = asyncio.run(main())
    ref.kill()
    ref.stop_now()
    assert ref.stop() is False
