"""
A configured tree, planned before anything runs, and started below the root of a system.

Theory of operation. `plan` turns settings into nested nodes that carry what the runtime obeys: a spec for each
supervisor, one for each child, the mailbox by value, the class imported and its arguments checked. What can be wrong is
wrong here, in letters; `start` only spawns. A supervisor gets its children as arguments, so they come back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from ..cell.variants import variant
from ..config.config import ConfigError, gather, quote_key
from ..supervision import ChildSpec, SupervisorSpec
from ..supervisor import Child, DynamicSupervisor, Supervisor, Up
from .class_path import Wanted, wanted
from .references import NO_PARTS, Part, Places, places
from .settings import ROOT, ActorSettings, RuntimeSettings, SupervisorSettings

if TYPE_CHECKING:
    from ..actor import Actor
    from ..cell.cell import ActorRef
    from ..mail.mailbox import Mailbox
    from ..system import ActorSystem


PERMANENT = ChildSpec(restart="permanent")


@attrs.frozen
class PlannedPart:
    """A part without children; its program knows how to make it."""

    name: str
    part: Part
    spec: ChildSpec = PERMANENT


@attrs.frozen
class PlannedActor:
    """An actor of the program itself."""

    name: str
    wanted: Wanted
    spec: ChildSpec


@attrs.frozen
class PlannedSupervisor:
    """A supervisor and everything below it, in start order."""

    name: str
    supervision: SupervisorSpec
    spec: ChildSpec
    """How its own supervisor treats it."""
    child_spec: ChildSpec
    """What its children get that do not say their own."""
    children: tuple[Planned, ...] = ()
    passivate_after: float | None = None
    part: Part | None = None


Planned = PlannedSupervisor | PlannedActor | PlannedPart
Additions = Mapping[str, Sequence[Child]]
"""Children that are declared in code, by the name of their supervisor; started after those of the file."""
NOTHING: Mapping[Any, Any] = MappingProxyType({})


@attrs.frozen
class Blueprint:
    """What will run. Immutable; two systems may be started from one."""

    root: PlannedSupervisor

    def find(self, name: str) -> Planned | None:
        """Returns the node of that name, wherever it stands."""
        return next((one for one in self.walk() if one.name == name), None)

    def walk(self) -> Iterator[Planned]:
        """Every node, parents first, in start order."""
        yield from _walk(self.root)

    def path_to(self, name: str) -> tuple[PlannedSupervisor, ...]:
        """The supervisors above a name, root first, with itself if it is one; empty if there is none."""
        return _path(self.root, name)

    async def start(
        self,
        system: ActorSystem,
        parts: Mapping[str, Child] = NOTHING,
        *,
        additions: Additions = NOTHING,
        fills: Mapping[str, object] = NOTHING,
        started: Callable[[ActorRef[Any]], object] = bool,
    ) -> dict[str, ActorRef[Any]]:
        """
        Spawns the tree, and returns those directly below the root by name, once every supervisor is up.

        Args:
            parts: How to make the parts that have no children; one that is missing is started by its program.
            fills: By class name, what parameters with that annotation get.
            started: Is told each of them before its children start.

        Raises:
            ActorDeadError: A supervisor could not start its children, however often it tried.
            NameTaken: The system has an actor of that name below its root.
        """
        made = [self._child(one, parts, additions, fills) for one in self.root.children]
        refs = {}
        for child in [*filter(None, made), *additions.get(ROOT, ())]:
            ref = system.spawn(child.actor_class, *child.args, name=child.name, spec=child.spec, **child.kwargs)
            refs[child.name or ref.path] = ref
            started(ref)
            await _wait_up(ref)
        return refs

    def _child(
        self, one: Planned, parts: Mapping[str, Child], additions: Additions, fills: Mapping[str, object]
    ) -> Child | None:
        if isinstance(one, PlannedPart):
            made = parts.get(one.name)
            return None if made is None else attrs.evolve(made, name=one.name, spec=one.spec)
        if isinstance(one, PlannedActor):
            filled = {name: fills[kind] for name, kind in one.wanted.filled.items()}
            return Child(one.wanted.actor_class, (), {**one.wanted.args, **filled}, one.name, one.spec)
        below = [self._child(each, parts, additions, fills) for each in one.children]
        everyone = (*filter(None, below), *additions.get(one.name, ()))
        kind: type[Actor] = DynamicSupervisor if one.supervision.strategy == "dynamic" else Supervisor
        kind = variant(kind, supervision=one.supervision, child_spec=one.child_spec)
        return Child(kind, (everyone,) if issubclass(kind, Supervisor) else (), {}, one.name, one.spec)


def _walk(node: Planned) -> Iterator[Planned]:
    yield node
    for child in node.children if isinstance(node, PlannedSupervisor) else ():
        yield from _walk(child)


def _path(node: Planned, name: str) -> tuple[PlannedSupervisor, ...]:
    if not isinstance(node, PlannedSupervisor):
        return ()
    if node.name == name or any(child.name == name and not _supervises(child) for child in node.children):
        return (node,)
    below = next(filter(None, (_path(child, name) for child in node.children)), ())
    return (node, *below) if below else ()


def _supervises(node: Planned) -> bool:
    return isinstance(node, PlannedSupervisor)


async def _wait_up(ref: ActorRef[Any]) -> None:
    """Waits until a supervisor has started its children, and those that are supervisors theirs."""
    if issubclass(ref.actor_class, Supervisor):
        await ref.request(Up())
        for child in ref.children():
            await _wait_up(child)


def plan(
    settings: RuntimeSettings,
    *,
    parts: Mapping[str, Part] = NO_PARTS,
    home: str = ROOT,
    fills: Collection[str] = (),
) -> Blueprint:
    """
    Returns the tree that settings describe. Imports the classes they name; starts nothing.

    Args:
        parts: What the program brings itself, in start order.
        home: The supervisor of those that no other names.
        fills: Names of classes; parameters annotated with one are filled in by the program.

    Raises:
        ConfigError: Anything in it cannot be; `letters()` has all that was found.
    """
    found = places(settings, parts, home)
    return Blueprint(_Planner(settings, parts, found, _imported(settings.actor, fills)).supervisor(ROOT))


def _imported(actors: Mapping[str, ActorSettings], fills: Collection[str]) -> dict[str, Wanted]:
    found, wrong = {}, []
    for name, one in actors.items():
        try:
            found[name] = wanted(one, fills)
        except ConfigError as error:
            wrong.append(error.within(quote_key(name)).within("actor"))
    if wrong:
        raise gather(wrong)
    return found


class _Planner:
    """Makes the nodes of one tree; nothing here can fail any more."""

    def __init__(
        self, settings: RuntimeSettings, parts: Mapping[str, Part], places: Places, imported: dict[str, Wanted]
    ) -> None:
        self._settings, self._parts, self._places, self._imported = settings, parts, places, imported

    def supervisor(self, name: str) -> PlannedSupervisor:
        one = self._settings.supervisor[name]
        part = self._parts.get(name)
        return PlannedSupervisor(
            name,
            _supervision(name, one),
            ChildSpec(restart="permanent" if one.auto_shutdown == "never" else "transient"),
            ChildSpec(one.restart, one.shutdown, mailbox=self._mailbox(one.mailbox)),
            tuple(self._child(child, one) for child in self._places[name]),
            one.passivate_after,
            part,
        )

    def _child(self, name: str, above: SupervisorSettings) -> Planned:
        if name in self._settings.supervisor:
            return self.supervisor(name)
        if name in self._parts:
            return PlannedPart(name, self._parts[name])
        one = self._settings.actor[name]
        spec = ChildSpec(
            one.restart or above.restart,
            above.shutdown if one.shutdown is None else one.shutdown,
            one.significant,
            self._mailbox(one.mailbox or above.mailbox),
        )
        return PlannedActor(name, self._imported[name], spec)

    def _mailbox(self, name: str) -> Mailbox | None:
        return self._settings.actors.mailbox[name].mailbox() if name else None


def _supervision(name: str, one: SupervisorSettings) -> SupervisorSpec:
    return SupervisorSpec(
        strategy=one.strategy,
        intensity=one.intensity,
        period=one.period,
        scope=one.scope,
        on_exceeded="exit" if name == ROOT and one.on_exceeded is None else one.then,
        backoff=one.backoff,
        auto_shutdown=one.auto_shutdown,
    )
