"""What strangers do to the public port: nothing they send or leave out costs more than its moment."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.events import ConnectionRefused
from gateway.messages.publications import MAX_KEY
from gateway.web.api import api
from gateway.web.listening import listener
from tests.support.client import connect, settings
from tests.support.raw_client import PATIENCE, upgrade

NO_HTTP = {
    "a line without end": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "more headers than anybody sends": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
}
"""None of them is a request."""

BEGUN = {
    "nothing": b"",
    "half a request": upgrade()[:40],
    "a request, and half of the next": b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET",
}
"""What somebody says who then says nothing more."""


async def answer_to(server: Any, data: bytes, *, only_head: bool = False) -> bytes:
    """Everything up to the end of the connection, or of the answer's head; a reset is an end, too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.app.server.port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(data)
            return await (reader.readuntil(b"\r\n\r\n") if only_head else reader.read())
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("request_", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_a_refusal_and_no_failure(
    serve: Any, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the peer is counted with its reason; strangers write no tracebacks into our log."""
    server = await serve()
    refused = server.watch(ConnectionRefused)
    assert b" 400 " in (await answer_to(server, request_))[:20]
    assert [(one.status, one.reason, one.address) for one in refused] == [(400, "not_http", "127.0.0.1")]
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
async def test_who_says_no_whole_request_is_let_go(serve: Any, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open file of ours is not to be had for nothing, and not for an hour."""
    monkeypatch.setattr(listener, "IDLE_WITHIN", 0.05)
    await answer_to(await serve(), begun)


KEY = "a-key-of-32-characters-or-even-more"
POST = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n".encode()
STRANGER = b"POST /api/publish HTTP/1.1\r\nHost: x\r\n"

NO_BODY = {
    "never comes": (b"Content-Length: 10\r\n\r\n", b" 408 "),
    "is not packed": (b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", b" 400 "),
    "has no chunks": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", b" 400 "),
}
"""What a request to the API brings instead of its body, and the status that answers it."""


@pytest.mark.parametrize("body", NO_BODY)
async def test_a_body_that_cannot_be_read_is_a_refusal_and_no_failure(
    serve: Any, body: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has the key is told in time; nothing of it is a failure of ours."""
    monkeypatch.setattr(api, "PATIENCE", 0.05)
    headers, status = NO_BODY[body]
    server = await serve(settings=settings(API__KEY=KEY))
    assert status in (await answer_to(server, POST + headers, only_head=True))[:20]
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_a_body_that_strangers_send_is_no_failure(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered 401, and what comes behind that may be anything."""
    server = await serve(settings=settings(API__KEY=KEY))
    headers, _ = NO_BODY["is not packed"]
    assert b" 401 " in (await answer_to(server, STRANGER + b"Connection: close\r\n" + headers))[:20]
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_a_key_against_doubles_is_no_place_to_keep_things(serve: Any) -> None:
    """A thousand of them are kept per topic for a day: they have an end, on every way in."""
    server = await serve(settings=settings(API__KEY=KEY))
    async with connect(server.ws()) as client:
        await client.publish("public:k", 1, id="k" * MAX_KEY)
        refused = await client.ask(action="publish", room="public:k", payload=1, id="k" * (MAX_KEY + 1))
        assert refused["error"]["reason"] == "bad_request"
    body = json.dumps({"channel": "public:k", "data": 1, "idempotency_key": "k" * (MAX_KEY + 1)}).encode()
    answer = await answer_to(server, POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b'"code":107' in answer


@pytest.mark.parametrize(("name", "status"), [("evil.example", b"403"), ("localhost", b"101"), ("127.0.0.1", b"101")])
async def test_a_name_that_was_made_to_point_here_opens_nothing(demo_server: Any, name: str, status: bytes) -> None:
    """DNS rebinding: a page of `evil.example`, which resolves to loopback, is of the same origin as what it finds."""
    host = f"{name}:{demo_server.app.server.port}"
    asked = upgrade("/ws", f"Origin: http://{host}", host=host)
    assert (await answer_to(demo_server, asked, only_head=True)).split()[1] == status
    admin = urlsplit(demo_server.admin_url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", admin)
    writer.write(f"GET /live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    assert answer.split()[1] == (b"403" if status == b"403" else b"200")


async def test_a_probe_that_names_no_host_is_answered(demo_server: Any) -> None:
    """As those of load balancers that speak HTTP/1.0; a browser names one always."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(demo_server.admin_url).port)
    writer.write(b"GET /ready HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    assert answer.split()[1] == b"200"
