"""
With how many arguments app code is called, checked where it is written.

A hook that takes others would fail for every client that comes, and each would be told `internal`.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

from actors.annotations import read_signature

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

GENERATOR = "it has a `yield`, so that a call runs nothing of it; leave that out"


def signature_of(function: Any) -> inspect.Signature:
    """
    What it is called with: its own, not that of what it wraps, for a decorator may fill in some of that itself. Of one
    with a `*args` or `**kwargs`, which passes on what it is given, that of what it wraps.

    Raises:
        TypeError, ValueError: Python cannot tell.
    """
    own = _signature(function)
    passes_on = any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in own.parameters.values())
    return read_signature(function) if passes_on else own


def takes(function: Any, count: int, *optional: str) -> bool:
    """
    Whether it can be called with so many; also if Python cannot tell, as of some that are built in.

    Args:
        optional: Names that it gets as well if it has them.
    """
    try:
        signature = _signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*[None] * count, **{name: None for name in optional if name in signature.parameters})
    except TypeError:
        return False
    return True


def name_of(function: Any) -> str:
    """As it is told to who wrote it; partials, and objects that are called, have none of their own."""
    return str(getattr(function, "__qualname__", repr(function)))


def is_generator(function: Any) -> bool:
    """Whether there is a `yield` in it, so that a call runs nothing of it."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def refusal(function: Any, count: int, *optional: str) -> str | None:
    """What is wrong with a function that is called with so many, as the end of a letter; None: nothing."""
    words = "1 argument" if count == 1 else f"{count} arguments"
    if is_generator(function):
        return f"{GENERATOR}; it is called with {words}"
    if takes(function, count, *optional):
        return None
    return f"it takes {_signature(function)}; it is called with {words}"


def made_with(owner: type, count: int, instead: str) -> str | None:
    """What is wrong with a class of which the gateway makes instances, with so many arguments; None: nothing."""
    missing = sorted(getattr(owner, "__abstractmethods__", ()))
    if missing:
        return f"it is abstract; write its {', '.join(missing)}, or declare a class that does"
    if takes(owner.__init__, count + 1):  # type: ignore[misc]  # that of this class, whatever it is
        return None
    return f"its __init__ takes {_signature(owner.__init__)}, and the gateway makes it; begin in {instead}"  # type: ignore[misc]


def check_hooks(owner: type, base: type, names: Iterable[str], *, may_yield: Container[str] = ()) -> None:
    """
    Of a class, those of these methods that it has written itself; the base has them as they are called.

    Args:
        may_yield: Those whose values are asked for one by one.

    Raises:
        TypeError: One takes other arguments, is a list or a text, or a generator.
    """
    for name in names:
        method = vars(owner).get(name)
        wanted = read_signature(getattr(base, name))
        if isinstance(method, (str, list, tuple, set, dict)):
            words = ", ".join(wanted.parameters)
            raise TypeError(
                f"could not make {owner.__name__}: its {name} is {method!r}, which cannot be called; "
                f"write def {name}({words})"
            )
        if is_generator(method) and name not in may_yield:
            raise TypeError(f"could not make {owner.__name__}: its {name} is a generator: {GENERATOR}")
        if inspect.isfunction(method) and not takes(method, len(wanted.parameters)):
            words = ", ".join(wanted.parameters)
            raise TypeError(
                f"could not make {owner.__name__}: its {name} takes {_signature(method)}; write def {name}({words})"
            )


def check_handler(owner: type, name: str) -> None:
    """
    Of a class, a method that is marked with `@on`, or stands in the place of one. Descriptors of somebody's own are
    believed.

    Raises:
        TypeError: It does not take who and what, is a generator, or nothing that can be called.
    """
    method, bound = inspect.getattr_static(owner, name), getattr(owner, name)
    refused = f"could not make {owner.__name__}: its {name}"
    if not callable(bound):
        raise TypeError(f"{refused} handles messages of clients and is {bound!r}; write a method")
    if is_generator(bound):
        raise TypeError(f"{refused} is a generator: {GENERATOR}")
    if isinstance(method, FunctionType | staticmethod | classmethod) and not takes(bound, 3):
        raise TypeError(
            f"{refused} takes {_signature(bound)}; it is called with 2 arguments after self: who says it, and what"
        )


def _signature(function: Any) -> inspect.Signature:
    """Its own, not that of what it wraps: a decorator may hand on more than it is given."""
    return read_signature(function, follow_wrapped=False)
