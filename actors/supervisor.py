"""Supervisors: actors that do nothing but keep children alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import instance_of

from .actor import Actor
from .cell.class_check import check_class, check_name
from .cell.handler_table import handles
from .errors import NameTaken
from .mail.messages import Request
from .supervision import DYNAMIC, ONE_FOR_ONE, TRANSIENT, ChildSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _as_tuple(args: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(args)


@attrs.frozen
class Child:
    """A child of a static supervisor: what to start, with what, under which name."""

    actor_class: type[Actor]
    args: tuple[Any, ...] = attrs.field(default=(), converter=_as_tuple)
    kwargs: dict[str, Any] = attrs.field(factory=dict, validator=instance_of(dict))
    name: str | None = None
    spec: ChildSpec = attrs.field(default=TRANSIENT, validator=instance_of(ChildSpec))

    def __attrs_post_init__(self) -> None:
        check_class(self.actor_class)
        check_name(self.actor_class, self.name)


@attrs.frozen
class Up(Request[None]):
    """Asks a supervisor whether it has started its children; the answer is that there is one."""


class Supervisor(Actor):
    """
    Makes its children in order, restarts one that failed, stops them in reverse order.

    All of them stand before the first `on_start` runs, and one that waits there does not hold up the others: who needs
    what a sibling sets up asks it, and waits through its start.
    """

    is_supervisor = True
    supervision = ONE_FOR_ONE

    def __init__(self, children: Sequence[Child] = ()) -> None:
        """TypeError, NameTaken: what is no `Child`, or has the name of one before it. Each restart would meet it."""
        super().__init__()
        self._wanted = tuple(children)
        names: set[str] = set()
        for child in self._wanted:
            if not isinstance(child, Child):
                raise TypeError(f"cannot supervise {child!r}: give a Child(...)")
            if child.name in names:
                raise NameTaken(f"cannot supervise two children with the name {child.name!r}: choose another for one")
            if child.name is not None:
                names.add(child.name)

    def on_start(self) -> None:
        for child in self._wanted:
            self.spawn(child.actor_class, *child.args, name=child.name, spec=child.spec, **child.kwargs)

    @handles(Up)
    def up(self, _: Up) -> None:
        """Asks wait through a start, and through restarts."""


class DynamicSupervisor(Actor):
    """
    Holds children that come and go (`system.spawn(..., under=ref)`).

    A restart is charged to the child that failed; one that fails too often is stopped, and nobody else with it.
    """

    is_supervisor = True
    supervision = DYNAMIC
