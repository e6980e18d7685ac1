"""Close codes, and what of a close may go on the wire (RFC 6455 7.4)."""

from __future__ import annotations

from typing import Final

from gateway.reasons import MAX_CLOSE_REASON_BYTES, validate_close

NO_STATUS: Final = 1005
LOST: Final = 1006
PROTOCOL_ERROR: Final = 1002
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011


def may_be_sent(code: int) -> bool:
    """Whether a close code may stand in a close frame (RFC 6455 7.4)."""
    try:
        validate_close(code)
    except ValueError:
        return False
    return True


def cut(reason: str) -> str:
    """What fits a close frame of a reason for people; a character that would be cut in two goes whole."""
    return reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")
