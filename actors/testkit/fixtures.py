"""
Coroutine fixtures of a test that runs on our loop: they run on it too, and not on that of another plugin, or on none.

An asynchronous generator is taken up to its `yield` before the test and to its end after it, each in a task of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


@contextmanager
def on_our_loop(fixture: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """While it is set up, a fixture that has to be awaited is a plain one that awaits it."""
    function = fixture.func
    step = _step_of(function)
    if step is None or fixture.scope != "function":  # others outlive the loop of one test
        yield
        return
    fixture.func = step(_bound(function, request), request.getfixturevalue("actor_loop"))  # type: ignore[misc]
    try:
        yield
    finally:
        fixture.func = function  # type: ignore[misc]


def _step_of(function: Callable[..., Any]) -> Callable[[Callable[..., Any], Any], Callable[..., Any]] | None:
    if inspect.isasyncgenfunction(function):
        return _up_to_its_yield
    return _to_its_end if inspect.iscoroutinefunction(function) else None


def _bound(function: Callable[..., Any], request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A method belongs to the instance of this test, and not to the one with which it was collected."""
    plain = getattr(function, "__func__", None)
    if plain is None or request.instance is None:
        return function
    bound: Callable[..., Any] = plain.__get__(request.instance)
    return bound


def _to_its_end(function: Callable[..., Any], loop: Any) -> Callable[..., Any]:
    def fixture(**given: Any) -> Any:
        return loop.run_until_complete(function(**given))

    return fixture


def _up_to_its_yield(function: Callable[..., Any], loop: Any) -> Callable[..., Any]:
    def fixture(**given: Any) -> Iterator[Any]:
        steps = function(**given)
        yield loop.run_until_complete(anext(steps))
        try:
            loop.run_until_complete(anext(steps))
        except StopAsyncIteration:
            return
        raise ValueError(f"could not end the fixture {function.__name__}: it has a second yield; leave one")

    return fixture
