"""What connections share, and who may come in, each rule once."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.limits.gate import Gate
from gateway.limits.limits import Limits
from gateway.limits.quotas import COME_BACK, LEASE, Quotas, TurnedAway
from gateway.limits.shared_buckets import NOBODY

HERE = "192.0.2.1"
THERE = "192.0.2.2"


def quotas(**limits: Any) -> tuple[Quotas, Limits]:
    chosen = Limits(**limits)
    return Quotas(chosen), chosen


def passed(gate: Gate, count: int, now: float = 0.0) -> int:
    """How many of so many messages at once are let through."""
    return sum(gate.wait(now) == 0.0 for _ in range(count))


def test_tabs_of_one_principal_share_a_multiple() -> None:
    """Two may do all that they may alone; the third has what is left, whatever its address."""
    shared, limits = quotas(burst=100, principal_multiple=2)
    tabs = [Gate(limits, shared, f"192.0.2.{number}", "ada") for number in range(3)]
    assert [passed(tab, 150) for tab in tabs] == [100, 100, 0]
    assert passed(Gate(limits, shared, HERE, "bob"), 150) == 100


def test_anonymous_connections_of_one_address_share_a_multiple() -> None:
    """Other addresses have their own; the anonymous are nobody together."""
    shared, limits = quotas(burst=10, address_multiple=2)
    gates = [Gate(limits, shared, HERE, "") for _ in range(3)]
    assert [passed(gate, 20) for gate in gates] == [10, 10, 0]
    assert passed(Gate(limits, shared, THERE, ""), 20) == 10


def test_who_is_on_this_machine_shares_nothing() -> None:
    """Each connection of loopback has its own bucket, and that alone."""
    shared, limits = quotas(burst=10, address_multiple=1)
    assert [passed(Gate(limits, shared, NOBODY, ""), 20) for _ in range(5)] == [10] * 5


def test_near_the_end_each_message_counts_for_itself() -> None:
    """A lease is no rounding: not one message too many, not one too few."""
    shared, limits = quotas(burst=LEASE + 3, address_multiple=1)
    first, second = (Gate(limits, shared, HERE, "") for _ in range(2))
    assert passed(first, 1) == 1
    assert passed(second, 100) == 3
    assert passed(first, 100) == LEASE - 1


def test_what_a_connection_leased_and_did_not_use_goes_back() -> None:
    """At its end, and when it becomes somebody else's."""
    for end in (Gate.end, lambda gate: gate.is_of("bob")):
        shared, limits = quotas(burst=LEASE, address_multiple=1, principal_multiple=1)
        gate = Gate(limits, shared, HERE, "ada")
        assert passed(gate, 1) == 1
        end(gate)
        assert passed(Gate(limits, shared, HERE, "ada"), 100) == LEASE - 1


def test_what_the_others_used_up_is_no_strike() -> None:
    """It waits as long as it must, and is not closed for it; its own excess is what strikes."""
    shared, limits = quotas(burst=100, messages_per_second=1.0, principal_multiple=1)
    hog, quiet = (Gate(limits, shared, HERE, "ada") for _ in range(2))
    passed(hog, 100)
    refusals = [(quiet.wait(0.0) > 0.0, quiet.is_deaf(0.0)) for _ in range(30)]
    assert refusals == [(True, False)] * 30
    assert [(hog.wait(0.0) > 0.0, hog.is_deaf(0.0)) for _ in range(10)] == [(True, False)] * 9 + [(True, True)]


def test_a_principal_that_waits_takes_nothing_from_its_address() -> None:
    """And the other way round: all or none."""
    shared, limits = quotas(burst=10, principal_multiple=1, address_multiple=2)
    assert passed(Gate(limits, shared, HERE, "ada"), 10) == 10
    assert passed(Gate(limits, shared, HERE, "ada"), 50) == 0
    assert passed(Gate(limits, shared, HERE, "bob"), 50) == 10


def test_topics_that_an_address_may_begin() -> None:
    """Its burst, then its rate."""
    shared, _ = quotas(address_topics_per_second=2.0, address_topic_burst=3)
    assert [shared.wait_to_create(HERE, 0.0) for _ in range(4)] == [0.0] * 3 + [pytest.approx(0.5)]
    assert shared.wait_to_create(THERE, 0.0) == 0.0
    assert shared.wait_to_create(HERE, 0.5) == 0.0


def test_one_address_that_knocks_too_often_is_told_when_to_come_again() -> None:
    """429, in whole seconds; it uses up nothing of the others."""
    shared, _ = quotas(address_connections_per_second=0.4, address_connection_burst=2, connection_burst=3)
    assert [shared.turn_away(HERE, 0, 0.0) for _ in range(2)] == [None, None]
    assert [shared.turn_away(HERE, 0, 0.0) for _ in range(9)] == [TurnedAway(429, "address_connection_rate", 3)] * 9
    assert shared.turn_away(THERE, 0, 0.0) is None


def test_a_node_that_is_stormed_takes_so_many_a_second() -> None:
    """503 for everybody, also those of this machine; who was refused has spent nothing of his address."""
    shared, _ = quotas(connections_per_second=10.0, connection_burst=2, address_connection_burst=1)
    assert [shared.turn_away(NOBODY, 0, 0.0) for _ in range(2)] == [None, None]
    assert shared.turn_away(NOBODY, 0, 0.0) == TurnedAway(503, "connection_rate", 1)
    assert shared.turn_away(HERE, 0, 0.0) == TurnedAway(503, "connection_rate", 1)
    assert shared.turn_away(HERE, 0, 0.1) is None


def test_a_full_node_has_no_room_for_anybody() -> None:
    """503."""
    shared, _ = quotas(max_connections=3)
    assert shared.turn_away(HERE, 2, 0.0) is None
    assert shared.turn_away(HERE, 3, 0.0) == TurnedAway(503, "connection_limit", COME_BACK)


def test_open_connections_of_an_address_are_counted_if_they_are_limited() -> None:
    """429 for the one too many; who leaves makes room; this machine is no address."""
    shared, _ = quotas(max_connections_per_address=2)
    for _ in range(2):
        assert shared.turn_away(HERE, 0, 0.0) is None
        shared.entered(HERE)
        shared.entered(NOBODY)
    assert shared.turn_away(HERE, 0, 0.0) == TurnedAway(429, "address_connection_limit", COME_BACK)
    assert shared.turn_away(THERE, 0, 0.0) is None
    assert shared.turn_away(NOBODY, 0, 0.0) is None
    shared.left(HERE)
    assert shared.turn_away(HERE, 0, 0.0) is None
