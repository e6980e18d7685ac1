"""Which function of a class handles which message: marked by the author, looked up by turns."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import BadActor
from ..mail.messages import Ask, TailStop, Tick
from ..pykka.names import ActorStop, ProxyCall, ProxyGetAttr, ProxySetAttr, get_attr_directly
from .class_check import check_types

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..actor import Actor

F = TypeVar("F", bound="Callable[..., Any]")

MAX_KNOWN_TYPES = 1024
"""Message types remembered per actor class; beyond that a type is looked up anew each time."""


def handles(*message_types: type, in_place: bool = False) -> Callable[[F], F]:
    """
    Marks a method as the handler of these message types: the exact type first, then along its MRO. Marks add up.

    With `in_place`, an idle actor may be run by its sender inside `tell_many` (see `turn`): the method must be a plain
    function, quick, and must not mind that messages it sends are queued. Quicker still is a shortcut: `Actor.shortcut`.

    Raises:
        BadActor: No type is given, or something that is none: a function, where the brackets are missing; `Add | Take`.
    """
    check_types(message_types)

    def mark(function: F) -> F:
        if in_place and inspect.iscoroutinefunction(function):
            raise BadActor(
                f"{function.__qualname__} cannot be run in place: it is a coroutine, and its timeouts would bind to "
                "the sender's task; make it a plain function, or leave out in_place"
            )
        kinds, quick = getattr(function, "_handles", ((), ()))
        function._handles = (kinds + message_types, quick + message_types * in_place)  # type: ignore[attr-defined]
        return function

    return mark


class HandlerTable(dict[type, "Callable[[Any, Any], Any] | None"]):
    """Message type to function. A missing type is resolved along its MRO, then to `on_receive`, and remembered."""

    high_water: float = float("inf")
    end_of_turn: Callable[[Any], None] | None = None
    """The hook of the class, if it has one: here, for a turn has the table at hand."""

    def __init__(self, declared: dict[type, Callable[[Any, Any], Any] | None]) -> None:
        super().__init__(declared)
        self._declared = declared  # what was remembered for one type says nothing about its subtypes
        self.known: dict[type, Callable[[Any, Any], Any] | None] = {}
        """What turns look at first: a plain dict, which CPython 3.11 reads twice as fast as a subclass with a hook."""

    def __missing__(self, kind: type) -> Callable[[Any, Any], Any] | None:
        handler = next((self._declared[base] for base in kind.__mro__ if base in self._declared), _on_receive)
        if len(self) < MAX_KNOWN_TYPES:
            self[kind] = handler
        return handler

    def learn(self, kind: type) -> Callable[[Any, Any], Any] | None:
        """Looks a type up, and remembers it where turns look first."""
        handler = self[kind]
        if len(self.known) < MAX_KNOWN_TYPES:
            self.known[kind] = handler
        return handler


def _on_receive(actor: Actor, message: object) -> object:
    return actor.on_receive(message)


def _call(actor: Actor, message: Any) -> Any:
    return get_attr_directly(actor, message.attr_path)(*message.args, **message.kwargs)


def _get(actor: Actor, message: Any) -> Any:
    return get_attr_directly(actor, message.attr_path)


def _set(actor: Actor, message: Any) -> None:
    setattr(get_attr_directly(actor, message.attr_path[:-1]), message.attr_path[-1], message.value)


def _stop(actor: Actor, message: object) -> None:
    actor.stop()


BUILT_IN: dict[type, Callable[[Any, Any], Any] | None] = {
    Ask: None,
    Tick: None,
    TailStop: None,
    ProxyCall: _call,
    ProxyGetAttr: _get,
    ProxySetAttr: _set,
    ActorStop: _stop,
}
"""What every actor handles, whatever its class says: pykka's proxies and stop. None: a turn does these by itself."""
