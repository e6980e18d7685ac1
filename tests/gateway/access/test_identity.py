"""Who somebody is: what app code may say of it, and what is refused where it says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from gateway import HasRole, Principal, WebSocket, WebSocketEndpoint
from tests.support.endpoint_peer import endpoint_peer, opened
from tests.support.peer import Peer, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


@pytest.mark.parametrize("roles", [["admin"], {"admin"}, ("admin",), frozenset(["admin"]), (one for one in ["admin"])])
def test_roles_are_given_in_any_collection(roles: Any) -> None:
    """And are a set of their own, so that a principal can be a key."""
    ada = Principal("ada", roles=roles)
    assert HasRole("admin").holds(ada)
    assert {ada: 1}[Principal("ada", roles=frozenset({"admin"}))] == 1


def test_one_role_is_no_collection_of_letters() -> None:
    """`"admin" in "superadmin"`: who had the one role had every role whose name is a part of it."""
    given: Any = "superadmin"
    with pytest.raises(TypeError, match=r"its roles are 'superadmin', of type str; write a list, \['superadmin'\]"):
        Principal("ada", roles=given)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": 5}, r"its id is 5, of type int; write a text, as str\(5\)"),
        ({"id": None}, "its id is None, of type NoneType; write a text"),
        ({"id": "\ud800"}, "its id is '.*', of type str; write valid Unicode, without half of a surrogate pair"),
        ({"roles": [5]}, "one of its roles is 5, of type int; write texts"),
        ({"roles": 5}, "its roles are 5, of type int; write a list of texts"),
        ({"topics": "news"}, r"its topics are 'news', of type str; write a list, \['news'\]"),
        ({"topics": [None]}, "one of its topics is None, of type NoneType; write texts"),
        (
            {"expires": "tomorrow"},
            "its expires is 'tomorrow', of type str; write seconds since 1970, or None for never",
        ),
        ({"expires": math.nan}, "its expires is nan, of type float; write seconds since 1970"),
        ({"expires": True}, "its expires is True, of type bool; write seconds since 1970"),
        (
            {"info": {"name": "Ada"}},
            r"its info is of type dict; write encoded JSON, as json.dumps\(\.\.\.\).encode\(\)",
        ),
        ({"info": b"Ada"}, "its info is no JSON, as others would read it; write"),
    ],
)
def test_a_principal_is_made_of_what_others_read_it_as(fields: Any, said: str) -> None:
    """An id that is a number is nobody's whom the HTTP API could name; wrong info broke the frames of all who look."""
    with pytest.raises(TypeError, match=f"could not make a principal: {said}"):
        Principal(**{"id": "ada", **fields})


@pytest.mark.parametrize("who", ["ada", None, {"sub": "ada"}, Principal])
async def test_who_is_identified_as_no_principal_is_refused_at_the_call(system: ActorSystem, who: Any) -> None:
    """It was the failure of the connection's machine, in a place that app code does not know."""

    class Login(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: str | bytes) -> None:
            with pytest.raises(
                TypeError, match=r"could not identify as .*: write Principal\(id\), or Principal\(\) for"
            ):
                ws.identify(who)
            ws.send_text(ws.principal.id)

    ada = endpoint_peer(await start_node(system), Login)
    await opened(ada)
    ada.socket.feed("x")
    await settle()
    assert ada.socket.texts() == [""]
    assert ada.socket.sent_close is None


async def test_an_id_that_no_frame_can_carry_is_nobodys(system: ActorSystem) -> None:
    """It was the crash of each topic in which somebody was to see it, and put everybody out."""
    node = await start_node(system)
    ada = Peer(node, "ada", principal=Principal("ada"))
    await ada.joins("room:1", presence=True)
    with pytest.raises(TypeError, match="could not make a principal"):
        await Peer(node, "odd", principal=Principal("\ud800")).joins("room:1")
    assert ada.socket.sent_close is None
    assert not [frame for frame in ada.heard() if frame.get("action") == "unsubscribed"]
