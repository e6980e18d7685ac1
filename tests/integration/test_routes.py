"""What stands at which path, through real sockets: routers, who may pass them, and HTTP beside the sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
from aiohttp import ClientSession, web

from gateway import Gateway, WebSocket, WebSocketEndpoint
from gateway.access.permissions import IsAuthenticated
from gateway.application.router import WebSocketRouter
from gateway.events import ConnectionClosed
from tests.support.client import connect, refused, settings, when
from tests.support.endpoints import by_name, echo
from tests.support.seeds import read as read_json

Serve = Any


# --- routers


async def test_a1_a_router_is_mounted_before_it_is_filled(serve: Serve) -> None:
    """Its routes are found under the prefix, with path parameters in both spellings; a mismatch is 404."""
    app, outer, inner = Gateway(), WebSocketRouter(), WebSocketRouter()
    app.mount(outer, prefix="/v1")
    outer.mount(inner, prefix="/{tenant}")

    @inner.route("/room/:number")
    async def room(ws: WebSocket, tenant: str, number: int) -> None:
        await ws.accept()
        await ws.send_json([tenant, number, dict(ws.path_params)])

    outer.add_route("/echo", echo)
    server = await serve(app, settings())
    async with connect(server.ws("/v1/acme/room/7")) as client:
        assert await read_json(client) == ["acme", 7, {"tenant": "acme", "number": "7"}]
    async with connect(server.ws("/v1/echo")) as client:
        await client.send("x")
        assert await client.receive() == "x"
    for path in ("/v1/acme/room/seven", "/acme/room/7", "/v1/room/7", "/echo"):
        assert (await refused(server.ws(path)))[0] == 404


# --- who may


async def test_d2_permissions_are_asked_before_the_upgrade(serve: Serve) -> None:
    """401 for who is nobody, 403 for who may not; the principal is there in `on_connect` and in facts."""
    router = WebSocketRouter(permissions=[IsAuthenticated()])
    app = Gateway(authenticators=[by_name])

    @router.ws("/door", permissions=[lambda ws: ws.principal.id != "eve"])
    class Door(WebSocketEndpoint):
        async def on_connect(self, ws: WebSocket) -> None:
            await ws.accept()
            await ws.send(self.principal.id)

    app.mount(router)
    app.ws("/open")(echo)
    server = await serve(app, settings())
    facts = server.watch(ConnectionClosed)
    assert (await refused(server.ws("/door")))[0] == 401
    assert (await refused(server.ws("/door"), headers={"X-Name": "eve"}))[0] == 403
    async with connect(server.ws("/door"), headers={"X-Name": "ada"}) as client:
        assert await client.receive() == "ada"
        assert server.app.connections[client.id].principal.id == "ada"
    await when(lambda: len(facts) == 1)
    assert facts[0].principal == "ada"
    async with connect(server.ws("/open")) as client:
        await client.send("x")
        assert await client.receive() == "x"


async def test_a_token_of_the_configured_secret_says_who_is_at_an_endpoint(serve: Serve) -> None:
    """Where the app has no authenticators; one that is not ours is 401."""
    app, secret = Gateway(), "0123456789abcdef0123456789abcdef"

    @app.ws("/")
    async def tell(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(ws.principal.id)

    server = await serve(app, settings(AUTH__JWT_SECRET=secret))
    good, bad = (jwt.encode({"sub": "ada"}, key, "HS256") for key in (secret, secret[::-1]))
    async with connect(server.ws("/"), headers={"Authorization": f"Bearer {good}"}) as client:
        assert await client.receive() == "ada"
    async with connect(server.ws("/")) as client:
        assert await client.receive() == ""
    assert (await refused(server.ws("/"), headers={"Authorization": f"Bearer {bad}"}))[0] == 401


# --- HTTP beside the sockets


async def test_who_only_asks_for_the_head_of_a_page_gets_it(serve: Serve, tmp_path: Path) -> None:
    """A GET goes past aiohttp's router; HEAD, what is expected first, and other methods are the router's."""
    (tmp_path / "page.txt").write_text("here it is")
    app = Gateway()
    app.static("/", tmp_path)
    server = await serve(app, settings())
    page = server.url + "/page.txt"
    async with ClientSession() as http:
        got = await http.get(page)
        head = await http.head(page)
        assert (got.status, await got.text()) == (200, "here it is")
        assert (head.status, head.headers["Content-Length"], await head.text()) == (200, "10", "")
        assert (await http.get(page, headers={"Expect": "100-continue"})).status == 200
        assert (await http.get(page, headers={"Expect": "a miracle"})).status == 417
        assert (await http.post(page)).status == 405


async def test_e9_http_routes_stand_beside_sockets(serve: Serve) -> None:
    """`app.http` is aiohttp's; other paths are endpoints still; title and version are there to be told."""
    app = Gateway(title="WebSocket Demo", version="1.0.0")

    @app.http.get("/about")
    async def about(request: web.Request) -> web.Response:
        return web.json_response({"title": app.title, "version": app.version})

    @app.http.post("/news/{room}")
    async def news(request: web.Request) -> web.Response:
        await app.room(request.match_info["room"]).broadcast(await request.json())
        return web.Response(status=204)

    @app.ws("/news")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        await ws.join("sport")
        await ws.send_text("ready")
        await ws.receive()

    server = await serve(app, settings())
    async with ClientSession() as http, connect(server.ws("/news")) as client:
        assert await client.receive() == "ready"
        assert await (await http.get(server.url + "/about")).json() == {"title": "WebSocket Demo", "version": "1.0.0"}
        assert (await http.post(server.url + "/news/sport", json={"n": 1})).status == 204
        assert await read_json(client) == {"n": 1}
        assert (await http.get(server.url + "/nothing")).status == 404
