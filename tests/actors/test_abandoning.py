"""What swallows its cancellation is abandoned, whoever cancelled it and whatever it does when it is closed."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any, cast

import pytest

from actors import Actor, ActorDeadError, ActorSystem, Child, ChildSpec, DynamicSupervisor, Supervisor, SupervisorSpec
from actors.events import ActorFailed, HandlerAbandoned
from actors.testkit import assert_conservation
from tests.support.patience import cling, now, timers_from_now_on

pytestmark = pytest.mark.allow_abandoned

VARIABLE: ContextVar[int] = ContextVar("VARIABLE", default=0)


class Clinging(Actor):
    async def on_receive(self, message: Any) -> Any:
        if message == "stay":
            await cling()
        return message


class Bound(Actor):
    """Binds a context variable around its handler, as `structlog.contextvars.bound_contextvars` does."""

    async def on_receive(self, message: Any) -> None:
        token = VARIABLE.set(1)
        try:
            await cling()
        finally:
            VARIABLE.reset(token)


class Raising(Actor):
    async def on_receive(self, message: Any) -> None:
        try:
            await cling()
        finally:
            raise OSError("connection already closed")


async def _stopped(system: ActorSystem, cls: type[Actor]) -> float:
    """Returns when its supervisor was down."""
    parent = system.spawn(DynamicSupervisor)
    system.spawn(cls, under=parent, spec=ChildSpec(shutdown=0.5)).tell("stay")
    await asyncio.sleep(1)
    async with asyncio.timeout(60):
        await parent.stop()
    return now()


async def test_what_is_closed_cleans_up_in_its_own_context(system: ActorSystem, facts: list[Any]) -> None:
    """A context variable that a handler has set can be reset by its `finally`."""
    assert await _stopped(system, Bound) == 2.5
    assert [fact for fact in facts if isinstance(fact, ActorFailed)] == []


@pytest.mark.allow_failures("OSError")
async def test_what_raises_when_it_is_closed_holds_up_nobody_and_is_reported(
    system: ActorSystem, facts: list[Any]
) -> None:
    """The tree comes down at the same time, and a fact says what was raised."""
    assert await _stopped(system, Raising) == 2.5
    assert [(fact.doing, str(fact.error)) for fact in facts if isinstance(fact, ActorFailed)] == [
        ("close", "connection already closed")
    ]
    assert [type(fact) for fact in facts if isinstance(fact, HandlerAbandoned)] == [HandlerAbandoned]


async def test_a_killed_handler_that_swallows_its_cancellation_is_abandoned_after_the_grace(
    system: ActorSystem, facts: list[Any]
) -> None:
    """Whoever kills: after a second the message is lost, its asker learns it, and the kill is carried out."""
    ends: list[float] = []

    class Ending(Clinging):
        def on_stop(self) -> None:
            ends.append(now())

    ref = system.spawn(Ending, spec=ChildSpec("temporary"))
    asked = ref.ask("stay", block=False)
    await asyncio.sleep(1)
    ref.kill()
    await ref.terminated
    with pytest.raises(ActorDeadError):
        await asked
    assert (now(), ends) == (2.0, [2.0])
    assert [fact.grace for fact in facts if isinstance(fact, HandlerAbandoned)] == [1.0]
    assert_conservation(system)


async def test_a_killed_actor_that_is_mended_comes_back_after_the_grace(system: ActorSystem) -> None:
    """Its mailbox waits for the next instance, which knows nothing of the handler that was let go."""
    ref = system.spawn(Clinging)
    ref.tell("stay")
    await asyncio.sleep(1)
    ref.kill()
    assert await ref.request("next") == "next"
    assert (now(), ref.info().restarts) == (2.0, 1)
    assert_conservation(system)


async def test_the_children_of_a_handler_that_is_abandoned_end_by_their_own_hooks(system: ActorSystem) -> None:
    """Only what swallowed its cancellation is closed."""
    ends: list[float] = []

    class Careful(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(3)
            ends.append(now())

    class Parent(Clinging):
        def on_start(self) -> None:
            self.spawn(Careful)

    ref = system.spawn(Parent, spec=ChildSpec("temporary"))
    ref.tell("stay")
    await asyncio.sleep(1)
    ref.kill()
    await ref.terminated
    assert ends == [5.0]


async def test_a_start_that_swallows_a_kill_is_abandoned(system: ActorSystem, facts: list[Any]) -> None:
    """It never ran: no `on_stop`; what waited for it is lost with it."""
    stops: list[float] = []

    class Starting(Actor):
        async def on_start(self) -> None:  # type: ignore[override]
            await cling()

        def on_stop(self) -> None:
            stops.append(now())

    ref = system.spawn(Starting, spec=ChildSpec("temporary"))
    await asyncio.sleep(1)
    ref.kill()
    await ref.terminated
    assert (now(), stops) == (2.0, [])
    assert [type(fact).__name__ for fact in facts] == ["HandlerAbandoned", "ActorStopped"]


async def test_a_signal_handler_that_swallows_a_kill_is_abandoned(system: ActorSystem) -> None:
    """As any handler."""

    class Watching(Actor):
        def on_receive(self, message: Any) -> None:
            self.watch(message)

        async def on_signal(self, signal: Any) -> None:
            await cling()

    other = system.spawn(Clinging)
    ref = system.spawn(Watching, spec=ChildSpec("temporary"))
    ref.tell(other)
    await other.stop()
    await asyncio.sleep(1)
    ref.kill()
    await ref.terminated
    assert now() == 2.0


async def test_a_handler_that_kills_its_own_actor_and_goes_on_is_abandoned(system: ActorSystem) -> None:
    """Also when the kill came before its first wait."""

    class Killing(Actor):
        async def on_receive(self, message: Any) -> None:
            self.actor_ref.kill()
            await cling()

    ref = system.spawn(Killing, spec=ChildSpec("temporary"))
    ref.tell("go")
    await ref.terminated
    assert now() == 1.0


class Hanging(Actor):
    """Its last hook takes the seconds it is given, or clings."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message

    async def on_stop(self) -> None:  # type: ignore[override]
        if self.seconds is None:
            await cling()
        else:
            await asyncio.sleep(self.seconds)


