"""
The application that `hubbub serve` runs without one: a chat with a page, whose rooms can be crashed on purpose.

It keeps one convention on every wire: `public:*` is open to anyone, `private:*` to the authenticated. And it has what
the tests of clients need to provoke: being disconnected, unsubscribed, subscribed, closed, crashed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors import NotCharged

from .application.app import Gateway
from .endpoints.calls import Then
from .engines.stream import History
from .reasons import Refused
from .topics.behaviour import Room, on
from .topics.member import Member

if TYPE_CHECKING:
    from .endpoints.websocket import WebSocket

PAGES = Path(__file__).parent / "web" / "pages"

HOOKED = {"hook": True}
"""What every hook answers first."""


class ChatRoom(Room):
    """
    The behaviour of `public:*`: says how it is, and crashes when asked to. What is said is the machine's to pass on.

    Its crash is an ordinary restart of a child: members, offsets and history are its machine's and go on.
    """

    def on_start(self) -> None:
        if self.restarts:
            self.broadcast(self._status(), event="room_status", save_history=False)

    @on("status")
    def status(self, member: Member, payload: Any) -> dict[str, Any]:
        return self._status()

    @on("crash")
    def crash(self, member: Member, payload: Any) -> None:
        # a restart like any other, but nobody's fault: three real ones in 30 s would close who caused them
        raise NotCharged("crashed on purpose, to show that nobody is thrown out")

    def _status(self) -> dict[str, Any]:
        return {"restarts": self.restarts, "incarnation": self.restarts + 1}


def create_demo_app() -> Gateway:
    """A fresh one each time: nothing is shared between two."""
    app = Gateway(title="hubbub")
    app.topic("public:*", history=History(size=100, ttl=3600.0), presence=True)(ChatRoom)
    app.static("/assets", PAGES)
    app.pages["/"] = (PAGES / "chat.html", "text/html")
    app.pages["/favicon.ico"] = (PAGES / "favicon.svg", "image/svg+xml")
    _add_hooks(app)
    return app


def _add_hooks(app: Gateway) -> None:
    """What a client's tests provoke. Each is answered first; then it happens."""
    app.on_send(lambda ws, data: None)
    app.rpc("echo")(lambda ws, data: data)
    app.rpc("disconnect")(_disconnect)
    app.rpc("test:disconnect")(_disconnect)
    app.rpc("unsubscribe")(_unsubscribe)
    app.rpc("subscribe")(_subscribe)
    app.rpc("test:close")(lambda ws, data, topic: Then(HOOKED, lambda: ws.kick(topic, "closed")))
    app.rpc("test:crash")(lambda ws, data, topic: Then(HOOKED, lambda: ws.kick(topic, "crashed", may_return=True)))


def _disconnect(ws: WebSocket, data: Any) -> Then:
    code, reason = _field(data, "code", int, 3000), _field(data, "reason", str, "")
    return Then(HOOKED, lambda: ws.close(code, reason))


def _unsubscribe(ws: WebSocket, data: Any) -> Then:
    topic, code = _field(data, "channel", str, ""), _field(data, "code", int, 2000)
    reason = _field(data, "reason", str, "unsubscribed")
    return Then(HOOKED, lambda: ws.kick(topic, reason, may_return=code >= 2500, code=code))


def _subscribe(ws: WebSocket, data: Any) -> Then:
    topic = _field(data, "channel", str, "")
    return Then(HOOKED, lambda: ws.join(topic))


def _field(data: Any, name: str, kind: type[Any], default: Any) -> Any:
    """Raises Refused for a value of another type."""
    value = data.get(name, default) if isinstance(data, dict) else default
    if not isinstance(value, kind):
        raise Refused("bad_request", f"{name} is {value!r}; send {kind.__name__}")
    return value
