"""Why a connection of a test is over, in the gateway's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..reasons import CLOSE_REASONS

if TYPE_CHECKING:
    from ..events import ConnectionClosed

BY_WORDS = {entry.meaning: entry.name for entry in CLOSE_REASONS.values()}
BY_CODE = {1000: "normal", 1001: "going_away", 1006: "lost"}
"""Of ends without words: ours and the client's say so, and a lost transport has none."""


@attrs.frozen
class Closed:
    """The end of one connection, as the server knows it."""

    code: int
    reason: str
    """A name of the gateway's table, such as `heartbeat_lost`; `lost` without a close frame; else the words of whoever
    closed it."""
    ended_by: str
    """As in the fact `ConnectionClosed`: `client`, `app`, `heartbeat`, `transport` and so on."""

    @classmethod
    def of(cls, fact: ConnectionClosed) -> Closed:
        name = BY_WORDS.get(fact.reason, fact.reason) or BY_CODE.get(fact.code, "")
        return cls(fact.code, name, fact.ended_by)
