"""Who connects, over real sockets: tokens in headers, subprotocols and, if the file says so, in the URL."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway import Bearer, CookieSession, Gateway, Principal, Refused, WebSocket, WebSocketEndpoint
from gateway.demo import create_demo_app
from gateway.events import TokenNotRead
from tests.integration.conftest import local_settings

SECRET = "a secret of thirty-two bytes or more"
TOKEN = jwt.encode({"sub": "ada", "info": {"name": "Ada"}}, SECRET, algorithm="HS256")
FORGED = jwt.encode({"sub": "ada"}, "another secret of thirty-two bytes", algorithm="HS256")


def chosen(**auth: Any) -> Any:
    settings = local_settings()
    changed = attrs.evolve(settings.gateway.auth, **{"jwt_secret": SECRET, **auth})
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


async def test_a_secret_is_replaced_and_nobody_is_cut_off(serve: Any) -> None:
    """Tokens of the one before are believed beside those of the new one, everywhere; others are not."""
    new = "the secret that comes after it, as long"
    endpoint = Gateway()

    @endpoint.ws("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    settings = chosen(jwt_secret=new, jwt_secret_before=SECRET)
    wires, own = await serve(settings=settings), await serve(endpoint, settings)
    for token in (TOKEN, jwt.encode({"sub": "ada"}, new, algorithm="HS256")):
        assert await who(wires.ws("/ws"), additional_headers=bearer(token)) == "ada"
        async with connect(own.ws("/echo"), additional_headers=bearer(token)) as socket:
            assert await socket.recv() == "ada"
    with pytest.raises(InvalidStatus) as refused:
        await who(wires.ws("/ws"), additional_headers=bearer(FORGED))
    assert refused.value.response.status_code == 401


async def test_a_token_that_nobody_reads_is_no_secret_of_the_gateway(serve: Any) -> None:
    """
    With neither a secret nor an authenticator its client is anonymous, as it was silently; the log names the setting.
    """
    server = await serve()
    facts = server.watch(TokenNotRead)
    for _ in range(2):
        assert await who(server.ws("/ws"), additional_headers=bearer(TOKEN)) == "unauthorized"
    assert [(fact.wire, fact.setting) for fact in facts] == [("native", "gateway.auth.jwt_secret")]
    for app, settings in ((create_demo_app, chosen()), (Gateway(authenticators=knows_ada), None)):
        server = await serve(app, settings)
        facts = server.watch(TokenNotRead)
        assert await who(server.ws("/ws"), additional_headers=bearer(TOKEN)) == "ada"
        assert facts == []


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


async def test_an_endpoint_runs_for_nobody_where_the_unknown_may_not_connect(serve: Any) -> None:
    """Refused with 401 before any of its code; a token, or middleware that knows the client, lets it in."""
    app, ran = Gateway(), list[str]()

    async def by_name(ws: WebSocket, following: Any) -> None:
        if "name" in ws.query_params:
            ws.identify(Principal(ws.query_params["name"]))
        await following(ws)

    async def function(ws: WebSocket) -> None:
        ran.append(ws.principal.id)
        await ws.accept()
        await ws.send_text(f"hello {ws.principal.id}")

    class Endpoint(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            ran.append(ws.principal.id)
            ws.accept()
            ws.send_text(f"hello {ws.principal.id}")

    for path, endpoint in (("function", function), ("class", Endpoint)):
        app.ws(f"/{path}")(endpoint)
        app.ws(f"/{path}/named", middleware=[by_name])(endpoint)
    server = await serve(app, chosen(anonymous=False))
    for path in ("function", "class"):
        for nobody in (path, f"{path}/named"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.ws(f"/{nobody}"))
            assert refused.value.response.status_code == 401
        async with connect(server.ws(f"/{path}"), additional_headers=bearer(TOKEN)) as socket:
            assert await socket.recv() == "hello ada"
        async with connect(server.ws(f"/{path}/named?name=bob")) as socket:
            assert await socket.recv() == "hello bob"
    assert ran == ["ada", "bob"] * 2


async def test_middleware_may_accept_to_find_out_who_it_is(serve: Any) -> None:
    """By a first message of its own; whom it does not know after that is closed with 4001, and the endpoint not run."""
    app, ran = Gateway(), list[str]()

    @app.use
    async def by_first_message(ws: WebSocket, following: Any) -> None:
        await ws.accept()
        if await ws.receive_text() == "open sesame":
            ws.identify(Principal("ali"))
        await following(ws)

    @app.ws("/cave")
    class Cave(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            ran.append(ws.principal.id)
            ws.send_text(f"{ws.principal.id}: {data}")

    server = await serve(app, chosen(anonymous=False))
    async with connect(server.ws("/cave")) as socket:
        await socket.send("open sesame")
        await socket.send("gold")
        assert await socket.recv() == "ali: gold"
    async with connect(server.ws("/cave")) as socket:
        for said in ("open barley", "gold", "silver"):
            await socket.send(said)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4001
    assert ran == ["ali"]


async def test_an_endpoint_that_says_so_logs_its_clients_in_itself(serve: Any) -> None:
    """Until it has, its client is in no room."""
    app = Gateway()

    async def login(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(Refused, match="log in"):
            await ws.join("public:a")
        ws.identify(Principal(await ws.receive_text()))
        await ws.join("public:a")
        await ws.send_text("in")

    class Login(WebSocketEndpoint):
        identifies = True

        async def on_receive(self, ws: WebSocket, data: str) -> None:
            ws.identify(Principal(data))
            await ws.join("public:a")
            await ws.send_text("in")

    app.ws("/function", identifies=True)(login)
    app.ws("/class")(Login)
    server = await serve(app, chosen(anonymous=False))
    for path in ("/function", "/class"):
        async with connect(server.ws(path)) as socket:
            await socket.send("ada")
            assert await socket.recv() == "in"


async def knows_ada(handshake: Any) -> Principal | None:
    """A guest's token names nobody."""
    return {TOKEN: Principal("ada"), "guest": Principal()}.get(handshake.token)


