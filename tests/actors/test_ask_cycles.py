"""Ask cycles: a ring of actors that wait for each other is an error at once, and nothing else is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from actors import Actor, ActorDeadError, ActorRef, ActorSystem, AskCycleError, AskedSelf, AskTimeout, BlockingActor
from actors.testkit import explore
from tests.support.laws import seeds


class Node(Actor):
    """Calls what it is told with itself, and awaits that."""

    async def on_receive(self, message: Any) -> Any:
        result = message(self) if callable(message) else message
        return await result if asyncio.iscoroutine(result) else result


def ring(refs: list[ActorRef[Any]], last: Any = "reached the end") -> Any:
    """A message for `refs[0]` that makes each ask the next, and the last one handle `last`."""
    if len(refs) == 1:
        return last
    return lambda _: refs[1].request(ring(refs[1:], last), timeout=60)


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_a_ring_is_refused_and_its_path_named(system: ActorSystem, size: int) -> None:
    """The one that would close it gets the error; passed on, it answers all the others; all run on."""
    refs: list[ActorRef[Any]] = [system.spawn(Node, name=f"n{index}") for index in range(size)]
    with pytest.raises(AskCycleError) as caught:
        await refs[0].request(ring([*refs, refs[0]]))
    names = [f"Node (/n{index})" for index in range(size)]
    assert caught.value.path == [names[-1], *names]
    assert "pipe_to_self" in str(caught.value)
    assert asyncio.get_running_loop().time() == 0.0
    assert [await ref.request("up") for ref in refs] == ["up"] * size
    assert [ref.info().restarts for ref in refs] == [0] * size


async def test_a_chain_is_no_ring(system: ActorSystem) -> None:
    """However long; also when two chains end in the same actor."""
    refs: list[ActorRef[Any]] = [system.spawn(Node) for _ in range(6)]
    answers = [refs[0].request(ring(refs)), refs[1].request("direct"), refs[2].request(ring(refs[2:]))]
    assert await asyncio.gather(*answers) == ["reached the end", "direct", "reached the end"]


async def test_an_answer_that_is_in_is_not_waited_for(system: ActorSystem) -> None:
    """`a` has its answer but has not run yet: `b`, already at its next message, may ask `a`."""
    a, b = system.spawn(Node), system.spawn(Node)
    b.tell(lambda _: asyncio.sleep(1))
    first = a.ask(lambda _: b.request("quick"), block=False)
    await asyncio.sleep(0.5)
    back = b.ask(lambda _: a.request("no ring"), block=False)
    assert await first == "quick"
    assert await back == "no ring"


@pytest.mark.allow_dead_letters("expired")
async def test_an_ask_that_was_given_up_is_not_waited_for(system: ActorSystem) -> None:
    """After its timeout, or a cancellation, the handler waits for nobody."""
    a, b = system.spawn(Node), system.spawn(Node)

    async def give_up(_: Node) -> str:
        for _again in range(2):
            with pytest.raises(TimeoutError):
                await b.request(lambda _: asyncio.sleep(1), timeout=0.5)
        async with asyncio.timeout(10):
            await asyncio.sleep(5)
        return "went on"

    answer = a.ask(give_up, block=False)
    await asyncio.sleep(2.5)
    back = b.ask(lambda _: a.request("later", timeout=60), block=False)
    assert await answer == "went on"
    assert await back == "later"


async def test_what_is_awaited_beside_the_handler_is_no_ring(system: ActorSystem) -> None:
    """A pipe does not keep its actor from its messages: whom it asks may ask back."""
    a, b = system.spawn(Node), system.spawn(Node)
    piped: list[Any] = []
    await a.request(lambda self: self.pipe_to_self(b.request(lambda _: a.request("free")), to=piped.append))
    await asyncio.sleep(1)
    assert piped == ["free"]


@pytest.mark.allow_dead_letters("expired")
async def test_the_timeout_ends_what_the_ring_check_misses(system: ActorSystem) -> None:
    """Nobody is left waiting."""
    a, b = system.spawn(Node), system.spawn(Node)

    async def in_a_task(_: Node) -> Any:
        return await asyncio.create_task(b.request(lambda _: a.request("missed", timeout=5), timeout=1))

    with pytest.raises(AskTimeout):
        await a.request(in_a_task, timeout=60)
    assert asyncio.get_running_loop().time() == 1.0


@pytest.mark.hypothesis  # more seeds with the thorough profile
def test_two_that_ask_each_other_never_both_wait() -> None:
    """Whatever the order: at least one of them learns of the ring, nobody waits for a deadline."""

    async def scenario(system: ActorSystem) -> None:
        refs: list[ActorRef[Any]] = [system.spawn(Node, name=name) for name in "ab"]
        asks = [
            refs[0].ask(ring([*refs, refs[0]]), block=False),
            refs[1].ask(ring([*refs[::-1], refs[1]]), block=False),
        ]
        errors = await asyncio.gather(*asks, return_exceptions=True)
        assert any(isinstance(error, AskCycleError) for error in errors)
        assert all(isinstance(error, AskCycleError) or error == "reached the end" for error in errors)
        assert asyncio.get_running_loop().time() == 0.0

    explore(scenario, seeds=seeds(50))


HARD_BOUND = 20
"""Real seconds after which a thread that should have been answered is given up."""


class Blocked(BlockingActor):
    """Calls what it is told with itself, on its thread, where it may ask and block."""

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


def blocked_ring(refs: list[ActorRef[Any]]) -> Any:
    """As `ring`, on threads."""
    if len(refs) == 1:
        return "reached the end"
    return lambda _: refs[1].ask(blocked_ring(refs[1:]), timeout=HARD_BOUND)


async def test_a_thread_does_not_wait_for_its_own_next_turn(system: ActorSystem) -> None:
    """It waited for ever, and its actor with it, until a kill."""
    ref = system.spawn(Blocked)
    with pytest.raises(AskedSelf, match="cannot ask itself"):
        await ref.request(lambda self: self.actor_ref.ask("me", timeout=HARD_BOUND))
    assert await ref.request("up") == "up"


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_a_ring_of_threads_is_refused(system: ActorSystem, size: int) -> None:
    """As one of coroutines; `ask` of theirs has no timeout of itself."""
    refs: list[ActorRef[Any]] = [system.spawn(Blocked, name=f"n{index}") for index in range(size)]
    with pytest.raises(AskCycleError) as caught:
        await refs[0].request(blocked_ring([*refs, refs[0]]), timeout=HARD_BOUND)
    names = [f"Blocked (/n{index})" for index in range(size)]
    assert caught.value.path == [names[-1], *names]
    assert [await ref.request("up") for ref in refs] == ["up"] * size


async def test_a_ring_of_a_thread_and_a_coroutine_is_refused(system: ActorSystem) -> None:
    """Whichever closes it."""
    thread, node = system.spawn(Blocked), system.spawn(Node)
    with pytest.raises(AskCycleError):
        await thread.request(lambda _: node.ask(lambda _: thread.request("x"), timeout=HARD_BOUND))
    with pytest.raises(AskCycleError):
        await node.request(lambda _: thread.request(lambda _: node.ask("x", timeout=HARD_BOUND)))
    assert [await thread.request("up"), await node.request("up")] == ["up", "up"]


async def test_a_chain_of_threads_is_no_ring(system: ActorSystem) -> None:
    """However long; and who has its answer waits for nobody."""
    refs: list[ActorRef[Any]] = [system.spawn(Blocked) for _ in range(5)]
    assert await refs[0].request(blocked_ring(refs), timeout=HARD_BOUND) == "reached the end"
    assert await refs[4].request(blocked_ring(refs[::-1]), timeout=HARD_BOUND) == "reached the end"


async def test_a_thread_may_leave_an_answer_of_its_own_for_later(system: ActorSystem) -> None:
    """Without blocking for it, that is no ring."""
    ref = system.spawn(Blocked)
    later = await ref.request(lambda self: [self.actor_ref.ask("me", block=False)])
    assert await later[0] == "me"


class Grain(Node):
    """An entity."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


