"""Who a client of the fixture `gateway` is: by a badge of its server, or as the app finds out."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gateway import Principal, Refused, WebSocket
from gateway.access.authenticators import Bearer
from gateway.events import ConnectionOpened
from gateway.settings.auth import AuthSettings
from gateway.settings.config import GatewaySettings
from gateway.testing import NotConnected
from gateway.testing.badges import HEADER
from tests.support.chat_app import Serve, chat
from tests.support.signed import signed


async def test_a_principal_needs_no_token(gateway: Serve) -> None:
    """An id, a whole principal, or nobody."""
    async with gateway(chat()) as server:
        admin = Principal("root", roles=frozenset({"admin"}))
        for principal, seen in (("alice", ("alice", [])), (admin, ("root", ["admin"])), (None, ("", []))):
            client = await server.connect("/me", principal=principal)
            told = await client.receive_json()
            assert (told["id"], told["roles"]) == seen


async def test_a_badge_is_believed_by_the_server_that_gave_it_alone(gateway: Serve) -> None:
    """Not by another one of the same test, nor if somebody makes one up; and not by the app itself afterwards."""
    app, other = chat(), chat()
    async with gateway(app) as one, gateway(other) as two:
        badge = one._badges.issue("alice")
        for server, headers, seen in ((one, badge, "alice"), (two, badge, ""), (one, {HEADER: "alice"}, "")):
            client = await server.connect("/me", headers=headers)
            assert (await client.receive_json())["id"] == seen
    assert app.authenticators == ()
    assert all(not app._passage(route).authenticators for route in app.routes)


@pytest.mark.parametrize("path", ["/ws", "/socket/websocket?vsn=2.0.0"])
async def test_a_principal_is_known_on_the_wires_too(gateway: Serve, path: str) -> None:
    """Before the first command."""
    async with gateway(chat()) as server:
        await server.connect(path, principal="alice")
        assert (await server.wait_for(ConnectionOpened)).principal == "alice"


async def test_clients_of_centrifuge_say_it_themselves(gateway: Serve) -> None:
    """Their first command does; so a principal there would be a lie."""
    async with gateway(chat()) as server:
        with pytest.raises(ValueError, match="send a token in that"):
            await server.connect("/connection/websocket", principal="alice")
        client = await server.connect("/connection/websocket")
        await client.send({"id": 1, "connect": {}})
        assert "client" in (await client.receive_json())["connect"]


async def test_authenticators_of_the_app_are_asked_as_ever(gateway: Serve) -> None:
    """Those of the app, those of an endpoint, and where there are none the configured secret."""
    auth = AuthSettings(jwt_secret="a secret of the tests, long enough for HS256")
    settings = GatewaySettings(gateway=attrs.evolve(GatewaySettings().gateway, auth=auth))
    app = chat()

    @app.ws("/own", authenticators=[Bearer(lambda key: {"key-of-carol": "carol"}.get(key))])
    async def own(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    async def strict(handshake: Any) -> None:
        raise Refused("unauthorized")

    @app.ws("/strict", authenticators=[strict])
    async def at_strict(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    async with gateway(app, settings=settings) as server:
        token = signed({"sub": "dora"}, auth.jwt_secret)
        client = await server.connect("/me", headers={"Authorization": f"Bearer {token}"})
        assert (await client.receive_json())["id"] == "dora"
        with pytest.raises(NotConnected, match="401"):
            await server.connect("/me", headers={"Authorization": "Bearer made-up"})
        carol = await server.connect("/own", headers={"Authorization": "Bearer key-of-carol"})
        assert await carol.receive() == "carol"
        with pytest.raises(NotConnected, match="401"):
            await server.connect("/strict")
        for path in ("/own", "/strict"):
            assert await (await server.connect(path, principal="alice")).receive() == "alice"
