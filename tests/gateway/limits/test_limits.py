"""The table of limits: its defaults, and what it refuses."""

from __future__ import annotations

import attrs
import pytest

from gateway.limits.limits import Limits


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