@pytest.mark.allow_failures("CancelledError")
@pytest.mark.parametrize("how", ["stop", "stop_now", "kill"])
@pytest.mark.parametrize(
    ("seconds", "shutdown", "ended"),
    [(3.0, None, 3.0), (100.0, None, 5.0), (None, None, 6.0), (100.0, 2.0, 2.0), (None, 2.0, 3.0), (100.0, 0.0, 1.0)],
)
async def test_on_stop_has_as_long_as_its_actor_has_to_stop(
    system: ActorSystem, how: str, seconds: float | None, shutdown: float | None, ended: float
) -> None:
    """Then it is cancelled, and abandoned a grace later, whoever ended the actor."""
    ref = system.spawn(Hanging, seconds, spec=ChildSpec("temporary", shutdown=shutdown))
    await ref.request("up")
    getattr(ref, how)()
    await ref.terminated
    assert now() == ended


@pytest.mark.allow_failures("CancelledError")
async def test_a_kill_of_one_whose_on_stop_hangs_is_heard_at_once(system: ActorSystem) -> None:
    """Its grace begins with the kill, not when its time would have been up."""
    ref = system.spawn(Hanging, spec=ChildSpec("temporary"))
    ref.stop()
    await asyncio.sleep(2)
    ref.kill()
    await ref.terminated
    assert now() == 3.0


