"""Document C: its examples, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from examples.seeds import c_chat, c_disconnects, c_echo, c_messages, c_room, c_router
from gateway import ConnectionState, Gateway, WebSocket, WebSocketDisconnect
from gateway.events import ConnectionClosed
from tests.support.client import Client, connect, refused, settings, when
from tests.support.process import ROOT, Process, free_ports
from tests.support.seeds import at, printed, read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.seeds import Serve


async def test_c1_the_quick_start_echoes(gateway: Serve) -> None:
    """Until the client goes, which ends the function without an error."""
    async with gateway(c_echo.app) as server:
        async with connect(at(server, "/echo")) as client:
            for text in ("one", "zwölf"):
                await client.send(text)
                assert await client.receive() == f"echo: {text}"
            await client.close()
        closed = await server.wait_for(ConnectionClosed)
        assert (closed.code, closed.ended_by) == (1000, "client")


async def test_c1_both_spellings_of_path_parameters(gateway: Serve) -> None:
    """`:name` and `{name}` are the same; a parameter is one segment."""
    app = Gateway()

    @app.ws("/colon/:name/end")
    @app.ws("/braces/{name}/end")
    async def tell(ws: WebSocket, name: str) -> None:
        await ws.accept()
        await ws.send_text(name)

    async with gateway(app) as server:
        for spelling in ("colon", "braces"):
            async with connect(at(server, f"/{spelling}/x%20y/end")) as client:
                assert await client.receive() == "x y"
            assert (await refused(at(server, f"/{spelling}/x/y/end")))[0] == 404


async def test_c2_every_kind_is_sent_and_received(gateway: Serve) -> None:
    """Text, binary, JSON, in both directions."""
    async with gateway(c_messages.app) as server:
        async with connect(at(server, "/sending")) as client:
            assert await client.receive() == "Hello!"
            assert await client.receive() == b"\x00\x01\x02"
            assert await read(client) == {"event": "update", "data": [1, 2, 3]}
            assert await client.closed() == (1000, "")
        async with connect(at(server, "/receiving")) as client:
            for frame in ("text", b"\x00\x01", '{"n":1}'):
                await client.send(frame)
            assert await read(client) == ["text", [0, 1], {"n": 1}]


async def test_c2_a_receive_times_out_and_loses_nothing(gateway: Serve) -> None:
    """`TimeoutError` after its 30 s, not before; what comes later is taken by the next call."""
    async with gateway(c_messages.app) as server, connect(at(server, "/receiving"), ping_interval=None) as client:
        for frame in ("text", b"", "null"):
            await client.send(frame)
        await read(client)
        await server.clock.advance(29)
        await server.app.connections[client.id].send("after 29 s")
        await server.clock.advance(2)
        assert [await client.receive(), await client.receive()] == ["after 29 s", "still there?"]
        await server.clock.advance(31)
        assert await client.receive() == "still there?"
        await client.send("yes")
        assert await client.closed() == (1001, "Going away")


async def test_c3_code_and_reason_travel_both_ways(gateway: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """The disconnect of the endpoint carries what the client closed with."""
    async with gateway(c_disconnects.app) as server:
        async with connect(at(server, "/chat")) as client:
            await client.send("x")
            assert await client.receive() == "x"
            await client.close(4000, "had to go")
        await server.wait_for(ConnectionClosed)
    assert printed(capsys) == ["Client disconnected: code=4000 reason=had to go"]


@pytest.mark.parametrize(("code", "reason"), [(1005, ""), (1006, ""), (999, ""), (5000, ""), (1000, "x" * 124)])
async def test_c3_what_may_not_be_sent_is_refused_at_the_call(gateway: Serve, code: int, reason: str) -> None:
    """By RFC 6455 7.4; the connection stays."""
    app = Gateway()

    @app.ws("/")
    async def wrong(ws: WebSocket) -> None:
        await ws.accept()
        with pytest.raises(ValueError, match="could not close"):
            await ws.close(code, reason)
        await ws.send_text("still open")

    async with gateway(app) as server, connect(at(server, "/")) as client:
        assert await client.receive() == "still open"


async def test_c4_a_connection_has_its_properties(gateway: Serve) -> None:
    """Those of the document's table."""
    async with (
        gateway(c_messages.app) as server,
        connect(at(server, "/properties/blue?x=1"), headers={"X-Colour": "blue"}) as client,
    ):
        told = await read(client)
        headers = {name.lower(): value for name, value in told.pop("headers").items()}
        assert headers["x-colour"] == "blue"
        assert told == {
            "id": client.id, "state": ["CONNECTING", "CONNECTED"], "is_connected": True,
            "path": "/properties/blue", "query_params": {"x": "1"}, "client_host": "127.0.0.1", "name": "blue",
        }  # fmt: skip


async def test_c5_a_room_at_module_level_spares_the_sender(gateway: Serve) -> None:
    """Joined and sent to without an await; who leaves, however it ends, is in it no more."""
    async with (
        gateway(c_room.app) as server,
        connect(at(server, "/chat")) as ada,
        connect(at(server, "/chat")) as bob,
    ):
        await when(lambda: c_room.chat_room.size == 2)
        await ada.send("one")
        await bob.send("two")
        assert await bob.receive() == f"User {ada.id}: one"
        assert await ada.receive() == f"User {bob.id}: two"
        bob.cut()
        await when(lambda: c_room.chat_room.size == 1)


