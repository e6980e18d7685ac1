"""Ids: unique, of the promised shape, and repeatable with a seed."""

from __future__ import annotations

import random
import re
import uuid

from gateway.ids import Ids


def test_the_same_seed_gives_the_same_ids() -> None:
    """A test with a seeded source repeats exactly."""

    def draw() -> list[object]:
        ids = Ids(random.Random(7))
        return [ids.connection_id(), ids.epoch(), ids.presence_ref(), ids.spread(3)]

    assert draw() == draw()


def test_a_connection_id_is_a_uuid_of_version_four() -> None:
    """Centrifuge's clients are called by UUIDs."""
    parsed = uuid.UUID(Ids().connection_id())
    assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)


def test_names_are_safe_in_a_url_and_do_not_repeat() -> None:
    """An epoch has eight characters, a presence ref twelve; a thousand of each are different."""
    ids = Ids()
    epochs = {ids.epoch() for _ in range(1000)}
    refs = {ids.presence_ref() for _ in range(1000)}
    assert len(epochs) == len(refs) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{8}", epoch) for epoch in epochs)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{12}", ref) for ref in refs)


def test_spread_covers_everything_from_zero() -> None:
    """Uniform in 0 to the given seconds."""
    ids = Ids(random.Random(1))
    drawn = [ids.spread(2.0) for _ in range(1000)]
    assert 0.0 <= min(drawn) < 0.1
    assert 1.9 < max(drawn) <= 2.0
