"""App code that could not be called as it is written is refused where it is written, not when somebody comes."""

from __future__ import annotations

import abc
import dataclasses
import functools
import types
from typing import TYPE_CHECKING, Any

import pytest

from gateway import Gateway, Room, WebSocketEndpoint, on

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing() -> None: ...
def one(first: Any) -> None: ...
def two(first: Any, second: Any) -> None: ...
def four(first: Any, second: Any, third: Any, fourth: Any) -> None: ...
def anything(*_: Any) -> None: ...
def more(first: Any, second: Any, third: Any = None, *, fourth: Any = None) -> None: ...


@functools.wraps(four)
def wrapping(self: Any, member: Any, payload: Any) -> None: ...


@pytest.mark.parametrize(
    ("base", "hook", "function", "wanted"),
    [
        (Room, "on_start", two, "(self)"),
        (Room, "on_join", two, "(self, member, params)"),
        (Room, "on_join", four, "(self, member, params)"),
        (Room, "on_leave", two, "(self, member, reason)"),
        (Room, "on_empty", two, "(self)"),
        (Room, "initial_state", nothing, "(self)"),
        (WebSocketEndpoint, "on_connect", one, "(self, ws)"),
        (WebSocketEndpoint, "on_receive", two, "(self, ws, data)"),
        (WebSocketEndpoint, "on_error", two, "(self, ws, error)"),
        (WebSocketEndpoint, "on_disconnect", two, "(self, ws, code)"),
        (WebSocketEndpoint, "rooms", two, "(self)"),
    ],
)
def test_a_hook_that_takes_other_arguments_is_refused_at_the_class(
    base: type, hook: str, function: Any, wanted: str
) -> None:
    """With how to write it: it would fail for every client that comes."""
    with pytest.raises(TypeError) as raised:
        type("Chat", (base,), {hook: function})
    assert str(raised.value).startswith(f"could not make Chat: its {hook} takes (")
    assert str(raised.value).endswith(f"; write def {hook}{wanted}")


@pytest.mark.parametrize(
    ("base", "hook"), [(Room, "on_join"), (Room, "on_leave"), (WebSocketEndpoint, "on_disconnect")]
)
@pytest.mark.parametrize("function", [anything, more, wrapping, staticmethod(two)])
def test_a_hook_may_take_its_arguments_in_any_way(base: type, hook: str, function: Any) -> None:
    """More with defaults, all with a star; what a decorator wraps may take others than the wrapper."""
    assert hook in vars(type("Chat", (base,), {hook: function}))


@pytest.mark.parametrize("base", [Room, WebSocketEndpoint])
def test_a_handler_takes_who_and_what(base: type) -> None:
    """At the class statement, under its own name."""

    def say(self: Any, message: Any) -> None: ...

    with pytest.raises(TypeError) as raised:
        type("Chat", (base,), {"say": on("said")(say)})
    assert str(raised.value) == (
        "could not make Chat: its say takes (self: 'Any', message: 'Any') -> 'None'; "
        "it is called with 2 arguments after self: who says it, and what"
    )


def test_a_marked_handler_that_is_no_plain_function_is_left_alone() -> None:
    """Nobody knows what a descriptor of somebody's own hands on."""

    class Chat(Room):
        @on("said")
        @functools.partialmethod
        def say(self, *args: Any) -> None: ...

    assert list(Chat.events) == ["said"]


@pytest.mark.parametrize("function", [nothing, one, four])
def test_functions_that_are_handlers_take_what_they_are_given(function: Callable[..., Any]) -> None:
    """Calls, channel handlers, permits, middleware: where they are declared, and nothing of them is there."""
    app = Gateway()
    chat = app.channel("chat")
    declarations: list[tuple[Callable[[Any], Any], int]] = [
        (app.rpc("add"), 2), (app.on_send, 2), (chat.on("said"), 2), (app.permits("a:*"), 3), (app.use, 2),
    ]  # fmt: skip
    for declare, arguments in declarations:
        with pytest.raises(TypeError, match=f"it is called with {arguments} arguments"):
            declare(function)
    assert (app.calls, chat.has_handlers, app.topics.permits, app.router.passage.middleware) == ({}, False, {}, ())


def test_what_python_cannot_tell_the_arguments_of_is_believed() -> None:
    """A function built into an extension may have no signature."""
    assert Gateway(permissions=[max]).permissions == (max,)


def test_a_call_may_take_its_topic_as_well() -> None:
    """By that name, anywhere behind the ws and the data."""
    app = Gateway()
    app.rpc("here")(lambda ws, data, topic: topic)
    app.rpc("there")(lambda ws, data, *, topic: topic)
    assert list(app.calls) == ["here", "there"]


