"""Middleware, without a socket: order, limits, and mistakes that are found when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.identity import Principal
from gateway.endpoints.hooks import Hooks, arguments_of
from gateway.endpoints.middleware import Authenticate, LimitRate, around_connect, around_message, check_middleware
from gateway.reasons import Refused

pytestmark = pytest.mark.actors


class Seat:
    """What middleware touches of a WebSocket."""

    def __init__(self) -> None:
        self.time = 0.0
        self.is_connected = True
        self.errors: list[Refused] = []
        self.closed: list[int] = []

    def now(self) -> float:
        return self.time

    def send_error(self, error: Refused) -> None:
        self.errors.append(error)

    def close(self, code: int, reason: str) -> None:
        self.closed.append(code)
        self.is_connected = False


class Both:
    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen = name, seen

    async def __call__(self, ws: Any, following: Any) -> None:
        self.seen.append(self.name)
        await following(ws)

    async def message(self, ws: Any, message: Any, following: Any) -> None:
        self.seen.append(f"{self.name} {message}")
        await following(ws, message + "!")


class OnlyMessages:
    async def message(self, ws: Any, message: Any, following: Any) -> None:
        await following(ws, message + "?")


async def test_connect_and_message_go_through_those_that_want_them() -> None:
    """Outermost first; one without a `__call__` is not around the connect, one without `message` not around those."""
    seen: list[str] = []

    async def plain(ws: Any, following: Any) -> None:
        seen.append("plain")
        await following(ws)

    async def connected(ws: Any) -> None:
        seen.append("connected")

    async def received(ws: Any, message: Any) -> None:
        seen.append(f"received {message}")

    chain = [Both("a", seen), OnlyMessages(), plain, Both("b", seen)]
    await around_connect(chain, connected)(None)  # type: ignore[arg-type]
    await around_message(chain, received)(None, "x")  # type: ignore[arg-type]
    assert seen == ["a", "plain", "b", "connected", "a x", "b x!?", "received x!?!"]


async def test_b8_a_limit_is_exact_in_every_window() -> None:
    """Never more than `messages` in any `per` seconds, and who waits as long as it was told is taken."""
    limit, seat, taken = LimitRate(messages=3, per=10.0), Seat(), list[float]()

    async def following(ws: Any, message: Any) -> None:
        taken.append(seat.time)

    async def at(time: float) -> None:
        seat.time = time
        await limit.message(seat, "x", following)  # type: ignore[arg-type]

    for time in (0.0, 4.0, 8.0, 9.0):
        await at(time)
    assert (taken, seat.errors[0].details) == ([0.0, 4.0, 8.0], {"retry_after": 1.0})
    await at(10.0)
    await at(10.0)
    assert taken[3:] == [10.0]
    assert seat.errors[1].details == {"retry_after": 4.0}
    assert seat.closed == []


async def test_b8_the_tenth_excess_in_a_window_closes_and_is_answered_too() -> None:
    """Nine in a window, and then nothing for one, are forgiven."""
    limit, seat = LimitRate(messages=1, per=10.0), Seat()

    async def following(ws: Any, message: Any) -> None: ...

    for start in (0.0, 20.0):
        for _ in range(10):
            seat.time = start
            await limit.message(seat, "x", following)  # type: ignore[arg-type]
    assert (len(seat.errors), seat.closed) == (18, [])
    await limit.message(seat, "x", following)  # type: ignore[arg-type]
    assert (len(seat.errors), seat.closed) == (19, [4002])


def test_limits_that_make_no_sense_are_refused() -> None:
    """When they are made."""
    for messages, per in ((0, 60.0), (1, 0.0)):
        with pytest.raises(ValueError, match="could not limit"):
            LimitRate(messages, per)
    with pytest.raises(TypeError, match="by nothing"):
        Authenticate()


def test_what_is_no_middleware_is_refused() -> None:
    """A class is told to be an instance."""
    with pytest.raises(TypeError, match=r"write LimitRate\(\.\.\.\)"):
        check_middleware([LimitRate])
    with pytest.raises(TypeError, match="async def middleware"):
        check_middleware([Principal()])


def test_b6_a_hook_gets_as_many_arguments_as_it_takes() -> None:
    """The most there are; one that takes another number is refused when it is registered."""
    hooks, seen = Hooks(), list[tuple[Any, ...]]()
    hooks.add("disconnected", lambda ws: seen.append((ws,)), None, 1, 2)
    hooks.add("disconnected", lambda ws, code: seen.append((ws, code)), "/ws", 1, 2)
    hooks.add("disconnected", lambda *all: seen.append(all), "/other", 1, 2)
    for hook in hooks.of("/ws").disconnected:
        hook("ws", 1000)
    assert seen == [("ws",), ("ws", 1000)]
    assert [len(hooks.of(path).disconnected) for path in ("/ws", "/other", "/else")] == [2, 2, 1]
    for wrong in (lambda: None, lambda a, b, c: None, 3, Seat):
        with pytest.raises(TypeError, match="could not register"):
            arguments_of(wrong, 1, 2)
