"""Buckets by key: whose they are, that they are forgotten, that they are not too many."""

from __future__ import annotations

import pytest

from gateway.limits.shared_buckets import NOBODY, SharedBuckets, key_of


def test_each_key_has_its_own_burst() -> None:
    """What one uses up the other still has."""
    buckets = SharedBuckets(1.0, 2)
    assert [buckets.take("a", 0.0) for _ in range(2)] == [0.0, 0.0]
    assert buckets.take("a", 0.0) == pytest.approx(1.0)
    assert buckets.take("b", 0.0) == 0.0


def test_nobody_never_waits_and_is_not_kept() -> None:
    """The anonymous, and who is on this machine, are not counted together."""
    buckets = SharedBuckets(1.0, 1)
    assert [buckets.take(NOBODY, 0.0) for _ in range(9)] == [0.0] * 9
    assert len(buckets) == 0


def test_what_is_full_again_is_forgotten() -> None:
    """Two for each that comes: the table shrinks while it is used."""
    buckets = SharedBuckets(1.0, 1)
    for number in range(10):
        buckets.take(f"old{number}", 0.0)
    assert len(buckets) == 10
    for number in range(10):
        buckets.take(f"new{number}", 5.0)
    assert len(buckets) == 10
    assert buckets.take("new0", 5.0) > 0.0


def test_above_the_capacity_the_one_used_least_lately_goes() -> None:
    """Whoever goes on asking stays."""
    buckets = SharedBuckets(1.0, 2, capacity=2)
    for key in ("a", "a", "b", "a", "c"):  # b is older than a when c comes
        buckets.take(key, 0.0)
    assert len(buckets) == 2
    assert buckets.take("a", 0.0) > 0.0


def test_what_was_not_used_can_be_given_back() -> None:
    """Then it is there for the others; to a key that was forgotten it is nothing."""
    buckets = SharedBuckets(1.0, 4)
    buckets.take("a", 0.0, 4)
    buckets.give("a", 3)
    assert buckets.take("a", 0.0, 3) == 0.0
    assert buckets.take("a", 0.0) > 0.0
    buckets.give("unheard of", 3)
    assert len(buckets) == 1


def test_a_table_for_nothing_is_refused() -> None:
    """It would forget the key it has just been asked for."""
    with pytest.raises(ValueError, match="could not make shared buckets"):
        SharedBuckets(1.0, 1, capacity=0)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", NOBODY),
        ("127.8.8.8", NOBODY),
        ("::1", NOBODY),
        ("::ffff:127.0.0.1", NOBODY),
        ("", NOBODY),
        ("unknown", NOBODY),
    ],
)
def test_whose_bucket_an_address_takes_from(address: str, key: str) -> None:
    """An IPv6 customer has a /64; this machine is nobody."""
    assert key_of(address) == key