def plain_generator(*_: Any) -> Any:
    yield


async def async_generator(*_: Any) -> Any:
    yield


GENERATORS = pytest.mark.parametrize("function", [plain_generator, async_generator, functools.partial(plain_generator)])


@GENERATORS
def test_functions_with_a_yield_are_refused_where_they_are_declared(function: Any) -> None:
    """A call runs nothing of them: a hook that checks who somebody is would check nobody, and nothing would say so."""
    app = Gateway()
    declarations: list[Callable[[Any], Any]] = [
        app.rpc("add"), app.on_send, app.channel("chat").on("said"), app.permits("a:*"), app.use,
        app.on_connect, app.on_disconnect, app.on_error, app.on_message, app.on_message("/path"),
        lambda one: Gateway(authenticators=one), lambda one: Gateway(permissions=one),
    ]  # fmt: skip
    for declare in declarations:
        with pytest.raises(TypeError, match="it has a `yield`, so that a call runs nothing of it; leave that out"):
            declare(function)


@pytest.mark.parametrize(
    ("base", "hook"),
    [
        (Room, "on_start"), (Room, "on_join"), (Room, "on_leave"), (Room, "on_empty"), (Room, "initial_state"),
        (WebSocketEndpoint, "on_connect"), (WebSocketEndpoint, "on_receive"), (WebSocketEndpoint, "on_error"),
        (WebSocketEndpoint, "on_disconnect"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [plain_generator, async_generator])
def test_hooks_and_handlers_with_a_yield_are_refused_at_the_class(base: type, hook: str, function: Any) -> None:
    """So are the methods of a class; the names of rooms may be said one by one."""
    with pytest.raises(TypeError, match=f"could not make Chat: its {hook} is a generator: it has a `yield`"):
        type("Chat", (base,), {hook: function})
    with pytest.raises(TypeError, match="could not make Chat: its say is a generator: it has a `yield`"):

        class Chat(base):  # type: ignore[misc,valid-type]
            say = on("say")(types.FunctionType(function.__code__, globals()))

    assert "rooms" in vars(type("Chat", (WebSocketEndpoint,), {"rooms": function}))


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
@pytest.mark.parametrize("base", [Room, WebSocketEndpoint])
def test_a_handler_without_self_takes_who_and_what_as_well(base: type, kind: Any) -> None:
    """It is called with the object in front, as every handler."""
    with pytest.raises(
        TypeError, match=r"could not make Chat: its say takes .*; it is called with 2 arguments after se"
    ):
        type("Chat", (base,), {"say": on("said")(kind(two))})


@pytest.mark.parametrize("base", [Room, WebSocketEndpoint])
def test_what_stands_in_the_place_of_a_handler_can_be_called(base: type) -> None:
    """`say = None` in a subclass does not take the handler away: each message of that kind was a failure."""
    chat = type("Chat", (base,), {"say": on("said")(anything)})
    with pytest.raises(TypeError, match="could not make Quiet: its say handles messages of clients and is None"):
        type("Quiet", (chat,), {"say": None})


async def endpoint(ws: Any, room: list[int]) -> None: ...


class Called:
    """An object that is called has no name of its own."""

    def __call__(self, ws: Any, data: Any) -> None: ...


def test_what_has_no_name_is_shown_as_it_is() -> None:
    """The letter was an AttributeError for everything that is no function: partials, and objects that are called."""
    app, bound = Gateway(), functools.partial(endpoint)
    for path in ("/chat", "/chat/{room}"):
        with pytest.raises(TypeError, match=rf"could not route '{path}' to functools\.partial\(<function endpoint"):
            app.ws(path)(bound)
    with pytest.raises(TypeError, match=r"could not route '/chat' to functools\.partial.*: it takes no WebSocket"):
        app.ws("/chat")(functools.partial(endpoint, None, room=[]))
    with pytest.raises(TypeError, match=r"could not register functools\.partial.*: it is called with 1 arguments"):
        app.on_connect(functools.partial(four))
    app.rpc("add")(Called())
    with pytest.raises(ValueError, match=r"could not declare the call 'add': it has one already, <.*Called object"):
        app.rpc("add")(two)


def handing_on(function: Any) -> Any:
    """A decorator that passes on whatever it is given."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def with_more(*more: Any) -> Callable[[Any], Any]:
    """A decorator that gives something of its own to what it wraps, and takes less."""

    def wrap(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(ws: Any) -> Any:
            return function(ws, *more)

        return wrapper

    return wrap


def test_a_hook_is_called_with_what_its_wrapper_takes() -> None:
    """Also if what that wraps takes more; a wrapper that takes anything is asked what it wraps."""
    app, came = Gateway(), []
    app.on_disconnect(with_more("db")(lambda ws, db: came.append((ws, db))))
    app.on_disconnect(handing_on(lambda ws: came.append((ws,))))
    app.on_disconnect(handing_on(lambda ws, code: came.append((ws, code))))
    for hook in app.router.hooks.disconnected:
        hook("ws", 1000)
    assert came == [("ws", "db"), ("ws",), ("ws", 1000)]


def test_an_endpoint_is_given_what_its_wrapper_takes() -> None:
    """What a decorator fills in need not be in the path, and is not looked for there."""

    async def chat(ws: Any, room: int) -> None: ...

    def filled(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(ws: Any) -> None:
            await function(ws, 7)

        return wrapper

    def passing(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> None:
            await function(*args, **kwargs)

        return wrapper

    app = Gateway()
    app.ws("/lobby")(filled(chat))
    app.ws("/chat/{room}")(filled(chat))
    app.ws("/room/{room}")(passing(chat))
    found = [app.routes.find(path) for path in ("/lobby", "/chat/9", "/room/9")]
    assert [one[2] for one in found if one is not None] == [{}, {}, {"room": 9}]


@pytest.mark.parametrize("name", ["name", "params", "members", "broadcast", "events", "limits", "_take"])
def test_names_that_a_room_needs_are_refused(name: str) -> None:
    """At the class statement: a `name` of the class would be where its broadcasts go."""
    with pytest.raises(TypeError, match=f"could not make Game: Room needs '{name}' itself; choose other names"):
        type("Game", (Room,), {name: None})
    type("Game", (Room,), {"room": "a", "user": "b", "board": [], "patience": None, "passes_on": False})


def test_a_state_that_would_not_be_there_is_refused() -> None:
    """A value of the class, which each instance hides behind what `initial_state` returns; and one to be awaited."""
    with pytest.raises(TypeError, match=r"its state is what initial_state\(\) returns"):
        type("Game", (Room,), {"state": {}})

    async def initial_state(self: Any) -> None: ...

    with pytest.raises(TypeError, match="nobody could await it; await in on_start"):
        type("Game", (Room,), {"initial_state": initial_state})
    type("Game", (Room,), {"__annotations__": {"state": dict}})


@pytest.mark.parametrize("around", [staticmethod, classmethod])
@pytest.mark.parametrize("base", [Room, WebSocketEndpoint])
def test_a_mark_counts_whichever_decorator_stands_first(around: Any, base: type) -> None:
    """It was not seen below one of these: what it marks was never called, and nobody was told."""
    with pytest.raises(TypeError, match="could not make Chat: its take takes"):
        type("Chat", (base,), {"take": around(on("take")(types.FunctionType(two.__code__, {})))})
    three = staticmethod(on("take")(lambda self, member, payload: payload))
    assert list(type("Game", (Room,), {"take": three}).events) == ["take"]


def test_what_the_gateway_could_not_make_is_refused_where_it_is_declared() -> None:
    """A room and an endpoint are made by it, with what it has; a dataclass has an `__init__` of its own."""
    app = Gateway()
    room = type("Game", (Room,), {"__init__": lambda self: None})
    with pytest.raises(
        TypeError, match=r"topic 'game' with Game: its __init__ takes \(self\).*initial_state or on_start"
    ):
        app.topic("game")(room)
    with pytest.raises(TypeError, match="topic 'game' with Game: its __init__ takes"):
        app.topic("game")(dataclasses.dataclass(type("Game", (Room,), {"__annotations__": {"size": int}})))
    endpoint = type("Chat", (WebSocketEndpoint,), {"__init__": lambda self, ws, size: None})
    with pytest.raises(TypeError, match=r"'/chat' to Chat: its __init__ takes \(self, ws, size\).*on_connect"):
        app.ws("/chat")(endpoint)
    app.topic("game")(type("Game", (Room,), {"__init__": lambda self, *args: None}))
    app.ws("/chat")(type("Chat", (WebSocketEndpoint,), {"__init__": lambda self, ws, size=3: None}))


def test_what_is_abstract_is_no_room_and_no_endpoint() -> None:
    """Nobody could make an instance of it: each client that comes would be told `internal`."""
    app = Gateway()
    for base, declare in ((Room, app.topic("game")), (WebSocketEndpoint, app.ws("/game"))):
        abstract = abc.ABCMeta("Game", (base, abc.ABC), {"score": abc.abstractmethod(lambda self: None)})
        with pytest.raises(TypeError, match="Game: it is abstract; write its score, or declare a class that does"):
            declare(abstract)
