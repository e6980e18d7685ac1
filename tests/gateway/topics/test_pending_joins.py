"""Joins under way: who counts as one, and when one does not count any more."""

from __future__ import annotations

from typing import Any

from gateway.access.identity import ANONYMOUS
from gateway.messages.commands import Join, Reply
from gateway.messages.topic_messages import Origin, Submit
from gateway.topics.pending_joins import PendingJoins


def submit(client: str, generation: int = 1) -> Submit:
    return Submit(Origin(None, client, ANONYMOUS), Join("room", Reply()), generation)


def test_a_join_with_app_code_is_taken_once() -> None:
    """The second decision about the same ticket is about nothing."""
    joins, asked = PendingJoins(), submit("ada")
    joins.wait(1, asked)
    assert (list(joins.clients()), joins.count, "ada" in joins, "bob" in joins) == (["ada"], 1, True, False)
    assert (joins.take(1), joins.take(1), len(joins)) == (asked, None, 0)


def test_a_decision_that_comes_too_late_is_known_for_one() -> None:
    """Once, and only of a join that app code had not decided about."""
    joins, asked = PendingJoins(), submit("ada")
    joins.wait(1, asked)
    assert joins.end_early(1, "left") is asked
    assert (joins.take(1), joins.ended_early(1), joins.ended_early(1)) == (None, (asked, "left"), None)
    joins.wait(2, asked)
    joins.take(2)
    assert (joins.end_early(2, "left"), joins.ended_early(2)) == (None, None)


def test_tickets_of_a_client_are_those_up_to_a_generation() -> None:
    """A leave ends what was asked before it, and nothing that was asked later."""
    joins = PendingJoins()
    for ticket, one in enumerate((submit("ada", 1), submit("ada", 2), submit("bob", 1)), 1):
        joins.wait(ticket, one)
    assert (joins.tickets_of("ada", 1), joins.tickets_of("ada", 2), joins.tickets()) == ([1], [1, 2], [1, 2, 3])
    joins.take(1)
    assert (joins.tickets_of("ada", 2), joins.tickets_of("eve", 1)) == ([2], [])
    joins.begin(submit("ada", 3), None)
    assert (list(joins.clients()), joins.count) == (["ada", "bob"], 3)


def test_a_later_join_of_the_same_client_replaces_the_earlier() -> None:
    """Only the latest makes a member."""
    joins = PendingJoins()
    first, second = joins.begin(submit("ada", 1), None), joins.begin(submit("ada", 2), None)
    assert (first.over, second.over, joins.has_let_in) == ("rejoined", "", True)
    assert (joins.end(first), joins.end(second), joins.end(second)) == (False, True, False)
    assert not joins.has_let_in


def test_who_has_left_is_dropped_but_not_who_joined_since() -> None:
    """By generation."""
    joins = PendingJoins()
    joining = joins.begin(submit("ada", 2), None)
    assert not joins.drop("ada", 1, "left")
    assert joins.drop("ada", 2, "left")
    assert not joins.end(joining)
    assert joining.over == "left"


def test_what_is_delivered_meanwhile_is_kept_for_all_who_are_on_their_way() -> None:
    """In order; but for what was accepted before they came, and told to the others later."""
    joins, items = PendingJoins(), list[Any]("abc")
    ada, bob = joins.begin(submit("ada"), None), joins.begin(submit("bob"), None, untold=1)
    joins.note(items[:2])
    joins.note(items[2:])
    assert (ada.missed_live, bob.missed_live) == (items, items[1:])
