"""Who is logged in: a random id in a cookie, and what it stands for. In memory, so a restart logs everybody out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from gateway import Principal

from .accounts import Account

COOKIE = "session"

LASTS = 12 * 3600.0
"""Seconds from the login: a day at work, and not the night after it."""

MAX_SESSIONS = 10_000
"""The oldest ends for one more: who logs in again and again fills no memory."""


class Sessions:
    """Used on the loop's thread only."""

    def __init__(self, lasts: float = LASTS, wall: Callable[[], float] = time.time) -> None:
        self._lasts = lasts
        self._wall = wall
        self._open: dict[str, Principal] = {}

    def begin(self, account: Account) -> str:
        """Returns the secret for the cookie."""
        while len(self._open) >= MAX_SESSIONS:
            del self._open[next(iter(self._open))]
        secret = secrets.token_urlsafe(32)
        roles = frozenset({"admin"} if account.is_admin else ())
        claims = {"session": secrets.token_hex(8)}  # tells sessions apart, and is no secret
        self._open[secret] = Principal(account.name, roles, claims, expires=self._wall() + self._lasts)
        return secret

    async def load(self, secret: str) -> Principal | None:
        """
        Whose cookie that is; None for one that is made up, ended or too old.

        What has `expires` is closed by the gateway when the time has come; there is no clock here.
        """
        found = self._open.get(secret)
        if found is not None and (found.expires or 0.0) <= self._wall():
            del self._open[secret]
            return None
        return found

    def end(self, secret: str) -> Principal | None:
        """Whose it was; None if it had ended before."""
        return self._open.pop(secret, None)
