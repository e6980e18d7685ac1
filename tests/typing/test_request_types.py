"""What type checkers make of asks: `assert_type` is the test, mypy and pyright run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import attrs

from actors import Actor, ActorRef, ActorSystem, LoopFuture, Request, handles

if TYPE_CHECKING:
    from pykka import Future


@attrs.frozen
class Add(Request[int]):
    number: int


@attrs.frozen
class Names(Request[list[str]]):
    pass


@attrs.frozen
class Silent:
    pass


class Counter(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @handles(Add)
    def add(self, message: Add) -> int:
        self.count += message.number
        return self.count

    @handles(Names)
    async def names(self, message: Names) -> list[str]:
        return ["counter"]


class Keyed(Counter):
    def __init__(self, key: str) -> None:
        super().__init__()


async def test_a_request_s_answer_has_the_type_its_class_names(system: ActorSystem) -> None:
    """`Request[int]` is answered with an int; anything else with Any."""
    ref = assert_type(system.spawn(Counter), ActorRef[Counter])
    total = assert_type(await ref.request(Add(2)), int)
    names = assert_type(await ref.request(Names(), timeout=1.0), list[str])
    entity = system.entity(Keyed, "one")
    assert_type(await entity.request(Add(2)), int)
    assert_type(await entity.request("anything"), Any)
    anything = assert_type(await ref.request(Silent()), Any)
    assert (total, names, anything) == (2, ["counter"], None)


async def test_spawn_keeps_the_class(system: ActorSystem) -> None:
    """From the system, below a ref, and from inside an actor."""

    class Parent(Actor):
        async def on_receive(self, message: Any) -> None:
            assert_type(self.spawn(Counter), ActorRef[Counter])

    parent = assert_type(system.spawn(Parent), ActorRef[Parent])
    assert_type(system.spawn(Counter, under=parent), ActorRef[Counter])
    assert await parent.request("spawn") is None


def test_futures_keep_their_type() -> None:
    """`get` gives what `set` took; `map` what its function returns."""
    future: LoopFuture[int] = LoopFuture()
    mapped: Future[str] = future.map(str)
    future.set(1)
    assert assert_type(future.get(), int) == 1
    assert mapped.get() == "1"
