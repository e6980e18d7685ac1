"""Routers: what is mounted where, and what is around it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.endpoint import WebSocketEndpoint
from gateway.heartbeat import HeartbeatConfig
from gateway.passage import Passage
from gateway.router import WebSocketRouter


async def one(ws: Any) -> None: ...
async def two(ws: Any) -> None: ...
async def by_room(ws: Any, room: str) -> None: ...


def texts(router: WebSocketRouter) -> list[str]:
    return [route.path.text for route in router.get_routes()]


def test_c6_handlers_are_found_by_path() -> None:
    """As requested and as declared; None where nothing is."""
    router = WebSocketRouter()
    router.route("/one")(one)
    router.ws("/chat/:room")(by_room)
    router.add_route("/two", two)
    assert [router.get_handler(path) for path in ("/one", "/two", "/chat/7", "/chat/:room", "/three")] == [
        one, two, by_room, by_room, None,
    ]  # fmt: skip
    assert texts(router) == ["/one", "/chat/:room", "/two"]


def test_a_mounted_router_may_be_filled_later() -> None:
    """Through any depth, with every prefix before the path."""
    outer, middle, inner = WebSocketRouter(), WebSocketRouter(), WebSocketRouter()
    inner.add_route("/early", one)
    outer.mount(middle, prefix="/v1")
    middle.mount(inner, prefix="/{tenant}")
    inner.add_route("/late", two)
    assert texts(outer) == ["/v1/{tenant}/early", "/v1/{tenant}/late"]
    assert texts(inner) == ["/early", "/late"]
    found = outer.routes.find("/v1/acme/late")
    assert found is not None
    assert (found[0].endpoint, found[1]) == (two, {"tenant": "acme"})


def test_a_router_may_be_mounted_twice() -> None:
    """Under two prefixes it has two sets of paths."""
    outer, inner = WebSocketRouter(), WebSocketRouter()
    outer.mount(inner, prefix="/v1")
    outer.mount(inner, prefix="/v2")
    inner.add_route("/x", one)
    assert texts(outer) == ["/v1/x", "/v2/x"]


@pytest.mark.parametrize("prefix", ["v1", "/v1/", "/"])
def test_a_prefix_that_is_none_is_refused(prefix: str) -> None:
    """With how to write it."""
    with pytest.raises(ValueError, match="could not mount"):
        WebSocketRouter().mount(WebSocketRouter(), prefix=prefix)


def test_routers_do_not_contain_each_other() -> None:
    """Neither itself nor through another."""
    outer, inner = WebSocketRouter(), WebSocketRouter()
    outer.mount(inner)
    for router, other in ((outer, outer), (inner, outer)):
        with pytest.raises(ValueError, match="into itself"):
            router.mount(other)


def test_a_path_has_one_endpoint_in_either_spelling_and_wherever_it_comes_from() -> None:
    """The second one is refused where it is declared, and nothing of it is there."""
    outer, inner = WebSocketRouter(), WebSocketRouter()
    outer.add_route("/chat/{room}", by_room)
    outer.mount(inner)
    with pytest.raises(ValueError, match="already"):
        outer.add_route("/chat/:name", one)
    with pytest.raises(ValueError, match="already"):
        inner.add_route("/chat/:name", one)
    assert texts(inner) == []
    assert texts(outer) == ["/chat/{room}"]


def test_passages_are_put_together_from_the_outside_in() -> None:
    """Middleware and permissions outermost first, authenticators innermost first; times are the endpoint's own."""

    def named(name: str) -> Passage:
        return Passage(middleware=(name,), permissions=(name,), authenticators=(name,), expires=float(len(name)))

    passage = named("endpoint").within(named("router")).within(named("app"))
    assert passage.middleware == passage.permissions == ("app", "router", "endpoint")
    assert passage.authenticators == ("endpoint", "router", "app")
    assert passage.expires == 8.0


def test_a_class_says_itself_what_is_around_it() -> None:
    """By attributes; what is given at the route goes first."""
    quick, slow = HeartbeatConfig(ping_interval=5), HeartbeatConfig(ping_interval=50)

    class Endpoint(WebSocketEndpoint):
        encoding = "json"
        expires = 60.0
        heartbeat = quick
        permissions = (len,)
        authenticators = (abs,)
        middleware = (print,)
        identifies = True

    router = WebSocketRouter()
    own = router.add_route("/own", Endpoint).passage
    given = router.add_route("/given", Endpoint, expires=1.0, heartbeat=slow).passage
    assert (own.encoding, own.expires, own.heartbeat, own.permissions) == ("json", 60.0, quick, (len,))
    assert (own.authenticators, own.middleware, own.identifies) == ((abs,), (print,), True)
    assert not router.add_route("/plain", WebSocketEndpoint).passage.identifies
    assert (given.expires, given.heartbeat, given.permissions) == (1.0, slow, (len,))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"expires": 0}, ValueError),
        ({"expires": -1.0}, ValueError),
        ({"encoding": "xml"}, TypeError),
        ({"heartbeat": HeartbeatConfig(ping_timeout=0.5)}, ValueError),
        ({"middleware": [3]}, TypeError),
        ({"middleware": [dict]}, TypeError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_options_that_could_not_work_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    """When they are given, and the path stays free."""
    router = WebSocketRouter()
    with pytest.raises(error):
        router.add_route("/x", one, **options)
    assert texts(router) == []


def test_the_encoding_of_a_class_is_its_own() -> None:
    """Two places for it would contradict each other."""
    with pytest.raises(TypeError, match="in the class"):
        WebSocketRouter().add_route("/x", WebSocketEndpoint, encoding="json")


def test_arguments_are_looked_for_in_the_whole_path() -> None:
    """A prefix may have the parameter that a function wants; in an app it has to be there, else nothing is added."""
    app, inner = WebSocketRouter(), WebSocketRouter()
    app.is_outermost = True
    inner.add_route("/x", by_room)
    with pytest.raises(TypeError, match="takes room"):
        app.mount(inner)
    assert texts(app) == []
    app.mount(inner, prefix="/{room}")
    assert texts(app) == ["/{room}/x"]
    with pytest.raises(TypeError, match="takes room"):
        app.add_route("/y", by_room)


def test_use_decorates() -> None:
    """The function stays what it is."""
    router = WebSocketRouter()

    @router.middleware
    async def first(ws: Any, following: Any) -> None: ...

    router.use(print)
    assert router.passage.middleware == (first, print)
