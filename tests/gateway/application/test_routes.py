"""Routes: paths with parameters, and mistakes that are found when they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NewType

import pytest

from gateway.application.routes import Path, Routes
from gateway.endpoints.endpoint import WebSocketEndpoint

if TYPE_CHECKING:
    from gateway.endpoints.websocket import WebSocket  # not there at run time: annotations are looked at, not evaluated


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


@pytest.mark.parametrize("pattern", ["echo", "", "/{a}/{a}", "/a/{x:int}", "/c/{x", "/c/x}", "/{}", "/{1}", "/{a b}"])
def test_a_pattern_that_cannot_be_is_refused(pattern: str) -> None:
    """When it is declared: no request would ever match it."""
    with pytest.raises(ValueError, match="could not route"):
        Path(pattern)


def test_a_converter_in_the_path_is_answered_with_how_to_write_it() -> None:
    """As other frameworks have it; here the function's annotation says it."""
    with pytest.raises(ValueError, match=r"'/a/{x:int}': braces stand only around a name; write .*room: int"):
        Path("/a/{x:int}")


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


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-7", -7), ("007", 7), ("99999999999999999999999", 99999999999999999999999),
     ("1_0", None), ("٣", None), ("+7", None), (" 7", None), ("7%0A", None), ("", None), ("-", None), ("1e3", None)],
)  # fmt: skip
def test_a_number_in_a_path_is_written_in_ascii_digits(text: str, number: int | None) -> None:
    """As everybody else reads it; Python's own `int` takes more."""
    routes = Routes()
    routes.add("/{number}", numbered)
    found = routes.find(f"/{text}")
    assert (None if found is None else found[2]["number"]) == number


async def floating(ws: WebSocket, x: float) -> None: ...
async def truth(ws: WebSocket, x: bool) -> None: ...
async def table(ws: WebSocket, x: dict[str, str]) -> None: ...
async def maybe(ws: WebSocket, x: int | None = None) -> None: ...
async def unknown(ws: WebSocket, x: WebSocket) -> None: ...
async def whole_numbers(ws: WebSocket, **path: float) -> None: ...


@pytest.mark.parametrize("endpoint", [floating, truth, table, maybe, unknown, whole_numbers])
def test_a_parameter_is_a_text_or_a_whole_number(endpoint: Any) -> None:
    """Another annotation would be a promise that nobody keeps."""
    with pytest.raises(TypeError) as raised:
        Routes().add("/{x}", endpoint)
    assert f"could not route '/{{x}}' to {endpoint.__name__}: x is annotated " in str(raised.value)
    assert str(raised.value).endswith("; write x: int or x: str, and make more of it in the function")


RoomId = NewType("RoomId", str)
Number = int


async def named_types(ws: WebSocket, room: RoomId, number: Number, rest: Any, other, more: object = "") -> None: ...  # type: ignore[no-untyped-def]
async def numbers(ws: WebSocket, **path: int) -> None: ...


def test_other_names_of_texts_and_numbers_are_those() -> None:
    """Aliases and new types are read where the function is; `Any` and nothing are what came."""
    routes = Routes()
    routes.add("/{room}/{number}/{rest}/{other}/{more}", named_types)
    routes.add("/{a}/{b}", numbers)
    found = [routes.find(path) for path in ("/a/1/2/3/4", "/1/2", "/1/x")]
    assert [None if one is None else one[2] for one in found] == [
        {"room": "a", "number": 1, "rest": "2", "other": "3", "more": "4"},
        {"a": 1, "b": 2},
        None,
    ]


async def deaf() -> None: ...
async def by_keyword(*, ws: WebSocket) -> None: ...


@pytest.mark.parametrize("endpoint", [deaf, by_keyword])
def test_a_function_takes_its_websocket_first(endpoint: Any) -> None:
    """Without it, it could not even accept."""
    with pytest.raises(TypeError, match=f"to {endpoint.__name__}: it takes no WebSocket; write async def "):
        Routes().add("/x", endpoint)


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
