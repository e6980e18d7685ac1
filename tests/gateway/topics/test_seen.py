"""What was taken before: a message sent again is answered, not repeated, and nobody waits for ever."""

from __future__ import annotations

from gateway.messages.commands import Handled, Result
from gateway.reasons import Refused
from gateway.topics.seen import Seen


def test_the_first_is_new_and_the_others_get_its_answer() -> None:
    """Those that come while it is in hand wait for it; later ones get it at once."""
    seen, answers = Seen(), list[Result]()
    assert seen.is_new("k", answers.append)
    assert not seen.is_new("k", answers.append)
    assert answers == []
    result = Handled(1)
    seen.settle("k", result, keep=True)
    assert not seen.is_new("k", answers.append)
    assert answers == [result, result]


def test_what_is_not_kept_may_be_tried_again() -> None:
    """Who waited gets the refusal; the next one is new."""
    seen, answers = Seen(), list[Result]()
    seen.is_new("k", answers.append)
    seen.is_new("k", answers.append)
    error = Refused("full")
    seen.settle("k", error, keep=False)
    assert answers == [error]
    assert seen.is_new("k", answers.append)


def test_keys_are_apart() -> None:
    """One key's answer is no other's."""
    seen, answers = Seen(), list[Result]()
    assert seen.is_new("a", answers.append)
    assert seen.is_new("b", answers.append)
    seen.settle("a", Handled(), keep=True)
    assert answers == []


def test_memory_is_bounded_by_the_oldest() -> None:
    """The newest keys are remembered."""
    seen, answers = Seen(max_keys=3), list[Result]()
    for key in "abcd":
        seen.is_new(key, answers.append)
        seen.settle(key, Handled(key), keep=True)
    assert [seen.is_new(key, answers.append) for key in "bcd"] == [False, False, False]
    assert seen.is_new("a", answers.append)


def test_who_waits_for_what_is_forgotten_is_told() -> None:
    """Nobody hangs: a key that is pushed out while its first one is in hand answers its repeats with a refusal."""
    seen, answers = Seen(max_keys=2), list[Result]()
    seen.is_new("a", answers.append)
    seen.is_new("a", answers.append)
    for key in "bc":
        seen.is_new(key, answers.append)
    (told,) = answers
    assert isinstance(told, Refused)
    assert told.temporary
    for key in "abc":
        seen.settle(key, Handled(), keep=True)
    assert not seen.is_new("c", answers.append)
    assert not seen.is_new("b", answers.append)
    assert seen.is_new("a", answers.append)
