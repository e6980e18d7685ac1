"""Outbox: what waits, what gives way, and when the connection must end."""

from __future__ import annotations

import pytest

from gateway.sockets.frames import ping_frame
from gateway.sockets.outbox import Entry, Outbox, SlowPolicy, Verdict


def entry(
    text: str, at: float = 0.0, *, slow: SlowPolicy = "disconnect", topic: str | None = "t", key: str | None = None
) -> Entry:
    """An entry whose frame is its text."""
    return Entry(text.encode(), at, topic, None, key, slow)


def outbox(*, max_bytes: int = 1000, max_age: float = 10.0, max_entries: int = 4) -> Outbox:
    """An outbox for a handful of entries."""
    return Outbox(max_bytes, max_age, max_entries)


def everything(box: Outbox) -> list[str]:
    """All that would be written, in order."""
    return [frame.decode() for frame in box.take(1 << 30)]


def test_what_goes_in_comes_out_in_order() -> None:
    """Without a bound in sight an outbox is a queue that counts its bytes."""
    box = outbox()
    for text in ("a", "bb", "ccc"):
        assert box.push(entry(text), 0.0) == Verdict(kept=True)
    assert (len(box), box.size_bytes, bool(box)) == (3, 6, True)
    assert everything(box) == ["a", "bb", "ccc"]
    assert (len(box), box.size_bytes, bool(box), box.oldest_at) == (0, 0, False, None)


def test_a_take_is_as_large_as_allowed_but_never_empty() -> None:
    """A frame larger than the allowance goes alone; the rest waits."""
    box = outbox()
    for text in ("aaaa", "bb", "cc"):
        box.push(entry(text), 0.0)
    assert box.take(2) == [b"aaaa"]
    assert box.take(4) == [b"bb", b"cc"]
    assert box.take(4) == []


@pytest.mark.parametrize("bounds", [{"max_bytes": 3}, {"max_entries": 3}])
def test_a_publication_that_must_not_be_lost_overflows(bounds: dict[str, int]) -> None:
    """No room and nothing that may give way: the connection ends, and what waited is untouched."""
    box = outbox(**bounds)
    for text in "abc":
        box.push(entry(text), 0.0)
    assert box.push(entry("d"), 0.0) == Verdict(kept=False, overflow=True)
    assert everything(box) == ["a", "b", "c"]


@pytest.mark.parametrize("bounds", [{"max_bytes": 3}, {"max_entries": 3}])
def test_the_oldest_that_may_be_dropped_gives_way(bounds: dict[str, int]) -> None:
    """Also to an entry of another policy; entries that must stay keep their order around the hole."""
    box = outbox(**bounds)
    old, older = entry("b", slow="drop_oldest"), entry("c", slow="drop_oldest")
    for each in (entry("a"), old, older):
        box.push(each, 0.0)
    assert box.push(entry("d"), 0.0) == Verdict(kept=True, dropped=(old,))
    assert box.push(entry("e", slow="drop_oldest"), 0.0) == Verdict(kept=True, dropped=(older,))
    assert everything(box) == ["a", "d", "e"]


def test_a_large_entry_takes_the_place_of_several() -> None:
    """As many give way as are needed, the oldest first, and no more."""
    box = outbox(max_bytes=6)
    drops = [entry(text * 2, slow="drop_oldest") for text in "abc"]
    for each in drops:
        box.push(each, 0.0)
    assert box.push(entry("ddd"), 0.0).dropped == (drops[0], drops[1])
    assert everything(box) == ["cc", "ddd"]


def test_what_may_be_dropped_never_ends_a_connection_for_lack_of_room() -> None:
    """If the others must stay it is the new one that goes, and nothing else for its sake."""
    box = outbox(max_entries=2)
    box.push(entry("a"), 0.0)
    box.push(entry("b"), 0.0)
    new = entry("c", slow="drop_oldest")
    assert box.push(new, 0.0) == Verdict(kept=False, dropped=(new,))
    small, huge = entry("s", slow="drop_oldest"), entry("x" * 1001, slow="drop_oldest")
    box = outbox()
    box.push(small, 0.0)
    assert box.push(huge, 0.0) == Verdict(kept=False, dropped=(huge,))
    assert everything(box) == ["s"]


def test_a_newer_value_replaces_the_older_of_its_key() -> None:
    """At once, not only when there is no room; it moves to the end, and other keys and topics stay."""
    box = outbox(max_entries=10)
    first = entry("x1", slow="conflate", key="x")
    for each in (
        first,
        entry("y1", slow="conflate", key="y"),
        entry("u1", slow="conflate", key="x", topic="u"),
        entry("plain"),
    ):
        assert box.push(each, 0.0) == Verdict(kept=True)
    assert box.push(entry("x2", slow="conflate", key="x"), 0.0) == Verdict(kept=True, dropped=(first,))
    assert everything(box) == ["y1", "u1", "plain", "x2"]


