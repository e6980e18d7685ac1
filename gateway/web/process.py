"""A gateway as a process: its loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import click
import structlog

from actors import SystemFailed

from .collector import Collector
from .listener import CannotListen
from .tls import CannotUseCertificate

if TYPE_CHECKING:
    from ..app import Gateway
    from ..config import GatewaySettings


def run(app: Gateway, settings: GatewaySettings) -> int:
    """Serves until SIGTERM or SIGINT, drains, and returns 0; a second signal ends it now. 1 if it failed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(_serve(app, settings))
        except SystemFailed as error:
            structlog.get_logger("hubbub").error("gateway.failed", error=str(error.__cause__))
            return 1
        except CannotListen as error:
            hint = "choose another with --port, gateway.admin.listen or gateway.uds"
            structlog.get_logger("hubbub").error("gateway.not_started", error=f"{error}; {hint}")
            return 1
        except CannotUseCertificate as error:
            structlog.get_logger("hubbub").error("gateway.not_started", error=str(error))
            return 1


def _loop_factory() -> Any:
    """uvloop's if it is installed: twice the messages per core."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(app: Gateway, settings: GatewaySettings) -> int:
    loop = asyncio.get_running_loop()
    asked, insisted = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            insisted.set()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    collector = Collector(lambda: len(app.node.directory))
    collector.start()
    await app.start(settings)
    sweeping = asyncio.ensure_future(collector.run())
    try:
        _greet(app)
        ended = asyncio.ensure_future(_wait(app.node.system.root.terminated))
        waiting = asyncio.ensure_future(asked.wait())
        await asyncio.wait({ended, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ended.done():
            await _drain(app, insisted)
        ended.cancel()
    finally:
        sweeping.cancel()
        collector.stop()
        await app.stop()
    return 0


async def _drain(app: Gateway, insisted: asyncio.Event) -> None:
    draining, now = asyncio.ensure_future(app.drain()), asyncio.ensure_future(insisted.wait())
    await asyncio.wait({draining, now}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, now):
        task.cancel()
    await asyncio.wait({draining, now})


async def _wait(future: Any) -> None:
    await future


def _greet(app: Gateway) -> None:
    """The one line a person looks for; on standard error, as logs are."""
    server = app.server
    page = "open it in a browser" if app.pages and server.url.startswith("http") else "connect to it"
    admin = f"; health and metrics at {server.admin_url}" if server.admin_url else ""
    click.echo(f"{app.title} is listening at {server.url}: {page}{admin}", err=True)
