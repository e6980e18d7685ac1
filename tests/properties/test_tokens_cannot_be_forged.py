"""Whatever is given as a token is believed only if our secret signed it, and ends in one of two exceptions if not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.access.authenticators import credential_of, is_credential
from gateway.access.identity import Principal, TopicGrant
from gateway.access.tokens import Tokens
from gateway.reasons import InvalidToken, Refused
from tests.support.signed import SECRET, base64url, sealed, signed

NOW = 1_800_000_000.0
TOKENS = Tokens(SECRET)
CLAIMS = {"sub": "42", "channel": "a"}
SENTENCE = 12
"""Characters below which a text may stand in a letter by chance."""
T = TypeVar("T")

NUMBERS = st.integers() | st.floats() | st.sampled_from([10**30, -(10**400), 1e308, NOW, NOW + 1])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("sub", "channel", "exp", "nbf", "iat", "info", "channels", "roles")
SOME_CLAIMS = JSON | st.dictionaries(st.sampled_from(NAMES), JSON)
HEADERS = JSON | st.fixed_dictionaries({"alg": st.sampled_from(["HS256", "HS512", "none", "RS256", ""]) | JSON})
BYTES = st.binary(max_size=60)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda key: key.rstrip("\x00") != SECRET)
"""HMAC pads its key with zeros (RFC 2104), so trailing ones make no other key."""

TEXTS = st.text() | st.text("ab.-_=", max_size=30) | st.builds("{}.{}.{}".format, st.text(), st.text(), st.text())
PARTS = st.builds(lambda *parts: ".".join(map(base64url, parts)), BYTES, BYTES, BYTES)
OURS = signed(CLAIMS)
DAMAGED = st.builds(
    lambda at, put: OURS[:at] + put + OURS[at + 1 :], st.integers(0, len(OURS) - 2), st.text(max_size=2)
)
"""All but the last character, whose last two bits mean nothing: 43 characters of base64 for 32 bytes."""


def read(token: str) -> tuple[Principal | None, TopicGrant | None]:
    """What both kinds of reading find; anything but the two exceptions fails the test."""
    principal, first = attempt(lambda: TOKENS.principal(token, NOW))
    grant, second = attempt(lambda: TOKENS.topic_grant(token, "a", "42", NOW))
    assert len(token) < SENTENCE or token not in first + second
    return principal, grant


def attempt(read: Callable[[], T]) -> tuple[T | None, str]:
    """What was read, or the letter about it."""
    try:
        return read(), ""
    except (InvalidToken, Refused) as error:
        return None, str(error)


@given(TEXTS | PARTS | DAMAGED)
def test_no_text_that_we_did_not_sign_is_believed(token: str) -> None:
    """Any text, or our own token with a character changed, ends in InvalidToken or Refused."""
    assume(token != OURS)
    assert read(token) == (None, None)


@given(HEADERS, SOME_CLAIMS | BYTES)
def test_what_our_secret_signed_is_read_or_refused(header: Any, claims: Any) -> None:
    """Any header and any claims; what was read are the claims that were signed."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    token = sealed(f"{base64url(json.dumps(header).encode())}.{base64url(payload)}")
    principal, _ = read(token)
    if principal is not None:
        assert header["alg"] == "HS256"
        assert principal.id == (json.loads(payload).get("sub") or "")


@given(KEYS, st.sampled_from(["HS256", "HS384", "HS512"]), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_another_key_is_never_believed(key: str, algorithm: str, claims: dict[str, Any]) -> None:
    """Whatever it signs."""
    assert read(signed(CLAIMS | claims, key, algorithm)) == (None, None)


@given(st.sampled_from(["HS384", "HS512", "none"]), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_another_algorithm_is_never_believed(algorithm: str, claims: dict[str, Any]) -> None:
    """Not even with our key: we say how tokens are signed, they do not."""
    assert read(signed(CLAIMS | claims, SECRET, algorithm)) == (None, None)


@given(st.text(), st.lists(st.text().map("base64url.bearer.phx.{}".format) | st.text(), max_size=3), st.text())
def test_any_request_has_a_credential_or_none(header: str, offered: list[str], query: str) -> None:
    """Never an exception, and never anything that is not fit to be looked up."""
    found = credential_of({"Authorization": header}, offered, {"token": query}, query_token=True)
    assert found is None or is_credential(found)
