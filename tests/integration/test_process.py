"""The gateway as a process: what it prints, what it serves, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import WebSocketException

from gateway.demo import PAGES
from tests.support.client import connect, when
from tests.support.process import free_ports, serving
from tests.support.proxy import proxy_to
from tests.support.raw_client import RawClient, frame

pytestmark = pytest.mark.slow  # each starts processes of its own

APP = """
from gateway import Gateway, WebSocket

app = Gateway(title="mine")

@app.ws("/echo")
async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for frame in ws:
        await ws.send_text(frame.text().upper())
"""

FAILING_APP = """
from actors import Actor, handles
from gateway import Gateway

class Saboteur(Actor):
    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway

    def on_start(self) -> None:
        self.timers.fixed_delay("kill", "kill", 0.05)

    @handles(str)
    def kill(self, _: str) -> None:
        for part in self.gateway.node.system.root.children():
            if part.path == "/engine":
                part.kill()

app = Gateway()
app.actor(Saboteur)
"""


async def _get(url: str) -> tuple[int, dict[str, str], str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, dict(response.headers), await response.text()


async def test_it_prints_where_it_listens_and_serves_the_page(tmp_path: Path) -> None:
    """One line with the address; the page with its policy, its assets with their types; 404 for everything else."""
    async with serving(directory=tmp_path) as process:
        line = await process.line_with("is listening at")
        assert f"http://127.0.0.1:{process.port}" in line
        assert process.admin_url in line
        status, headers, body = await _get(process.url + "/")
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<!doctype html>" in body.lower()
        kinds = {}
        for asset in (one.name for one in PAGES.iterdir() if one.suffix != ".html"):
            status, asset_headers, _ = await _get(f"{process.url}/assets/{asset}")
            assert status == 200
            kinds[asset] = asset_headers["Content-Type"].partition(";")[0]
            assert "script-src 'self'" in asset_headers["Content-Security-Policy"]
            assert asset_headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert set(kinds.values()) == {"text/javascript", "text/css", "image/svg+xml"}
        assert (PAGES.parent / "server.py").is_file()
        for path in ("/nothing", "/assets/../server.py", "/assets/%2e%2e/server.py", "/metrics", "/live", "/ready"):
            assert (await _get(process.url + path))[0] == 404
        async with connect(process.ws) as client:
            assert (await client.join("public:lobby"))["epoch"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_drains_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    """Native clients see 3001, raw ones 1012, all within the drain time; what was sent before arrives; exit code 0."""
    (tmp_path / "mine.py").write_text(APP)
    (tmp_path / "hubbub.toml").write_text("development = true\n[gateway.drain]\nspread = '500ms'\n")
    async with serving("mine:app", directory=tmp_path) as process, AsyncExitStack() as stack:
        native = [await stack.enter_async_context(connect(process.ws)) for _ in range(20)]
        raw = await stack.enter_async_context(connect(f"ws://127.0.0.1:{process.port}/echo"))
        for client in native:
            await client.join("r")
        await native[0].publish("r", "last words")
        began = time.monotonic()
        process.send(number)
        for client in native:
            assert await client.payloads(1) == ["last words"]
            assert await client.closed() == (3001, "shutdown")
        assert await raw.closed() == (1012, "shutdown")
        assert await process.exit_code() == 0
        assert time.monotonic() - began < 20
        assert "Traceback" not in process.output


async def test_a_second_signal_ends_it_now(tmp_path: Path) -> None:
    """While a client does not let itself be let go, the first signal drains; the second does not wait for it."""
    stubborn = (
        APP
        + """

@app.ws("/stubborn")
async def stubborn(ws: WebSocket) -> None:
    import asyncio
    await ws.accept()
    await ws.send_text("in")
    await asyncio.Event().wait()
"""
    )
    (tmp_path / "mine.py").write_text(stubborn)
    (tmp_path / "hubbub.toml").write_text("[gateway.drain]\nspread = '20s'\ntimeout = '600s'\n")
    async with serving("mine:app", directory=tmp_path) as process, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(f"ws://127.0.0.1:{process.port}/stubborn")) for _ in range(5)
        ]
        for client in clients:
            assert await client.receive() == "in"
        process.send(signal.SIGTERM)
        await process.line_with("gateway.draining")
        began = time.monotonic()
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
        assert time.monotonic() - began < 10
        for client in clients:
            assert (await client.closed())[0] in (1012, 1006)


async def test_a_port_in_use_is_said_clearly(tmp_path: Path) -> None:
    """Exit code 1, one line with the address and what to do, no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with serving(directory=tmp_path, port=port, started=False) as process:
            assert await process.exit_code() == 1
    assert f"could not listen at 127.0.0.1:{port}" in process.output
    assert "--port" in process.output
    assert "Traceback" not in process.output


