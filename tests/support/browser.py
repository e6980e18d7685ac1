"""
A headless Chromium, driven through the DevTools protocol: one process with a fresh profile, one socket to its endpoint.

Tabs are opened in it and close with it; what the process complains about is read and thrown away, and the whole group
of its processes ends with it, also when a test fails.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.devtools import BrowserError, DevTools
from tests.support.tab import Tab

FLAGS = (
    "--headless",
    "--no-sandbox",  # test containers run as root, where Chromium refuses its own sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm of a container is 64 MiB, a renderer needs more
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",  # the second of two tabs would have its timers slowed to 1 Hz
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)
ENDPOINT = re.compile(rb"DevTools listening on (ws://\S+)")


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, None if there is none: the reason to skip a browser test."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """A Chromium process with a fresh profile, for the length of an `async with`."""

    def __init__(self, executable: str | None = None, *, start_timeout: float = 30.0) -> None:
        self._executable = executable
        self._start_timeout = start_timeout
        self._profile = tempfile.TemporaryDirectory(prefix="hubbub-browser-", ignore_cleanup_errors=True)

    async def __aenter__(self) -> Browser:
        executable = self._executable or find_chromium()
        if executable is None:
            raise BrowserError("cannot start a browser: no chromium in PATH; install the package chromium")
        self._process = await asyncio.create_subprocess_exec(
            executable,
            *FLAGS,
            f"--user-data-dir={self._profile.name}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # renderers and zygotes are children; the whole group ends with us
        )
        try:
            async with asyncio.timeout(self._start_timeout):
                self._devtools = DevTools(await connect(await self._endpoint(), max_size=None, proxy=None))
        except BaseException:
            await self._end()
            raise
        self._drain = asyncio.create_task(self._drain_stderr())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrowserError, ConnectionClosed):
            await self._devtools.call("Browser.close", timeout=5.0)
        await self._devtools.close()
        await self._end()
        await self._drain

    async def open(self, url: str, *, isolated: bool = False, width: int = 1280, height: int = 800) -> Tab:
        """
        Opens `url` in a new tab and returns after its load event.

        Tabs share cookies and storage, as those of one person; an `isolated` one has its own, as of another person.
        """
        where: dict[str, Any] = {"browserContextId": await self._new_context()} if isolated else {}
        target = (await self._devtools.call("Target.createTarget", url="about:blank", **where))["targetId"]
        attached = await self._devtools.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self._devtools, attached["sessionId"], target)
        await tab.prepare()
        await tab.resize(width, height)
        await tab.goto(url)
        return tab

    async def _new_context(self) -> str:
        context: str = (await self._devtools.call("Target.createBrowserContext"))["browserContextId"]
        return context

    async def _endpoint(self) -> str:
        """The line Chromium writes once it listens; an event, where the file DevToolsActivePort needs polling."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := ENDPOINT.search(line):
                return found[1].decode()
        raise BrowserError("cannot start the browser: it ended before it listened; run it by hand to see why")

    async def _drain_stderr(self) -> None:
        """Reads what Chromium complains about, lest a full pipe stops it."""
        assert self._process.stderr is not None
        while await self._process.stderr.read(65536):
            pass

    async def _end(self) -> None:
        """Waits 5 s for the process to end by itself, then ends the group it leads."""
        try:
            async with asyncio.timeout(5.0):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await asyncio.to_thread(self._profile.cleanup)
