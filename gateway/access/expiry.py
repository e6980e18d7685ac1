"""
When an identity that ends has to be renewed, announced, or enforced. Pure; wall-clock seconds.

A client that can bring a newer token on the same connection gets a warning before, if its wire has a word for it, and a
grace after: it fetches the token from somebody else's server. One that cannot is closed on time and comes back.
"""

from __future__ import annotations

import attrs

WARN_BEFORE = 60.0
"""Seconds: long enough for a page to ask its back end for a token twice. Of one that lives shorter it is half its life:
a client that was warned at once would renew as fast as it can."""


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


def warn_at(wall: float, expires: float | None) -> float | None:
    """When to warn of the end of an identity that is taken now; None if it has none."""
    return None if expires is None else max(expires - WARN_BEFORE, (wall + expires) / 2)


def after(wall: float, expires: float, *, grace: float, warn_at: float | None) -> Decision:
    """
    Decides about an identity that ends at `expires`.

    Args:
        grace: Seconds after `expires` in which a newer token is still taken; 0 where none can come.
        warn_at: When to tell the client; None: it was told, or could not do anything about it.
    """
    if wall >= expires + grace:
        return Over()
    if warn_at is None:
        return LookAgain(expires + grace)
    if wall >= warn_at:
        return Warn(max(0.0, expires - wall), expires + grace)
    return LookAgain(warn_at)
