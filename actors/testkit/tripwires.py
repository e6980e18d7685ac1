"""
Tripwires: what a test must not do behind its own back.

A failure nobody allowed, a dead letter nobody expected, an actor left alive, an ask left open, a task left behind, an
error swallowed by the loop, a turn that blocked it, messages that do not add up: each is collected while the test runs
and read after its system is down.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import TYPE_CHECKING, Any

from actors.cell.cell import DEAD, ActorRef
from actors.events import ActorFailed, DeadLetter, HandlerAbandoned
from actors.future import LoopFuture

from .conservation import assert_conservation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.system import ActorSystem
    from actors.turns.dispatcher import Suspension

MAX_TURN = 1.0
"""Real seconds one turn may keep the loop: a thousand slices. Only a blocking call gets there, or a machine that stood
still meanwhile, for which no test can help."""

SHOWN = 5
"""Findings of one kind that a failure lists."""


def is_own(took: float, worked: float, waits: int) -> bool:
    """
    Whether a turn kept the loop itself: it computed, or it waited for something.

    A thread that was ready all the time and got no processor did neither: the host was busy with others.

    Args:
        took: Seconds from its beginning to its end.
        worked: Seconds of them on a processor.
        waits: How often it gave the processor up.
    """
    return waits > 0 or worked > took / 2


def _waits() -> int:
    """How often this thread has given up its processor; where that is not counted each look finds one more."""
    if sys.platform != "linux":
        return time.perf_counter_ns()
    import resource  # not everywhere

    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Tripwires:
    """Watches one system, from its start to its end. The `allow_` methods say what the test brings about on purpose."""

    def __init__(self) -> None:
        self._failures: list[ActorFailed] = []
        self._letters: list[DeadLetter] = []
        self._abandoned: list[HandlerAbandoned] = []
        self._slow: list[str] = []
        self._errors: list[str] = []
        self._allowed_errors: set[str] = set()
        self._allowed_reasons: tuple[str, ...] = ()
        self._any_letter = self._abandoning = self._unsettled = False
        self._max_turn = MAX_TURN

    def allow_failures(self, *kinds: type[BaseException] | str) -> None:
        """Actors may fail with these errors, classes or their names; without arguments, with any."""
        self._allowed_errors |= {kind if isinstance(kind, str) else kind.__name__ for kind in kinds or (BaseException,)}

    def allow_dead_letters(self, *reasons: str) -> None:
        """Messages may be lost for these reasons; without arguments, for any."""
        self._allowed_reasons += reasons
        self._any_letter = self._any_letter or not reasons

    def allow_abandoned(self) -> None:
        """Handlers may swallow their cancellation and be abandoned."""
        self._abandoning = True

    def allow_open_futures(self) -> None:
        """The test keeps futures that nobody settles."""
        self._unsettled = True

    def watch(self, system: ActorSystem) -> None:
        """Begins to listen. The system runs already."""
        system.events.subscribe(ActorFailed, self._failures.append)
        system.events.subscribe(DeadLetter, self._letters.append)
        system.events.subscribe(HandlerAbandoned, self._abandoned.append)
        self._time_turns(system)
        system.env.dispatcher.loop.set_exception_handler(self._note_error)

    def check(self, system: ActorSystem) -> None:
        """Raises AssertionError with everything that tripped. The system is down, its loop still open."""
        loop = system.env.dispatcher.loop
        gc.collect()  # what only a cycle keeps is nobody's any more
        findings = list(self._findings(system, loop))
        if findings:
            raise AssertionError("tripwires of the actor system:\n" + "\n".join(f"- {one}" for one in findings))
        assert_conservation(system)

    def _findings(self, system: ActorSystem, loop: asyncio.AbstractEventLoop) -> Iterator[str]:
        yield from self._slow
        yield from self._errors
        yield from _listed("actor failed", (_failure(one) for one in self._failures if not self._allows(one)))
        yield from _listed("dead letter", (_letter(one) for one in self._letters if not self._expects(one)))
        if not self._abandoning:
            yield from _listed("handler swallowed its cancellation", (one.ref.path for one in self._abandoned))  # type: ignore[attr-defined]
        yield from _listed("actor left alive", (ref.path for ref in _alive(system)))
        yield from _listed("task left behind", map(repr, asyncio.all_tasks(loop)))
        if not self._unsettled:
            yield from _listed("future left open", map(repr, _open_futures()))

    def _allows(self, fact: ActorFailed) -> bool:
        return any(kind.__name__ in self._allowed_errors for kind in type(fact.error).__mro__)

    def _expects(self, letter: DeadLetter) -> bool:
        return self._any_letter or letter.reason in self._allowed_reasons

    def _note_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.append(f"the loop reported: {context.get('message')}: {context.get('exception')!r}")

    def _time_turns(self, system: ActorSystem) -> None:
        dispatcher = system.env.dispatcher
        take_turn = dispatcher.take_turn

        def timed(cell: Any, throughput: int) -> Suspension | None:
            began, worked, waits = time.perf_counter(), time.thread_time(), _waits()
            suspension = take_turn(cell, throughput)
            took = time.perf_counter() - began
            if took > self._max_turn and is_own(took, time.thread_time() - worked, _waits() - waits):
                self._slow.append(f"a turn of {cell} kept the loop for {took:.2f} s of real time")
            return suspension

        dispatcher.take_turn = timed


def _listed(what: str, findings: Any) -> Iterator[str]:
    found = list(findings)
    yield from (f"{what}: {one}" for one in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"{what}: {len(found) - SHOWN} more"


def _failure(fact: ActorFailed) -> str:
    return f"{fact.ref} on {fact.doing}: {fact.error!r}"


def _letter(letter: DeadLetter) -> str:
    return f"{letter.message!r} to {letter.ref} ({letter.reason})"


def _alive(system: ActorSystem) -> Iterator[ActorRef[Any]]:
    """Refs of this system that no shutdown reached; found among all objects, not in the tree they may have left."""
    for one in gc.get_objects():  # `isinstance` would ask a weak proxy, whose object may be gone
        if issubclass(type(one), ActorRef) and one._env is system.env and one._phase != DEAD and one._actor is not None:
            yield one


def _open_futures() -> Iterator[LoopFuture[Any]]:
    return (one for one in gc.get_objects() if type(one) is LoopFuture and not one.done())
