"""A probe: an actor that keeps what it is told, and a test that reads it message by message."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from actors.actor import Actor
from actors.cell.handler_table import handles
from actors.errors import ActorDeadError
from actors.mail.messages import Ask, Terminated

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from actors.cell.cell import ActorRef
    from actors.future import LoopFuture
    from actors.mail.messages import Signal
    from actors.system import ActorSystem

T = TypeVar("T")

TIMEOUT = 3.0
"""Seconds of the system's time an expectation waits; in virtual time they cost nothing."""

SHOWN = 20
"""Messages listed in an error: enough to see a conversation, few enough to read."""


class ProbeActor(Actor):
    """Hands everything it gets to its probe, in order; an ask stays open until the probe replies."""

    def __init__(self, probe: TestProbe) -> None:
        super().__init__()
        self._probe = probe
        self._open: list[Ask] = []

    @handles(Ask)
    def asked(self, ask: Ask) -> None:
        """The envelope itself: returning from here answers nothing."""
        self._open = [one for one in self._open if not one.reply_to.done()]  # type: ignore[union-attr]
        self._open.append(ask)
        self._probe._take(ask)

    def on_receive(self, message: Any) -> None:
        self._probe._take(message)

    def on_signal(self, signal: Signal) -> None:
        self._probe._take(signal)

    def on_stop(self) -> None:
        """Whoever still waits for a reply learns that none will come."""
        for ask in self._open:
            ask.reply_to.fail(ActorDeadError(f"{self} stopped and its test had not replied"))  # type: ignore[union-attr]


class TestProbe:
    """
    `probe = await TestProbe.start(system)`, then `probe.ref` goes wherever a ref is wanted.

    Every expectation takes the next message and nothing else; timeouts are in the system's time. Signals of actors it
    watches arrive between the messages, in the order they came.
    """

    __test__ = False  # not a test class, whatever its name says to pytest

    def __init__(self) -> None:
        self._arrived: deque[object] = deque()
        self._seen: deque[object] = deque(maxlen=SHOWN)
        self._waiter: asyncio.Future[None] | None = None
        self._asked: Ask | None = None
        self._ref: ActorRef[ProbeActor] | None = None

    @classmethod
    async def start(cls, system: ActorSystem, name: str | None = None) -> Self:
        """Starts the probe's actor below the root of `system`."""
        probe = cls()
        probe._ref = system.spawn(ProbeActor, probe, name=name)
        return probe

    @property
    def ref(self) -> ActorRef[ProbeActor]:
        if self._ref is None:
            raise RuntimeError("this probe has no actor: make it with `await TestProbe.start(system)`")
        return self._ref

    async def receive(self, timeout: float = TIMEOUT) -> Any:
        """The next message. Raises AssertionError when none comes within `timeout` seconds."""
        if not await self._wait(timeout):
            raise AssertionError(f"nothing arrived at the probe within {timeout:g} s; {self._story()}")
        taken = self._arrived.popleft()
        if isinstance(taken, Ask):
            self._asked, taken = taken, taken.message
        self._seen.append(taken)
        return taken

    async def expect(self, message: object, timeout: float = TIMEOUT) -> None:
        """The next message equals `message`."""
        got = await self.receive(timeout)
        if got != message:
            raise AssertionError(f"expected {message!r}, got {got!r}; {self._story()}")

    async def expect_type(self, kind: type[T], timeout: float = TIMEOUT) -> T:
        """The next message is a `kind`; returns it."""
        got = await self.receive(timeout)
        if not isinstance(got, kind):
            raise AssertionError(  # noqa: TRY004  # an expectation failed, not a call
                f"expected a {kind.__name__}, got {got!r}; {self._story()}"
            )
        return got

    async def expect_none(self, within: float = TIMEOUT) -> None:
        """Nothing arrives for `within` seconds."""
        if await self._wait(within):
            raise AssertionError(
                f"expected nothing within {within:g} s, got {_plain(self._arrived[0])!r}; {self._story()}"
            )

    async def fish(self, predicate: Callable[[Any], bool], timeout: float = TIMEOUT) -> Any:
        """The first message for which `predicate` holds; those before it are thrown back. `timeout` is for all."""
        ends = asyncio.get_running_loop().time() + timeout
        while True:
            left = ends - asyncio.get_running_loop().time()
            if not await self._wait(left):
                raise AssertionError(f"fished in vain for {timeout:g} s; {self._story()}")
            message = await self.receive(left)
            if predicate(message):
                return message

    async def expect_terminated(self, ref: ActorRef[Any], timeout: float = TIMEOUT) -> Terminated:
        """Watches `ref` if nobody did; the next message is its `Terminated`. Watch first to catch the order."""
        self.watch(ref)
        got = await self.receive(timeout)
        if not isinstance(got, Terminated) or got.ref is not ref:
            raise AssertionError(f"expected the Terminated of {ref}, got {got!r}; {self._story()}")
        return got

    def watch(self, ref: ActorRef[Any]) -> None:
        """From now on its `Terminated` arrives among the messages. Watching again changes nothing."""
        if not any(isinstance(one, Terminated) and one.ref is ref for one in self._arrived):
            self.ref._actor.watch(ref)

    def reply(self, value: object = None) -> None:
        """Answers the ask that was taken last."""
        self._last_ask().resolve(value)

    def reply_error(self, error: BaseException) -> None:
        """Answers it with an error, as a handler that raised would."""
        self._last_ask().fail(error)

    def _last_ask(self) -> LoopFuture[Any]:
        ask, self._asked = self._asked, None
        if ask is None:
            raise AssertionError(f"cannot reply: the last message was no ask, or has its answer; {self._story()}")
        return cast("LoopFuture[Any]", ask.reply_to)

    def _take(self, message: object) -> None:
        self._arrived.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, timeout: float) -> bool:
        """Whether a message is there, by `timeout` seconds from now at the latest."""
        if self._arrived:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        expiry = loop.call_later(max(0.0, timeout), _release, self._waiter)
        try:
            await self._waiter
        finally:
            expiry.cancel()
            self._waiter = None
        return bool(self._arrived)

    def _story(self) -> str:
        """What did arrive, for the reader of a failure."""
        seen = ", ".join(map(repr, self._seen)) or "nothing"
        waiting = ", ".join(repr(_plain(one)) for one in list(self._arrived)[:SHOWN]) or "nothing"
        return f"taken so far: {seen}; still there: {waiting}"


def _plain(arrived: object) -> object:
    return arrived.message if isinstance(arrived, Ask) else arrived


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
