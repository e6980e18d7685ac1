"""An actor system: one tree, one dispatcher, one event stream, on one event loop. One may have several."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from . import pykka_words
from .actor import Actor
from .clock import Clock, LoopClock
from .dispatcher import Dispatcher, DispatcherSettings, InPlace
from .environment import Counts, Environment
from .errors import ActorDeadError, SystemFailed
from .events import DeadLetters, EventStream
from .lifecycle import spawn
from .ops import StopNow
from .supervision import TRANSIENT, ChildSpec, SupervisorSpec
from .turn import take_turn

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .cell import ActorRef

A = TypeVar("A", bound=Actor)


class Guardian(Actor):
    """The root of a tree. When its budget is spent there is nobody to escalate to: the system ends."""

    supervision = SupervisorSpec(intensity=3, period=60.0, on_exceeded="exit")


class ActorSystem:
    """
    `async with ActorSystem() as system:` runs a tree of actors and leaves only when it is down.

    Leaving stops the children of the root in reverse start order; each handles what waits in its mailbox first, within
    its shutdown time, and is killed after it.

    Raises, on leaving:
        SystemFailed: The root's restart budget was spent; `__cause__` says by what.
        SystemExit, KeyboardInterrupt: A handler raised it.
    """

    def __init__(
        self,
        name: str = "actors",
        *,
        dispatcher: DispatcherSettings | None = None,
        supervision: SupervisorSpec | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        in_place: InPlace = "always",
        pykka_compatible: bool = False,
    ) -> None:
        """
        Args:
            supervision: Of the root; 3 restarts in 60 s by default, then the system ends.
            clock: Time, if not the loop's own.
            seed: Runs ready actors in an order drawn from it, instead of first come, first served. For tests.
            in_place: Whether receivers may run in place; the laws hold for each of the three.
            pykka_compatible: What pykka's own test-suite asks for and 100,000 actors cannot have: every actor is in
                pykka's registry, a `BaseException` stops all of them, `on_stop` does not follow `on_failure`.
        """
        self.name = name
        self._dispatcher = dispatcher
        self._supervision = supervision
        self._clock = clock
        self._seed = seed
        self._in_place: InPlace = in_place
        self._pykka_compatible = pykka_compatible
        self._env: Environment | None = None
        self._root: ActorRef[Any] | None = None

    async def start(self) -> None:
        """Brings the root up on the running loop."""
        if self._env is not None:
            raise RuntimeError(f"cannot start system {self.name!r}: it was started before; make a new one")
        loop = asyncio.get_running_loop()
        clock = self._clock or LoopClock(loop)
        order = random.Random(self._seed) if self._seed is not None else None
        runner = Dispatcher(clock, take_turn, self._dispatcher, order=order, in_place=self._in_place)
        events = EventStream(_report)
        chance = order or random.Random()
        self._env = Environment(self.name, clock, runner, events, DeadLetters(events), chance, self._pykka_compatible)
        if self._pykka_compatible:
            pykka_words.subscribe(events)
        self._root = spawn(self._env, None, self._guardian(), ((), {}), None, ChildSpec("temporary"))

    async def stop(self) -> None:
        """Stops the tree and waits until it is down; then raises what ended it, if it did not end by this."""
        root = self.root
        if root._phase <= 2:
            root._post(StopNow("shutdown"))
        await root.terminated
        await self.env.dispatcher.close()
        fatal = self.env.fatal
        if isinstance(fatal, Exception):
            raise SystemFailed(f"system {self.name!r} ended by itself: {fatal}") from fatal
        if fatal is not None:
            raise fatal

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        except SystemFailed:
            if error is None:
                raise

    def spawn(
        self,
        actor_class: type[A],
        /,
        *args: Any,
        name: str | None = None,
        spec: ChildSpec = TRANSIENT,
        under: ActorRef[Any] | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]:
        """
        Starts an actor below the root, or below `under`. Any thread; `__init__` runs in the caller.

        Raises:
            NameTaken: A living sibling has that name.
            ActorDeadError: The system, or `under`, has ended.
            Anything `__init__` raises.
        """
        return spawn(self.env, under or self.root, actor_class, (args, kwargs), name, spec)

    @property
    def env(self) -> Environment:
        if self._env is None:
            raise ActorDeadError(f"system {self.name!r} is not running: start it, or use `async with`", "not started")
        return self._env

    @property
    def root(self) -> ActorRef[Any]:
        if self._root is None:
            raise ActorDeadError(f"system {self.name!r} is not running: start it, or use `async with`", "not started")
        return self._root

    @property
    def events(self) -> EventStream:
        return self.env.events

    @property
    def dead_letters(self) -> DeadLetters:
        return self.env.dead_letters

    def counts(self) -> Counts:
        """What became of every message of every actor, living or gone; balanced whenever nothing is running."""
        return sum((ref.counts() for ref in self.root.walk()), self.env.ledger.settled)

    def _guardian(self) -> type[Guardian]:
        if self._supervision is None:
            return Guardian
        return type("Guardian", (Guardian,), {"supervision": self._supervision})


def _report(error: BaseException, fact: object) -> None:
    """A subscriber of facts failed: the loop's exception handler is the one place left to say so."""
    context = {"message": f"a subscriber of {type(fact).__name__} failed", "exception": error}
    asyncio.get_event_loop_policy().get_event_loop().call_exception_handler(context)