async def test_entities_that_would_wait_for_each_other_are_refused(system: ActorSystem) -> None:
    """By their keys, as by their refs."""
    one, other, node = system.entity(Grain, "one"), system.entity(Grain, "other"), system.spawn(Node)
    assert [await one.request("up"), await other.request("up")] == ["up", "up"]
    with pytest.raises(AskedSelf, match="/Grain/one"):
        await one.request(lambda _: one.request("me"))
    with pytest.raises(AskCycleError, match=r"/Grain/other.*/Grain/one"):
        await one.request(lambda _: other.request(lambda _: one.request("x")))
    with pytest.raises(AskCycleError):
        await one.request(lambda _: node.request(lambda _: one.request("x")))
    with pytest.raises(AskCycleError):
        await node.request(lambda _: one.request(lambda _: node.request("x")))
    assert asyncio.get_running_loop().time() == 0.0
    assert await one.request(lambda _: other.request(lambda _: node.request("end"))) == "end"


async def test_an_entity_may_ask_for_the_next_one_of_another_key(system: ActorSystem) -> None:
    """One that has ended meanwhile closes no ring: its successor answers."""
    one, other = system.entity(Grain, "one"), system.entity(Grain, "other")
    await other.request("up")
    await other.request(lambda self: self.stop())
    assert await one.request(lambda _: other.request(lambda self: self.key)) == "other"


