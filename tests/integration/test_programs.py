"""What a gateway lives in: an aiohttp application that it is mounted into, a program that calls `run`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from gateway import Gateway, WebSocket
from tests.support.client import connect, settings
from tests.support.process import ROOT, Process, free_ports
from tests.support.raw_client import PATIENCE

Serve = Any


async def test_e9_mounted_into_an_application_it_lives_and_ends_with_it(actor_loop: Any) -> None:
    """The application's own routes go first, also those declared later; sockets work; its cleanup ends the gateway."""
    app, application = Gateway(settings=settings(ADMIN__LISTEN="off")), web.Application()
    app.ws("/sockets/{name}")(hello)
    app.mount_into(application)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="page of " + request.match_info["name"])

    application.router.add_get("/pages/{name}", page)
    application.router.add_get("/{name}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as http, connect(f"ws://127.0.0.1:{port}/sockets/x") as client:
        assert await client.receive() == "hello x"
        assert await (await http.get(f"http://127.0.0.1:{port}/pages/y")).text() == "page of y"
        assert await (await http.get(f"http://127.0.0.1:{port}/z")).text() == "page of z"
        assert (await http.post(f"http://127.0.0.1:{port}/sockets/x")).status == 405
        assert len(app.connections) == 1
        async with asyncio.timeout(PATIENCE):
            cleaning = asyncio.ensure_future(runner.cleanup())
            assert (await client.closed())[0] == 1012
            await cleaning
    with pytest.raises(RuntimeError, match="not running"):
        _ = app.node


async def test_a_page_of_a_mounted_gateway_has_a_head(actor_loop: Any, tmp_path: Path) -> None:
    """Monitors ask that way, and are answered so by a gateway that listens itself; an endpoint has a GET alone."""
    (tmp_path / "page.txt").write_text("here it is")
    app, application = Gateway(settings=settings(ADMIN__LISTEN="off")), web.Application()
    app.static("/", tmp_path)
    app.ws("/sockets/{name}")(hello)
    app.mount_into(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession() as http:
        head = await http.head(f"{url}/page.txt")
        assert (head.status, head.headers["Content-Length"], await head.text()) == (200, "10", "")
        for method, path in (("POST", "/page.txt"), ("HEAD", "/sockets/x"), ("POST", "/sockets/x")):
            assert (await http.request(method, url + path)).status == 405
    async with asyncio.timeout(PATIENCE):
        await runner.cleanup()


async def hello(ws: WebSocket, name: str) -> None:
    await ws.accept()
    await ws.send_text(f"hello {name}")
    await ws.receive()


PROGRAM = """
from gateway import Gateway, WebSocket

app = Gateway(title="program")

@app.ws("/echo")
async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for frame in ws:
        await ws.send_text(frame.text().upper())

raise SystemExit(app.run(host="127.0.0.1", port=PORT, config="program.toml"))
"""


@pytest.mark.slow
async def test_c9_a_program_runs_its_gateway_with_a_file(serve: Serve, tmp_path: Path) -> None:
    """`app.run` blocks, obeys the file and goes before it with what it is given, and returns the exit code."""
    port = free_ports()
    (tmp_path / "program.py").write_text(PROGRAM.replace("PORT", str(port)))
    (tmp_path / "program.toml").write_text('[gateway]\nport = 1\n[gateway.limits]\nmax_message = "10B"\n')
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", cwd=tmp_path, env=environ, stderr=asyncio.subprocess.PIPE
    )
    process = Process(child, port)
    try:
        await process.line_with("program is listening at")
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("hello")
            assert await client.receive() == "HELLO"
            await client.send("more than ten bytes")
            assert (await client.closed())[0] == 1009
        process.send(signal.SIGTERM)
        assert await process.exit_code() == 0
    finally:
        await process.kill()