async def test_a_hook_that_waits_for_a_task_that_swallows_is_left_alone_with_it(system: ActorSystem) -> None:
    """The cancellation never reaches the hook: the life ends a grace later, without it."""
    clinging: list[asyncio.Task[None]] = []

    class Waiting(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            clinging.append(asyncio.create_task(cling(until=20)))
            await clinging[0]

    ref = system.spawn(Waiting, spec=ChildSpec("temporary"))
    ref.stop()
    await ref.terminated
    assert now() == 7.0
    await asyncio.wait(clinging)


@pytest.mark.allow_failures("ValueError")
@pytest.mark.parametrize("hook", ["on_failure", "pre_restart"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_a_restart_does_not_wait_for_a_hook_that_waits_for_a_task_that_swallows(
    system: ActorSystem, hook: str, strategy: Any
) -> None:
    """The next instance comes all the same, a grace later, with its siblings if its strategy names them."""
    clinging: list[asyncio.Task[None]] = []

    async def wait(*_: Any) -> None:
        clinging.append(asyncio.create_task(cling(until=20)))
        await clinging[0]

    parent: Any = system.spawn(type("Both", (Supervisor,), {"supervision": SupervisorSpec(strategy)}))
    failing = cast("type[Actor]", type("Failing", (Hanging,), {hook: wait, "on_stop": Actor.on_stop}))
    first, second = system.spawn(failing, under=parent), system.spawn(Clinging, under=parent)
    first.tell(ValueError())
    assert await first.request("next", timeout=60) == "next"
    assert now() == 7.0
    assert await second.request("next") == "next"
    assert second.info().restarts == (strategy == "one_for_all")
    await asyncio.wait(clinging)


@pytest.mark.allow_failures("ValueError", "CancelledError")
async def test_a_restart_does_not_wait_for_a_hook_that_hangs(system: ActorSystem) -> None:
    """`pre_restart` has as long as `on_stop`; the next instance comes after it."""
    ref = system.spawn(Hanging)
    ref.tell(ValueError())
    assert await ref.request("next", timeout=60) == "next"
    assert (now(), ref.info().restarts) == (6.0, 1)
    ref.kill()


@pytest.mark.allow_failures("ValueError", "RestartsExceeded", "CancelledError")
@pytest.mark.parametrize("wait", [100, None])
async def test_giving_up_reaches_the_supervisor_whatever_the_hook_does(system: ActorSystem, wait: float | None) -> None:
    """Its child ends late, or is abandoned; then the supervisor fails, and is restarted by its own."""

    class Giving(Supervisor):
        supervision = SupervisorSpec(intensity=0)

    parent = system.spawn(Giving, [Child(Hanging, (wait,), name="child")])
    await asyncio.sleep(1)
    parent.children()[0].tell(ValueError())
    await asyncio.sleep(10)
    assert (parent.info().phase, parent.info().restarts) == ("running", 1)
    assert [child.info().phase for child in parent.children()] == ["running"]


@pytest.mark.allow_failures("ValueError", "OSError", "CancelledError")
@pytest.mark.parametrize("hook", ["on_failure", "pre_restart", "on_stop"])
@pytest.mark.parametrize("kill_at", [None, 2.0])
async def test_a_last_hook_that_raises_when_it_is_closed_is_reported_and_the_restart_goes_on(
    system: ActorSystem, facts: list[Any], hook: str, kill_at: float | None
) -> None:
    """Its children end by their own hooks; siblings that go with it come back with it, whoever cut it short."""
    ends: list[str] = []

    class Child(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(3)
            ends.append("child")

    async def cling_and_raise(*_: Any) -> None:
        try:
            await cling()
        finally:
            raise OSError("connection already closed")

    failing = cast("type[Actor]", type("Failing", (Spawning,), {hook: cling_and_raise, "child": Child}))
    parent = system.spawn(type("Both", (Supervisor,), {"supervision": SupervisorSpec("one_for_all")}))
    first, second = system.spawn(failing, under=parent, name="a"), system.spawn(Clinging, under=parent, name="b")
    await first.request("up")
    first.tell(ValueError())
    if kill_at is not None:
        await asyncio.sleep(kill_at)
        first.kill()
    assert await first.request("next", timeout=60) == await second.request("next", timeout=60) == "next"
    assert now() == (3.0 if kill_at else 6.0) + 3.0
    assert ends == ["child"]
    closed = [fact.doing for fact in facts if isinstance(fact, ActorFailed) and isinstance(fact.error, OSError)]
    assert closed == ["pre_restart" if hook == "on_stop" else hook]
    assert (first.info().incarnation, second.info().incarnation) == (2, 2)
    facts.clear()
    parent.kill()


class Spawning(Actor):
    child: type[Actor]

    def on_start(self) -> None:
        self.spawn(self.child)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message


async def test_an_entity_whose_last_hook_hangs_is_followed_by_the_next(system: ActorSystem) -> None:
    """A passivation has a deadline; what came for its key meanwhile is handled then."""

    class Entity(Hanging):
        def __init__(self, key: str) -> None:
            super().__init__()

    system.entities(Entity, passivate_after=1.0, spec=ChildSpec(shutdown=2.0))
    entity = system.entity(Entity, "key")
    assert await entity.request("one") == "one"
    await asyncio.sleep(2)
    assert await entity.request("two", timeout=60) == "two"
    assert now() == 4.0  # passivated at 1, cancelled at 3, closed at 4


async def test_who_stops_without_a_wait_needs_no_timer(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million connections end without one: a deadline begins with the first real wait."""

    class Quick(Actor):
        async def on_stop(self) -> None:  # type: ignore[override]
            return

    timers = timers_from_now_on(monkeypatch)
    for how in ("stop", "stop_now", "kill"):
        ref = system.spawn(Quick, spec=ChildSpec("temporary"))
        getattr(ref, how)()
        await ref.terminated
    assert timers == []
