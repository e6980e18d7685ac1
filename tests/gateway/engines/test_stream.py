"""Stream: positions, bounds, recovery and pages, each rule once with readable numbers."""

from __future__ import annotations

import attrs
import pytest

from gateway.engines.stream import History, Position, Stream
from gateway.reasons import Refused


@attrs.frozen
class Note:
    """A publication as the stream sees it."""

    size_bytes: int = 10


def stream_of(count: int, history: History | None = None, *, max_page: int = 1_000) -> Stream[Note]:
    """A stream with `count` notes, one per second from 1 on."""
    stream: Stream[Note] = Stream("e", History() if history is None else history, max_page=max_page)
    for second in range(1, count + 1):
        stream.append(Note(), float(second))
    return stream


def offsets(entries: tuple[object, ...]) -> list[int]:
    """The offsets of entries, in their order."""
    return [entry.offset for entry in entries]  # type: ignore[attr-defined]


def test_offsets_count_from_one() -> None:
    """An empty stream is at offset 0; every append takes the next."""
    stream: Stream[Note] = Stream("e", History())
    assert stream.position == Position(0, "e")
    assert [stream.append(Note(), 0.0).offset for _ in range(3)] == [1, 2, 3]
    assert stream.position == Position(3, "e")


def test_a_stream_needs_an_epoch() -> None:
    """Empty means any epoch, so no stream can have it."""
    with pytest.raises(ValueError, match="could not start a stream"):
        Stream("", History())


def test_the_oldest_goes_by_count_by_bytes_and_by_age() -> None:
    """Three bounds, each alone evicts from the old end."""
    assert offsets(stream_of(5, History(size=2)).page(since=None, limit=None, reverse=False, now=5.0).entries) == [4, 5]
    by_bytes = stream_of(5, History(max_bytes=25))
    assert (len(by_bytes), by_bytes.size_bytes) == (2, 20)
    by_age = stream_of(5, History(ttl=2.0))
    assert offsets(by_age.page(since=None, limit=None, reverse=False, now=5.5).entries) == [4, 5]
    by_age.trim(7.0)
    assert (len(by_age), by_age.size_bytes, by_age.position) == (0, 0, Position(5, "e"))


def test_a_publication_larger_than_the_history_takes_an_offset_and_leaves() -> None:
    """The bound holds whatever comes; who missed it learns that he did."""
    stream = stream_of(2, History(max_bytes=25))
    assert stream.append(Note(26), 2.0) == Position(3, "e")
    assert len(stream) == 0
    assert stream.recover(Position(2, "e"), 2.0).reason == "too_old"


def test_who_missed_something_gets_exactly_that() -> None:
    """Recovery is everything after the position, oldest first, and the top."""
    recovery = stream_of(5).recover(Position(3, "e"), 5.0)
    assert recovery.recovered
    assert recovery.reason is None
    assert offsets(recovery.entries) == [4, 5]
    assert recovery.position == Position(5, "e")


def test_who_missed_nothing_is_recovered_with_nothing() -> None:
    """At the top there is nothing to send, also at the top of an empty stream."""
    assert stream_of(5).recover(Position(5, "e"), 5.0).entries == ()
    assert stream_of(5).recover(Position(5, "e"), 5.0).recovered
    assert stream_of(0).recover(Position(0, "e"), 0.0).recovered


def test_offset_zero_recovers_the_whole_stream() -> None:
    """Who joined before the first publication missed them all; an empty epoch is any."""
    assert offsets(stream_of(3).recover(Position(0, ""), 3.0).entries) == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "limit", "reason"),
    [
        (Position(3, "other"), None, "epoch_changed"),
        (Position(6, "e"), None, "epoch_changed"),
        (Position(6, ""), None, "epoch_changed"),
        (Position(1, "e"), None, "too_old"),
        (Position(0, ""), 1, "too_old"),
        (Position(3, "e"), 1, "limit"),
    ],
)
def test_who_cannot_recover_learns_why(since: Position, limit: int | None, reason: str) -> None:
    """Not recovered means no entries, the top, and one reason. Kept are 3, 4 and 5."""
    recovery = stream_of(5, History(size=3)).recover(since, 5.0, limit=limit)
    assert (recovery.recovered, recovery.entries, recovery.position) == (False, (), Position(5, "e"))
    assert recovery.reason == reason