@pytest.mark.parametrize(
    ("path", "headers", "greeted"),
    [
        ("plain", {}, "hello "),
        ("plain", bearer(TOKEN), "hello ada"),
        ("plain", bearer("guest"), "hello "),
        ("plain", bearer("mistyped"), None),
        ("named", bearer("mistyped"), "hello bob"),
        ("self", bearer("mistyped"), "hello "),
    ],
)
@pytest.mark.parametrize("kind", ["function", "class"])
async def test_a_token_that_nobody_knows_is_refused_at_an_endpoint_too(
    serve: Any, kind: str, path: str, headers: dict[str, str], greeted: str | None
) -> None:
    """Who brings one has mistyped it, or tries some: 401, as on the wires, unless middleware or the endpoint knows."""
    app = Gateway(authenticators=[knows_ada])

    async def by_another_list(ws: WebSocket, following: Any) -> None:
        ws.identify(Principal("bob"))
        await following(ws)

    async def function(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(f"hello {ws.principal.id}")

    class Endpoint(WebSocketEndpoint):
        def on_connect(self, ws: WebSocket) -> None:
            ws.accept()
            ws.send_text(f"hello {ws.principal.id}")

    endpoint = function if kind == "function" else Endpoint
    app.ws("/plain")(endpoint)
    app.ws("/named", middleware=[by_another_list])(endpoint)
    app.ws("/self", identifies=True)(endpoint)
    server = await serve(app, local_settings())
    if greeted is None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.ws(f"/{path}"), additional_headers=headers)
        assert refused.value.response.status_code == 401
    else:
        async with connect(server.ws(f"/{path}"), additional_headers=headers) as socket:
            assert await socket.recv() == greeted


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


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({"Cookie": "sessionid=s-1"}, "ada"),
        (bearer("s-1"), "ada"),
        ({}, ""),
        ({"Cookie": "sessionid=s-2"}, ""),
        (bearer("s-2"), None),
    ],
)
async def test_a_first_message_that_adds_nothing_asks_with_what_the_upgrade_brought(
    serve: Any, headers: dict[str, str], user: str | None
) -> None:
    """A page with a session connects to Centrifuge's wire without a token; one that nobody knows is refused."""
    load = {"s-1": "ada"}.get
    server = await serve(Gateway(authenticators=[CookieSession("sessionid", load), Bearer(load)]))
    url = f"{server.url.replace('http', 'ws')}/connection/websocket"
    async with connect(url, additional_headers=headers) as socket:
        await socket.send('{"id":1,"connect":{}}')
        if user is None:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 3500
        else:
            client = json.loads(await socket.recv())["connect"]["client"]
            assert server.app.connections[client].principal.id == user
