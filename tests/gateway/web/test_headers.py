"""Request headers, kept small and read when somebody asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.web.headers import SHARED_BYTES, Headers

NAMES = st.one_of(st.text("ABCxyz-09", min_size=1, max_size=8), st.sampled_from(["Host", "HOST", "Origin", "origin"]))
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_headers_read_back(sent: list[tuple[str, str]]) -> None:
    """Any name finds its value in any case, of those that were sent twice the first; colons in values are values."""
    headers = Headers([(name.encode(), value.encode()) for name, value in sent])
    expected = {name.lower(): value for name, value in reversed(sent)}
    request = CIMultiDict(sent)
    assert dict(headers) == expected
    assert len(headers) == len(expected)
    for name, _ in sent:
        assert headers[name.upper()] == headers.get(name.lower()) == expected[name.lower()] == request[name]
        assert name.swapcase() in headers
    assert "not sent" not in headers
    assert headers.get("not sent") is None


def test_what_is_no_utf8_is_shown_as_such() -> None:
    """A header is bytes on the wire; a client's mistake is no error of ours."""
    assert Headers([(b"X-Name", b"J\xf6rg")])["x-name"] == "J�rg"


def test_browsers_of_one_kind_share_what_is_the_same() -> None:
    """The bytes are there once; what is one client's alone is not remembered beyond it."""

    def sent(key: bytes) -> list[tuple[bytes, bytes]]:
        agent = b"".join((b"Mozilla", b"/5.0"))  # another object each time
        return [(b"Host", b"h"), (b"Cookie", key), (b"User-Agent", agent)]

    one, other = Headers(sent(b"a")), Headers(sent(b"b"))
    assert one._common is other._common == b"Host:h\nUser-Agent:Mozilla/5.0"
    assert (one["cookie"], other["cookie"]) == ("a", "b")


def test_too_much_is_not_shared() -> None:
    """Nobody fills memory with lines that outlive their connection."""
    long = [(b"User-Agent", b"x" * SHARED_BYTES)]
    assert Headers(long)._common is not Headers(long)._common
    assert Headers(long) == Headers(long)


def test_they_show_what_they_are() -> None:
    """In a debugger and in a log."""
    assert repr(Headers([(b"Host", b"h")])) == "<Headers {'host': 'h'}>"
