"""A transport in memory, and a loop that has turns when it is told to: for sockets without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Pipe(asyncio.Transport):
    """
    Keeps what is written, and notes what was asked of it.

    Args:
        half_closes: Whether one direction may end before the other, as with TCP and not with TLS.
    """

    def __init__(self, *, half_closes: bool = False) -> None:
        super().__init__()
        self.written = b""
        self.protocol: asyncio.BaseProtocol | None = None
        self.closing = False
        self.reading = True
        self._half_closes = half_closes

    def write(self, data: Any) -> None:
        assert not self.closing
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def can_write_eof(self) -> bool:
        return self._half_closes

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high, low)

    def get_write_buffer_size(self) -> int:
        return 0


class Loop:
    """What a socket asks of its loop: the time, a turn later, which `run` gives, and a deadline, which never comes."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.now = 0.0
        """What its `tick` says; its time stands still."""

    def time(self) -> float:
        return 0.0

    def tick(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Loop:
        return self

    def cancel(self) -> None:
        return

    def iterate(self) -> None:
        """One iteration: what is put off meanwhile waits for the next."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def run(self) -> None:
        """Until nothing waits."""
        while self.soon:
            self.iterate()
