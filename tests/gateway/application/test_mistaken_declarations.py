"""What newcomers write by mistake is refused where it is written, with what to write instead; it used to be taken."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Actor
from gateway import Gateway, Limit, Room, WebSocketEndpoint, WebSocketRouter


async def endpoint(ws: Any) -> None: ...


def call(ws: Any, data: Any) -> None: ...


@pytest.mark.parametrize("place", [Gateway().ws, WebSocketRouter().ws, WebSocketRouter().route])
def test_a_decorator_of_an_endpoint_wants_its_path(place: Any) -> None:
    """`@app.ws` without parentheses: the function was taken for a path, and no path had an endpoint."""
    with pytest.raises(TypeError, match=r'could not route .*endpoint.*: write the path, @app\.ws\("/chat"\)'):
        place(endpoint)


@pytest.mark.parametrize("decorator", [Gateway().topic, Gateway().permits])
def test_a_decorator_of_topics_wants_a_pattern(decorator: Any) -> None:
    """So does that of a class, `@app.topic`."""
    with pytest.raises(TypeError, match=r"Lobby.* is no pattern of topics; write one, as \"game:\{game_id\}\""):
        decorator(type("Lobby", (Room,), {}))


def test_a_decorator_of_a_call_wants_its_name() -> None:
    """`@app.rpc` as well."""
    rpc: Any = Gateway().rpc
    with pytest.raises(TypeError, match=r"call.* is no name of a call; write it, as @app\.rpc\(\"call\"\)"):
        rpc(call)


@pytest.mark.parametrize("rooms", [["lobby"], "lobby", ("a", "b")])
def test_a_hook_that_cannot_be_called_is_refused(rooms: Any) -> None:
    """`rooms = ["lobby"]` looks like a setting; each connection of it was closed."""
    with pytest.raises(TypeError, match=r"could not make Chat: its rooms is .*; write def rooms\(self\)"):
        type("Chat", (WebSocketEndpoint,), {"rooms": rooms})


def test_what_is_computed_or_wrapped_may_be_a_hook() -> None:
    """Descriptors and callables are believed."""
    made = type("Chat", (WebSocketEndpoint,), {"rooms": staticmethod(lambda: ["lobby"])})
    assert made.rooms() == ["lobby"]


@pytest.mark.parametrize("what", [print, Actor, "feed", WebSocketEndpoint])
def test_an_actor_of_the_app_is_a_class_of_actor(what: Any) -> None:
    """Anything else failed at the start, four times, with tracebacks of the supervisor."""
    app = Gateway()
    if what is Actor:
        app.actor(what)
        return
    with pytest.raises(TypeError, match=r"could not declare the actor .*: it is no class of Actor"):
        app.actor(what)


def test_the_restart_of_an_actor_is_a_word() -> None:
    """Containers say "always"."""
    with pytest.raises(ValueError, match=r"restart cannot be 'always': write one of 'permanent', 'transient'"):
        Gateway().actor(Actor, restart="always")


def test_an_excess_is_a_word() -> None:
    """With those that there are."""
    word: Any = "ignore"
    with pytest.raises(ValueError, match=r'on_excess: "ignore" is no choice here; write one of "refuse", "drop"$'):
        Limit(1, per=1.0, on_excess=word)


def test_only_routers_are_mounted() -> None:
    """An app in an app has hooks, topics and settings that would be nobody's."""
    other: Any = Gateway()
    with pytest.raises(TypeError, match=r"could not mount .*: it is no WebSocketRouter"):
        Gateway().mount(other, prefix="/v1")


@pytest.mark.parametrize("name", [5, None, b"lobby", ["lobby"], Room])
@pytest.mark.parametrize("handle", [Gateway().room, Gateway().channel])
def test_the_name_of_a_topic_is_a_text(handle: Any, name: Any) -> None:
    """`app.room(5)` was refused where it was used, by whoever used it first."""
    with pytest.raises(TypeError, match=r'.* is no name of a topic; write a text, as "game:7"'):
        handle(name)


@pytest.mark.parametrize("said", ["no", 0, "false"])
def test_whether_an_endpoint_identifies_is_a_bool(said: Any) -> None:
    """`identifies="no"` was yes: the endpoint was run for who is not known."""
    with pytest.raises(TypeError, match=r"could not use identifies=.*: it is no bool; write True or False"):
        Gateway().ws("/a", identifies=said)(endpoint)
    with pytest.raises(TypeError, match=r"could not use identifies="):
        Gateway().ws("/a")(type("Door", (WebSocketEndpoint,), {"identifies": said}))
