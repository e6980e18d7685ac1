"""
What stands between a client and an endpoint: around the connect, and around each message.

A middleware is an object that is called `await middleware(ws, next)` around the connect, or has a method
`async def message(self, ws, message, next)` for each message, or both. Who does not call `next` stops it there.
Around a class endpoint, `next` returns when `on_connect` has; around a function, when the function has.

It stands around endpoints, which is where raw frames are. A client of the native, Centrifuge or Phoenix wire passes
none: `authenticators` and permissions decide who it is and what it may there, and limits are configured for all wires.
"""

from __future__ import annotations

import inspect
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..access.authenticators import identify
from ..arity import refusal
from ..limits.strikes import Strikes
from ..limits.token_bucket import too_many
from ..reasons import CLOSE_REASONS, InvalidToken
from .hooks import result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from .websocket import Frame, WebSocket

    Connect = Callable[[WebSocket], Awaitable[None]]
    Receive = Callable[[WebSocket, Frame], Awaitable[None]]


def check_middleware(middleware: Iterable[Any]) -> tuple[Any, ...]:
    """
    Raises:
        TypeError: One is a class, which wants to be an instance; neither callable nor with a method `message`; or it
            takes other arguments.
    """
    checked = tuple(middleware)
    for one in checked:
        if inspect.isclass(one):
            raise TypeError(f"could not use {one.__name__} as middleware: it is a class; write {one.__name__}(...)")
        if not callable(one) and not has_message(one):
            raise TypeError(f"could not use {one!r} as middleware: write `async def middleware(ws, next)`")
        _check_arguments(one)
    return checked


def _check_arguments(middleware: Any) -> None:
    wrong = refusal(middleware, 2) if callable(middleware) else None
    if wrong is None and has_message(middleware):
        wrong = refusal(middleware.message, 3)
    if wrong is not None:
        raise TypeError(f"could not use {middleware!r} as middleware: {wrong}")


def has_message(middleware: Any) -> bool:
    return callable(getattr(middleware, "message", None))


def around_connect(middleware: Sequence[Any], innermost: Connect) -> Connect:
    """One call through all of them, outermost first."""
    call = innermost
    for one in reversed(middleware):
        if callable(one):
            call = _connect_step(one, call)
    return call


def around_message(middleware: Sequence[Any], innermost: Receive) -> Receive:
    call = innermost
    for one in reversed(middleware):
        if has_message(one):
            call = _message_step(one, call)
    return call


def _connect_step(middleware: Any, following: Connect) -> Connect:
    async def step(ws: WebSocket) -> None:
        await result(middleware(ws, following))

    return step


def _message_step(middleware: Any, following: Receive) -> Receive:
    async def step(ws: WebSocket, message: Frame) -> None:
        await result(middleware.message(ws, message, following))

    return step


class Authenticate:
    """
    Lets in whom one of the authenticators knows, and says who it is; closes everybody else with 4001.

    Unlike `authenticators=` with `permissions=`, which refuse the upgrade with 401, a page can read this code.
    """

    def __init__(self, *authenticators: Any) -> None:
        if not authenticators:
            raise TypeError("could not authenticate by nothing: give at least one authenticator")
        self.authenticators = authenticators

    async def __call__(self, ws: WebSocket, following: Connect) -> None:
        try:
            principal = await identify(self.authenticators, ws.handshake)
        except InvalidToken:
            principal = None
        if principal is None:
            ws.close(CLOSE_REASONS["stale"].raw_code, "not authenticated")
            return
        ws.identify(principal)
        await following(ws)


class LimitRate:
    """
    At most `messages` in any `per` seconds, for each connection; the tenth excess within `per` closes it with 4002.

    Each excess is answered with `retry_after`, seconds until one more is taken, and goes no further.

    Args:
        messages: 100 a minute is a person who types fast, with a margin. The times of that many are kept per
            connection, about 32 bytes each.
        per: Seconds.
    """

    MAX_EXCESS = 10
    """Excesses that are too many: as for the gateway's own bucket, a client in a loop gets there."""

    def __init__(self, messages: int = 100, per: float = 60.0) -> None:
        if messages < 1 or per <= 0:
            raise ValueError(f"could not limit to {messages} messages per {per} s: use 1 or more, and above 0 s")
        self.messages = messages
        self.per = per
        self._meters: WeakKeyDictionary[WebSocket, _Meter] = WeakKeyDictionary()

    async def message(self, ws: WebSocket, message: Frame, following: Receive) -> None:
        meter = self._meters.get(ws)
        if meter is None:
            meter = self._meters[ws] = _Meter(self)
        wait = meter.wait(ws.now())
        if wait <= 0:
            await following(ws, message)
            return
        if ws.is_connected:
            ws.send_error(too_many(wait))
        if meter.excess.strike(ws.now()):
            ws.close(CLOSE_REASONS["rate_limited"].raw_code, CLOSE_REASONS["rate_limited"].meaning)


class _Meter:
    """When the last messages of one connection were taken."""

    def __init__(self, limit: LimitRate) -> None:
        self._per = limit.per
        self._times: deque[float] = deque(maxlen=limit.messages)
        self.excess = Strikes(LimitRate.MAX_EXCESS, limit.per)

    def wait(self, now: float) -> float:
        """0.0 if one more is taken, and it is; else the seconds until one would be."""
        times = self._times
        if len(times) == times.maxlen and times[0] + self._per > now:
            return times[0] + self._per - now
        times.append(now)
        return 0.0
