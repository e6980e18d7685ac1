"""Close codes: what RFC 6455 lets into a close frame goes in, and nothing else."""

from __future__ import annotations

import pytest

from gateway.close_codes import cut_reason, is_sendable, validate_close


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4000, 4999])
def test_a_code_that_may_be_sent_passes(code: int) -> None:
    """RFC 6455 7.4, and 1012-1014 of IANA's registry."""
    validate_close(code, "x" * 123)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, True])
def test_a_code_that_may_not_be_sent_is_refused(code: int) -> None:
    """1004, 1005, 1006 and 1015 are for reports, the rest belongs to nobody."""
    with pytest.raises(ValueError, match="may not be sent"):
        validate_close(code)


def test_a_reason_is_measured_in_bytes() -> None:
    """123 bytes are what a close frame has left, however few characters they are."""
    validate_close(1000, "é" * 61)
    with pytest.raises(ValueError, match="124 bytes"):
        validate_close(1000, "é" * 62)
    with pytest.raises(ValueError, match="not valid UTF-8"):
        validate_close(1000, "\ud800")


@pytest.mark.parametrize("text", ["", "bye", "x" * 124, "é" * 62, "€" * 42, "a" + "😀" * 40, "\ud800" * 130])
def test_a_reason_that_was_cut_fits_and_begins_as_it_did(text: str) -> None:
    """123 bytes at most, and no half of a character; what is no text at all becomes question marks."""
    cut = cut_reason(text)
    validate_close(1000, cut)
    assert text.replace("\ud800", "?").startswith(cut)
    assert len(cut.encode()) > 123 - 4 or cut == text


def test_what_is_only_reported_is_never_sent() -> None:
    """1005 and 1006 are what an end without a close frame is called (RFC 6455 7.4.1)."""
    assert [code for code in (1000, 1005, 1006, 1015, 4000) if is_sendable(code)] == [1000, 4000]
