"""What a cookie stands for, for how long, and how many of them there may be."""

from __future__ import annotations

import pytest

from examples.chat.accounts import Account
from examples.chat.sessions import LASTS, MAX_SESSIONS, Sessions

ADA = Account("Ada", is_admin=True, salt=b"", digest=b"")

pytestmark = pytest.mark.actors


async def test_a_session_is_of_its_account_until_it_ends() -> None:
    """It has the roles that the account had; ending it twice is no error, and says whose it was once."""
    sessions = Sessions()
    secret = sessions.begin(ADA)
    found = await sessions.load(secret)
    assert found is not None
    assert (found.id, found.roles) == ("Ada", frozenset({"admin"}))
    assert sessions.end(secret) == found
    assert sessions.end(secret) is await sessions.load(secret) is None


async def test_a_session_is_worth_nothing_when_its_time_is_over() -> None:
    """From that moment on, and not a second later."""
    at = [1000.0]
    sessions = Sessions(wall=lambda: at[0])
    secret = sessions.begin(ADA)
    at[0] += LASTS - 1
    assert await sessions.load(secret) is not None
    at[0] += 1
    assert await sessions.load(secret) is None


async def test_there_is_an_end_of_sessions() -> None:
    """The oldest makes place for one more, so logging in for ever fills no memory."""
    sessions = Sessions()
    secrets = [sessions.begin(ADA) for _ in range(MAX_SESSIONS + 1)]
    assert await sessions.load(secrets[0]) is None
    assert await sessions.load(secrets[1]) is not None
