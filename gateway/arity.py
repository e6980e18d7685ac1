"""
With how many arguments app code is called, checked where it is written.

A hook that takes others would fail for every client that comes, and each would be told `internal`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def refusal(function: Any, count: int, *optional: str) -> str | None:
    """What is wrong with a function that is called with so many, as the end of a letter; None: nothing."""
    if takes(function, count, *optional):
        return None
    words = "1 argument" if count == 1 else f"{count} arguments"
    return f"it takes {_signature(function)}; it is called with {words}"


def check_hooks(owner: type, base: type, names: Iterable[str]) -> None:
    """
    Of a class, those of these methods that it has written itself; the base has them as they are called.

    Raises:
        TypeError: One takes other arguments, or is a list or a text.
    """
    for name in names:
        method = vars(owner).get(name)
        wanted = inspect.signature(getattr(base, name))
        if isinstance(method, (str, list, tuple, set, dict)):
            words = ", ".join(wanted.parameters)
            raise TypeError(
                f"could not make {owner.__name__}: its {name} is {method!r}, which cannot be called; "
                f"write def {name}({words})"
            )
        if inspect.isfunction(method) and not takes(method, len(wanted.parameters)):
            words = ", ".join(wanted.parameters)
            raise TypeError(
                f"could not make {owner.__name__}: its {name} takes {_signature(method)}; write def {name}({words})"
            )


def check_handler(owner: type, name: str) -> None:
    """Raises TypeError for a method marked with `@on` that does not take who and what. Descriptors are believed."""
    method = inspect.getattr_static(owner, name)
    if inspect.isfunction(method) and not takes(method, 3):
        raise TypeError(
            f"could not make {owner.__name__}: its {name} takes {_signature(method)}; "
            "it is called with 2 arguments after self: who says it, and what"
        )


def _signature(function: Any) -> inspect.Signature:
    """Its own, not that of what it wraps: a decorator may hand on more than it is given."""
    return inspect.signature(function, follow_wrapped=False)
