"""Document D: its application, module by module as there, over real sockets; D5 comes later."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest

from examples.seeds.d_consumers.asgi import application
from gateway import CookieSession, Gateway, IsAuthenticated, Principal, WebSocket, WebSocketEndpoint, message, on
from tests.support.client import connect, refused, when
from tests.support.process import ROOT
from tests.support.raw_client import PATIENCE
from tests.support.seeds import at, read, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.seeds import Serve

ADA = {"Cookie": "theme=dark; sessionid=your_session_id"}
GRACE = {"Cookie": "sessionid=another_session_id"}
WSCAT = ROOT / "tests" / "compliance" / "node_modules" / ".bin" / "wscat"


async def test_d1_messages_are_told_apart_by_their_action(gateway: Serve) -> None:
    """Both of the union come to the one handler as objects of their classes."""
    async with gateway(application) as server, connect(at(server, "/ws/echo/"), headers=ADA) as client:
        await say(client, {"action": "echo", "payload": "Hello, Chanx!"})
        assert await read(client) == {"action": "echo", "payload": "Echo: Hello, Chanx!"}
        await say(client, {"action": "ping"})
        assert await read(client) == {"action": "pong"}


async def test_d1_what_is_no_message_is_answered(gateway: Serve) -> None:
    """An unknown action with the nearest one, a wrong field with its name; the connection stays."""
    async with gateway(application) as server, connect(at(server, "/ws/echo/"), headers=ADA) as client:
        await say(client, {"action": "ecko", "payload": "x"})
        error = (await read(client))["error"]
        assert error["reason"] == "unknown_action"
        assert "'echo'" in error["message"]
        await say(client, {"action": "echo", "payload": 1})
        assert (await read(client))["error"]["field"] == "payload"
        await client.send("{")
        assert (await read(client))["error"]["reason"] == "bad_request"
        await say(client, {"action": "ping"})
        assert await read(client) == {"action": "pong"}


class Struct(msgspec.Struct, tag_field="action", tag="struct"):
    number: int


@dataclass
class Plain:
    number: int
    action: Literal["plain"] = "plain"


@message
class Counted:
    total: int


async def test_d1_structs_and_dataclasses_are_messages_too(gateway: Serve) -> None:
    """Beside classes of `@message`, each told by its own action."""
    app = Gateway()

    @app.ws("/")
    class Both(WebSocketEndpoint):
        total = 0

        @on(Struct | Plain | Counted)
        def count(self, ws: WebSocket, got: Struct | Plain | Counted) -> Counted:
            self.total += got.total if isinstance(got, Counted) else got.number
            return Counted(total=self.total)

    async with gateway(app) as server, connect(at(server, "/")) as client:
        await say(client, {"action": "struct", "number": 2})
        assert await read(client) == {"action": "counted", "total": 2}
        await say(client, {"action": "plain", "number": 10})
        assert await read(client) == {"action": "counted", "total": 12}
        await say(client, {"action": "counted", "total": 30})
        assert await read(client) == {"action": "counted", "total": 42}


async def test_d2_only_those_with_a_session_get_in(gateway: Serve) -> None:
    """401 before the upgrade for everybody else; who is in has a principal."""
    async with gateway(application) as server:
        assert (await refused(at(server, "/ws/echo/")))[0] == 401
        assert (await refused(at(server, "/ws/echo/"), headers={"Cookie": "sessionid=made-up"}))[0] == 401
        async with connect(at(server, "/ws/echo/"), headers=ADA) as client:
            assert server.app.connections[client.id].principal.id == "ada"


async def test_d2_permissions_stand_on_app_router_and_endpoint(gateway: Serve) -> None:
    """All of them are asked; a principal brings its roles and claims."""

    def load(value: str) -> Principal | None:
        return Principal(value, roles=frozenset({"editor"}), claims={"colour": "blue"}) if value != "nobody" else None

    app = Gateway(authenticators=[CookieSession("sid", load)], permissions=[IsAuthenticated()])

    @app.ws("/", permissions=[lambda ws: ws.principal.id != "eve"])
    async def tell(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([ws.principal.id, sorted(ws.principal.roles), dict(ws.principal.claims)])

    async with gateway(app) as server:
        assert (await refused(at(server, "/"), headers={"Cookie": "sid=nobody"}))[0] == 401
        assert (await refused(at(server, "/"), headers={"Cookie": "sid=eve"}))[0] == 403
        async with connect(at(server, "/"), headers={"Cookie": "sid=ada"}) as client:
            assert await read(client) == ["ada", ["editor"], {"colour": "blue"}]


async def test_d3_a_returned_message_is_the_reply(gateway: Serve) -> None:
    """Exactly the object; with a `ref` it carries that as well. A ping is answered without a handler."""
    app = Gateway()

    @app.ws("/")
    class Typed(WebSocketEndpoint):
        @on(Counted)
        async def count(self, ws: WebSocket, got: Counted) -> Counted:
            return Counted(total=got.total + 1)

    async with gateway(app) as server, connect(at(server, "/")) as client:
        await say(client, {"action": "counted", "total": 1})
        assert await read(client) == {"action": "counted", "total": 2}
        await say(client, {"action": "counted", "total": 1, "ref": "7"})
        assert await read(client) == {"status": "ok", "ref": "7", "action": "counted", "total": 2}
        await say(client, {"action": "ping"})
        assert (await read(client))["action"] == "pong"


async def test_d4_a_group_message_reaches_the_rooms_of_the_url(gateway: Serve) -> None:
    """The sender as well, under its name; another room hears nothing; without a parameter it is the lobby."""
    async with (
        gateway(application) as server,
        connect(at(server, "/ws/chat/blue/"), headers=ADA) as ada,
        connect(at(server, "/ws/chat/blue/"), headers=GRACE) as grace,
        connect(at(server, "/ws/chat/"), headers=GRACE) as lobby,
    ):
        rooms = server.app.rooms
        await when(lambda: [rooms[name].size for name in ("chat_blue", "chat_lobby")] == [2, 1])
        await say(ada, {"action": "echo", "payload": "hi"})
        await say(lobby, {"action": "echo", "payload": "alone"})
        for client in (ada, grace):
            assert await read(client) == {"action": "echo", "payload": "ada: hi"}
        assert await read(lobby) == {"action": "echo", "payload": "grace: alone"}


async def test_d4_rooms_may_be_plain_or_a_generator(gateway: Serve) -> None:
    """All three ways join the same rooms."""
    app = Gateway()

    @app.ws("/plain")
    class Plain(WebSocketEndpoint):
        def rooms(self) -> Iterable[str]:
            return ["one", "two"]

    @app.ws("/generator")
    class Generator(WebSocketEndpoint):
        async def rooms(self) -> Any:
            for name in ("one", "two"):
                yield name

    async with gateway(app) as server:
        for path in ("/plain", "/generator"):
            async with connect(at(server, path)) as client:
                await when(lambda client=client: server.app.connections[client.id].topics == ("one", "two"))


async def test_d6_any_client_with_the_cookie_works(gateway: Serve) -> None:
    """A cookie in a plain header is all it takes: here by `websockets`."""
    async with gateway(application) as server:
        url, cookie = at(server, "/ws/echo/"), {"Cookie": "sessionid=your_session_id"}
        async with connect(url, headers=cookie) as client:
            await client.send('{"action": "echo", "payload": "Hello, Chanx!"}')
            assert json.loads(await client.receive()) == {"action": "echo", "payload": "Echo: Hello, Chanx!"}


@pytest.mark.slow
@pytest.mark.skipif(not WSCAT.exists(), reason="needs wscat, which `make compliance-clients` installs")
async def test_d6_wscat_with_a_cookie_header(gateway: Serve, tmp_path: Path) -> None:
    """The document's own command line."""
    async with gateway(application) as server:
        frame = '{"action": "echo", "payload": "Hello, Chanx!"}'
        arguments = ["-c", at(server, "/ws/echo/"), "-H", "Cookie: sessionid=your_session_id", "-x", frame, "-w", "-1"]
        process = await asyncio.create_subprocess_exec(
            WSCAT, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=sys.stderr,
            cwd=tmp_path,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                line = await process.stdout.readline()
            assert json.loads(line) == {"action": "echo", "payload": "Echo: Hello, Chanx!"}
        finally:
            process.kill()
            await process.communicate()
