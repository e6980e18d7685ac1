"""An actor system: one tree, one dispatcher, one event stream, on one event loop. One may have several."""

from __future__ import annotations

import asyncio
import random
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from . import unheard
from .actor import Actor
from .cell.cell import ActorRef
from .cell.class_check import check_class
from .cell.environment import ASK_TIMEOUT, Counts, Environment
from .cell.variants import variant
from .clock import Clock, LoopClock, VirtualClock
from .config.config import ConfigError
from .entities import EntityRef, Region, name_of_region
from .errors import ActorDeadError, NameTaken, SystemFailed
from .events import DeadLetters, EventStream
from .life.grace import overdue
from .life.starting import spawn
from .mail.ops import StopNow
from .pykka import words as pykka_words
from .supervision import TRANSIENT, ChildSpec, SupervisorSpec
from .tree import By, ClassMetrics, TreeNode, metrics_of, survey_of, survey_top_of, top_of, tree_of
from .turns.dispatcher import Dispatcher, DispatcherSettings, InPlace
from .turns.turn import take_turn
from .turns.watchdog import Watchdog

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .cell.info import ActorInfo
    from .plan.blueprint import Blueprint
    from .plan.settings import RuntimeSettings

A = TypeVar("A", bound=Actor)


PERMANENT = ChildSpec(restart="permanent")


class Guardian(Actor):
    """The root of a tree. When its budget is spent there is nobody to escalate to: the system ends."""

    is_supervisor = True
    supervision = SupervisorSpec(intensity=3, period=60.0, on_exceeded="exit")


