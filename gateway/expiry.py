"""
When an identity that ends has to be renewed, announced, or enforced. Pure; wall-clock seconds.

A client that can bring a newer token on the same connection gets a warning before, if its wire has a word for it, and a
grace after: it fetches the token from somebody else's server. One that cannot is closed on time and comes back.
"""

from __future__ import annotations

import attrs

WARN_BEFORE = 60.0
"""Seconds: long enough for a page to ask its back end for a token twice."""


@attrs.frozen
class LookAgain:
    """Nothing to do before `at`."""

    at: float


@attrs.frozen
class Warn:
    """Tell the client; then look again at `at`."""

    seconds: float
    at: float


@attrs.frozen
class Over:
    """The connection ends."""


Decision = LookAgain | Warn | Over


def after(wall: float, expires: float, *, grace: float, warned: bool) -> Decision:
    """
    Decides about an identity that ends at `expires`.

    Args:
        grace: Seconds after `expires` in which a newer token is still taken; 0 where none can come.
        warned: Whether the client was told.
    """
    if wall >= expires + grace:
        return Over()
    if not grace or warned:
        return LookAgain(expires + grace)
    if wall >= expires - WARN_BEFORE:
        return Warn(max(0.0, expires - wall), expires + grace)
    return LookAgain(expires - WARN_BEFORE)
