"""Who listens to a socket to which nobody does."""

from __future__ import annotations

from typing import Final


class Nobody:
    """The listener of a socket that has none: before its factory returned, and after `closed`."""

    __slots__ = ()

    def text_received(self, data: str, is_alone: bool = False) -> bool:
        return True

    def bytes_received(self, data: bytes, is_alone: bool = False) -> bool:
        return True

    def pong_received(self, data: bytes) -> None: ...
    def congested(self) -> None: ...
    def shut(self) -> None: ...
    def writable(self) -> None: ...
    def closed(self, code: int, reason: str, clean: bool) -> None: ...


NOBODY: Final = Nobody()
