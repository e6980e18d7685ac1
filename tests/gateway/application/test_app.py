"""What an application declares: calls and hooks, each mistake found when it is made."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actors.config.config import ConfigError
from gateway import Gateway
from gateway.settings.config import GatewaySettings


def handler(ws: Any, data: Any) -> None: ...


def asked(who: Any) -> None: ...


async def asynchronous(ws: Any, data: Any) -> None: ...


def test_calls_are_declared_by_method_and_messages_under_the_empty_name() -> None:
    """Plain and coroutine functions; they stay what they are."""
    app = Gateway()
    assert app.rpc("add")(handler) is handler
    assert app.rpc("wait")(asynchronous) is asynchronous
    assert app.on_send(handler) is handler
    assert app.calls == {"add": handler, "wait": asynchronous, "": handler}


def test_a_call_has_one_handler_which_can_be_called() -> None:
    """And a name."""
    app = Gateway()
    app.rpc("add")(handler)
    app.on_send(handler)
    with pytest.raises(ValueError, match="'add': it has one already"):
        app.rpc("add")(asynchronous)
    with pytest.raises(ValueError, match="on_send"):
        app.on_send(asynchronous)
    with pytest.raises(ValueError, match="without a name"):
        app.rpc("")
    with pytest.raises(TypeError, match="cannot be called"):
        app.rpc("other")(3)  # type: ignore[type-var]
    assert app.calls == {"add": handler, "": handler}


def test_hooks_are_refused_that_could_not_be_called() -> None:
    """By how many arguments they take."""
    app = Gateway()
    for declare in (app.on_message, app.on_error):
        with pytest.raises(TypeError, match="called with 2 arguments"):
            declare(lambda ws: None)
    with pytest.raises(TypeError, match="called with 1 arguments"):
        app.on_connect(handler)
    with pytest.raises(TypeError, match="called with 1 to 2 arguments"):
        app.on_disconnect(lambda: None)
    with pytest.raises(TypeError, match="called with 2 arguments"):
        app.on_message("/ws")(lambda ws: None)
    assert app.router.get_handler("/ws") is None


def test_a_gateway_knows_what_it_is_called() -> None:
    """Title and version, and what stands around everything."""
    app = Gateway(title="demo", version="1.2", authenticators=[asked], permissions=[asked], middleware=[handler])
    assert (app.title, app.version, app.authenticators, app.permissions) == ("demo", "1.2", (asked,), (asked,))
    passage = app.router.passage
    assert (passage.authenticators, passage.permissions, passage.middleware) == ((asked,), (asked,), (handler,))


def test_what_needs_a_running_gateway_says_so() -> None:
    """Its connections, rooms and history, and what its actors live in."""
    app = Gateway(title="demo")
    for act in (lambda: len(app.connections), lambda: app.system, app.rooms.names, app.clear_history, app.close_all):
        with pytest.raises(RuntimeError, match="'demo': the gateway is not running"):
            act()


def test_a_topic_that_cannot_be_declared_is_named() -> None:
    """A pattern that is none, and code that is no room."""
    app = Gateway()
    with pytest.raises(ConfigError, match=r"cannot read the topic pattern 'a:\{x': a \* is only allowed last"):
        app.topic("a:{x")
    with pytest.raises(TypeError, match=r"could not declare topic 'a:\{x\}' with .*: it is no class of Room"):
        app.topic("a:{x}")(lambda member: None)  # type: ignore[arg-type,return-value]


def test_a_gateway_that_waits_for_signals_is_refused_where_none_come() -> None:
    """On a thread of a larger program: a letter that says what is for there, before anything is started."""
    before = threading.active_count()
    with (
        ThreadPoolExecutor(1, "worker") as pool,
        pytest.raises(RuntimeError, match=r"main thread.*worker_0.*start\(\)"),
    ):
        pool.submit(Gateway().run_configured, GatewaySettings()).result()
    assert threading.active_count() == before
