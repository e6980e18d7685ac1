"""`hubbub top`: asks a running gateway again and again, and shows the answers."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

from .admin_client import AdminClient, CannotWatch
from .terminal import Terminal
from .top import coloured, frame, plain

if TYPE_CHECKING:
    from .top_snapshot import Snapshot

SHARE = 10
"""Times as long as an answer took we wait before the next question: to be watched costs a gateway a tenth at most."""


def one_frame(url: str, interval: float) -> list[str]:
    """
    Returns a frame as plain lines: two looks, `interval` seconds apart, for the rates.

    Raises:
        CannotWatch: There is no gateway.
    """
    return asyncio.run(_one_frame(url, interval))


def watch(url: str, interval: float) -> None:
    """
    Shows the gateway behind the admin listener at `url` every `interval` seconds, until the person leaves.

    Raises:
        CannotWatch: There is no gateway, at the first look. Later ones say so on the screen and go on.
    """
    asyncio.run(_watch(url, interval))


async def _one_frame(url: str, interval: float) -> list[str]:
    async with AdminClient(url) as client:
        before = await client.snapshot()
        await asyncio.sleep(interval)
        now = await client.snapshot()
    columns, rows = shutil.get_terminal_size((80, 24))
    return [plain(line) for line in frame(now, before, columns, rows)]


async def _watch(url: str, interval: float) -> None:
    async with AdminClient(url) as client:
        first = await client.snapshot()
        async with Terminal() as terminal:
            await _Watching(client, terminal, interval, first).run()


class _Watching:
    """The two latest snapshots, and the terminal they are shown on."""

    def __init__(self, client: AdminClient, terminal: Terminal, interval: float, first: Snapshot) -> None:
        self._client = client
        self._terminal = terminal
        self._interval = interval
        self._now = first
        self._before: Snapshot | None = None
        self._note = ""
        self._colours = not os.environ.get("NO_COLOR")  # https://no-color.org

    async def run(self) -> None:
        """Returns when the person leaves, also in the middle of a question that nobody answers."""
        looking = asyncio.ensure_future(self._look_again_and_again())
        leaving = asyncio.ensure_future(self._terminal.left.wait())
        await asyncio.wait({looking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (looking, leaving):
            task.cancel()
        await asyncio.wait({looking, leaving})
        if not looking.cancelled():
            looking.result()

    async def _look_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        took = 0.0
        while True:
            self._draw()
            await self._wait(max(self._interval, SHARE * took))
            asked = loop.time()
            await self._look()
            took = loop.time() - asked if not self._note else 0.0

    async def _look(self) -> None:
        try:
            now = await self._client.snapshot()
        except CannotWatch as error:
            self._note = f"{error.problem}; this is what it said last"
            return
        is_same = now.gateway.uptime >= self._now.gateway.uptime  # else it was started anew, and counts from zero
        self._before, self._now, self._note = self._now if is_same else None, now, ""

    async def _wait(self, seconds: float) -> None:
        """Until the next look; what becomes of the screen meanwhile is drawn at once."""
        ends = asyncio.get_running_loop().time() + seconds
        while True:
            self._terminal.changed.clear()
            try:
                async with asyncio.timeout_at(ends):
                    await self._terminal.changed.wait()
            except TimeoutError:
                return
            self._draw()

    def _draw(self) -> None:
        columns, rows = self._terminal.size()
        lines = frame(self._now, self._before, columns, rows, self._note)
        self._terminal.draw([coloured(line) if self._colours else plain(line) for line in lines])
