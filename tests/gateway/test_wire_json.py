"""What JSON cannot carry is said where it was written: which part, of which type, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from gateway import wire_json
from gateway.endpoints.endpoint import WebSocketEndpoint
from gateway.messages.publications import encode_payload
from gateway.messages.schemas import encode
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.endpoints.websocket import WebSocket

PLAIN = "send text, a number, a list, a dict or a message"


class Session:
    """Of an application; nothing that JSON has."""


@attrs.frozen
class Player:
    name: str
    session: object


async def fetched() -> int:
    return 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Session(), f"the value is of type Session, which JSON has not; {PLAIN}"),
        ({"players": [1, Session()]}, f"the value at players[1] is of type Session, which JSON has not; {PLAIN}"),
        ([Player("ada", Session())], f"the value at [0].session is of type Session, which JSON has not; {PLAIN}"),
        ({"a": {1, 2j}}, f"the value at a[...] is of type complex, which JSON has not; {PLAIN}"),
        ({"ada@example.com": [Session]}, f"the value at [...][0] is of type type, which JSON has not; {PLAIN}"),
        ({"rows": map(str, [])}, "the value at rows is of type map, which JSON has not; send list(...) of it"),
        (range(3), "the value is of type range, which JSON has not; send list(...) of it"),
        ({"by": {(1, 2): 3}}, "the value at by has a key of type tuple, which JSON has not; use str"),
        ({None: 1}, "the value has a key of type NoneType, which JSON has not; use str"),
    ],
)
def test_the_part_that_does_not_fit_is_named(value: object, said: str) -> None:
    """The first one, by its place and its type; never by its content, and no key that is not a plain name."""
    with pytest.raises(TypeError) as raised:
        wire_json.encode(value, "send as JSON")
    assert str(raised.value) == f"could not send as JSON: {said}"


def test_a_coroutine_is_one_that_nobody_has_awaited() -> None:
    """The most frequent of all: `send_json(fetch())`."""
    coroutine = fetched()
    with pytest.raises(TypeError) as raised:
        wire_json.encode({"rows": coroutine})
    coroutine.close()
    words = "the value at rows is of type coroutine, which JSON has not; await it first"
    assert str(raised.value) == f"could not write as JSON: {words}"


def test_a_place_is_as_long_as_a_letter_can_bear() -> None:
    """Thousands of levels make no thousands of words, nor does a walk through them end in a recursion."""
    value: object = Session()
    for _ in range(400):
        value = {"level": value}
    with pytest.raises(TypeError) as raised:
        wire_json.encode(value)
    assert "level.level.leve... is of type Session" in str(raised.value)
    assert len(str(raised.value)) < 300


def test_what_comes_before_the_part_is_not_complained_of() -> None:
    """Everything that JSON can carry passes by, encoded values and None among it."""
    good = [None, True, 1, 1.5, "a", b"a", (1,), {"a": 1}, {1: 2}, {1}, wire_json.Raw(b"[]"), Player("ada", None)]
    with pytest.raises(TypeError, match=r"at \[12\] is of type Session"):
        wire_json.encode([*good, Session()])


def test_a_payload_says_it_in_its_own_words() -> None:
    """As it does of NaN: every broadcast and publish comes through here."""
    with pytest.raises(TypeError, match=r"could not encode the payload: the value at who is of type Session.*; send "):
        encode_payload({"who": Session()})


def test_a_message_says_it_in_its_own_words() -> None:
    """With the class of the message."""
    with pytest.raises(TypeError, match=r"could not send Player: the value at session is of type Session"):
        encode(Player("ada", Session()))


class Careless(WebSocketEndpoint):
    """Answers with what no socket carries, and then with what was wrong about that."""

    def on_receive(self, ws: WebSocket, data: object) -> None:
        ws.send_json({"session": Session()})

    def on_error(self, ws: WebSocket, error: Exception) -> None:
        ws.send_text(f"{type(error).__name__}: {error}")


async def test_an_endpoint_learns_what_it_could_not_send(system: ActorSystem) -> None:
    """In the handler that sent it, as a `TypeError`; nothing of it has left."""
    ada = endpoint_peer(await start_node(system), Careless)
    await opened(ada)
    ada.socket.feed("go")
    await settle()
    said = f"the value at session is of type Session, which JSON has not; {PLAIN}"
    assert ada.socket.texts() == [f"TypeError: could not send as JSON: {said}"]
