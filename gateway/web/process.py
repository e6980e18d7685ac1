"""A gateway as a process: its loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import structlog

from actors import SystemFailed

from ..limits import open_files
from .collector import Collector
from .guard import Guard
from .listening.listener import CannotListen
from .listening.tls import CannotUseCertificate
from .signals import Signals

if TYPE_CHECKING:
    from ..application.app import Gateway
    from ..settings.config import GatewaySettings


LEFT_WITHIN = 1.0
"""Seconds for tasks and threads that are left when the gateway is down: what was going to end has been cancelled."""

SHORTEST_DRAIN = 1.0
"""Seconds that the tree has to end in, also where `gateway.drain.timeout` is 0."""


def run(app: Gateway, settings: GatewaySettings) -> int:
    """
    Serves until SIGTERM, SIGINT or SIGHUP, drains, and returns 0; a second signal ends it now. 1 if it failed.

    Within `gateway.drain.timeout` of the signal it returns, or the process ends without it: app code that swallows its
    cancellation, or blocks the loop, is not waited for. The limit of open files is raised as far as it may be.

    Raises:
        RuntimeError: Not on the main thread, the only one that hears of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        fact = f"signals come to the main thread, and this is {threading.current_thread().name}"
        raise RuntimeError(f"could not run: {fact}; call it there, or `await app.start()` in a loop of this thread")
    open_files.raise_limit()
    patience = max(settings.gateway.drain.timeout, SHORTEST_DRAIN)
    with (
        Guard(_cut_short) as guard,
        Signals(guard, patience) as signals,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        code = _run(runner, app, settings, signals)
        guard.end_within(LEFT_WITHIN, code, "a task or a thread went on after the gateway had stopped")
        return code


def leave_within(code: int) -> None:
    """Of a program that has nothing else to do: threads that nobody ends do not keep the interpreter."""
    guard = Guard(_cut_short)
    guard.start()
    guard.end_within(LEFT_WITHIN, code, "a thread went on after the gateway had stopped")


def _cut_short(why: str) -> None:
    structlog.get_logger("hubbub").error("gateway.cut_short", why=why)


def _run(runner: asyncio.Runner, app: Gateway, settings: GatewaySettings, signals: Signals) -> int:
    try:
        return runner.run(_serve(app, settings, signals))
    except SystemFailed as error:
        structlog.get_logger("hubbub").error("gateway.failed", error=str(error.__cause__))
        return 1
    except CannotListen as error:
        structlog.get_logger("hubbub").error("gateway.not_started", error=f"{error}; {error.hint}")
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


async def _serve(app: Gateway, settings: GatewaySettings, signals: Signals) -> int:
    signals.wake(asyncio.get_running_loop())
    collector = Collector(lambda: len(app.node.directory))
    collector.start()
    await app.start(settings)
    sweeping = asyncio.ensure_future(collector.run())
    try:
        _greet(app)
        ended = asyncio.ensure_future(_wait(app.node.system.root.terminated))
        waiting = asyncio.ensure_future(signals.asked.wait())
        await asyncio.wait({ended, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ended.done():
            await _drain(app, signals.insisted)
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
    url, anywhere = _to_open(server.url)
    with suppress(OSError):  # a full disk or a reader that has gone: there are clients, who do not read it
        click.echo(f"{app.title} is listening at {url}: {page}{anywhere}{admin}", err=True)


def _to_open(url: str) -> tuple[str, str]:
    """What a browser here can open: `0.0.0.0` and `::` are all addresses of their kind, and none that one visits."""
    for wildcard, loopback, kind in (("//0.0.0.0:", "//127.0.0.1:", "IPv4"), ("//[::]:", "//[::1]:", "IPv6")):
        if wildcard in url:
            return url.replace(wildcard, loopback), f"; others reach it at any {kind} address of this machine"
    return url, ""
