"""A plain function as an endpoint: called for each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..endpoints.endpoint import WebSocketEndpoint
from ..endpoints.hooks import arguments_of

if TYPE_CHECKING:
    from ..endpoints.passage import Encoding


def per_message(function: Any, encoding: Encoding | None = None) -> type[WebSocketEndpoint]:
    """
    An endpoint that accepts everybody and calls `function(ws, message)`, plain or async, one message at a time.

    Raises:
        TypeError: It is no function that takes two arguments.
    """
    arguments_of(function, 2, 2)

    def on_receive(self: WebSocketEndpoint, ws: Any, data: Any) -> Any:
        return function(ws, data)

    members = {"on_receive": on_receive, "encoding": encoding, "__doc__": function.__doc__}
    return type(function.__name__, (WebSocketEndpoint,), {**members, "__module__": function.__module__})