class ActorSystem:
    """
    `async with ActorSystem() as system:` runs a tree of actors and leaves only when it is down.

    Leaving stops the children of the root in reverse start order; each handles what waits in its mailbox first, within
    its shutdown time, and is killed after it. Nobody is restarted any more: what waits for one that fails then, or is
    in its back-off, becomes dead letters.

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
        ask_timeout: float = ASK_TIMEOUT,
        blueprint: Blueprint | None = None,
    ) -> None:
        """
        Args:
            supervision: Of the root; 3 restarts in 60 s by default, then the system ends.
            clock: Time, if not the loop's own.
            seed: Runs ready actors in an order drawn from it, instead of first come, first served. For tests.
            in_place: Whether receivers may run in place; the laws hold for each of the three.
            pykka_compatible: What pykka's own test-suite asks for and 100,000 actors cannot have: every actor is in
                pykka's registry, a `BaseException` stops all of them, `on_stop` does not follow `on_failure`.
            ask_timeout: Seconds a `request` waits that does not say how long.
            blueprint: What is started below the root; see `from_toml`.
        """
        _check(name, "ask_timeout", ask_timeout, (int, float), "seconds, more than 0")
        _check(name, "supervision", supervision, (SupervisorSpec, type(None)), "a SupervisorSpec(...)")
        _check(name, "dispatcher", dispatcher, (DispatcherSettings, type(None)), "a DispatcherSettings(...)")
        if not ask_timeout > 0:
            raise ValueError(f"cannot make system {name!r} with the ask_timeout {ask_timeout!r}: give more than 0")
        if in_place not in get_args(InPlace):
            raise ValueError(f"cannot make system {name!r} with the in_place {in_place!r}: see {get_args(InPlace)}")
        self.name = name
        self._dispatcher = dispatcher
        self._supervision = supervision
        self._clock = clock
        self._seed = seed
        self._in_place: InPlace = in_place
        self._pykka_compatible = pykka_compatible
        self._ask_timeout = ask_timeout
        self._blueprint = blueprint
        self._env: Environment | None = None
        self._regions: dict[type[Actor], ActorRef[Region]] = {}
        self._opening = threading.RLock()
        self._root: ActorRef[Any] | None = None
        self._ending: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Brings the root up on the running loop."""
        if self._env is not None:
            raise RuntimeError(f"cannot start system {self.name!r}: it was started before; make a new one")
        loop = asyncio.get_running_loop()
        clock = self._clock or LoopClock(loop)
        order = random.Random(self._seed) if self._seed is not None else None
        runner = Dispatcher(clock, take_turn, self._dispatcher, order=order, in_place=self._in_place)
        events = EventStream(partial(_report, loop), unheard.WORDS)
        chance = order or random.Random()
        letters = DeadLetters(events)
        self._env = Environment(
            self.name, clock, runner, events, letters, chance, self._pykka_compatible, overdue=overdue
        )
        self._env.ask_timeout = self._ask_timeout
        if self._pykka_compatible:
            pykka_words.subscribe(events)
        self._watchdog = Watchdog(runner, events, runner.settings.stuck_warn)
        if not isinstance(clock, VirtualClock):
            self._watchdog.start()
        self._root = spawn(self._env, None, self._guardian(), ((), {}), None, ChildSpec("temporary"))
        if self._blueprint is not None:
            await self._start_blueprint(self._blueprint)

    async def _start_blueprint(self, blueprint: Blueprint) -> None:
        """All of it or nothing: when this raises, the tree is down again."""
        try:
            await blueprint.start(self)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """
        Stops the tree and waits until it is down; then raises what ended it, if it did not end by this.

        Called again it waits for the same end.

        Cancellation: the wait ends. The tree goes on ending, each actor within its time, and what belongs to the system
        ends behind it.

        Raises:
            RuntimeError: This is another loop than that of the system; nothing was stopped.
            ActorDeadError: It was not started.
            SystemFailed, SystemExit, KeyboardInterrupt: What ended it.
        """
        root = self.root
        if asyncio.get_running_loop() is not self.env.dispatcher.loop:
            raise RuntimeError(
                f"cannot stop system {self.name!r} on another loop than its own; hand it over there, as "
                "asyncio.run_coroutine_threadsafe(system.stop(), loop) does"
            )
        if root.is_alive():
            root._post(StopNow("shutdown"))
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(self._ending)
        fatal = self.env.fatal
        if isinstance(fatal, Exception):
            raise SystemFailed(f"system {self.name!r} ended by itself: {fatal}") from fatal
        if fatal is not None:
            raise fatal

    async def _end(self) -> None:
        try:
            await self.root.terminated
        finally:  # also when the loop ends before it
            self._watchdog.stop()
            await self.env.dispatcher.close()

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
        spec: ChildSpec | None = None,
        under: ActorRef[Any] | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]:
        """
        Starts an actor below the root, or below `under`. Any thread; `__init__` runs in the caller.

        Without a `spec` it gets what its supervisor gives to children: transient, unless `child_spec` says another.

        Raises:
            NameTaken: A living sibling has that name.
            ActorDeadError: The system, or `under`, has ended.
            BadActor, TypeError, ValueError: What it was given cannot be a class, a spec, a name, a parent.
            Anything `__init__` raises.
        """
        if under is None:
            under = self.root
        elif not isinstance(under, ActorRef):
            raise TypeError(f"cannot spawn {actor_class!r} under {under!r}: give the ref of an actor, or None")
        elif under._env is not self.env:
            raise ValueError(f"cannot spawn {actor_class!r} under {under}: that is an actor of another system")
        return spawn(self.env, under, actor_class, (args, kwargs), name, spec)

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

    def tree(self, max_children: int = 1_000) -> TreeNode:
        """The tree as it stands; of more children than that only the first are shown."""
        return tree_of(self.root, max_children)

    def top(self, count: int = 10, by: By = "mailbox") -> list[ActorInfo]:
        """The actors with the most waiting, handled, failed or restarted, most first."""
        return top_of(self.root, count, by)

    def metrics(self) -> dict[str, ClassMetrics]:
        """All actors by class: the living, and what those counted that are gone. Loop thread only."""
        return metrics_of(self.root.walk(), self.env.ledger)

    async def survey(self) -> dict[str, ClassMetrics]:
        """As `metrics`, in portions of a millisecond: with 100,000 actors nobody else would have a turn for 0.3 s."""
        return await survey_of(self.root, self.env.ledger)

    async def survey_top(self, count: int = 10, by: By = "mailbox") -> list[ActorInfo]:
        """As `top`, in portions."""
        return await survey_top_of(self.root, count, by)

    def entity(self, kind: type[Actor], key: str) -> EntityRef:
        """
        One entity of that class by its key: started by the first message, ended when idle, one instance at a time.

        `entities` says how entities of a class are kept, if not by the defaults; it must be said before the first use.

        Raises:
            TypeError: The key is no text. 5 and "5" would be two entities, where one was meant.
        """
        if not isinstance(key, str):
            raise TypeError(f"there is no entity {key!r} of {kind!r}: a key is a text; give str(key)")
        return EntityRef(self._regions.get(kind) or self._region(kind), key)

    def entities(
        self,
        kind: type[Actor],
        *args: Any,
        passivate_after: float | None = 120.0,
        spec: ChildSpec = TRANSIENT,
    ) -> ActorRef[Region]:
        """
        Starts the region of a class: each entity is made as `kind(key, *args)`. Raises NameTaken the second time.

        Its name is that of the class; see `name_of_region` for classes of one name.
        """
        check_class(kind)
        with self._opening:
            known = self._regions.get(kind)
            if known is not None:
                raise NameTaken(
                    f"cannot say how the entities of {kind.__qualname__} are kept: {known} keeps them already; say it "
                    "once, before their first use"
                )
            taken = {child._name for child in self.root.children()}
            name = name_of_region(kind, taken)
            region = self.spawn(Region, kind, args, passivate_after, spec, name=name, spec=PERMANENT)
            self._regions[kind] = region
        return region

    def _region(self, kind: type[Actor]) -> ActorRef[Region]:
        """Two threads that are the first get the same one."""
        with self._opening:
            return self._regions.get(kind) or self.entities(kind)

    @classmethod
    def from_toml(cls, path: str | Path, **options: Any) -> Self:
        """
        A system as a file describes it: see `settings` for what it may say.

        Args:
            options: As of the constructor, for what no file says: `clock`, `seed`, `in_place`.

        Raises:
            ConfigError: The file cannot be read, or something in it cannot be; `letters()` has all that was found.
        """
        from .plan.settings import from_file, load_runtime

        file = Path(path)
        settings = load_runtime(file)
        try:
            return cls.from_settings(settings, file.stem, **options)
        except ConfigError as error:
            raise from_file(error, file) from None

    @classmethod
    def from_settings(cls, settings: RuntimeSettings, name: str = "actors", **options: Any) -> Self:
        """As `from_toml`, with settings that were read, or made, by somebody else."""
        from .plan.blueprint import plan

        shared = settings.actors
        return cls(
            name,
            dispatcher=shared.dispatcher,
            ask_timeout=shared.ask_timeout,
            blueprint=plan(settings),
            **options,
        )

    def find(self, path: str) -> ActorRef[Any] | None:
        """The living actor at a path such as `/feeds/prices`, by the names of those above it. Any thread."""
        ref: ActorRef[Any] | None = self.root
        for name in filter(None, path.split("/")):
            ref = next((child for child in ref.children() if child._name == name), None) if ref else None
        return ref

    def _guardian(self) -> type[Guardian]:
        if self._blueprint is not None:
            root = self._blueprint.root
            return variant(Guardian, supervision=root.supervision, child_spec=root.child_spec)
        if self._supervision is None:
            return Guardian
        return type("Guardian", (Guardian,), {"supervision": self._supervision})


def _check(name: str, said: str, value: object, kinds: tuple[type, ...], give: str) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"cannot make system {name!r} with the {said} {value!r}: give {give}")


def _report(loop: asyncio.AbstractEventLoop, error: BaseException, fact: object) -> None:
    """A subscriber of facts failed: the loop's exception handler is the one place left to say so."""
    context = {"message": f"a subscriber of {type(fact).__name__} failed", "exception": error}
    loop.call_exception_handler(context)
