"""The example of a deployment, as it runs: browsers reach `hubbub serve` through nginx, both as their files say."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client, connect, refused
from tests.support.nginx import CONFIGURATION, MAY_SKIP, Nginx, command, lay_out, nginx_before
from tests.support.process import ROOT, Process, serving
from tests.support.raw_client import PING, PONG, RawClient, close, frame
from tests.support.signed import signed

pytestmark = [
    pytest.mark.slow,  # each starts processes of its own
    pytest.mark.skipif(MAY_SKIP, reason="needs nginx; install the package nginx-light"),
]

DEPLOY = ROOT / "examples" / "deploy"
SECRET = "a secret of thirty-two bytes or more"
ENVIRONMENT = {"HUBBUB_GATEWAY__AUTH__JWT_SECRET": SECRET, "HUBBUB_GATEWAY__API__KEY": "key-of-the-back-end"}
SITE = "wss://example.org"
CLIENT = "127.0.0.2"
"""Of the loopback, but not the proxy's."""
MAX_MESSAGE = 64 * 1024


@asynccontextmanager
async def gateway(port: int | None = None, **environ: str) -> AsyncIterator[Process]:
    """`hubbub.toml` and `service.py` as they are; the port is another one."""
    chosen = {f"HUBBUB_GATEWAY__{name}": value for name, value in environ.items()}
    arguments = ("service:app", "--config", "hubbub.toml")
    async with serving(*arguments, directory=DEPLOY, port=port, environ=ENVIRONMENT | chosen) as process:
        yield process


@asynccontextmanager
async def deployed(directory: Path, **environ: str) -> AsyncIterator[tuple[Process, Nginx]]:
    async with gateway(None, **environ) as process, nginx_before(process.port, directory / "nginx") as nginx:
        yield process, nginx


def token(user: str) -> str:
    return signed({"sub": user, "exp": time.time() + 600}, SECRET)


async def native(stack: AsyncExitStack, nginx: Nginx, user: str = "ada", **options: Any) -> Client:
    headers = {"Authorization": f"Bearer {token(user)}", **options.pop("headers", {})}
    reached = nginx.reached(options.pop("address", CLIENT))
    return await stack.enter_async_context(connect(f"{SITE}/ws", headers=headers, **options, **reached))


async def centrifuge(stack: AsyncExitStack, nginx: Nginx, user: str) -> Client:
    client = await stack.enter_async_context(connect(f"{SITE}/connection/websocket", **nginx.reached()))
    await client.say(id=1, connect={"token": token(user)})
    assert "connect" in json.loads(await client.receive())
    await client.say(id=2, subscribe={"channel": "room:1"})
    assert "subscribe" in json.loads(await client.receive())
    return client


async def phoenix(stack: AsyncExitStack, nginx: Nginx, user: str) -> Client:
    packed = base64.b64encode(token(user).encode()).decode().rstrip("=")
    offered = ("phoenix", f"base64url.bearer.phx.{packed}")
    url = f"{SITE}/socket/websocket?vsn=2.0.0&key=not-for-logs"
    client = await stack.enter_async_context(connect(url, subprotocols=offered, **nginx.reached()))
    await client.send('["1","1","room:1","phx_join",{}]')
    assert json.loads(await client.receive())[4]["status"] == "ok"
    return client


async def heard(client: Client, text: str) -> str:
    """The next frame with this text in it."""
    while text not in (got := str(await client.receive())):
        pass
    return got


async def status_of(url: str, method: str = "GET", **options: Any) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, allow_redirects=False, **options) as response,
    ):
        return response.status


async def known_to(process: Process, connection: str) -> dict[str, Any] | None:
    """What a gateway's admin listener says of a connection; None if it is not one of its own."""
    url = f"{process.admin_url}/connections/{connection}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json() if response.status == 200 else None


def can_bind_as_written() -> bool:
    """Whether this process may listen at port 443, over IPv4 and IPv6."""
    try:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, 443))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not can_bind_as_written(), reason="needs the right to listen at port 443, over IPv6 too")
