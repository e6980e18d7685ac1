"""Where a credential stands: in a header, a subprotocol, the URL or a cookie; garbage is as if it was not there."""

from __future__ import annotations

import base64

import pytest

from gateway.access.authenticators import BEARER_SUBPROTOCOL, CookieSession, cookie_of, credential_of
from gateway.access.tokens import MAX_TOKEN


def encoded(token: bytes) -> str:
    return BEARER_SUBPROTOCOL + base64.b64encode(token).decode().rstrip("=")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   a.b-c_~+/== ", "a.b-c_~+/=="),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Bearer\tabc", None),
        ("Bearer ä", None),
        ("Bearer a\x00", None),
        ("Basic YTpi", None),
        ("abc", None),
        ("", None),
        ("Bearer " + "x" * MAX_TOKEN, "x" * MAX_TOKEN),
        ("Bearer " + "x" * (MAX_TOKEN + 1), None),
    ],
)
def test_the_authorization_header_is_read(header: str, token: str | None) -> None:
    """RFC 6750 2.1; garbage is as if it was not there."""
    assert credential_of({"Authorization": header}, (), {}, query_token=False) == token


@pytest.mark.parametrize(
    ("offered", "token"),
    [
        (["phoenix", encoded(b"abc")], "abc"),
        (["phoenix", BEARER_SUBPROTOCOL + "YWJj"], "abc"),
        ([BEARER_SUBPROTOCOL + "YQ"], "a"),
        ([BEARER_SUBPROTOCOL + "YQ=="], "a"),
        ([BEARER_SUBPROTOCOL + "Pz8-Pj9-"], "??>>?~"),
        ([BEARER_SUBPROTOCOL + "Pz8+Pj9+"], "??>>?~"),
        ([BEARER_SUBPROTOCOL + "Pz_-"], None),
        ([BEARER_SUBPROTOCOL + "*", encoded(b"abc")], "abc"),
        ([BEARER_SUBPROTOCOL, encoded(b"abc")], "abc"),
        ([BEARER_SUBPROTOCOL + "Y"], None),
        ([BEARER_SUBPROTOCOL + "ä"], None),
        ([BEARER_SUBPROTOCOL + "YW Jj"], None),
        ([encoded(b"a b")], None),
        ([encoded(b"\x00")], None),
        (["base64url.bearer.YWJj", "phoenix"], None),
        ([], None),
    ],
)
def test_the_subprotocol_of_phoenix_is_read(offered: list[str], token: str | None) -> None:
    """In both alphabets of base64, without padding; garbage is as if it was not there."""
    assert credential_of({}, offered, {}, query_token=False) == token


def test_a_token_in_the_url_is_believed_only_if_that_is_allowed() -> None:
    """And after the others."""
    query = {"token": "q"}
    assert credential_of({}, (), query, query_token=False) is None
    assert credential_of({}, (), query, query_token=True) == "q"
    assert credential_of({}, (), {"token": "a b"}, query_token=True) is None
    assert credential_of({}, (), {}, query_token=True) is None
    subprotocols = [encoded(b"s")]
    assert credential_of({}, subprotocols, query, query_token=True) == "s"
    assert credential_of({"Authorization": "Bearer h"}, subprotocols, query, query_token=True) == "h"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sid=abc", "abc"),
        ("a=1; sid=abc; b=2", "abc"),
        ("a=1;sid=abc", "abc"),
        (";; a;=;sid=abc", "abc"),
        ('a="unclosed; sid=abc', "abc"),
        ("a=ä\x00; sid=abc", "abc"),
        ('sid="abc"', "abc"),
        ("sid=a=b==", "a=b=="),
        ("sid=first; sid=second", "first"),
        ("sid=; sid=second", "second"),
        ("SID=abc", None),
        ("xsid=abc", None),
        ("sid", None),
        ("sid=", None),
        ('sid=""', None),
        ('sid="abc', None),
        ("sid=a b", None),
        ("sid=a,b", None),
        ("sid=ä", None),
        ("sid=a\\b", None),
        ("", None),
    ],
)
def test_a_cookie_is_found_whatever_stands_beside_it(header: str, value: str | None) -> None:
    """RFC 6265; one that a browser could not have been given is none."""
    assert cookie_of(header, "sid") == value


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "ä"])
def test_a_name_that_no_cookie_has_is_refused(name: str) -> None:
    """When the app is written, not when nobody can log in."""
    with pytest.raises(ValueError, match="no cookie is called so"):
        CookieSession(name, str)
