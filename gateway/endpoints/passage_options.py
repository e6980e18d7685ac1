"""What is given to an app, a router or an endpoint to stand around it: one or several, checked where they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..amounts import is_time, seconds_meant
from ..arity import refusal
from ..pulse.heartbeat import Heartbeat, HeartbeatConfig
from .middleware import check_middleware, has_message

Several: TypeAlias = Callable[..., Any] | Sequence[Any]
"""One, or a list of them."""


def authenticators_of(given: Any) -> tuple[Any, ...]:
    """
    Raises:
        TypeError: One cannot be asked. Its value, which may be a secret, is not repeated.
    """
    found = several(given)
    for one in found:
        said = f"a {type(one).__name__}" if isinstance(one, str | bytes) else _name(one)
        _check_asked(one, f"{said} as an authenticator", "JWT(secret), or `async def authenticator(handshake)`")
    return found


def permissions_of(given: Any) -> tuple[Any, ...]:
    """Raises TypeError: One cannot be asked."""
    found = several(given)
    for one in found:
        _check_asked(one, f"{_name(one)} as a permission", "IsAuthenticated(), or a function of the ws")
    return found


def middleware_of(given: Any) -> tuple[Any, ...]:
    """Raises TypeError as `check_middleware`."""
    return check_middleware(several(given))


def check_heartbeat(given: object) -> None:
    """Raises TypeError for what is none, ValueError for one that the wheel could not keep. None is as configured."""
    if given is None:
        return
    if not isinstance(given, HeartbeatConfig):
        words = "it is no HeartbeatConfig; write HeartbeatConfig(ping_interval=25.0)"
        raise TypeError(f"could not use {given!r} as a heartbeat: {words}")
    Heartbeat(given)


def check_expires(given: object) -> None:
    """Raises ValueError for what is no time, and not None either."""
    if isinstance(given, str):
        meant = seconds_meant(given).replace(": ", ", ")
        words = f"give a number of seconds{meant}, or None for never"
        raise ValueError(f"could not route with expires={given!r}: {words}")  # noqa: TRY004  # as every wrong time
    if given is not None and not is_time(given):
        raise ValueError(f"could not route with expires={given}: give more than 0 seconds, or None for never")


def several(given: Any) -> tuple[Any, ...]:
    """What may be given alone or as a list; a text is one thing, not its letters."""
    if given is None:
        return ()
    is_one = isinstance(given, str | bytes) or callable(given) or has_message(given) or not isinstance(given, Iterable)
    return (given,) if is_one else tuple(given)


def _check_asked(one: Any, said: str, hint: str) -> None:
    if isinstance(one, type):
        raise TypeError(f"could not use {said}: it is a class; write {one.__name__}(...)")
    if not callable(one):
        raise TypeError(f"could not use {said}: it cannot be called; write {hint}")
    wrong = refusal(one, 1)
    if wrong is not None:
        raise TypeError(f"could not use {said}: {wrong}; write {hint}")


def _name(one: Any) -> str:
    return str(one.__name__) if isinstance(one, type) else repr(one)
