"""
How a life begins: the cell stands in the tree, its first instance is made, and its start runs at once or in a turn.

Rules: `__init__` runs in whoever spawns, on any thread; what follows runs on the loop's. A spawn that raises leaves
nothing behind.
"""

from __future__ import annotations

import asyncio
from threading import get_ident
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka import ActorRegistry

from ..cell.bounded import BoundedRef
from ..cell.cell import DEAD, RUNNING, STARTING, ActorRef, Arguments
from ..cell.class_check import check_class, check_name
from ..errors import ActorDeadError
from ..mail.leftovers import drain
from ..mail.mailbox import UNBOUNDED
from ..mail.ops import Start, StopNow, is_cut_short
from ..supervision import TEMPORARY, TRANSIENT, ChildSpec
from .burial import drop_instance, is_registered
from .departure import as_itself
from .failure import NEVER_RAN, fail

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import pykka

    from ..cell.environment import Environment

    Cell = ActorRef[Any]
    Doing = Coroutine[Any, Any, None]


def spawn(
    env: Environment,
    parent: Cell | None,
    actor_class: type[pykka.Actor],
    arguments: Arguments,
    name: str | None,
    spec: ChildSpec | None,
) -> Cell:
    """
    Makes an actor below `parent`. `__init__` runs here, in the caller, and what it raises is raised here.

    Args:
        spec: None for what `parent` gives to its children.

    Raises:
        NameTaken: A living child of `parent` has that name.
        ActorDeadError: `parent` has ended or is ending.
        BadActor, TypeError, ValueError: What it was given cannot be a class, a spec, a name.
    """
    check_class(actor_class)
    if spec is None:
        spec = TRANSIENT if parent is None else getattr(parent.actor_class, "child_spec", TRANSIENT)
    elif not isinstance(spec, ChildSpec):
        raise TypeError(f"cannot spawn {actor_class.__name__} with the spec {spec!r}: give a ChildSpec(...), or none")
    check_name(actor_class, name)
    if spec.mailbox is not None:
        actor_class = env.variants.with_mailbox(actor_class, spec.mailbox)
    ref_class = ActorRef if getattr(actor_class, "mailbox", UNBOUNDED).capacity is None else BoundedRef
    cell: Cell = ref_class(actor_class, env, parent, name, spec, arguments if any(arguments) else None)
    if parent is not None:
        if parent._closed:
            reason = parent._reason or "stopped"
            raise ActorDeadError(f"cannot spawn {actor_class.__name__}: {parent} not found", reason)
        parent._adopt(cell)
    try:
        if parent is not None and parent._closed:  # on another thread, while it took this one in
            raise ActorDeadError(f"cannot spawn {actor_class.__name__}: {parent} ended", parent._reason or "stopped")
        construct(cell)
        if is_registered(cell):
            ActorRegistry.register(cell)
        if cell._phase != STARTING:  # ended while it was made, on another thread
            _make_dead(cell)
    except BaseException:
        _take_back(cell)
        raise
    if spec.restart == "temporary":
        cell._arguments = None  # never built again: nothing it was given is kept alive
    _begin(cell)
    return cell


def _make_dead(cell: Cell) -> None:
    """Its burial came before its instance. Raises ActorDeadError if that was because of its parent."""
    drop_instance(cell)
    ActorRegistry.unregister(cell)
    parent = cell._parent
    if parent is not None and parent._closed:
        reason = parent._reason or "stopped"
        raise ActorDeadError(f"cannot spawn {cell.actor_class.__name__}: {parent} ended meanwhile", reason)


def _take_back(cell: Cell) -> None:
    """
    Its `__init__` raised: its name is free at once. Any thread.

    What it began in there, children, watches, timers, ends as with any actor, in a turn; until then it stands in the
    tree without its name.
    """
    parent, cell._spec, cell._arguments = cell._parent, TEMPORARY, None
    if parent is not None:
        parent._disown(cell)
    if cell._phase != STARTING:
        return
    if parent is None or (cell._family is None and cell._rare is None and cell._lane is None):
        cell._phase, cell._reason = DEAD, "failed"
        drain(cell)
        if cell._termination is not None:
            cell._termination.resolve(None)
        return
    cell._name = None
    parent._adopt(cell)
    cell._post_from_any_thread(StopNow("failed"))


def construct(cell: Cell) -> None:
    """Makes the next instance. It has its ref before its `__init__` runs."""
    args, kwargs = cell._arguments or ((), {})
    cls = cell.actor_class
    actor = cls.__new__(cls, *args, **kwargs)
    actor._actor_ref = cell
    cls.__init__(actor, *args, **kwargs)
    cell._actor = actor
    cell._incarnation += 1


def _begin(cell: Cell) -> None:
    if getattr(cell.actor_class, "_has_on_start", True):
        if _starts_in_place(cell):
            _start_in_place(cell)
        else:
            cell._post_from_any_thread(Start())
        return
    if cell._phase != STARTING:  # its parent ended, on another thread, while it was made
        drop_instance(cell)
        return
    cell._phase = RUNNING
    _be_idle(cell)


def _be_idle(cell: Cell) -> None:
    """
    It is up before its first turn; what it was told meanwhile, by its own `__init__` for one, is looked at.

    Made on another thread it has a turn for that: one may be under way, and who is in a turn is not idle.
    """
    if cell._lane or get_ident() != cell._env.dispatcher.thread:
        cell._env.dispatcher.schedule(cell)
        return
    cell._scheduled = False
    if not cell._queue.empty() and not cell._scheduled:
        cell._scheduled = True
        cell._env.dispatcher.schedule(cell)


def _starts_in_place(cell: Cell) -> bool:
    dispatcher = cell._env.dispatcher
    return (
        getattr(cell.actor_class, "starts_in_place", False)
        and dispatcher.in_place == "always"
        and asyncio._get_running_loop() is dispatcher.loop
    )


def _start_in_place(cell: Cell) -> None:
    """What is left to be awaited is stepped in a turn, whose task then belongs to it."""
    starting = as_itself(cell, start, cell)
    if starting is not None:
        cell._post(Start(starting))
    elif cell._phase == RUNNING:
        _be_idle(cell)


def start(cell: Cell) -> Doing | None:
    """What is left of it to be awaited, if anything is."""
    actor = cell._actor
    try:
        result = actor._run_hook(actor.on_start)
    except BaseException as error:
        fail(cell, error, "on_start")
        return None
    if isinstance(result, CoroutineType):
        return result
    cell._phase = RUNNING
    return None


async def start_later(cell: Cell, starting: Doing) -> None:
    """Awaits what `start` left of it."""
    try:
        await starting
    except BaseException as error:
        not_up(cell, error, "on_start")
    else:
        cell._phase = RUNNING


def not_up(cell: Cell, error: BaseException, doing: str) -> None:
    """A start that raised is a failure; one that was cut short is none: what did it waits in the lane."""
    if not (isinstance(error, (asyncio.CancelledError, GeneratorExit)) and is_cut_short(cell._lane)):
        fail(cell, error, doing)
    elif doing in NEVER_RAN:
        drop_instance(cell)
