"""
How one connection ends: who ended it, with which code and words. Pure.

The first reason counts, but for a close that waits for its reader: that one may turn out to be too slow for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_codes import INTERNAL_ERROR, LOST
from ..messages.connection_messages import Close
from ..reasons import CLOSE_REASONS

if TYPE_CHECKING:
    from ..messages.connection_messages import SocketClosed
    from ..protocols.base import Wire

NORMAL = 1000
"""What app code closes with unless it says otherwise; each wire has a number of its own for that."""


class Ending:
    """Of one connection; nothing is known of it before somebody closes, or the socket is gone."""

    __slots__ = ("_wire", "closed", "closing")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.closing: Close | None = None
        """Why we close; None: we do not, or the peer was first."""
        self.closed: SocketClosed | None = None
        """What the socket said at its end; None: it is there, or was never."""

    @property
    def has_begun(self) -> bool:
        return self.closing is not None or self.closed is not None

    def choose(self, close: Close) -> bool:
        """We close it for that reason; whether nothing had ended it before."""
        if self.has_begun:
            return False
        self.closing = close
        return True

    def change_to(self, close: Close) -> None:
        """It ends for another reason than the one that was chosen, which its client was not told yet."""
        self.closing = close

    def insist(self, close: Close) -> None:
        """It ends here and now, whether or not its socket is still there; an earlier reason stays."""
        self.closing = self.closing or close

    def socket_is_gone(self, closed: SocketClosed, sent: tuple[int, str] | None) -> None:
        """
        The last thing a socket says.

        Args:
            sent: The close frame that it has sent, if it has.
        """
        self.closed = closed
        if self.closing is None and sent is not None and closed.code == LOST:
            # the socket itself found the fault: a message too big, no UTF-8, or a bug of ours while it was told
            self.closing = Close(
                code=sent[0], text=sent[1], ended_by="crash" if sent[0] == INTERNAL_ERROR else "client"
            )

    def code_of(self, close: Close) -> tuple[int, str]:
        """Code and words as the wire has them."""
        if close.reason is None and close.code != NORMAL:
            return close.code, close.text
        entry = CLOSE_REASONS[close.reason or "normal"]  # 1000 tells some clients not to come back, and some to
        return self._wire.close_code(entry), close.text or (self._wire.close_text(entry) if close.reason else "")

    def words(self) -> tuple[int, str]:
        """What app code and the fact say: our own close if we closed, else what the socket said."""
        if self.closing is not None:
            return self.code_of(self.closing)
        if self.closed is not None:
            return self.closed.code, self.closed.reason
        return LOST, ""

    @property
    def ended_by(self) -> str:
        """One of those that `ConnectionClosed` names."""
        if self.closing is not None:
            return self.closing.ended_by
        return "client" if self.closed is not None and self.closed.code != LOST else "transport"
