"""
A wire: bytes in, commands out, and back. Sans-I/O: no socket, no loop, no state that a topic would have to know.

A wire never raises for what a client sent: what it cannot understand is an `Invalid` command. What it returns for
writing is framed already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from ..publications import DEFAULT_EVENT
from ..reasons import CLOSE_REASONS, CloseReason

if TYPE_CHECKING:
    from ..commands import Command, Face, Reply, Result
    from ..publications import Item


class Variant(ABC):
    """
    One way of writing a topic's items: they are encoded once per variant, however many members read it.

    Compared by identity: a wire hands out the same object for the same way.
    """

    @abstractmethod
    def frame(self, item: Item) -> bytes:
        """The item as a whole frame; empty if this variant does not show it."""


class Wire(ABC):
    """One connection's protocol. A wire without state may serve all connections with one object."""

    name: ClassVar[str]

    uses_app_frames: ClassVar[bool] = False
    """Whether frames go to the session as they are, instead of being decoded."""

    @abstractmethod
    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        """What the server says first; `ping` is the seconds of silence before it pings."""

    @abstractmethod
    def decode(self, data: str | bytes) -> Iterable[Command]:
        """The commands in one message, in order; each carries the reply handle that its answer needs."""

    @abstractmethod
    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        """The frames that answer a command."""

    @abstractmethod
    def removed(self, topic: str, face: Face, reason: str, *, may_return: bool) -> Sequence[bytes]:
        """What a member is told when the server ended its membership."""

    @abstractmethod
    def variant(self, face: Face, *, presence: bool) -> Variant:
        """How a member of this wire reads a topic."""

    def close_code(self, reason: CloseReason) -> int:
        """The number this wire gives to an end that the server chose."""
        return reason.code


def close_reason(name: str) -> CloseReason:
    """The entry of the table; a name that is none is a mistake of ours."""
    return CLOSE_REASONS[name]


__all__ = ["DEFAULT_EVENT", "Variant", "Wire", "close_reason"]
