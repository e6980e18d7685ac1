"""Limits: the bucket, the strikes, the table and the names, each rule once."""

from __future__ import annotations

from math import inf

import attrs
import pytest

from gateway.limits.limits import Limits, Strikes, TokenBucket, check_topic_name
from gateway.reasons import Refused


def test_a_full_bucket_grants_its_burst_and_then_its_rate() -> None:
    """100 at once, then one every 20 ms."""
    bucket = TokenBucket(50.0, 100)
    assert [bucket.take(7.0) for _ in range(100)] == [0.0] * 100
    assert bucket.take(7.0) == pytest.approx(0.02)
    assert bucket.take(7.02) == 0.0
    assert bucket.take(7.02) > 0.0


def test_a_refusal_says_when_and_takes_nothing() -> None:
    """However often one asks in vain, the advised time stays."""
    bucket = TokenBucket(2.0, 1)
    bucket.take(0.0)
    assert [bucket.take(0.25) for _ in range(3)] == [pytest.approx(0.25)] * 3
    assert bucket.take(0.5) == 0.0


def test_a_bucket_does_not_fill_above_its_burst() -> None:
    """A quiet day saves up nothing."""
    bucket = TokenBucket(1.0, 3)
    assert bucket.take(86_400.0, 3) == 0.0
    assert bucket.take(86_400.0) == pytest.approx(1.0)


def test_several_tokens_are_all_or_none() -> None:
    """Two of a bucket that has one are refused, and the one stays; more than a burst never comes."""
    bucket = TokenBucket(1.0, 2)
    bucket.take(0.0)
    assert bucket.take(0.0, 2) == pytest.approx(1.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0, 3) == inf


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_without_rate_or_burst_is_refused(rate: float, burst: float) -> None:
    """It would never grant anything."""
    with pytest.raises(ValueError, match="could not make a token bucket"):
        TokenBucket(rate, burst)


def test_the_tenth_strike_within_a_minute_is_too_many() -> None:
    """Nine are forgiven; the tenth counts while the first of them is less than a minute old."""
    strikes = Strikes()
    assert [strikes.strike(float(second)) for second in range(10)] == [False] * 9 + [True]
    assert strikes.strike(10.0) is True


def test_old_strikes_are_forgiven() -> None:
    """The window slides: nine in its last second and one just outside are not ten."""
    strikes = Strikes(limit=3, window=60.0)
    assert [strikes.strike(at) for at in (0.0, 30.0, 60.0)] == [False, False, False]
    assert strikes.strike(89.9) is True


def test_one_strike_can_be_the_limit() -> None:
    """A limit of one means at once; none at all would mean nothing."""
    assert Strikes(limit=1).strike(0.0) is True
    with pytest.raises(ValueError, match="could not count strikes"):
        Strikes(limit=0)


def test_the_defaults_are_those_of_the_design() -> None:
    """One table for all wires."""
    assert attrs.asdict(Limits()) == {
        "max_message": 65_536,
        "messages_per_second": 50.0,
        "burst": 100,
        "max_topics_per_connection": 128,
        "max_topic_name_bytes": 255,
        "max_connections": None,
        "connections_per_second": 1000.0,
        "connection_burst": 20_000,
        "address_connections_per_second": 50.0,
        "address_connection_burst": 1000,
        "max_connections_per_address": None,
        "principal_multiple": 4,
        "address_multiple": 40,
        "address_topics_per_second": 20.0,
        "address_topic_burst": 2000,
        "outbox_bytes": 1_048_576,
        "outbox_age": 10.0,
        "outbox_entries": 16_384,
        "in_flight_commands": 64,
        "in_flight_bytes": 262_144,
        "max_errors": 10,
        "max_topics": 100_000,
    }


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Limits)])
def test_no_limit_may_be_zero(name: str) -> None:
    """Zero would close every connection at its first message."""
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_names_cannot_outgrow_phoenix() -> None:
    """One byte counts the length of a topic in Phoenix's binary frames."""
    with pytest.raises(ValueError, match="max_topic_name_bytes"):
        Limits(max_topic_name_bytes=256)


@pytest.mark.parametrize("name", ["chat", "room:42", "a b", "ümläut", "x" * 255, "é" * 127, "日本", "a/b|c'd"])
def test_an_ordinary_name_passes_as_it_is(name: str) -> None:
    """Any text without the few forbidden characters."""
    assert check_topic_name(name) == name


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("", "it is empty"),
        (None, "it is NoneType"),
        (7, "it is int"),
        (b"chat", "it is bytes"),
        ("x" * 256, "it has 256 bytes; use at most 255"),
        ("é" * 128, "it has 256 bytes"),
        ("a,b", "it contains ','"),
        ('a"b', "it contains '\"'"),
        ("a\nb", r"it contains '\\n'"),
        ("a\x00", r"it contains '\\x00'"),
        ("a\x7f", r"it contains '\\x7f'"),
        ("a\x85", r"it contains '\\x85'"),
        ("a\ud800", "half of a surrogate pair"),
    ],
)
def test_a_name_that_is_not_safe_on_every_wire_is_refused(name: object, fact: str) -> None:
    """The peer learns what is wrong with it."""
    with pytest.raises(Refused, match=fact) as caught:
        check_topic_name(name)
    assert caught.value.reason == "bad_request"
    caught.value.message.encode()


def test_a_node_may_allow_less() -> None:
    """The bound is an argument, in bytes."""
    assert check_topic_name("abcd", max_bytes=4) == "abcd"
    with pytest.raises(Refused, match="use at most 3"):
        check_topic_name("abcd", max_bytes=3)
