"""A hook that is misspelt would never be called: the class statement says so, and leaves methods of one's own alone."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Actor, BadActor, handles
from gateway import Gateway, Room, WebSocketEndpoint, on


def method(self: Any, *_: Any) -> None:
    """Nothing but a method."""


def decorated(self: Any, *_: Any) -> None:
    """As a decorator leaves it that wraps something."""


decorated.__wrapped__ = method  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("base", "name", "meant"),
    [
        (WebSocketEndpoint, "on_recieve", "on_receive"),
        (WebSocketEndpoint, "on_conect", "on_connect"),
        (WebSocketEndpoint, "on_connected", "on_connect"),
        (WebSocketEndpoint, "on_disconection", "on_disconnect"),
        (WebSocketEndpoint, "on_eror", "on_error"),
        (Room, "on_jion", "on_join"),
        (Room, "on_joined", "on_join"),
        (Room, "on_leav", "on_leave"),
        (Room, "on_emtpy", "on_empty"),
        (Room, "on_strat", "on_start"),
        (Actor, "on_strat", "on_start"),
        (Actor, "on_stpo", "on_stop"),
        (Actor, "on_singal", "on_signal"),
        (Actor, "on_trun_end", "on_turn_end"),
        (Actor, "pre_restrat", "pre_restart"),
        (Actor, "post_restarted", "post_restart"),
        (Actor, "on_restart", "post_restart"),
        (Actor, "pre_start", "on_start"),
        (Actor, "post_stop", "on_stop"),
    ],
)
@pytest.mark.parametrize("function", [method, decorated])
def test_a_misspelt_hook_is_refused_where_it_is_written(base: type, name: str, meant: str, function: object) -> None:
    """At the class statement, with the name that was meant: later nobody would ever look for it."""
    with pytest.raises(TypeError) as raised:
        type("Chat", (base,), {name: function})
    assert str(raised.value) == f"could not make Chat: there is no hook {name}; did you mean {meant}?"
    assert isinstance(raised.value, BadActor) == issubclass(base, Actor)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (WebSocketEndpoint, "on_move"),
        (WebSocketEndpoint, "on_message"),
        (WebSocketEndpoint, "on_status"),
        (WebSocketEndpoint, "post_error"),
        (WebSocketEndpoint, "recieve"),
        (WebSocketEndpoint, "_on_recieve"),
        (Room, "on_play"),
        (Room, "on_point"),
        (Room, "on_timer"),
        (Actor, "on_tick"),
        (Actor, "on_connect"),
        (Actor, "post_message"),
    ],
)
def test_what_is_like_no_hook_is_a_method_of_ones_own(base: type, name: str) -> None:
    """`on_` in front makes no hook of a name, nor does the likeness that this alone makes."""
    assert issubclass(type("Chat", (base,), {name: method}), base)


@pytest.mark.parametrize(
    ("base", "name"),
    [(WebSocketEndpoint, name) for name in ("on_connect", "on_receive", "on_error", "on_disconnect")]
    + [(Room, name) for name in ("on_start", "on_stop", "on_join", "on_leave", "on_empty", "on_signal", "on_failure")]
    + [(Actor, name) for name in ("on_turn_end", "on_undelivered", "pre_restart", "post_restart")],
)
def test_hooks_are_hooks(base: type, name: str) -> None:
    """What the class itself has, and what the actor below it has."""
    assert name in vars(type("Chat", (base,), {name: method}))


def test_a_marked_handler_is_called_what_its_author_likes() -> None:
    """It is found by its mark, not by its name."""

    class Game(Room):
        @on("step")
        def on_step(self, member: object, payload: object) -> None:
            """Near `on_stop`."""

    class Chat(WebSocketEndpoint):
        @handles(int)
        def on_recieved(self, message: int) -> None:
            """Near `on_receive`."""

    assert (list(Game.events), list(Chat._inside)) == (["step"], [int])


def test_a_method_that_its_class_uses_is_meant() -> None:
    """Who calls it, or hands it on, knows that nobody else does."""

    class Game(Room):
        def on_join(self, member: object, params: object) -> None:
            def later() -> None:
                self.on_rejoin()

            later()

        def on_rejoin(self) -> None:
            """Near `on_join`."""

    assert "on_rejoin" in vars(Game)


def test_a_method_that_only_calls_itself_is_not_used() -> None:
    """The call that a misspelt override hands on to its base is misspelt with it."""
    with pytest.raises(TypeError, match="did you mean on_receive"):

        class Chat(WebSocketEndpoint):
            def on_recieve(self, ws: object, data: object) -> None:
                super().on_recieve(ws, data)  # type: ignore[misc]


def test_a_class_that_puts_names_together_is_left_alone() -> None:
    """Handlers that are looked up as `on_` and what the message says are found by their names, also in subclasses."""

    class Dispatching(WebSocketEndpoint):
        def on_receive(self, ws: object, data: dict[str, Any]) -> None:
            getattr(self, f"on_{data['kind']}")(data)

    class Chat(Dispatching):
        def on_state(self, data: object) -> None:
            """Near nothing here."""

        def on_reconnect(self, data: object) -> None:
            """Near `on_connect`."""

    assert issubclass(Chat, Dispatching)


def test_what_a_base_has_may_be_overridden() -> None:
    """The base was asked, or is somebody else's."""

    class Machine:
        def on_step(self) -> None:
            """Of a library that knows nothing of actors."""

    class Game(Machine, Room):
        def on_step(self) -> None:
            """Near `on_stop`."""

    assert issubclass(Game, Room)


def test_what_is_no_method_is_no_hook() -> None:
    """A list of listeners, a number, a flag."""

    class Game(Room):
        on_step = 3

    assert Game.on_step == 3


def test_what_decorators_make_of_functions_is_no_mistake() -> None:
    """Classes that the gateway writes itself keep the rule, however many handlers a channel has."""
    app = Gateway()
    channel = app.channel("news")
    for number in range(12):
        channel.on(f"event{number}")(lambda member, data: None)
    app.on_message("/echo")(lambda ws, message: message)
    behaviour = app.topics.behaviour_for("news")
    assert behaviour is not None
    assert len(behaviour.events) == 12