def test_a_limit_that_suffices_changes_nothing() -> None:
    """The limit counts what was missed."""
    assert offsets(stream_of(5).recover(Position(3, "e"), 5.0, limit=2).entries) == [4, 5]


def test_without_history_nobody_recovers() -> None:
    """A stream that keeps nothing promises nothing, not even to who is at the top; offsets still count."""
    stream = stream_of(3, History.none())
    assert stream.position == Position(3, "e")
    assert stream.recover(Position(3, "e"), 3.0).reason == "no_history"
    assert stream.page(since=None, limit=None, reverse=False, now=3.0).entries == ()


def test_a_cleared_stream_keeps_its_position() -> None:
    """Dropping entries is not a new epoch: who comes from before is too old, who was at the top is not."""
    stream = stream_of(3)
    stream.clear()
    assert (len(stream), stream.size_bytes) == (0, 0)
    assert stream.recover(Position(2, "e"), 3.0).reason == "too_old"
    assert stream.recover(Position(3, "e"), 3.0).recovered
    assert stream.append(Note(), 3.0) == Position(4, "e")


@pytest.mark.parametrize(
    ("since", "limit", "reverse", "expected"),
    [
        (None, None, False, [3, 4, 5, 6]),
        (None, None, True, [6, 5, 4, 3]),
        (None, 2, False, [3, 4]),
        (None, 2, True, [6, 5]),
        (None, 0, False, []),
        (4, None, False, [5, 6]),
        (4, None, True, [3]),
        (4, 1, False, [5]),
        (1, None, False, [3, 4, 5, 6]),
        (1, None, True, []),
        (6, None, False, []),
        (9, None, False, []),
        (9, 2, True, [6, 5]),
    ],
)
def test_a_page_goes_both_ways(since: int | None, limit: int | None, reverse: bool, expected: list[int]) -> None:
    """`since` is left out in either direction; the position is always the top. Kept are 3 to 6."""
    stream = stream_of(6, History(size=4))
    position = None if since is None else Position(since, "e")
    page = stream.page(since=position, limit=limit, reverse=reverse, now=6.0)
    assert offsets(page.entries) == expected
    assert page.position == Position(6, "e")


@pytest.mark.parametrize("offset", [2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**30])
def test_a_position_above_the_top_is_above_it_however_far(offset: int) -> None:
    """Forwards nothing comes after it, backwards all that is kept comes before it; whoever sent it breaks nothing."""
    stream = stream_of(3)
    for limit in (None, 2, offset):
        page = stream.page(since=Position(offset, "e"), limit=limit, reverse=False, now=3.0)
        assert (page.entries, page.position) == ((), Position(3, "e"))
    assert offsets(stream.page(since=Position(offset, ""), limit=offset, reverse=True, now=3.0).entries) == [3, 2, 1]
    assert stream.recover(Position(offset, "e"), 3.0, limit=offset).reason == "epoch_changed"


def test_a_page_has_a_cap() -> None:
    """All means all up to `max_page`, and so does any larger number."""
    stream = stream_of(9, max_page=4)
    assert len(stream.page(since=None, limit=None, reverse=False, now=9.0).entries) == 4
    assert len(stream.page(since=None, limit=8, reverse=True, now=9.0).entries) == 4


def test_a_page_from_another_epoch_is_refused() -> None:
    """An offset of another life names nothing here; without an epoch it is taken as it is."""
    stream = stream_of(3)
    with pytest.raises(Refused) as caught:
        stream.page(since=Position(1, "other"), limit=None, reverse=False, now=3.0)
    assert caught.value.reason == "unrecoverable_position"
    assert offsets(stream.page(since=Position(1, ""), limit=None, reverse=False, now=3.0).entries) == [2, 3]


def test_negative_numbers_are_the_peers_fault() -> None:
    """They are refused as a bad request, never read as an index from the end."""
    stream = stream_of(3)
    for since, limit in ((Position(-1, ""), None), (None, -1)):
        with pytest.raises(Refused, match="bad_request"):
            stream.page(since=since, limit=limit, reverse=False, now=3.0)
    with pytest.raises(Refused, match="bad_request"):
        stream.recover(Position(-1, "e"), 3.0)


@pytest.mark.parametrize("wrong", [{"size": -1}, {"ttl": 0.0}, {"max_bytes": -1}])
def test_a_history_with_impossible_bounds_is_refused(wrong: dict[str, float]) -> None:
    """A setting that cannot be meant fails where it is written."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        History(**wrong)  # type: ignore[arg-type]
