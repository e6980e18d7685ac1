"""A loop whose task factory steps each coroutine before it returns the task, as `asyncio.eager_task_factory` does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actors import Actor, ActorSystem
from actors.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    Factory = Callable[..., asyncio.Task[Any]]


class Rest:
    """What is left of a coroutine that was stepped once and then waits for `yielded`."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.yielded: object = None
        self.value: object = None
        self.is_over = False

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.is_over:
            return self.value
        while True:
            try:
                sent = yield self.yielded
            except BaseException as error:
                step: Any = self.coroutine.throw
                sent = error
            else:
                step = self.coroutine.send
            try:
                self.yielded = step(sent)
            except StopIteration as stop:
                return stop.value


def stepped_at_once(loop: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any) -> asyncio.Task[Any]:
    """What 3.12's factory does, for every Python; the step runs as the new task, not as that of its maker."""
    if not loop.is_running():  # such as what a runner does to close it: Python's own waits there as well
        return asyncio.Task(coroutine, loop=loop, **settings)
    rest = Rest(coroutine)
    task: asyncio.Task[Any] = asyncio.Task(_the(rest), loop=loop, **settings)
    maker = asyncio.current_task(loop)
    if maker is not None:
        asyncio._leave_task(loop, maker)
    asyncio._enter_task(loop, task)
    try:
        rest.yielded = coroutine.send(None)
    except StopIteration as stop:
        rest.value, rest.is_over = stop.value, True
    finally:
        asyncio._leave_task(loop, task)
        if maker is not None:
            asyncio._enter_task(loop, maker)
    return task


async def _the(rest: Rest) -> Any:
    return await rest


FACTORIES: list[Any] = [stepped_at_once]
if hasattr(asyncio, "eager_task_factory"):
    FACTORIES.append(asyncio.eager_task_factory)


class Answering(Actor):
    async def on_start(self) -> None:
        self.piped = 0
        self.pipe_to_self(asyncio.sleep(0, 1))
        self.pipe_to_self(_at_once())

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, int):
            self.piped += message
        elif isinstance(message, float):
            await asyncio.sleep(message)
            await asyncio.gather(asyncio.sleep(message), _at_once())
        return self.piped if message == "piped" else message


async def _at_once() -> int:
    return 1


@pytest.mark.actors
@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("when", ["before the system starts", "while it runs"])
async def test_the_run_queue_has_an_owner_whatever_makes_the_tasks_of_its_loop(factory: Factory, when: str) -> None:
    """Handlers that wait and those that do not, piped results, the end of the system: all as on any other loop."""
    loop = asyncio.get_running_loop()
    if when == "before the system starts":
        loop.set_task_factory(factory)
    async with asyncio.timeout(100), ActorSystem(clock=VirtualClock(loop)) as system:
        loop.set_task_factory(factory)
        ref = system.spawn(Answering)
        assert [await ref.request(message) for message in ("a", 1.0, "b", 0.5, "c")] == ["a", 1.0, "b", 0.5, "c"]
        assert await ref.request("piped") == 2
    assert not ref.is_alive()
