"""Endpoints that are functions, as their clients see them: frames in both directions, and what the request said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway import Gateway, WebSocket
from gateway.reasons import NotAccepted
from tests.support.client import Box, connect, out_of, refused, settings

Serve = Any


# --- frames


async def test_a2_text_bytes_and_json_cross_in_both_directions(serve: Serve) -> None:
    """Each `receive_*` takes what the client sent, each `send_*` arrives as its kind of frame."""
    app = Gateway()

    @app.ws("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text((await ws.receive_text()).upper())
        await ws.send_bytes((await ws.receive_bytes())[::-1])
        await ws.send_json({"got": await ws.receive_json()})
        await ws.send("text")
        await ws.send(b"bytes")
        await ws.send([1, None])

    server = await serve(app, settings())
    async with connect(server.ws("/echo")) as client:
        for data in ("grüße", b"\x00\xff", '{"a":[1]}'):
            await client.send(data)
        assert [await client.receive() for _ in range(6)] == [
            "GRÜSSE", b"\xff\x00", '{"got":{"a":[1]}}', "text", b"bytes", "[1,null]",
        ]  # fmt: skip
        assert await client.closed() == (1000, "")


async def test_e1_an_endpoint_iterates_over_messages_until_the_client_goes(serve: Serve) -> None:
    """`async for` yields every frame in order and ends, without an exception, when the socket is gone."""
    app, box = Gateway(), Box()

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        async for frame in ws:
            box.put_nowait((frame.type, frame.data))
        box.put_nowait("ended")

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for data in ("one", b"two", '{"type":"pong"}'):
            await client.send(data)
        await client.close()
    wanted = [("text", "one"), ("binary", b"two"), ("pong", '{"type":"pong"}'), "ended"]
    assert [await out_of(box) for _ in range(4)] == wanted


async def test_c2_a_receive_that_timed_out_loses_no_frame(serve: Serve) -> None:
    """After any number of timeouts, also of zero seconds, every frame is received once and in order."""
    app, box = Gateway(), Box()
    count = 300

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        timeouts = 0
        for number in range(count):
            while True:
                try:
                    box.put_nowait(await ws.receive_text(timeout=0.0001 * (number % 3)))
                    break
                except TimeoutError:
                    timeouts += 1
        box.put_nowait(timeouts)

    server = await serve(app, settings(LIMITS__BURST="10000"))
    async with connect(server.ws("/")) as client:
        for number in range(count):
            await client.send(str(number))
        assert [await out_of(box) for _ in range(count)] == [str(number) for number in range(count)]
        assert await out_of(box) > 0


async def test_c2_a_cancelled_receive_loses_no_frame(serve: Serve) -> None:
    """Cancelling a waiting receive in the very turn in which its frame arrives leaves the frame to the next one."""
    app, box = Gateway(), Box()
    count = 200

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        for number in range(count):
            task = asyncio.ensure_future(ws.receive_text())
            while number % 2 and not task.done() and not ws._intake.has_any:  # noqa: ASYNC110  # that very turn is meant
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            if task.cancelled():
                box.put_nowait("cancelled")
            box.put_nowait(await ws.receive_text() if task.cancelled() else task.result())

    server = await serve(app, settings(LIMITS__BURST="10000"))
    async with connect(server.ws("/")) as client:
        seen = []
        for number in range(count):
            await client.send(str(number))
            seen.append(await out_of(box))
            if seen[-1] == "cancelled":
                seen.append(await out_of(box))
    assert seen.count("cancelled") > count // 2
    assert [one for one in seen if one != "cancelled"] == [str(number) for number in range(count)]


async def test_a5_invalid_json_is_an_error_of_that_frame_alone(serve: Serve) -> None:
    """`receive_json` raises InvalidJSON, a `json.JSONDecodeError`; the connection stays and takes the next frame."""
    app = Gateway()

    @app.ws("/")
    async def read(ws: WebSocket) -> None:
        await ws.accept()
        while True:
            try:
                await ws.send_json({"got": await ws.receive_json()})
            except json.JSONDecodeError as error:
                await ws.send_json({"error": type(error).__name__})

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        for text in ("{", "[1]", "NaN", '"x"'):
            await client.send(text)
        replies = [json.loads(await client.receive()) for _ in range(4)]
    assert replies == [{"error": "InvalidJSON"}, {"got": [1]}, {"error": "InvalidJSON"}, {"got": "x"}]


async def test_a2_the_connection_must_be_accepted_first(serve: Serve) -> None:
    """Receiving and sending before `accept` raise NotAccepted, which says what to write; accepting still works."""
    app = Gateway()

    @app.ws("/")
    async def early(ws: WebSocket) -> None:
        said = []
        for act in (ws.receive_text, ws.receive, lambda: ws.send_text("x"), lambda: ws.send_json({})):
            with pytest.raises(NotAccepted) as caught:
                await act()
            said.append(str(caught.value))
        await ws.accept()
        await ws.accept()
        await ws.send_json(said)

    server = await serve(app, settings())
    async with connect(server.ws("/")) as client:
        said = json.loads(await client.receive())
    assert all("await ws.accept()" in one for one in said)
    assert len(said) == 4


async def test_a4_an_endpoint_knows_what_the_request_said(serve: Serve) -> None:
    """Address, headers without regard to case, query, path parameters, and the id the client was told."""
    app = Gateway()

    @app.ws("/room/{name}")
    async def tell(ws: WebSocket) -> None:
        states = [ws.state.value, ws.is_connected]
        await ws.accept()
        facts = {
            "id": ws.id, "path": ws.path, "params": dict(ws.path_params), "query": dict(ws.query_params),
            "raw": ws.query_string, "header": ws.headers["x-TEST"], "missing": ws.headers.get("nothing"),
            "host": ws.client.host, "client_host": ws.client_host, "port": ws.client.port,
            "states": [*states, ws.state.value, ws.is_connected],
        }  # fmt: skip
        await ws.send_json(facts)

    server = await serve(app, settings())
    async with connect(server.ws("/room/a%20b?x=1&y=%C3%A9"), headers={"X-Test": "42"}) as client:
        said = json.loads(await client.receive())
        assert said == {
            "id": client.id, "path": "/room/a b", "params": {"name": "a b"}, "query": {"x": "1", "y": "é"},
            "raw": "x=1&y=é", "header": "42", "missing": None, "host": "127.0.0.1", "client_host": "127.0.0.1",
            "port": client.socket.local_address[1], "states": ["connecting", False, "connected", True],
        }  # fmt: skip


# --- paths


@pytest.mark.parametrize("spelling", ["/items/{number}/{word}", "/items/:number/:word"])
async def test_a1_c1_path_parameters_come_by_name_and_int_converts(serve: Serve, spelling: str) -> None:
    """Both spellings mean the same; an `int` annotation converts; a mismatch is 404 before the upgrade."""
    app = Gateway()

    @app.ws(spelling)
    async def item(ws: WebSocket, number: int, word: str) -> None:
        await ws.accept()
        await ws.send_json([number, word])

    server = await serve(app, settings())
    async with connect(server.ws("/items/42/x%2Fy")) as client:
        assert json.loads(await client.receive()) == [42, "x/y"]
    for path in ("/items/4x/y", "/items/42", "/items/42/y/z", "/nothing"):
        assert (await refused(server.ws(path)))[0] == 404