async def test_c5_the_methods_of_a_room(gateway: Serve) -> None:
    """Text, JSON and bytes to all, `exclude`, members, size, and the close of every connection."""
    async with (
        gateway(c_room.app) as server,
        connect(at(server, "/chat")) as member,
        connect(at(server, "/methods")) as caller,
    ):
        room = c_room.chat_room
        await when(lambda: room.size == 1)
        await room.join(caller.id)
        await caller.send("go")
        sent = ["text", '{"text":"json"}', b"binary"]
        assert [await member.receive() for _ in range(4)] == [*sent, "hello"]
        frames = [await caller.receive() for _ in range(4)]
        answer = next(frame for frame in frames if "members" in str(frame))  # a room's order is the room's own
        assert [frame for frame in frames if frame != answer] == sent
        assert json.loads(answer) == {"members": [member.id, caller.id], "size": 2}
        await caller.send("close")
        assert [await one.closed() for one in (member, caller)] == [(1000, "")] * 2
        await when(lambda: room.size == 0)


async def test_c6_a_router_answers_and_is_looked_up(gateway: Serve) -> None:
    """Declared by decorator and by call, found by path, listed in order."""
    assert c_router.handler is c_router.chat
    assert [route.path.text for route in c_router.routes] == ["/ws/chat", "/ws/notifications", "/ws/echo"]
    assert c_router.ws_router.get_handler("/ws/nothing") is None
    async with gateway(c_router.app) as server:
        for name in ("chat", "notifications", "echo"):
            async with connect(at(server, f"/ws/{name}")) as client:
                if name == "echo":
                    await client.send(name)
                assert await client.receive() == name


async def test_c7_a_connection_passes_its_four_states(gateway: Serve) -> None:
    """CONNECTING, CONNECTED, DISCONNECTING while what was sent leaves, DISCONNECTED."""
    app, states = Gateway(), []

    @app.ws("/")
    async def watch(ws: WebSocket) -> None:
        states.append(ws.state)
        await ws.accept()
        states.append(ws.state)
        ws.send_text("last")
        ws.close(4321, "drained")
        states.append(ws.state)
        with pytest.raises(WebSocketDisconnect):
            await ws.send_text("too late")
        with pytest.raises(WebSocketDisconnect):
            await ws.receive()
        states.append(ws.state)

    async with gateway(app) as server, connect(at(server, "/")) as client:
        assert await client.receive() == "last"
        assert await client.closed() == (4321, "drained")
        await when(lambda: len(states) == 4)
    assert states == list(ConnectionState)


async def test_c8_the_complete_chat(gateway: Serve) -> None:
    """Notices and messages for the others of a room, by the room of the query; elsewhere nothing is heard."""
    async with gateway(c_chat.app) as server, connect(at(server, "/chat/a?room=blue")) as ada:
        await when(lambda: server.app.room("blue").size == 1)
        async with connect(at(server, "/chat/b?room=blue")) as bob, connect(at(server, "/chat/c")) as eve:
            await when(lambda: server.app.room("general").size == 1)
            assert await ada.receive() == f"User {short(bob)} joined"
            await eve.send("nobody hears this")
            await bob.send("hi")
            assert await ada.receive() == f"{short(bob)}: hi"
            await ada.send("hello")
            assert await bob.receive() == f"{short(ada)}: hello"
            await bob.close()
            assert await ada.receive() == f"User {short(bob)} left"


def short(client: Client) -> str:
    return client.id[:8]


@pytest.mark.actors(real_time=True)
async def test_c9_start_and_stop_in_a_running_loop() -> None:
    """`await app.start()`, twice in a row, and `stop()`; without a server nothing may be used."""
    app = c_echo.app
    for _ in range(2):
        await app.start(settings())
        try:
            async with connect(app.server.url.replace("http", "ws") + "/echo") as client:
                await client.send("x")
                assert await client.receive() == "echo: x"
        finally:
            await app.stop()
        with pytest.raises(RuntimeError, match="not running"):
            _ = app.server


@pytest.mark.slow
@pytest.mark.actors(real_time=True)
async def test_c9_run_blocks_until_a_signal(tmp_path: Path) -> None:
    """The chat example as a program, with its last line but for the port: it serves, drains and returns."""
    port = free_ports()
    source = (ROOT / "examples/seeds/c_chat.py").read_text()
    last_line = 'app.run(host="0.0.0.0", port=8000)'
    assert source.rstrip().endswith(last_line)
    (tmp_path / "c_chat.py").write_text(source.replace("port=8000", f"port={port}"))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "c_chat.py",
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    process = Process(child, port)
    try:
        await process.line_with("is listening at")
        async with connect(f"ws://127.0.0.1:{port}/chat/a") as ada, connect(f"ws://127.0.0.1:{port}/chat/a") as bob:
            assert await ada.receive() == f"User {short(bob)} joined"
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    finally:
        await process.kill()
