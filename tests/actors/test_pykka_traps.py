"""
The traps of pykka 4.5 that this runtime is built around, and where it deviates from pykka on purpose.

pykka's own suite runs against our actors with `pykka_compatible=True` (tests/compliance). What the default does
differently, with the test here that shows it:

- only roots and named actors below one are in `ActorRegistry`: `test_trap_3_...`
- a `BaseException` fails its actor, it does not stop all of them: `test_trap_5_...`
- tells that nobody handled are dead letters: `test_trap_6_...`
- `map` and friends are computed once, when the value comes in: `test_trap_7_...`
- `get` and a blocking `ask` refuse the thread of a running loop: `test_trap_1_...`
- a failing tell restarts the actor under the same ref: `test_a_failing_tell_restarts_where_pykka_stops`
- `on_stop` follows `on_failure`: `test_on_stop_follows_on_failure`
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pykka
import pytest

from actors import Actor, ActorDeadError, ActorSystem, ChildSpec, WouldBlockLoop, traversable
from actors.testkit import assert_conservation


class Echo(Actor):
    """Echoes; fails on errors; has attributes and methods for a proxy."""

    colour = "red"

    def __init__(self) -> None:
        super().__init__()
        self.only_on_instances = 1
        self.part = traversable(Part())

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message

    def double(self, number: int) -> int:
        return 2 * number

    async def later(self, number: int) -> int:
        await asyncio.sleep(1)
        return number


class Part:
    size = 3


async def test_trap_1_waiting_for_a_future_does_not_block_the_loop(system: ActorSystem) -> None:
    """pykka: 0 of 30 ticks of the loop during a wait of 0.3 s."""
    ref = system.spawn(Echo)
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        for _ in range(30):
            await asyncio.sleep(0.01)
            ticks += 1

    counting = asyncio.create_task(ticking())
    await ref.ask(0.305, block=False)
    assert ticks == 30
    await counting
    with pytest.raises(WouldBlockLoop):
        ref.ask("never sent")


@pytest.mark.actors(real_time=True)
@pytest.mark.allow_dead_letters
async def test_trap_2_no_future_stays_open_when_asking_the_dying(system: ActorSystem) -> None:
    """pykka: an ask between the check and the put of a stopping actor waits for ever."""
    answers: list[Any] = []

    def ask_all(refs: list[Any]) -> None:
        for ref in refs:
            answers.extend(ref.ask("?", block=False) for _ in range(20))

    for _ in range(10):
        refs = [system.spawn(Echo) for _ in range(20)]
        asking = asyncio.create_task(asyncio.to_thread(ask_all, refs))
        for ref in refs:
            ref.stop_now()
            await asyncio.sleep(0)
        await asking
    results = await asyncio.wait_for(asyncio.gather(*map(_wait, answers), return_exceptions=True), 30)
    assert len(results) == 4000
    assert {type(result) for result in results} <= {str, ActorDeadError}
    for ref in system.root.children():
        await ref.terminated
    assert_conservation(system)


async def _wait(future: Any) -> Any:
    return await future


async def test_trap_3_ordinary_actors_are_not_in_the_registry(system: ActorSystem) -> None:
    """One class-level list costs 10-19 ms per removal at 100,000 actors: only roots and named actors are in."""
    before = len(pykka.ActorRegistry.get_all())
    named, _ = system.spawn(Echo, name="named"), [system.spawn(Echo) for _ in range(50)]
    child = await named.request("up") and system.spawn(Echo, name="below", under=named)
    assert child is not None
    assert len(pykka.ActorRegistry.get_all()) == before + 1
    assert pykka.ActorRegistry.get_by_urn(named.actor_urn) is named
    await named.stop()
    assert len(pykka.ActorRegistry.get_all()) == before


@pytest.mark.allow_failures("ValueError")
async def test_trap_4_a_proxy_reaches_the_instance_of_now(system: ActorSystem) -> None:
    """pykka pins the instance that existed when the proxy was made, and introspects each time."""
    ref = system.spawn(Echo)
    proxy = ref.proxy()
    with pytest.raises(WouldBlockLoop):
        proxy.colour = "blue"  # pykka's proxy waits here until it is done
    await asyncio.to_thread(setattr, proxy, "colour", "blue")
    assert await proxy.colour == "blue"
    ref.tell(ValueError())
    assert await proxy.colour == "red"
    assert [await proxy.double(2), await proxy.later(3), await proxy.only_on_instances] == [4, 3, 1]
    assert await proxy.part.size == 3
    assert proxy == ref.proxy()
    assert len({proxy, ref.proxy()}) == 1
    declared = vars(Echo)["_proxied_attrs"][0]
    assert ref.proxy() == proxy
    assert vars(Echo)["_proxied_attrs"][0] is declared


@pytest.mark.allow_failures("KeyboardInterrupt", "SystemExit")
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=["exit", "interrupt"])
async def test_trap_5_an_exit_fails_one_actor(system: ActorSystem, error: BaseException) -> None:
    """pykka stops all of them; here the others run on and the system raises it when it is left."""
    ref, other = system.spawn(Echo), system.spawn(Echo)
    ref.tell(error)
    assert [await other.request("alive"), await ref.request("mended")] == ["alive", "mended"]
    assert (other.info().restarts, ref.info().restarts) == (0, 1)
    with pytest.raises(type(error)):
        await system.stop()
    system.env.fatal = None  # the fixture leaves the system once more


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("failed")
async def test_trap_6_what_waits_behind_a_failure_is_accounted_for(system: ActorSystem) -> None:
    """pykka: queued asks get an error, queued tells vanish."""
    ref = system.spawn(Echo, spec=ChildSpec("temporary"))
    ref.tell(ValueError())
    ref.tell("lost")
    ask = ref.ask("asked", block=False)
    with pytest.raises(ActorDeadError) as caught:
        await ask
    assert caught.value.reason == "failed"
    assert [(letter.message, letter.reason) for letter in system.dead_letters.recent] == [
        ("lost", "failed"),
        ("asked", "failed"),
    ]


async def test_trap_7_stop_and_map_do_not_block(system: ActorSystem) -> None:
    """They are futures; `map` is computed once, when the value comes in."""
    ref = system.spawn(Echo)
    calls: list[int] = []

    def next_one(number: int) -> int:
        calls.append(number)
        return number + 1

    mapped = ref.ask(20, block=False).map(next_one)
    assert await mapped == 21
    assert await mapped == 21
    assert calls == [20]
    assert await ref.stop() is True


async def test_trap_8_an_idle_actor_allocates_next_to_nothing(system: ActorSystem) -> None:
    """No URN, no event, no queue beside the mailbox, no dict until it is used."""
    ref = system.spawn(Actor)
    assert (ref._rare, ref._lane, ref._family, ref._context) == (None, None, None, None)
    assert not hasattr(ref, "__dict__") or not vars(ref)
    assert ref.actor_urn.startswith("urn:uuid:")
    assert ref.actor_urn is ref.actor_urn


@pytest.mark.allow_failures("ValueError")
async def test_a_failing_tell_restarts_where_pykka_stops(system: ActorSystem) -> None:
    """The ref stays valid; what waited is handled."""
    ref = system.spawn(Echo)
    ref.tell(ValueError())
    assert await ref.request("alive") == "alive"


@pytest.mark.allow_failures("ValueError")
async def test_on_stop_follows_on_failure(system: ActorSystem) -> None:
    """pykka calls one or the other; here what on_start opened is always closed."""
    hooks: list[str] = []

    class Writing(Echo):
        def on_stop(self) -> None:
            hooks.append("on_stop")

        def on_failure(self, *_: Any) -> None:
            hooks.append("on_failure")

    ref = system.spawn(Writing, spec=ChildSpec("temporary"))
    ref.tell(ValueError())
    await ref.terminated
    assert hooks == ["on_failure", "on_stop"]


@pytest.mark.actors(real_time=True)
async def test_pykka_s_names_are_where_its_users_look(system: ActorSystem) -> None:
    """`actor_stopped`, `actor_ref`, `actor_inbox`, `start`, `stop` within a handler."""

    class Homely(Echo):
        home: ClassVar[Any] = system

        def on_receive(self, message: Any) -> Any:
            assert self.actor_ref == self._actor_ref
            assert self.actor_urn == self.actor_ref.actor_urn
            if message == "stop":
                self.stop()
            return self.actor_stopped.is_set()

    ref = Homely.start()
    assert isinstance(ref, pykka.ActorRef)
    assert await ref.request("?") is False
    assert await asyncio.to_thread(ref.actor_stopped.wait, 0) is False
    ref.tell("stop")
    assert await asyncio.to_thread(ref.actor_stopped.wait, 10) is True
    assert ref.actor_stopped.is_set()
    with pytest.raises(ActorDeadError):
        ref.proxy()


@pytest.mark.actors(real_time=True, pykka_compatible=True)
@pytest.mark.allow_failures("ValueError")
async def test_a_compatible_system_registers_every_actor(system: ActorSystem) -> None:
    """What pykka's own suite asks for, at pykka's price."""
    ref = system.spawn(Echo)
    assert ref in pykka.ActorRegistry.get_all()
    assert ref.actor_urn in str(ref)
    ref.stop_now()
    await ref.terminated
    assert ref not in pykka.ActorRegistry.get_all()
