"""How often one may try: wrong passwords of one name, and tries of one address."""

from __future__ import annotations

import pytest
from aiohttp import web

from examples.chat.throttle import TRIES_AT_ONCE, WRONG_AT_ONCE, Throttle

LOOPBACK, FAR_AWAY = "127.0.0.1", "192.0.2.1"


class Door:
    """A throttle whose time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.throttle = Throttle(lambda: self.now)

    def wait(self, name: str, address: str = LOOPBACK) -> int:
        """0: whoever tries is let in; else the seconds that the answer says."""
        try:
            self.throttle.enter(name, address)
        except web.HTTPTooManyRequests as answer:
            return int(answer.headers["Retry-After"])
        return 0


@pytest.fixture
def door() -> Door:
    return Door()


def test_wrong_ones_of_a_name_are_counted_in_any_case_of_letters(door: Door) -> None:
    """Five at once, then one in half a minute; no other name is slower by that."""
    assert [door.wait(name) for name in ("Ada", "ada", "ADA", "aDa", "adA")] == [0] * WRONG_AT_ONCE
    assert door.wait("Ada") == 30
    assert door.wait("Bob") == 0
    door.now += 30
    assert [door.wait("Ada"), door.wait("Ada")] == [0, 30]


def test_who_logs_in_may_do_so_all_day(door: Door) -> None:
    """Right ones are not counted, but wrong ones before them still are."""
    for _ in range(100):
        assert door.wait("Ada") == 0
        door.throttle.was_right("Ada")
    for _ in range(WRONG_AT_ONCE):
        door.wait("Ada")
    assert door.wait("Ada") == 30


def test_one_address_cannot_try_one_password_at_all_names(door: Door) -> None:
    """Twenty at once, then one in five seconds; nobody is counted on loopback, where a proxy may be."""
    waits = [door.wait(f"user-{number}", FAR_AWAY) for number in range(TRIES_AT_ONCE + 1)]
    assert waits == [0] * TRIES_AT_ONCE + [5]
    assert {door.wait(f"user-{number}") for number in range(100)} == {0}
