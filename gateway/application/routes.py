"""Where endpoints live: paths with parameters, and what answers there."""

from __future__ import annotations

import inspect
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import attrs

from ..arity import made_with, name_of, signature_of
from ..endpoints.endpoint import WebSocketEndpoint
from ..endpoints.passage import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..endpoints.passage import Passage

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|:([A-Za-z_][A-Za-z0-9_]*)")
_WHOLE = re.compile(r"-?[0-9]+")
_KINDS = (str, int, Any, object, inspect.Parameter.empty)
"""What a parameter of a path may be annotated with; all but `int` get it as it came."""
_BUILT_IN = MappingProxyType(
    {"str": str, "int": int, "object": object, "Any": Any, "float": float, "bool": bool, "dict": dict}
)
NONE: Mapping[str, Any] = MappingProxyType({})
"""Parameters and arguments of most: a dict for each connection would be 64 bytes."""
ENCODINGS = (None, "json", "text", "bytes")
_LITERAL = "/!$&'()*+,;=:@"
"""What stands unquoted in the path of a request (RFC 3986 3.3), and so in a pattern that is compared with one."""


class Path:
    """
    A path with parameters, in both spellings: `/chat/{room}` and `/chat/:room`. A parameter is one segment.

    Raises:
        ValueError: It does not start with a slash, names a parameter twice, or has other braces.
    """

    def __init__(self, text: str) -> None:
        if not text.startswith("/"):
            raise ValueError(f'could not route {text!r}: a path starts with "/"; write "/{text}"')
        if re.search(r"[{}]", "".join(_PARAMETER.split(text)[::3])):
            fact = f"could not route {text!r}: braces stand only around a name"
            raise ValueError(f'{fact}; write "/chat/{{room}}", and room: int in the function for a number')
        names = [first or second for first, second in _PARAMETER.findall(text)]
        if len(set(names)) < len(names):
            raise ValueError(f"could not route {text!r}: a parameter is named twice; give each a name of its own")
        self.text = text
        self.shape = _PARAMETER.sub("{}", text)
        """The same for two paths that match the same requests."""
        self.names = tuple(names)
        literal = [re.escape(quote(part, safe=_LITERAL)) for part in _PARAMETER.split(text)[::3]]
        pattern = literal[0] + "".join(
            f"(?P<{name}>[^/]+){rest}" for name, rest in zip(names, literal[1:], strict=True)
        )
        self._pattern = re.compile(pattern)

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parameters of a path as it was requested, unquoted once; None if it is another."""
        found = self._pattern.fullmatch(path)
        if found is None or not self.names:
            return None if found is None else NONE
        return {name: unquote(value) for name, value in found.groupdict().items()}


@attrs.frozen(eq=False)
class Route:
    """One endpoint at one path."""

    path: Path
    endpoint: Any
    """A coroutine function `f(ws, **path)`, or a subclass of `WebSocketEndpoint`."""
    passage: Passage = OPEN
    """The endpoint's own; what is around it is known to the routers it is mounted in."""
    places: tuple[tuple[Any, str], ...] = ()
    """The routers it is in, innermost first, and its path as each of them has it."""
    _wanted: Mapping[str, object] = attrs.field(init=False)
    """Read once: to look at a signature takes longer than all the rest of finding a route."""

    @_wanted.default
    def _look_at_function(self) -> Mapping[str, object]:
        return NONE if self.is_class else _wanted(self.endpoint, self.path)

    def under(self, router: Any, prefix: str) -> Route:
        """The same endpoint, as it is found in a router into which its own was mounted."""
        path = Path(prefix + self.path.text) if prefix else self.path
        return attrs.evolve(self, path=path, places=(*self.places, (router, path.text)))

    @property
    def is_class(self) -> bool:
        return isinstance(self.endpoint, type)

    def arguments(self, parameters: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Path parameters as the function wants them; None if one does not convert, which is a 404."""
        wanted = self._wanted
        if not wanted:
            return NONE
        try:
            return {name: _converted(value, wanted[name]) for name, value in parameters.items() if name in wanted}
        except ValueError:
            return None


def _converted(value: str, kind: object) -> str | int:
    """Raises ValueError for what is no whole number in ASCII digits, which is all that others would read as one."""
    if kind is not int:
        return value
    if not _WHOLE.fullmatch(value):
        raise ValueError
    return int(value)  # raises for more than 4,300 digits


def _wanted(endpoint: Any, path: Path) -> dict[str, object]:
    """Those parameters of a path that a function takes, and as what."""
    taken = signature_of(endpoint).parameters
    rest = next((one for one in taken.values() if one.kind is one.VAR_KEYWORD), None)
    found = {name: taken.get(name, rest) for name in path.names}
    return {name: _kind(one.annotation, endpoint) for name, one in found.items() if one is not None}


def _kind(annotation: object, endpoint: Any) -> object:
    """What an annotation means where the function is; a text that only a type checker knows stays that."""
    if isinstance(annotation, str):
        known = {**getattr(endpoint, "__globals__", {}), **getattr(inspect.unwrap(endpoint), "__globals__", {})}
        annotation = known.get(annotation, _BUILT_IN.get(annotation, annotation))
    return getattr(annotation, "__supertype__", annotation)  # of a `NewType`


def check_endpoint(endpoint: Any, path: Path) -> None:
    """
    Refuses, when it is declared, what could not work later.

    Raises:
        TypeError: Neither a coroutine function of a WebSocket nor a class of endpoint.
    """
    if inspect.isclass(endpoint):
        if not issubclass(endpoint, WebSocketEndpoint):
            raise TypeError(
                f"could not route {path.text!r} to {endpoint.__name__}: it is no WebSocketEndpoint; inherit from that"
            )
        if endpoint.encoding not in ENCODINGS:
            wrong = endpoint.encoding
            raise TypeError(f'{endpoint.__name__}.encoding is {wrong!r}; write "json", "text", "bytes" or None')
        words = made_with(endpoint, 1, "on_connect")
        if words is not None:
            raise TypeError(f"could not route {path.text!r} to {endpoint.__name__}: {words}")
        return
    if inspect.iscoroutinefunction(endpoint) and not takes_websocket(endpoint):
        name = name_of(endpoint)
        raise TypeError(
            f"could not route {path.text!r} to {name}: it takes no WebSocket; write async def {name}(ws, ...)"
        )
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError(
            f"could not route {path.text!r} to {endpoint!r}: it is no coroutine function; write `async def`"
        )


def takes_websocket(endpoint: Any) -> bool:
    first = next(iter(signature_of(endpoint).parameters.values()), None)
    return first is not None and first.kind in (
        first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD, first.VAR_POSITIONAL,
    )  # fmt: skip


def check_arguments(endpoint: Any, path: Path) -> None:
    """Raises TypeError for a function that wants an argument which its whole path has not, or not of that type."""
    if inspect.isclass(endpoint):
        return
    for name, kind in _wanted(endpoint, path).items():
        if kind not in _KINDS:
            said = kind if isinstance(kind, str) else inspect.formatannotation(kind)
            raise TypeError(
                f"could not route {path.text!r} to {name_of(endpoint)}: {name} is annotated {said}; "
                f"write {name}: int or {name}: str, and make more of it in the function"
            )
    wanted = list(signature_of(endpoint).parameters.values())[1:]
    missing = [
        one.name
        for one in wanted
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        and one.name not in path.names
    ]
    if missing:
        raise TypeError(
            f"could not route {path.text!r} to {name_of(endpoint)}: it takes {', '.join(missing)}, "
            "which the path does not have; write it into the path, or give it a default"
        )


class Routes:
    """Endpoints in the order in which they were declared; the first that matches answers."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, path: str, endpoint: Any) -> Route:
        parsed = Path(path)
        check_endpoint(endpoint, parsed)
        check_arguments(endpoint, parsed)
        return self.put(Route(parsed, endpoint))

    def check(self, route: Route) -> None:
        """Raises ValueError if its path, in either spelling, has an endpoint already."""
        if any(one.path.shape == route.path.shape for one in self._routes):
            raise ValueError(f"could not route {route.path.text!r}: it has an endpoint already; choose another path")

    def put(self, route: Route) -> Route:
        """Raises as `check`."""
        self.check(route)
        self._routes.append(route)
        return route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, path: str) -> tuple[Route, Mapping[str, str], Mapping[str, Any]] | None:
        """The route of a path as it was requested (quoted: `%2F` ends no segment), its parameters and its arguments."""
        for route in self._routes:
            parameters = route.path.match(path)
            if parameters is None:
                continue
            arguments = route.arguments(parameters)
            if arguments is not None:
                return route, parameters, arguments
        return None