def test_a_value_that_was_sent_is_not_replaced() -> None:
    """Once taken it is gone; the next of its key stands for itself."""
    box = outbox()
    box.push(entry("x1", slow="conflate", key="x"), 0.0)
    box.take(10)
    assert box.push(entry("x2", slow="conflate", key="x"), 0.0) == Verdict(kept=True)
    assert everything(box) == ["x2"]


def test_conflation_needs_a_key_and_room() -> None:
    """Without a key nothing is replaced; with one the room of the old value counts; other keys do not give way."""
    box = outbox(max_entries=2)
    box.push(entry("a", slow="conflate"), 0.0)
    box.push(entry("x1", slow="conflate", key="x"), 0.0)
    assert box.push(entry("x2", slow="conflate", key="x"), 0.0).kept
    assert box.push(entry("y", slow="conflate", key="y"), 0.0).overflow
    assert box.push(entry("b", slow="conflate"), 0.0).overflow
    assert everything(box) == ["a", "x2"]


def test_what_waited_too_long_ends_the_connection() -> None:
    """Older than the bound, not as old: by itself, and at the next push."""
    box = outbox()
    box.push(entry("a", 5.0), 5.0)
    assert box.oldest_at == 5.0
    assert not box.too_old(15.0)
    assert box.push(entry("b", 15.0), 15.0).kept
    assert box.too_old(15.1)
    assert box.push(entry("c", 15.1), 15.1).overflow
    assert box.push(entry("d", 15.1, slow="drop_oldest"), 15.1).overflow


def test_what_may_be_dropped_is_dropped_when_it_is_too_old() -> None:
    """It ends no connection by its age, and leaves with the next push."""
    box = outbox()
    old = entry("a", 0.0, slow="drop_oldest")
    box.push(old, 0.0)
    assert not box.too_old(99.0)
    assert box.push(entry("b", 99.0), 99.0) == Verdict(kept=True, dropped=(old,))
    assert box.oldest_at == 99.0


def test_age_is_seen_behind_what_may_be_dropped() -> None:
    """An entry that must stay is too old even if it is not the first."""
    box = outbox()
    box.push(entry("a", 0.0, slow="drop_oldest"), 0.0)
    box.push(entry("b", 1.0), 1.0)
    assert not box.too_old(11.0)
    assert box.too_old(11.1)


def test_age_is_seen_behind_what_was_replaced() -> None:
    """A place that a value has left is neither young nor old."""
    box = outbox()
    box.push(entry("a", slow="drop_oldest"), 0.0)
    box.push(entry("x1", slow="conflate", key="x"), 0.0)
    box.push(entry("x2", 5.0, slow="conflate", key="x"), 5.0)
    assert not box.too_old(15.0)
    assert box.too_old(15.1)


def test_a_value_that_is_replaced_does_not_age() -> None:
    """The wait of a key is that of its latest value."""
    box = outbox()
    box.push(entry("x1", 0.0, slow="conflate", key="x"), 0.0)
    assert box.push(entry("x2", 99.0, slow="conflate", key="x"), 99.0).kept
    assert box.oldest_at == 99.0


def test_a_ping_passes_ahead() -> None:
    """It waits for no backlog, and takes none of its room."""
    box = outbox(max_entries=1)
    box.push(entry("a"), 0.0)
    box.push_control(ping_frame(b"1"))
    assert (len(box), box.size_bytes, box.has_controls) == (1, 1, True)
    assert box.take(1) == [ping_frame(b"1")]
    assert box.take(1) == [b"a"]
    assert not box.has_controls


def test_only_the_latest_ping_waits() -> None:
    """Whoever reads neither has one to answer."""
    box = outbox()
    for number in range(100):
        box.push_control(ping_frame(b"%d" % number))
    assert bool(box)
    assert box.take(1000) == [ping_frame(b"99")]


def test_replaced_entries_leave_nothing_behind() -> None:
    """What an outbox holds is bounded by what waits, not by what was replaced behind a stuck entry."""
    box = outbox(max_entries=3)
    box.push(entry("stuck"), 0.0)
    for number in range(1000):
        box.push(entry(f"x{number}", slow="conflate", key="x"), 0.0)
        box.push(entry(f"{number}", slow="drop_oldest"), 0.0)
    assert len(box) == 3
    assert len(box._queue) < 100
    assert everything(box) == ["stuck", "x999", "999"]
