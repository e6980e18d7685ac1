"""Who connects, over real sockets: tokens in headers, subprotocols and, if the file says so, in the URL."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway import Gateway, Principal, Refused
from tests.integration.conftest import local_settings

SECRET = "a secret of thirty-two bytes or more"
TOKEN = jwt.encode({"sub": "ada", "info": {"name": "Ada"}}, SECRET, algorithm="HS256")
FORGED = jwt.encode({"sub": "ada"}, "another secret of thirty-two bytes", algorithm="HS256")


def chosen(**auth: Any) -> Any:
    settings = local_settings()
    changed = attrs.evolve(settings.gateway.auth, jwt_secret=SECRET, **auth)
    return attrs.evolve(settings, gateway=attrs.evolve(settings.gateway, auth=changed))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def who(url: str, **options: Any) -> str:
    """The user that a private topic sees."""
    async with connect(url, **options) as socket:
        await socket.send('{"action":"join_room","room":"private:a","presence":true}')
        reply = json.loads(await socket.recv())
        if reply["status"] == "error":
            return str(reply["error"]["reason"])
        (member,) = json.loads(await socket.recv())["state"]
        return str(member["user"])


async def test_a_token_of_the_configured_secret_says_who_connects(serve: Any) -> None:
    """In the header; a forged one is refused before the 101."""
    server = await serve(settings=chosen())
    assert await who(server.ws("/ws"), additional_headers=bearer(TOKEN)) == "ada"
    assert await who(server.ws("/ws")) == "unauthorized"
    with pytest.raises(InvalidStatus) as refused:
        await who(server.ws("/ws"), additional_headers=bearer(FORGED))
    assert refused.value.response.status_code == 401


async def test_phoenix_clients_bring_it_in_a_subprotocol(serve: Any) -> None:
    """As phoenix.js does; a forged one is a 403, which is what its clients know."""
    server = await serve(settings=chosen())

    def offered(token: str) -> list[Subprotocol]:
        packed = base64.b64encode(token.encode()).decode().rstrip("=")
        return [Subprotocol("phoenix"), Subprotocol(f"base64url.bearer.phx.{packed}")]

    url = server.ws("/socket/websocket?vsn=2.0.0")
    async with connect(url, subprotocols=offered(TOKEN)) as socket:
        assert socket.subprotocol == "phoenix"
        await socket.send('["1","1","private:a","phx_join",{}]')
        assert json.loads(await socket.recv())[4]["status"] == "ok"
        assert list(json.loads(await socket.recv())[4]) == ["ada"]
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, subprotocols=offered(FORGED))
    assert refused.value.response.status_code == 403


async def test_without_a_token_only_those_connect_whom_the_file_lets(serve: Any) -> None:
    """`anonymous = false`: nothing but logging in is done for who has not said who it is."""
    server = await serve(settings=chosen(anonymous=False))
    async with connect(server.ws("/ws")) as socket:
        await socket.send('{"action":"join_room","room":"public:a"}')
        assert json.loads(await socket.recv())["error"]["reason"] == "unauthorized"
        await socket.send(json.dumps({"action": "auth", "token": TOKEN}))
        assert json.loads(await socket.recv()) == {"status": "authenticated", "user": "ada"}
        await socket.send('{"action":"join_room","room":"public:a"}')
        assert json.loads(await socket.recv())["status"] == "joined"


async def knows_ada(handshake: Any) -> Principal | None:
    return Principal("ada") if handshake.token == TOKEN else None


@pytest.mark.parametrize("authenticators", [(), (knows_ada,)])
async def test_where_nobody_can_log_in_later_the_unknown_are_refused_at_once(serve: Any, authenticators: Any) -> None:
    """Phoenix clients say who they are with the request or never: 403, also if the application is asked."""
    server = await serve(lambda: Gateway(authenticators=authenticators), chosen(anonymous=False))
    url = server.ws("/socket/websocket?vsn=2.0.0")
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    assert refused.value.response.status_code == 403
    async with connect(url, additional_headers=bearer(TOKEN)) as socket:
        await socket.send('["1","1","private:a","phx_join",{}]')
        assert json.loads(await socket.recv())[4]["status"] == "ok"
    for path in ("/ws", "/connection/websocket"):
        async with connect(server.ws(path)) as socket:
            assert socket.response is not None
            assert socket.response.status_code == 101


async def test_a_token_in_the_url_is_believed_if_the_file_says_so(serve: Any) -> None:
    """By default it is not looked at: URLs end up in logs."""
    strict, lenient = await serve(settings=chosen()), await serve(settings=chosen(query_token=True))
    assert await who(strict.ws(f"/ws?token={TOKEN}")) == "unauthorized"
    assert await who(lenient.ws(f"/ws?token={TOKEN}")) == "ada"


async def test_the_applications_authenticators_decide_about_the_upgrade(serve: Any) -> None:
    """What they raise is the answer; a token that nobody knows is none, and without one a client is anonymous."""

    async def knows(handshake: Any) -> Principal | None:
        if handshake.token == "blocked":
            raise Refused("permission_denied", "you are not welcome")
        return Principal("grace") if handshake.token == "opaque" else None

    server = await serve(lambda: Gateway(authenticators=[knows]), local_settings())
    assert await who(server.ws("/ws"), additional_headers=bearer("opaque")) == "grace"
    assert await who(server.ws("/ws")) == "unauthorized"
    for refused in ("blocked", "other"):
        with pytest.raises(InvalidStatus) as seen:
            await who(server.ws("/ws"), additional_headers=bearer(refused))
        assert seen.value.response.status_code == 401
