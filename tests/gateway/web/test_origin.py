"""Whose pages may connect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.origin import is_local_name, is_same_origin


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        (None, "example.org", True),  # no page, nobody to protect
        ("https://example.org", "example.org", True),
        ("https://example.org:443", "example.org", True),
        ("http://example.org", "example.org:80", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://EXAMPLE.org", "example.ORG", True),
        ("https://example.org", "example.org:8443", False),
        ("https://evil.test", "example.org", False),
        ("https://example.org.evil.test", "example.org", False),
        ("https://example.org@evil.test", "example.org", False),
        ("http://localhost:8001", "localhost:8000", False),
        ("null", "example.org", False),
        ("", "", False),
        ("file://", "example.org", False),
        ("http://none", None, False),
        ("http://[", "example.org", False),
        ("http://example.org:99999", "example.org", False),
        ("//", "example.org", False),
    ],
)
def test_the_same_host_and_port_is_ours(origin: str | None, host: str | None, same: bool) -> None:
    """The scheme does not count, because TLS may end before us; everything else does."""
    assert is_same_origin(origin, host, (), "") is same


def test_what_is_allowed_is_allowed() -> None:
    """By its exact name, or all of them by a star."""
    assert is_same_origin("https://app.test", "example.org", ("https://app.test",), "")
    assert not is_same_origin("http://app.test", "example.org", ("https://app.test",), "")
    assert is_same_origin("null", "example.org", ("*",), "")


def test_the_public_url_goes_before_the_host_header() -> None:
    """Behind a proxy the header may name something else."""
    assert is_same_origin("https://example.org", "internal:8000", (), "https://example.org/chat")
    assert not is_same_origin("http://internal:8000", "internal:8000", (), "https://example.org")


@given(st.text(), st.text() | st.none())
def test_any_header_is_answered(origin: str, host: str | None) -> None:
    """Never a traceback, whatever a client writes."""
    assert is_same_origin(origin, host, (), "") in (True, False)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("chat.localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("192.0.2.7", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("notlocalhost", False),
        ("", False),
        (None, False),
        ("[", False),
    ],
)
def test_only_this_machines_own_names_are_local(host: str | None, is_local: bool) -> None:
    """An address cannot be made to point elsewhere; a name can."""
    assert is_local_name(host) is is_local
