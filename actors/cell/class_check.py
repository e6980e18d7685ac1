"""
What a class says of its actors, looked at when the class is made: a wrong value would only be met by a turn.

There it would be met again and again: a `supervision` that is a text could decide nothing about a child that failed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadActor
from ..mail.mailbox import Mailbox
from ..supervision import ChildSpec, SupervisorSpec

KINDS: Mapping[str, type] = {"mailbox": Mailbox, "supervision": SupervisorSpec, "child_spec": ChildSpec}
"""Class attributes that turns and supervisors read, and what they have to be."""

HOOKS = ("on_start", "on_stop", "on_failure", "pre_restart", "post_restart", "on_signal", "on_turn_end")

GENERATOR = "is a generator: it has a `yield`, so that a call runs nothing of it; leave that out"


def check_settings(cls: Any) -> None:
    """Raises BadActor: something that the class declares is of the wrong kind."""
    for name, kind in KINDS.items():
        value = getattr(cls, name)
        if not isinstance(value, kind):
            raise BadActor(f"could not make {cls.__name__}: its {name} is {value!r}; make it a {kind.__name__}(...)")
    try:
        isinstance(None, cls.reply_errors or ())
    except TypeError:
        raise BadActor(
            f"could not make {cls.__name__}: its reply_errors is {cls.reply_errors!r}; make it a tuple of exception "
            "classes, or None for all"
        ) from None
    for name in HOOKS:
        if _has_yield(getattr(cls, name)):
            raise BadActor(f"could not make {cls.__name__}: its {name} {GENERATOR}")


def check_class(actor_class: Any) -> None:
    """Raises BadActor: it is no class of actors, but an instance of one, or a class of pykka's own, or anything."""
    if not (isinstance(actor_class, type) and hasattr(actor_class, "_handlers")):
        raise BadActor(
            f"cannot make an actor of {actor_class!r}: give a subclass of actors.Actor, and behind it what its "
            "__init__ takes"
        )


def check_name(actor_class: type, name: object) -> None:
    """Raises ValueError: it is no name, and not None."""
    if name is not None and not (name and isinstance(name, str)):
        raise ValueError(f"cannot spawn {actor_class.__name__} as {name!r}: a name is a text, and not empty; or None")


def check_handlers(cls: type) -> None:
    """Raises BadActor: two methods of one class body are for the same type, or one would never run."""
    found: dict[type, Callable[..., Any]] = {}
    for name, function in vars(cls).items():
        if isinstance(function, staticmethod | classmethod) and hasattr(function.__func__, "_handles"):
            raise BadActor(
                f"could not make {cls.__name__}: its {name} is a {type(function).__name__}, below which @handles is "
                "not seen; make it a method"
            )
        for kind in getattr(function, "_handles", ((), ()))[0]:
            other = found.setdefault(kind, function)
            if other is not function:
                raise BadActor(
                    f"could not make {cls.__name__}: {other.__name__} and {function.__name__} both handle "
                    f"{kind.__qualname__}; one of them would never be called"
                )
            if _has_yield(function):
                raise BadActor(f"could not make {cls.__name__}: its {function.__name__} {GENERATOR}")


def check_types(message_types: tuple[object, ...]) -> None:
    """Raises BadActor: `@handles` was given what no message is an instance of."""
    if not message_types:
        raise BadActor("cannot handle nothing: name the types of messages, as in @handles(Add)")
    for kind in message_types:
        if not isinstance(kind, type):
            raise BadActor(
                f"cannot handle {kind!r}, which is no class: name the types of messages one by one, as in "
                "@handles(Add, Take)"
            )


def _has_yield(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
