"""The opening handshake, as bytes to a real server: what is refused, with which status, what the answer says."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.web.upgraded.aiohttp_names import HANDLER_NAMES, check_names, missing_names
from gateway.web.upgraded.upgrade import Handshake, accept_for
from tests.support.raw_client import KEY, upgrade
from tests.support.raw_server import Server, Wire

WIRE = Wire("asyncio", secure=False)

GOOD = upgrade().decode()


def without(name: str, *instead: str) -> bytes:
    """The good request with every line of one header replaced."""
    lines = [line for line in GOOD.split("\r\n") if not line.lower().startswith(f"{name.lower()}:")]
    return "\r\n".join([lines[0], *instead, *lines[1:]]).encode()


REFUSED = {
    "POST": (GOOD.replace("GET", "POST", 1).encode(), 405, "opens with GET, not POST"),
    "HTTP/1.0": (GOOD.replace("HTTP/1.1", "HTTP/1.0").encode(), 400, "HTTP/1.1, not HTTP/1.0"),
    "a body": (without("x", "Content-Length: 3") + b"abc", 400, "without a body"),
    "no Upgrade": (without("Upgrade"), 426, "Upgrade is missing"),
    "another Upgrade": (without("Upgrade", "Upgrade: h2c"), 426, "Upgrade is h2c"),
    "two Upgrades": (without("Upgrade", "Upgrade: h2c, websocket"), 400, "not websocket alone"),
    "no Connection": (without("Connection"), 400, "Connection is missing"),
    "another Connection": (without("Connection", "Connection: keep-alive"), 400, "Connection is keep-alive"),
    "no version": (without("Sec-WebSocket-Version"), 426, "Sec-WebSocket-Version is missing"),
    "version 8": (without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, "Sec-WebSocket-Version is 8"),
    "two versions": (without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), 426, "is 13, 8, not 13"),
    "no key": (without("Sec-WebSocket-Key"), 400, "there 0 times"),
    "two keys": (upgrade("/", f"Sec-WebSocket-Key: {KEY}"), 400, "there 2 times"),
    "two who it is": (upgrade("/", "Authorization: Bearer a", "authorization: Bearer b"), 400, "there 2 times"),
    "a key of words": (upgrade(key="not base64 at all"), 400, "not base64"),
    "a key that is no ASCII": (upgrade(key="dGhlIHNhbXBsZSBub25jZä=="), 400, "not base64"),
    "a short key": (upgrade(key="c2hvcnQ="), 400, "5 bytes, not 16"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_request_that_is_no_handshake_is_told_why(fault: str) -> None:
    """The status fits the fault, the text names it with its value, and no listener is made."""
    request, expected, words = REFUSED[fault]

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(request)
        status, headers = await client.response()
        text = (await client.body(int(headers["content-length"]))).decode()
        assert (status, words in text) == (expected, True), text
        assert headers["content-type"].startswith("text/plain")
        if status == 426:
            assert (headers["upgrade"], headers["sec-websocket-version"]) == ("websocket", "13")
        assert server.listeners == []
        await client.aclose()

    WIRE.play(scenario, method="*")


def test_header_values_are_read_as_http_reads_them() -> None:
    """Lists may take several lines, and neither `Upgrade` nor `Connection` minds its case."""

    async def scenario(server: Server) -> None:
        client = await server.connect()
        request = without("Connection", "Connection: keep-alive", "Connection: x, uPGRADE").replace(
            b": websocket", b": WebSocket"
        )
        client.send(request)
        assert (await client.response())[0] == 101
        client.abort()

    WIRE.play(scenario)


def test_a_connection_that_was_refused_still_speaks_http() -> None:
    """A refusal costs the client one request: the next one on the same connection may be in order."""

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(without("Sec-WebSocket-Version") + upgrade())
        status, headers = await client.response()
        await client.body(int(headers["content-length"]))
        assert (status, (await client.response())[0]) == (426, 101)
        client.abort()

    WIRE.play(scenario)


def test_a_caller_may_refuse_between_the_checks_and_the_switch() -> None:
    """What the caller raises in between is answered as any HTTP error, and makes no listener."""

    async def refuse(request: web.Request) -> None:
        raise web.HTTPForbidden(text="origin https://evil.example is not allowed\n")

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade())
        assert (await client.response())[0] == 403
        assert server.listeners == []
        client.abort()

    WIRE.play(scenario, before=refuse)


def test_the_accept_value_is_that_of_the_rfc() -> None:
    """RFC 6455 1.3 has one key and its answer."""
    assert accept_for("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_subprotocol_is_chosen_from_those_on_offer() -> None:
    """The chosen one is in the answer; without a choice the header is left out."""
    handshake = Handshake("accept", ("phoenix", "centrifuge-json"))
    assert handshake.answer("phoenix").headers["Sec-WebSocket-Protocol"] == "phoenix"
    assert "Sec-WebSocket-Protocol" not in handshake.answer().headers


def test_a_subprotocol_nobody_offered_is_refused_to_the_caller() -> None:
    """A client would have to fail the connection (RFC 6455 4.1), so it is not sent."""
    with pytest.raises(ValueError, match="could not choose subprotocol 'mqtt': client offers none"):
        Handshake("accept").answer("mqtt")


def test_headers_of_the_caller_do_not_replace_those_of_the_handshake() -> None:
    """What the protocol needs wins; the rest is added."""
    response = Handshake("accept").answer(headers={"Upgrade": "h2c", "Hubbub-Connection": "c1"})
    assert response.headers.getall("Upgrade") == ["websocket"]
    assert response.headers["Hubbub-Connection"] == "c1"


@pytest.mark.parametrize("subprotocol", [None, "phoenix"])
def test_the_answer_is_the_same_as_bytes(subprotocol: str | None) -> None:
    """Status line, each header once, an empty line: what aiohttp would send."""
    handshake = Handshake("accept", ("phoenix",))
    headers = {"upgrade": "h2c", "Hubbub-Connection": "c1"}
    status, *lines = handshake.head(subprotocol, headers).decode().removesuffix("\r\n\r\n").split("\r\n")
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert dict(line.split(": ") for line in lines) == dict(handshake.answer(subprotocol, headers).headers)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb"])
def test_no_header_smuggles_another_one_in(value: str) -> None:
    """What would be a line of its own is refused to the caller."""
    with pytest.raises(ValueError, match="it has a line break"):
        Handshake("accept").head(headers={"Hubbub-Connection": value})


def test_offers_are_in_the_order_of_the_client() -> None:
    """`Handshake.subprotocols` is what the client likes best first, over all its lines."""
    offers: list[tuple[str, ...]] = []

    async def look(request: web.Request) -> None:
        offers.append(Handshake.of(request).subprotocols)

    async def scenario(server: Server) -> None:
        client = await server.connect()
        client.send(upgrade("/", "Sec-WebSocket-Protocol: b,a", "Sec-WebSocket-Protocol: c"))
        assert (await client.response())[0] == 101
        client.abort()

    WIRE.play(scenario, before=look)
    assert offers == [("b", "a", "c")]


def test_an_aiohttp_without_the_names_is_refused_with_them() -> None:
    """The guard says which names are gone, and what to install."""

    assert missing_names(RequestHandler) == []
    assert missing_names(object) == list(HANDLER_NAMES)
    with pytest.raises(
        ImportError, match=r"could not lean on aiohttp .*: object has no _close, .*; install aiohttp >="
    ):
        check_names(object)