async def test_an_admin_port_in_use_is_said_as_such(tmp_path: Path) -> None:
    """The address in the message is the one that was taken, which nobody has asked for; so it says what it is for."""
    port = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        async with serving(directory=tmp_path, port=port, started=False) as process:
            assert await process.exit_code() == 1
    assert f"could not listen at 127.0.0.1:{port + 1}, for health and metrics: Address already" in process.output
    assert "gateway.admin.listen" in process.output
    assert "Traceback" not in process.output


async def test_an_app_and_a_file_are_served_together(tmp_path: Path) -> None:
    """`serve module:app --config file`: the endpoint answers, topics that the file does not name are closed."""
    (tmp_path / "mine.py").write_text(APP)
    (tmp_path / "other.toml").write_text(
        '[gateway.limits]\nmax_message = "100B"\n[topics."open:*"]\njoin = "anyone"\npublish = "anyone"\n'
    )
    async with serving("mine:app", "--config", "other.toml", directory=tmp_path) as process:
        assert "mine is listening" in process.output
        async with connect(f"ws://127.0.0.1:{process.port}/echo") as client:
            await client.send("hi")
            assert await client.receive() == "HI"
            await client.send("x" * 101)
            assert (await client.closed())[0] == 1009
        async with connect(process.ws) as client:
            assert (await client.join("open:1"))["offset"] == 0
            refused = await client.ask(action="join_room", room="public:x")
            assert refused["error"]["reason"] == "permission_denied"


async def test_the_environment_counts_and_a_wrong_setting_is_refused(tmp_path: Path) -> None:
    """A variable sets what it names; a value that cannot be is exit code 2 and a letter, before anything is opened."""
    small = {"HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE": "64B"}
    async with serving(directory=tmp_path, environ=small) as process, connect(process.ws) as client:
        await client.send("x" * 65)
        assert (await client.closed())[0] == 1009
    async with serving(directory=tmp_path, started=False, environ={"HUBBUB_GATEWAY__LIMITS__BURST": "many"}) as process:
        assert await process.exit_code() == 2
    assert "HUBBUB_GATEWAY__LIMITS__BURST" in process.output


async def test_a_spent_root_budget_ends_with_1(tmp_path: Path) -> None:
    """A part of the tree that does not stay alive takes the process down, loudly: exit code 1 and why."""
    (tmp_path / "mine.py").write_text(FAILING_APP)
    async with serving("mine:app", directory=tmp_path, started=False) as process:
        assert await process.exit_code() == 1
    assert "gateway.failed" in process.output
    assert "/engine" in process.output


async def test_logs_are_one_json_object_a_line(tmp_path: Path) -> None:
    """With `--log-format json` every line but the greeting is an object with an event and a level."""
    async with serving("--log-format", "json", directory=tmp_path) as process:
        async with connect(process.ws) as client:
            await client.join("r")
            await client.close(4000, "bye")
        await process.line_with("connection.closed")
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    records: list[dict[str, Any]] = [json.loads(line) for line in process.lines if "is listening at" not in line]
    by_event = {record["event"]: record for record in records}
    assert {"gateway.started", "connection.opened", "connection.closed", "gateway.draining"} <= set(by_event)
    closed = by_event["connection.closed"]
    assert (closed["code"], closed["reason"], closed["ended_by"], closed["level"]) == (4000, "bye", "client", "info")


async def test_a_killed_process_comes_back_as_another_epoch(tmp_path: Path) -> None:
    """After a kill and a new start on the same port a reader is told `recovered: false`, and reads on from there."""
    async with serving(directory=tmp_path) as first, connect(first.ws) as client:
        before = await client.join("public:r")
        await client.publish("public:r", {"text": "lost"})
        first.send(signal.SIGKILL)
        assert (await client.closed())[0] == 1006
        assert await first.exit_code() == -signal.SIGKILL
        port = first.port
    async with serving(directory=tmp_path, port=port) as second, connect(second.ws) as client:
        after = await client.join("public:r", since={"offset": 1, "epoch": before["epoch"]})
        assert (after["recovered"], after["offset"]) == (False, 0)
        assert after["epoch"] != before["epoch"]
        await client.publish("public:r", {"text": "new"})
        assert (await client.event())["offset"] == 1


