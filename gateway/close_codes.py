"""Codes of the close frame, and what may stand beside them (RFC 6455 7.4)."""

from __future__ import annotations

from typing import Final

NO_STATUS: Final = 1005
"""What a close frame without a code is reported as; never sent (RFC 6455 7.1.5)."""
LOST: Final = 1006
"""What a socket reports that ended without a close frame; never sent."""
PROTOCOL_ERROR: Final = 1002
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

MAX_CLOSE_REASON_BYTES = 123
"""RFC 6455 5.5: a control frame carries at most 125 bytes, and two of them are the code."""


def validate_close(code: int, reason: str = "") -> None:
    """
    Checks what is about to go into a close frame.

    1004, 1005, 1006 and 1015 are never sent (RFC 6455 7.4.1); 1012-1014 are IANA's later entries.

    Raises:
        ValueError: The code may not be sent, or the reason is longer than 123 bytes or no valid text.
    """
    if not is_sendable(code):
        raise ValueError(
            f"could not close with code {code!r}: it may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999"
        )
    try:
        size = len(reason.encode())
    except UnicodeEncodeError:
        raise ValueError(f"could not close with reason {reason!r}: it is not valid UTF-8; remove surrogates") from None
    if size > MAX_CLOSE_REASON_BYTES:
        raise ValueError(f"could not close with a reason of {size} bytes: a close frame holds 123; shorten it")


def cut_reason(text: str) -> str:
    """As much of a reason for people as a close frame holds; a character that would be cut in two goes whole."""
    return text.encode(errors="replace")[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")


def is_sendable(code: int) -> bool:
    """Whether a close code may stand in a close frame (RFC 6455 7.4)."""
    return type(code) is int and (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999)
