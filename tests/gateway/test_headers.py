"""Request headers, kept small and read when somebody asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.headers import Headers

NAMES = st.text("ABCxyz-09", min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_headers_read_back(sent: list[tuple[str, str]]) -> None:
    """Any name finds its value in any case, the last one of those that were sent twice; colons in values are values."""
    headers = Headers([(name.encode(), value.encode()) for name, value in sent])
    expected = {name.lower(): value for name, value in sent}
    assert dict(headers) == expected
    assert len(headers) == len(expected)
    for name, _ in sent:
        assert headers[name.upper()] == headers.get(name.lower()) == expected[name.lower()]
        assert name.swapcase() in headers
    assert "not sent" not in headers
    assert headers.get("not sent") is None


def test_what_is_no_utf8_is_shown_as_such() -> None:
    """A header is bytes on the wire; a client's mistake is no error of ours."""
    assert Headers([(b"X-Name", b"J\xf6rg")])["x-name"] == "J�rg"


def test_they_show_what_they_are() -> None:
    """In a debugger and in a log."""
    assert repr(Headers([(b"Host", b"h")])) == "<Headers {'host': 'h'}>"
