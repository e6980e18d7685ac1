"""What app code says of its types may be for a type checker alone, however its module is written."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gateway.application.injection import with_gateway

TODAY = ""
TEXTS = "from __future__ import annotations"
"""Annotations are texts: the only way before Python 3.14 to name what only a type checker knows."""

MESSAGES = """
from typing import Literal
from gateway import message

@message
class Say:
    text: str
    times: int = 1

@message
class Shout(Say):
    loud: bool

@message
class Whisper:
    to: str
    action: Literal["psst"] = "psst"
"""

APPLICATION = """
from typing import TYPE_CHECKING
from actors import Actor
from gateway import Gateway, Member, Room, WebSocketEndpoint, message, on

if TYPE_CHECKING:
    from gateway import WebSocket
    from somewhere import Item, Others

app = Gateway()

@message
class Take:
    count: int

@app.ws("/items/{number}")
async def item(ws: WebSocket, number: int) -> Item: ...

@app.ws("/all")
class All(WebSocketEndpoint):
    async def on_receive(self, ws: WebSocket, data: Item) -> None: ...

    @on(Take)
    def take(self, ws: WebSocket, message: Take) -> Others[Item]: ...

@app.topic("shop:*")
class Shop(Room):
    def on_join(self, member: Member, params: Item) -> Item: ...

    @on("sell")
    def sell(self, member: Member, payload: Item | None) -> Item: ...

@app.on_connect
async def came(ws: WebSocket) -> None: ...

@app.rpc("find")
def find(ws: WebSocket, data: Item) -> Item: ...

@app.permits("shop:*")
def may(ws: WebSocket, act: Item, topic: Others) -> bool: ...

class Stock(Actor):
    def __init__(self, gateway: Gateway, item: Item | None = None) -> None:
        self.gateway = gateway

app.actor(Stock)
"""


def ran(*parts: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile("\n".join(parts), "shop.py", "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize("way", [TODAY, TEXTS])
def test_a_message_has_the_fields_of_its_class(way: str) -> None:
    """In their order, behind its action, with those of its base; and the action that it declares."""
    names = ran(way, MESSAGES)
    assert repr(names["Say"](text="hi")) == "Say(text='hi', times=1)"
    assert repr(names["Shout"](text="hi", loud=True)) == "Shout(text='hi', times=1, loud=True)"
    assert (names["Whisper"](to="ada").action, names["Shout"](text="", loud=True).action) == ("psst", "shout")


@pytest.mark.parametrize(
    "way",
    [
        TEXTS,
        pytest.param(
            TODAY, marks=pytest.mark.skipif(sys.version_info < (3, 14), reason="such names raise before 3.14")
        ),
    ],
    ids=["texts", "today"],
)
def test_names_that_only_a_type_checker_knows_are_no_obstacle(way: str) -> None:
    """Nothing that is called looks for the type; what is looked at is how many arguments there are, and `int`."""
    names = ran(way, APPLICATION)
    app = names["app"]
    given = with_gateway(names["Stock"], (), {}, app)
    assert given == {"gateway": app}
    found = app.routes.find("/items/7")
    assert found is not None
    assert found[2] == {"number": 7}