@pytest.mark.slow
async def test_a_blocked_reader_costs_the_process_only_its_bound(tmp_path: Path) -> None:
    """On the loop of the process too: the others hear everything in order, the blocked one is ended, and says why."""
    limits = {"HUBBUB_GATEWAY__LIMITS__OUTBOX_BYTES": "64KiB", "HUBBUB_GATEWAY__LIMITS__BURST": "100000"}
    async with serving(directory=tmp_path, environ=limits) as process:
        blocked = await RawClient.open(process.port, path="/ws")
        blocked.send(frame(b'{"action":"join_room","room":"r"}'))
        await blocked.frame()
        async with connect(process.ws) as speaker, connect(process.ws) as other:
            for client in (speaker, other):
                await client.join("r")
            members = await speaker.ask(action="presence", room="r")
            (lost,) = {one["client"] for one in members["members"]} - {speaker.id, other.id}
            blocked.stop_reading()
            for number in range(200):
                await speaker.publish("r", {"n": number, "text": "x" * 8000}, echo=False)
            assert [payload["n"] for payload in await other.payloads(200)] == list(range(200))
            await process.line_with('"connection.closed"')
        status, _, body = await _get(f"{process.admin_url}/connections/{lost}")
        assert status == 200
        said = json.loads(body)
        assert (said["state"], said["code"], said["ended_by"]) == ("closed", 3008, "slow_consumer")
        assert 0 < said["outbox_bytes"] <= 64 * 1024
        blocked.abort()


async def test_recovery_over_cuts_on_the_loop_of_the_process(tmp_path: Path) -> None:
    """A reader whose connection is cut again and again while somebody publishes hears 1, 2, 3... exactly."""
    count, cuts = 200, 0
    heard: list[int] = []
    async with (
        serving(directory=tmp_path, environ={"HUBBUB_GATEWAY__LIMITS__BURST": "100000"}) as process,
        proxy_to(process.port) as proxy,
        connect(process.ws) as speaker,
    ):

        async def read() -> None:
            while len(heard) < count:
                with suppress(WebSocketException, OSError):
                    async with connect(f"ws://127.0.0.1:{proxy.port}/ws") as client:
                        since = {"offset": heard[-1] if heard else 0, "epoch": ""}
                        await client.say(action="join_room", room="public:r", since=since)
                        while len(heard) < count:
                            heard.append((await client.event())["offset"])

        reading = asyncio.ensure_future(read())
        for number in range(1, count + 1):
            assert (await speaker.publish("public:r", {"text": str(number)}))["offset"] == number
            if number % 10 == 0:
                await when(lambda: len(heard) > number - 40)  # noqa: B023  # awaited at once
                proxy.cut()
                cuts += 1
        async with asyncio.timeout(30):
            await reading
    assert heard == list(range(1, count + 1))
    assert cuts == count // 10


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("no-such-host.invalid", "could not listen at no-such-host.invalid:"),
        ("192.0.2.77", "could not listen at 192.0.2.77:"),
    ],
)
async def test_an_address_that_is_not_ours_is_sent_to_host(tmp_path: Path, host: str, said: str) -> None:
    """A name nobody knows, an address of another machine: the letter is about --host, not about the port."""
    (tmp_path / "mine.py").write_text(APP)
    async with serving("mine:app", "--host", host, directory=tmp_path, started=False) as process:
        assert await process.exit_code() == 1
    assert said in process.output
    assert "--host" in process.output
    assert "--port" not in process.output
    assert "Unknown error" not in process.output


async def test_development_mode_that_others_reach_is_warned_of(tmp_path: Path) -> None:
    """The address to open is one that a browser can open, and the log says what is open to anyone."""
    environ = {"HUBBUB_DEVELOPMENT": "true"}
    async with serving("--host", "0.0.0.0", directory=tmp_path, environ=environ) as process:
        line = await process.line_with("is listening at")
        assert f"http://127.0.0.1:{process.port}: open it" in line
        assert "any IPv4 address of this machine" in line
        assert '"level":"warning"' in await process.line_with("development.exposed")
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    assert '"gateway.stopped"' in process.lines[-1]