def test_nginx_finds_no_fault_in_the_file_as_written(tmp_path: Path) -> None:
    """`nginx -t`, without a warning; the certificate is where it says, beside it."""
    lay_out(tmp_path, CONFIGURATION.read_text())
    done = subprocess.run(command(tmp_path, "-t"), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


async def test_clients_of_three_wires_meet_behind_the_proxy(tmp_path: Path) -> None:
    """Over wss, each with its token the way its clients bring it; what one says, all hear."""
    async with deployed(tmp_path) as (_, nginx), AsyncExitStack() as stack:
        ada = await native(stack, nginx)
        await ada.join("room:1")
        bob = await centrifuge(stack, nginx, "bob")
        eve = await phoenix(stack, nginx, "eve")
        assert (await ada.publish("room:1", "hello everybody"))["offset"] == 1
        assert json.loads(await heard(bob, "hello everybody"))["push"]["channel"] == "room:1"
        assert json.loads(await heard(eve, "hello everybody"))[2] == "room:1"


async def test_a_connection_has_the_address_of_its_client(tmp_path: Path) -> None:
    """Not the proxy's, and not what the client claims; nginx logs the id of the connection, and no query."""
    async with deployed(tmp_path) as (process, nginx):
        async with AsyncExitStack() as stack:
            ada = await native(stack, nginx, headers={"X-Forwarded-For": "203.0.113.9"})
            await phoenix(stack, nginx, "eve")
            await ada.close()
            closed = json.loads(await process.line_with(f'"connection":"{ada.id}","principal":"ada"'))
        assert (closed["event"], closed["address"]) == ("connection.closed", CLIENT)
        about = await known_to(process, ada.id)
        assert about is not None
        assert (about["state"], about["address"]) == ("closed", CLIENT)
    logged = nginx.access_log.read_text()  # nginx has ended: its log is whole
    assert re.search(rf'^{re.escape(CLIENT)} .* "GET /ws" 101 \S+ {ada.id}$', logged, re.MULTILINE)
    assert '"GET /socket/websocket" 101' in logged
    assert "not-for-logs" not in logged


async def test_pages_of_strangers_are_refused(tmp_path: Path) -> None:
    """403 for an Origin that the file does not name; our own and the named one connect."""
    async with deployed(tmp_path) as (_, nginx), AsyncExitStack() as stack:
        for stranger in ("https://evil.example", "https://example.org.evil.example", "null"):
            assert (await refused(f"{SITE}/ws", origin=stranger, **nginx.reached()))[0] == 403
        for ours in ("https://example.org", "https://www.example.org"):
            ada = await native(stack, nginx, origin=ours)
            assert (await ada.join("room:1"))["offset"] == 0


async def test_the_largest_message_passes_in_both_directions(tmp_path: Path) -> None:
    """64 KiB whole, to the byte, and an answer longer than any buffer of a proxy; one byte more closes with 1009."""
    async with deployed(tmp_path) as (_, nginx), AsyncExitStack() as stack:
        ada, bob = await native(stack, nginx), await native(stack, nginx, "bob")
        await ada.join("room:1")
        await bob.join("room:1")
        head, tail = '{"action":"publish","room":"room:1","payload":"', '"}'
        largest = "x" * (MAX_MESSAGE - len(head) - len(tail))
        for _ in range(3):
            await ada.send(head + largest + tail)
        assert await bob.payloads(3) == [largest] * 3
        kept = await bob.ask(action="history", room="room:1", since={"offset": 0}, limit=10)
        assert len(json.dumps(kept)) > 3 * len(largest)
        await ada.send(head + largest + "x" + tail)
        assert (await ada.closed())[0] == 1009


async def test_a_line_of_a_header_has_eight_kilobytes(tmp_path: Path) -> None:
    """A token of 7.5 kB passes the proxy and counts; above 8 KiB it is 400, before the gateway hears of it."""
    async with deployed(tmp_path) as (process, nginx), AsyncExitStack() as stack:
        longest = signed({"sub": "ada", "exp": time.time() + 600, "info": {"padding": "x" * 5_500}}, SECRET)
        assert len(longest) > 7_400
        url, reached = f"{SITE}/ws", nginx.reached()
        ada = await stack.enter_async_context(connect(url, headers={"Authorization": f"Bearer {longest}"}, **reached))
        assert (await ada.join("room:1"))["offset"] == 0
        too_long = {"Authorization": f"Bearer {longest}{'x' * 1_000}"}
        assert (await refused(url, headers=too_long, **reached))[0] == 400
        assert "connection.refused" not in process.output


async def test_pings_keep_an_idle_connection_through_the_proxy(tmp_path: Path) -> None:
    """Silent for longer than `proxy_read_timeout` it lives, thanks to our pings; without them nginx cuts it."""
    patience = {"proxy_read_timeout": "5s"}
    often = {"HEARTBEAT__PING_INTERVAL": "1s", "HEARTBEAT__PING_TIMEOUT": "2s"}
    async with gateway(None, **often) as process, nginx_before(process.port, tmp_path / "pinged", **patience) as nginx:
        client = await RawClient.open(nginx.https, nginx.trusting, "/ws")
        for _ in range(5):
            ping = await client.frame()
            assert ping.opcode == PING
            client.send(frame(ping.payload, PONG))
        client.send(close())
        assert await client.close_frame() == (1000, "")
        closed = json.loads(await process.line_with('"connection.closed"'))
        assert (closed["ended_by"], closed["received"]) == ("client", 0)
        assert closed["seconds"] > 5  # of silence but for pings
        client.abort()
    async with gateway() as process, nginx_before(process.port, tmp_path / "cut", **patience) as nginx:
        client = await RawClient.open(nginx.https, nginx.trusting, "/ws")
        assert await client.gone() == b""
        closed = json.loads(await process.line_with('"connection.closed"'))
        assert (closed["code"], closed["missed_pings"]) == (1006, 0)
        client.abort()


async def test_a_deployment_lets_everybody_go_and_takes_them_back(tmp_path: Path) -> None:
    """SIGTERM: 3001, or 1012 to Phoenix, and exit code 0; 502 while nobody is there; a new process needs no reload."""
    async with deployed(tmp_path) as (process, nginx), AsyncExitStack() as stack:
        ada = await native(stack, nginx)
        bob = await centrifuge(stack, nginx, "bob")
        eve = await phoenix(stack, nginx, "eve")
        endings = asyncio.gather(ada.closed(), bob.closed(), eve.closed())
        process.send(signal.SIGTERM)
        assert list(await endings) == [(3001, "shutdown"), (3001, "shutdown"), (1012, "shutdown")]
        assert await process.exit_code() == 0
        assert (await refused(f"{SITE}/ws", **nginx.reached()))[0] == 502
        async with gateway(process.port):
            back = await native(stack, nginx)
            assert (await back.join("room:1"))["offset"] == 0


async def test_a_new_version_takes_over_and_refuses_nobody(tmp_path: Path) -> None:
    """Both run, nginx is pointed at the new one, the old one drains: its clients stay till then, and get in at once."""
    async with deployed(tmp_path) as (old, nginx), AsyncExitStack() as stack, gateway() as new:
        ada = await native(stack, nginx)
        await ada.join("room:1")
        await nginx.point(old.port, new.port)
        bob = await native(stack, nginx, "bob")
        assert await known_to(new, bob.id)
        assert (await ada.publish("room:1", "still here"))["offset"] == 1
        old.send(signal.SIGTERM)
        assert await ada.closed() == (3001, "shutdown")
        back = await native(stack, nginx)
        assert await known_to(new, back.id)
        assert await old.exit_code() == 0
        assert await bob.ask(action="ping")


async def test_nothing_but_the_wires_is_reached_through_the_proxy(tmp_path: Path) -> None:
    """Health, metrics, the tree and the API are there for the machine, and 404 for the world; http becomes https."""
    inside = {"/live": 200, "/ready": 200, "/metrics": 200, "/tree": 200, "/top": 200, "/connections/x": 404}
    publication = {"channel": "news:1", "data": "hello"}
    key = {"headers": {"X-API-Key": "key-of-the-back-end"}, "json": publication}
    async with deployed(tmp_path) as (process, nginx):
        outside = f"https://localhost:{nginx.https}"
        for path, status in inside.items():
            assert await status_of(process.admin_url + path) == status
            for tried in (path, f"/ws/..{path}", f"/ws/%2e%2e{path}"):
                assert (tried, await status_of(outside + tried, ssl=nginx.trusting)) == (tried, 404)
        assert await status_of(f"{process.url}/api/publish", "POST", **key) == 200
        assert await status_of(f"{outside}/api/publish", "POST", ssl=nginx.trusting, **key) == 404
        assert await status_of(f"{outside}/ws", ssl=nginx.trusting) == 426
        assert await status_of(f"http://127.0.0.1:{nginx.http}/ws") == 301


async def test_the_health_check_of_the_image_follows_readiness() -> None:
    """0 for a gateway that is ready, another code where nobody listens."""
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    python, *arguments = json.loads(found[1])
    assert python == "python"
    async with gateway() as process:
        check = [argument.replace("8001", str(process.port + 1)) for argument in arguments]
        assert await run(check) == 0
        process.send(signal.SIGTERM)
        await process.exit_code()
    assert await run(check) == 1


async def run(arguments: list[str]) -> int:
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(30):
        return await child.wait()
