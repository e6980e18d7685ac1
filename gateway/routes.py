"""Where endpoints live: paths with parameters, and what answers there."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import attrs

from .endpoint import WebSocketEndpoint
from .passage import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .passage import Passage

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|:([A-Za-z_][A-Za-z0-9_]*)")
ENCODINGS = (None, "json", "text", "bytes")
_LITERAL = "/!$&'()*+,;=:@"
"""What stands unquoted in the path of a request (RFC 3986 3.3), and so in a pattern that is compared with one."""


class Path:
    """
    A path with parameters, in both spellings: `/chat/{room}` and `/chat/:room`. A parameter is one segment.

    Raises:
        ValueError: It does not start with a slash, or names a parameter twice.
    """

    def __init__(self, text: str) -> None:
        if not text.startswith("/"):
            raise ValueError(f'could not route {text!r}: a path starts with "/"')
        names = [first or second for first, second in _PARAMETER.findall(text)]
        if len(set(names)) < len(names):
            raise ValueError(f"could not route {text!r}: a parameter is named twice")
        self.text = text
        self.shape = _PARAMETER.sub("{}", text)
        """The same for two paths that match the same requests."""
        self.names = tuple(names)
        literal = [re.escape(quote(part, safe=_LITERAL)) for part in _PARAMETER.split(text)[::3]]
        pattern = literal[0] + "".join(
            f"(?P<{name}>[^/]+){rest}" for name, rest in zip(names, literal[1:], strict=True)
        )
        self._pattern = re.compile(pattern)

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a path as it was requested, unquoted once; None if it is another."""
        found = self._pattern.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


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

    def under(self, router: Any, prefix: str) -> Route:
        """The same endpoint, as it is found in a router into which its own was mounted."""
        path = Path(prefix + self.path.text) if prefix else self.path
        return attrs.evolve(self, path=path, places=(*self.places, (router, path.text)))

    @property
    def is_class(self) -> bool:
        return isinstance(self.endpoint, type)

    def arguments(self, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """Path parameters as the function wants them; None if one does not convert, which is a 404."""
        if self.is_class:
            return {}
        wanted = inspect.signature(self.endpoint).parameters
        takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in wanted.values())
        given = {name: value for name, value in parameters.items() if takes_all or name in wanted}
        try:
            return {name: int(value) if _is_int(wanted.get(name)) else value for name, value in given.items()}
        except ValueError:
            return None


def _is_int(parameter: inspect.Parameter | None) -> bool:
    """Annotations are compared, not evaluated: the others may name what only a type checker imports."""
    return parameter is not None and parameter.annotation in (int, "int")


def check_endpoint(endpoint: Any, path: Path) -> None:
    """
    Refuses, when it is declared, what could not work later.

    Raises:
        TypeError: Neither a coroutine function nor a class of endpoint.
    """
    if inspect.isclass(endpoint):
        if not issubclass(endpoint, WebSocketEndpoint):
            raise TypeError(f"could not route {path.text!r} to {endpoint.__name__}: it is no WebSocketEndpoint")
        if endpoint.encoding not in ENCODINGS:
            wrong = endpoint.encoding
            raise TypeError(f'{endpoint.__name__}.encoding is {wrong!r}; write "json", "text", "bytes" or None')
        return
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError(
            f"could not route {path.text!r} to {endpoint!r}: it is no coroutine function; write `async def`"
        )


def check_arguments(endpoint: Any, path: Path) -> None:
    """Raises TypeError for a function that wants an argument which its whole path has not."""
    if inspect.isclass(endpoint):
        return
    wanted = list(inspect.signature(endpoint).parameters.values())[1:]
    missing = [
        one.name
        for one in wanted
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        and one.name not in path.names
    ]
    if missing:
        raise TypeError(
            f"could not route {path.text!r} to {endpoint.__qualname__}: it takes {', '.join(missing)}, "
            "which the path does not have"
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
            raise ValueError(f"could not route {route.path.text!r}: it has an endpoint already")

    def put(self, route: Route) -> Route:
        """Raises as `check`."""
        self.check(route)
        self._routes.append(route)
        return route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, path: str) -> tuple[Route, dict[str, str], dict[str, Any]] | None:
        """The route of a path as it was requested (quoted: `%2F` ends no segment), its parameters and its arguments."""
        for route in self._routes:
            parameters = route.path.match(path)
            if parameters is None:
                continue
            arguments = route.arguments(parameters)
            if arguments is not None:
                return route, parameters, arguments
        return None
