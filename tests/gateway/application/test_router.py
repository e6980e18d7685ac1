"""Routers: what is mounted where, and what is around it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import JWT, Gateway, IsAuthenticated
from gateway.application.router import WebSocketRouter
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.endpoints.passage import Passage
from gateway.pulse.heartbeat import HeartbeatConfig


async def one(ws: Any) -> None: ...
async def two(ws: Any) -> None: ...
async def by_room(ws: Any, room: str) -> None: ...
def one_and_another(ws: Any, other: Any) -> bool: ...  # type: ignore[empty-body]


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
    ("options", "error", "said"),
    [
        ({"expires": 0}, ValueError, "expires=0: give more than 0 seconds"),
        ({"expires": -1.0}, ValueError, "expires=-1.0: give more than 0 seconds"),
        ({"expires": float("nan")}, ValueError, "expires=nan: give more than 0 seconds"),
        ({"expires": True}, ValueError, "expires=True: give more than 0 seconds"),
        ({"expires": "1h"}, ValueError, "expires='1h': give a number of seconds, 3600.0, or None for never"),
        ({"expires": "soon"}, ValueError, "expires='soon': give a number of seconds, or None for never"),
        ({"encoding": "xml"}, TypeError, "encoding 'xml'"),
        ({"heartbeat": HeartbeatConfig(ping_timeout=0.5)}, ValueError, "slot"),
        ({"heartbeat": 5}, TypeError, "could not use 5 as a heartbeat: it is no HeartbeatConfig; write "),
        ({"middleware": [3]}, TypeError, "could not use 3 as middleware"),
        ({"middleware": 3}, TypeError, "could not use 3 as middleware"),
        ({"middleware": [dict]}, TypeError, "it is a class; write dict"),
        ({"authenticators": [5]}, TypeError, "could not use 5 as an authenticator: it cannot be called; write "),
        ({"authenticators": [JWT]}, TypeError, "could not use JWT as an authenticator: it is a class; write JWT"),
        ({"authenticators": ["secret"]}, TypeError, "could not use a str as an authenticator: it cannot be called"),
        ({"permissions": 5}, TypeError, "could not use 5 as a permission: it cannot be called; write "),
        ({"permissions": "admin"}, TypeError, "could not use 'admin' as a permission: it cannot be called; write "),
        ({"permissions": IsAuthenticated}, TypeError, "could not use IsAuthenticated as a permission: it is a class"),
        ({"permissions": [one_and_another]}, TypeError, "it is called with 1 argument"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_options_that_could_not_work_are_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    """When they are given, with what to write, and the path stays free. What may be a secret is not repeated."""
    router = WebSocketRouter()
    with pytest.raises(error) as raised:
        router.add_route("/x", one, **options)
    assert said in str(raised.value)
    assert texts(router) == []


@pytest.mark.parametrize(
    "options",
    [{"heartbeat": 5}, {"authenticators": [5]}, {"permissions": "admin"}, {"middleware": 3}, {"permissions": dict}],
)
def test_a_gateway_refuses_what_a_route_does(options: dict[str, Any]) -> None:
    """So do a router, and a class that says it of itself."""
    with pytest.raises(TypeError, match="could not use"):
        Gateway(**options)
    if "heartbeat" not in options:
        with pytest.raises(TypeError, match="could not use"):
            WebSocketRouter(**options)
    with pytest.raises(TypeError, match="could not use"):
        WebSocketRouter().add_route("/x", type("Endpoint", (WebSocketEndpoint,), options))


def test_one_needs_no_list() -> None:
    """Of authenticators, permissions and middleware: at a route, a router, a gateway, in a class."""
    options: dict[str, Any] = {"permissions": IsAuthenticated(), "authenticators": abs, "middleware": print}
    endpoint = type("Endpoint", (WebSocketEndpoint,), options)
    app = Gateway(**options)
    passages = [
        WebSocketRouter().add_route("/x", one, **options).passage,
        WebSocketRouter().add_route("/x", endpoint).passage,
        WebSocketRouter(**options).passage,
        app.router.passage,
    ]
    for passage in passages:
        assert passage.permissions == (IsAuthenticated(),)
        assert (passage.authenticators, passage.middleware) == ((abs,), (print,))
    assert (app.permissions, app.authenticators) == ((IsAuthenticated(),), (abs,))


def test_a_time_that_is_given_is_never_taken_for_none() -> None:
    """Also where the class has one: zero at the route is a mistake and not what the class says."""
    endpoint = type("Endpoint", (WebSocketEndpoint,), {"expires": 60.0})
    with pytest.raises(ValueError, match="expires=0"):
        WebSocketRouter().add_route("/x", endpoint, expires=0)


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
