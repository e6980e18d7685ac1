"""Which method of a class takes which event or message of clients: the marks of `@on`, read once per class."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

import attrs

from ..arity import check_handler
from ..limits.message_limit import check_limit
from .message_class import is_schema
from .schemas import Messages, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..limits.message_limit import Limit

F = TypeVar("F", bound="Callable[..., Any]")

_MARK = "_on"
_LIMIT = "_on_limit"
_UNIONS = (UnionType, Union)
"""What `Ping | Echo` is, and what it is of `Optional` and older code."""


def on(*what: str | type | UnionType, limit: Limit | None = None) -> Callable[[F], F]:
    """
    Marks a method as the handler of these events or message classes of clients, plain or async. `Ping | Echo` is both.

    Of a room: `(self, member, payload)`; of an endpoint: `(self, ws, message)`. A handler of a class gets an object of
    it, checked; a message that does not fit is answered for it. What the handler returns goes into the reply; raise
    `Refused` to answer with an error. An event with a handler is not fanned out by itself.

    Args:
        limit: How often each client may send these, in place of its connection's rate; None: that rate.

    Raises:
        TypeError: Nothing is named, or something that is neither an event nor a message class, or no `Limit`.
    """
    parts = [part for one in what for part in (get_args(one) if get_origin(one) in _UNIONS else (one,))]
    if not parts or not all((isinstance(one, str) and one) or is_schema(one) for one in parts):
        shown = ", ".join(map(repr, what))
        words = 'names no event and no message; write @on("event"), or @on(Say) of a class that has @message above it'
        raise TypeError(f"could not mark a handler: on({shown}) {words}")

    check_limit(limit)

    def mark(function: F) -> F:
        setattr(function, _MARK, tuple(parts))
        setattr(function, _LIMIT, limit)
        return function

    return mark


@attrs.frozen(eq=False)
class Handlers:
    """The handlers of one class, by event: the name itself, or the action of the message."""

    calls: Mapping[str, Callable[..., Any]]
    messages: Messages
    """What comes in has a handler; what else goes out was declared."""
    limits: Mapping[str, Limit]
    """Of those events that have one of their own."""

    @classmethod
    def of(cls, owner: type, sends: Iterable[type] = ()) -> Handlers:
        """
        Raises:
            TypeError: A message class cannot be read, a handler does not take who and what, or two want the same.
        """
        calls: dict[str, Callable[..., Any]] = {}
        kinds: dict[str, type | None] = {}
        limits: dict[str, Limit | None] = {}
        places: dict[str, tuple[type, str]] = {}
        for base, name, what, limit in _marked(owner):
            function = getattr(owner, name)
            event = what if isinstance(what, str) else schema_of(what).action
            _check_only(owner, event, places.get(event), (base, name))
            places[event] = base, name
            calls[event] = function
            kinds[event] = None if isinstance(what, str) else what
            limits[event] = limit
        messages = Messages([kind for kind in kinds.values() if kind is not None], sends)
        return cls(calls, messages, {event: limit for event, limit in limits.items() if limit is not None})


def _check_only(owner: type, event: str, former: tuple[type, str] | None, place: tuple[type, str]) -> None:
    """Raises TypeError if two methods of one class want the same: the first would never be called."""
    if former is not None and former[0] is place[0] and getattr(owner, former[1]) is not getattr(owner, place[1]):
        words = f"{former[1]} and {place[1]}; one of them would never be called"
        raise TypeError(f"could not make {owner.__name__}: {event!r} is handled by {words}")


def _marked(owner: type) -> Iterable[tuple[type, str, str | type, Limit | None]]:
    """
    The class that marks it, the method's name, and what it handles.

    Bases first, so that a class goes before what it inherits; an override without a mark replaces the marked one.
    """
    for base in reversed(owner.__mro__):
        for name, found in vars(base).items():
            marked = found if hasattr(found, _MARK) else getattr(found, "__func__", None)  # below a staticmethod
            marks = getattr(marked, _MARK, ())
            if marks:
                check_handler(owner, name)
            for what in marks:
                yield base, name, what, getattr(marked, _LIMIT)
