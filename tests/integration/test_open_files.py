"""A process that may open few files, and clients that have all of them."""

from __future__ import annotations

import asyncio
import json
import resource
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from gateway import Gateway
from gateway.settings.config import GatewaySettings
from gateway.settings.listen import ListenSettings
from tests.support.process import ROOT, Process, free_ports, serving
from tests.support.raw_client import RawClient, upgrade

pytestmark = pytest.mark.slow  # each starts processes of its own

FILES = 64
CLIENTS = 3 * FILES


@pytest.fixture(params=["uvloop", "asyncio"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """With the one loop or the other; accepting is theirs."""
    if request.param == "uvloop":
        return {}
    (tmp_path / "uvloop.py").write_text("raise ImportError('not installed')")
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}"}


async def asked(process: Process, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(process.admin_url + path) as response:
        return response.status, await response.text()


async def test_clients_that_have_all_files_keep_nobody_from_the_admin_listener(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """It says why nobody new comes in, as the metrics and the log do; there is no traceback; it ends with them."""
    async with serving(directory=tmp_path, environ=environ) as process, AsyncExitStack() as stack:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        silent = [await asyncio.open_connection("127.0.0.1", process.port) for _ in range(CLIENTS)]
        for _, writer in silent:
            stack.callback(writer.close)
        line = json.loads(await process.line_with("connection.refused"))
        assert (line["reason"], line["status"], line["address"]) == ("too_many_open_files", 503, "127.0.0.1")
        async with asyncio.timeout(20):  # a file of its own that it has just closed is one more for a client
            while (ready := await asked(process, "/ready"))[0] != 503:
                continue
        assert "files are open" in ready[1]
        assert (await asked(process, "/live"))[0] == 200
        _, numbers = await asked(process, "/metrics")
        assert "hubbub_ready 0.0" in numbers
        for _, writer in silent:
            writer.close()
        async with asyncio.timeout(20):
            while (await asked(process, "/ready"))[0] != 200:
                continue
        async with aiohttp.ClientSession() as session, session.ws_connect(process.ws) as ws:
            await ws.send_json({"action": "join_room", "room": "lobby"})
            assert (await ws.receive_json(timeout=10))["status"] == "joined"
    assert "Traceback" not in process.output
    assert "exception" not in process.output


async def test_who_gets_no_file_is_refused_and_nothing_else(tmp_path: Path, environ: dict[str, str]) -> None:
    """Also who says at once what it wants: no endpoint hears of it, and it is no connection that ended."""
    async with serving(directory=tmp_path, environ=environ) as process, AsyncExitStack() as stack:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        statuses = []
        for _ in range(CLIENTS):
            client = await RawClient.connect(process.port)
            stack.push_async_callback(client.aclose)
            client.send(upgrade("/ws"))
            try:
                statuses.append((await client.response())[0])
            except (asyncio.IncompleteReadError, ConnectionError):
                statuses.append(0)
        _, numbers = await asked(process, "/metrics")
        assert set(statuses) == {0, 101}
        assert f'hubbub_connections_total{{wire="native"}} {statuses.count(101):.1f}\n' in numbers
        assert f'hubbub_connections_refused_total{{status="503"}} {statuses.count(0):.1f}\n' in numbers
        assert "hubbub_connections_closed_total{" not in numbers


LOWER = """
import resource
from gateway import Gateway

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 2_000))
app = Gateway()
"""


async def test_a_program_that_serves_takes_the_files_that_it_may(tmp_path: Path) -> None:
    """A shell gives 1,024 and allows more; it is not raised above what it allows."""
    (tmp_path / "mine.py").write_text(LOWER)
    async with serving("mine:app", directory=tmp_path) as process:
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (2_000, 2_000)


async def test_a_program_that_the_gateway_is_part_of_keeps_its_limit() -> None:
    """Its limits are its own, and those of what it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = min(before[0], 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        app = Gateway()
        await app.start(GatewaySettings(gateway=ListenSettings(port=free_ports())))
        found = resource.getrlimit(resource.RLIMIT_NOFILE)
        await app.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found == (soft, before[1])
