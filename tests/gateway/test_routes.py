"""Routes: paths with parameters, and mistakes that are found when they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.endpoint import WebSocketEndpoint
from gateway.routes import Path, Routes

if TYPE_CHECKING:
    from gateway.websocket import WebSocket  # not there at run time: annotations are looked at, not evaluated


async def plain(ws: WebSocket) -> None: ...
async def numbered(ws: WebSocket, number: int, name: str = "") -> None: ...
async def everything(ws: WebSocket, **path: str) -> None: ...


class Endpoint(WebSocketEndpoint): ...


@pytest.mark.parametrize(
    ("pattern", "path", "parameters"),
    [
        ("/echo", "/echo", {}),
        ("/echo", "/echo/", None),
        ("/echo", "/ech", None),
        ("/chat/{room}", "/chat/7", {"room": "7"}),
        ("/chat/:room", "/chat/7", {"room": "7"}),
        ("/chat/{room}", "/chat/", None),
        ("/chat/{room}", "/chat/a/b", None),
        ("/chat/{room}", "/chat/a%2Fb", {"room": "a/b"}),
        ("/chat/{room}", "/chat/%2525", {"room": "%25"}),
        ("/chat/{room}", "/chat/%C3%A4", {"room": "ä"}),
        ("/a.b", "/axb", None),
        ("/{a}-{b}/{c}", "/1-2/3", {"a": "1", "b": "2", "c": "3"}),
        ("/", "/", {}),
    ],
)
def test_a_path_gives_its_parameters(pattern: str, path: str, parameters: dict[str, str] | None) -> None:
    """One segment each, in both spellings, unquoted once; everything else is literal."""
    assert Path(pattern).match(path) == parameters


@pytest.mark.parametrize("pattern", ["echo", "", "/{a}/{a}"])
def test_a_pattern_that_cannot_be_is_refused(pattern: str) -> None:
    """When it is declared."""
    with pytest.raises(ValueError, match="could not route"):
        Path(pattern)


def test_the_first_that_matches_answers() -> None:
    """In the order of declaration."""
    routes = Routes()
    routes.add("/chat/lobby", plain)
    routes.add("/chat/{room}", everything)
    found = [routes.find(path) for path in ("/chat/lobby", "/chat/other", "/elsewhere")]
    assert [None if one is None else (one[0].endpoint, one[2]) for one in found] == [
        (plain, {}),
        (everything, {"room": "other"}),
        None,
    ]


def test_arguments_are_converted_and_what_does_not_convert_is_not_found() -> None:
    """`int` as annotated, also where annotations name what exists only for the type checker."""
    routes = Routes()
    routes.add("/{number}/{name}", numbered)
    found = routes.find("/12/ada")
    assert found is not None
    assert found[1:] == ({"number": "12", "name": "ada"}, {"number": 12, "name": "ada"})
    for path in ("/twelve/ada", "/1.5/ada", "/" + "9" * 10_000 + "/ada", "/%00/ada"):
        assert routes.find(path) is None


def test_a_class_gets_no_arguments() -> None:
    """It reads them from its WebSocket."""
    routes = Routes()
    route = routes.add("/{room}", Endpoint)
    found = routes.find("/x")
    assert found == (route, {"room": "x"}, {})
    assert list(routes) == [route]


def sync(ws: Any) -> None: ...


class NotOne: ...


class BadEncoding(WebSocketEndpoint):
    encoding = "xml"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        (sync, "async def"),
        (NotOne, "no WebSocketEndpoint"),
        (BadEncoding, "encoding"),
        (numbered, "number"),
        (3, "no coroutine"),
    ],
)
def test_an_endpoint_that_could_not_work_is_refused(endpoint: Any, said: str) -> None:
    """When it is declared, with what to do about it."""
    with pytest.raises(TypeError, match=said):
        Routes().add("/there", endpoint)


def test_a_path_has_one_endpoint() -> None:
    """The second declaration is a mistake."""
    routes = Routes()
    routes.add("/echo", plain)
    with pytest.raises(ValueError, match="already"):
        routes.add("/echo", everything)