class AskingAtStart(Grain):
    """Asks somebody before its first message."""

    def __init__(self, key: str, asked: list[Any]) -> None:
        super().__init__(key)
        self.asked = asked
        self.error: BaseException | None = None

    async def on_start(self) -> None:  # type: ignore[override]
        try:
            await self.asked[0].request("at my start", timeout=60)
        except AskCycleError as error:
            self.error = error

    async def on_receive(self, message: Any) -> Any:
        return self.error if message == "error" else await super().on_receive(message)


@pytest.mark.hypothesis  # more seeds with the thorough profile
def test_an_entity_that_begins_with_asking_who_asked_it_is_refused() -> None:
    """It was not there when it was asked, by its key; the ring is seen once it is."""

    async def scenario(system: ActorSystem) -> None:
        asked: list[Any] = []
        system.entities(AskingAtStart, asked)
        node, entity = system.spawn(Node, name="node"), system.entity(AskingAtStart, "new")
        asked.append(node)
        error = await node.request(lambda _: entity.request("error", timeout=60), timeout=60)
        assert isinstance(error, AskCycleError)
        assert error.path == [
            "AskingAtStart (/AskingAtStart/new)",
            "Node (/node)",
            "AskingAtStart (/AskingAtStart/new)",
        ]
        assert await node.request(lambda _: entity.request("and now", timeout=60)) == "and now"
        assert asyncio.get_running_loop().time() == 0.0

    explore(scenario, seeds=seeds(30))


def got_ring(refs: list[ActorRef[Any]]) -> Any:
    """As `blocked_ring`, each waiting for a future that it was given."""
    if len(refs) == 1:
        return "reached the end"
    return lambda _: refs[1].ask(got_ring(refs[1:]), block=False).get(timeout=HARD_BOUND)


