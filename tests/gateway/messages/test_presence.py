"""Presence: who is there, named by connection and ref."""

from __future__ import annotations

import pytest

from gateway.messages.presence import Presence, PresenceDiff, Present


def present(client: str, user: str = "", ref: str = "r1", info: bytes | None = None) -> Present:
    """An entry of that connection."""
    return Present(client, user, ref, info)


def test_a_join_is_a_diff_and_a_member() -> None:
    """Everyone present is listed in the order of their joins."""
    presence = Presence()
    assert presence.join(present("b")) == PresenceDiff((present("b"),), ())
    presence.join(present("a"))
    assert [member.client for member in presence.members()] == ["b", "a"]
    assert presence.get("a") == present("a")
    assert presence.get("c") is None


def test_a_repeated_join_with_the_same_ref_changes_nothing() -> None:
    """A join that arrives twice is one join."""
    presence = Presence()
    presence.join(present("a"))
    assert presence.join(present("a")) is None
    assert len(presence) == 1


def test_a_join_with_a_new_ref_ends_the_old_one() -> None:
    """Phoenix's duplicate join: the old membership leaves in the same change, the new one comes last."""
    presence = Presence()
    presence.join(present("a"))
    presence.join(present("b"))
    assert presence.join(present("a", ref="r2")) == PresenceDiff((present("a", ref="r2"),), (present("a"),))
    assert [member.client for member in presence.members()] == ["b", "a"]


def test_a_late_leave_of_an_older_join_removes_nobody() -> None:
    """Removal is by connection and ref, never by name alone."""
    presence = Presence()
    presence.join(present("a", ref="r1"))
    presence.join(present("a", ref="r2"))
    assert presence.leave("a", "r1") is None
    assert len(presence) == 1
    assert presence.leave("a", "r2") == PresenceDiff((), (present("a", ref="r2"),))
    assert presence.leave("a", "r2") is None
    assert presence.members() == ()


def test_an_update_keeps_the_place_and_takes_a_new_ref() -> None:
    """The old entry leaves, the new one joins, the user stays."""
    presence = Presence()
    presence.join(Present("a", "u", "r1", b"1"))
    presence.join(present("b"))
    diff = presence.update("a", "r1", info=b"2", new_ref="r2")
    assert diff == PresenceDiff((Present("a", "u", "r2", b"2"),), (Present("a", "u", "r1", b"1"),))
    assert [member.client for member in presence.members()] == ["a", "b"]
    assert presence.users == 2


def test_an_update_without_a_change_says_nothing() -> None:
    """The same info, an older ref, or nobody there: no diff, and the ref stays valid."""
    presence = Presence()
    presence.join(present("a", info=b"1"))
    assert presence.update("a", "r1", info=b"1", new_ref="r2") is None
    assert presence.update("a", "r0", info=b"2", new_ref="r2") is None
    assert presence.update("b", "r1", info=b"2", new_ref="r2") is None
    assert presence.members() == (present("a", info=b"1"),)


def test_an_update_under_the_same_ref_is_refused() -> None:
    """Clients merge by ref and would not see it."""
    with pytest.raises(ValueError, match="pass a new one"):
        Presence().update("a", "r1", info=None, new_ref="r1")


def test_users_are_counted_once_and_the_anonymous_together() -> None:
    """Two tabs are one user, and so are all without a name."""
    presence = Presence()
    for client, user in (("1", "ann"), ("2", "ann"), ("3", ""), ("4", "")):
        presence.join(present(client, user))
    assert (len(presence), presence.users) == (4, 2)
    presence.leave("1", "r1")
    assert (len(presence), presence.users) == (3, 2)
    presence.leave("2", "r1")
    assert (len(presence), presence.users) == (2, 1)
