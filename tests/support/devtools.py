"""The DevTools endpoint of a browser: calls with answers, and events by session, over one socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed


class BrowserError(Exception):
    """The browser, or the page in it, did not do what the test asked."""


class DevTools:
    """One connection to a browser's DevTools endpoint: calls with answers, and events by session."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}
        self._last_id = 0
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, *, session: str | None = None, timeout: float = 15.0, **params: Any) -> Any:
        """
        Calls `method` and returns its result; `session` names the tab, None the browser itself.

        Raises:
            BrowserError: The browser answered with an error, went away, or did not answer within `timeout` seconds.
        """
        self._last_id += 1
        answer = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        command = {"id": self._last_id, "method": method, "params": params}
        await self._socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        try:
            async with asyncio.timeout(timeout):
                reply = await answer
        except TimeoutError:
            raise BrowserError(f"cannot call {method}: no answer in {timeout} s; see whether the tab is busy") from None
        if "error" in reply:
            raise BrowserError(f"cannot call {method}: {reply['error']['message']}; check the arguments: {params}")
        return reply["result"]

    def listen(self, session: str, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Hands every later event of `session` to `listener(method, params)`, in order."""
        self._listeners[session] = listener

    async def close(self) -> None:
        """Closes the socket and fails what still waits; the browser itself goes on."""
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                self._dispatch(json.loads(text))
        gone = BrowserError("cannot reach the browser: its DevTools socket closed; look for a crash of the process")
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(gone)

    def _dispatch(self, frame: dict[str, Any]) -> None:
        if "id" in frame:
            answer = self._pending.pop(frame["id"])
            if not answer.done():
                answer.set_result(frame)
        elif (listener := self._listeners.get(frame.get("sessionId", ""))) is not None:
            listener(frame["method"], frame["params"])