def awaited(refs: list[ActorRef[Any]]) -> Any:
    """As `ring`, each awaiting a future that it was given."""
    if len(refs) == 1:
        return "reached the end"
    return lambda _: _awaited(refs[1].ask(awaited(refs[1:]), block=False))


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_ring_that_is_closed_by_waiting_for_a_future_is_refused(system: ActorSystem, size: int) -> None:
    """On a thread: the message was sent, its answer is not waited for. What a proxy returns is such a future."""
    refs: list[ActorRef[Any]] = [system.spawn(Blocked, name=f"n{index}") for index in range(size)]
    with pytest.raises(AskedSelf if size == 1 else AskCycleError):
        await refs[0].request(got_ring([*refs, refs[0]]), timeout=HARD_BOUND)
    assert await refs[0].request(got_ring(refs), timeout=HARD_BOUND) == "reached the end"


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_ring_that_is_closed_by_awaiting_a_future_is_refused(system: ActorSystem, size: int) -> None:
    """As one of requests, which would end with their timeouts; these have none."""
    refs: list[ActorRef[Any]] = [system.spawn(Node, name=f"n{index}") for index in range(size)]
    with pytest.raises(AskedSelf if size == 1 else AskCycleError):
        await refs[0].request(awaited([*refs, refs[0]]), timeout=HARD_BOUND)
    assert await refs[0].request(awaited(refs), timeout=HARD_BOUND) == "reached the end"
    assert asyncio.get_running_loop().time() == 0.0


class Caller(BlockingActor):
    """Its methods are called by proxies."""

    def first(self, other: Any) -> Any:
        return other.second(self.actor_ref.proxy()).get(timeout=HARD_BOUND)

    def second(self, other: Any) -> Any:
        return other.third().get(timeout=HARD_BOUND)

    def third(self) -> str:
        return "third"


async def test_proxies_that_would_wait_for_each_other_are_refused(system: ActorSystem) -> None:
    """Whoever wrote for pykka knows such a call as one that never returns."""
    one, other = system.spawn(Caller), system.spawn(Caller)
    with pytest.raises(AskCycleError):
        await one.proxy().first(other.proxy())
    assert await other.proxy().second(one.proxy()) == "third"


@pytest.mark.parametrize("kind", [Node, Blocked])
async def test_a_future_that_is_waited_for_later_closes_no_ring(system: ActorSystem, kind: type[Actor]) -> None:
    """Its answer is in, or whoever gives it waits for nobody."""
    one, other = system.spawn(kind), system.spawn(kind)
    kept = await one.request(lambda _: [other.ask("early", block=False)])
    await kept[0]
    if kind is Blocked:
        assert await one.request(lambda _: kept[0].get()) == "early"
        assert await one.request(lambda _: [other.ask(x, block=False).get(timeout=HARD_BOUND) for x in "ab"]) == [
            "a",
            "b",
        ]
    else:
        assert await one.request(lambda _: _awaited(kept[0])) == "early"
    assert one._waits_for is None


async def _awaited(future: Any) -> Any:
    return await future


@pytest.mark.actors(real_time=True)
@pytest.mark.parametrize("how", ["ask", "future"])
async def test_a_thread_that_outlives_its_instance_waits_for_nobody_in_its_name(system: ActorSystem, how: str) -> None:
    """It was killed while its thread waited for an answer, which Python cannot stop: the next instance is free."""
    thread, node = system.spawn(Blocked), system.spawn(Node)
    asked, go_on, said = asyncio.Event(), asyncio.Event(), list[str]()

    async def answer(_: Node) -> None:
        asked.set()
        await go_on.wait()
        said.append(await thread.request("no ring", timeout=HARD_BOUND))

    def wait(_: Blocked) -> Any:
        if how == "ask":
            return node.ask(answer, timeout=HARD_BOUND)
        return first.get(timeout=HARD_BOUND)

    first = node.ask(answer, block=False) if how == "future" else None
    waiting = thread.ask(wait, block=False)
    await asked.wait()
    await asyncio.to_thread(_until_it_waits, thread)
    thread.kill()
    with pytest.raises(ActorDeadError):
        await waiting
    after = node.ask("after", block=False)
    go_on.set()
    assert await after == "after"
    assert said == ["no ring"]


def _until_it_waits(ref: ActorRef[Any]) -> None:
    while ref._waits_for is None:
        threading.Event().wait(0.001)
