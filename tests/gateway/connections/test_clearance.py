"""What a client has been granted in its topics: kept while it is the same client, asked again when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.connections.clearance import ACTIONS_PER_TOPIC, Clearance, Question, Unanswered
from gateway.messages.commands import Ping, Publish, Reply
from gateway.messages.connection_messages import Permitted
from gateway.reasons import Refused

if TYPE_CHECKING:
    from gateway.access.permissions import Action

NO = Refused("permission_denied")


def publish(topic: str = "a") -> Publish:
    return Publish(topic, Reply("publish", topic=topic), b"1")


def knows(clearance: Clearance, topic: str = "a", action: Action = "publish") -> bool:
    """Whether it goes on without a question."""
    try:
        clearance.check(topic, action)
    except Unanswered:
        return False
    return True


def says(question: Question, error: Refused | None = None) -> Permitted:
    return Permitted(question.version, question.topic, question.action, error)


def grant(clearance: Clearance, topic: str = "a", action: Action = "publish") -> None:
    """Asked, granted, and done."""
    question = clearance.wait(topic, publish(topic), action)
    assert clearance.answered(says(question)) is None
    assert len(list(clearance.freed(topic))) == 1


def test_what_was_granted_is_not_asked_again() -> None:
    """One topic and one action: another of either is another question."""
    clearance = Clearance(8)
    grant(clearance)
    assert knows(clearance)
    assert not knows(clearance, action="join")
    assert not knows(clearance, topic="b")


def test_what_is_said_to_a_topic_stands_behind_what_waits_there() -> None:
    """Other topics, and what concerns none, go on; afterwards everything comes in the order in which it was said."""
    clearance, first, second, third = Clearance(8), publish(), publish(), publish()
    assert not clearance.holds(first)
    question = clearance.wait("a", first, "publish")
    assert clearance.holds(second)
    assert clearance.holds(third)
    assert not clearance.holds(publish("b"))
    assert not clearance.holds(Ping(Reply()))
    assert clearance.answered(says(question)) is None
    assert list(clearance.freed("a")) == [first, second, third]
    assert not clearance.holds(publish())


def test_one_that_has_to_wait_again_keeps_its_place() -> None:
    """The second wants something else than the first: it is asked for, and the third still stands behind it."""
    clearance, first, second, third = Clearance(8), publish(), publish(), publish()
    question = clearance.wait("a", first, "join")
    assert clearance.holds(second)
    assert clearance.holds(third)
    assert clearance.answered(says(question)) is None
    freed = clearance.freed("a")
    assert next(freed) is first
    assert next(freed) is second
    again = clearance.wait("a", second, "publish")
    assert list(freed) == []
    assert clearance.answered(says(again)) is None
    assert list(clearance.freed("a")) == [second, third]


def test_a_no_is_for_what_waited_and_not_for_who_comes_later() -> None:
    """Twenty commands that wait are one question; the twenty-first is a new one, for it may have been invited."""
    clearance = Clearance(8)
    question = clearance.wait("a", publish(), "publish")
    clearance.holds(publish())
    assert clearance.answered(says(question, NO)) is None
    for _ in clearance.freed("a"):
        with pytest.raises(Refused) as refused:
            clearance.check("a", "publish")
        assert refused.value is NO
    assert not knows(clearance)


def test_an_answer_about_an_earlier_client_is_asked_again() -> None:
    """A yes to whom it was is none to whom it is; nor is a no."""
    for error in (None, NO):
        clearance, first = Clearance(8), publish()
        early = clearance.wait("a", first, "publish")
        clearance.forget()
        again = clearance.answered(says(early, error))
        assert again == Question(clearance.version, "a", "publish")
        assert not knows(clearance)
        assert list(clearance.freed("a")) == []
        assert clearance.answered(says(again)) is None
        assert list(clearance.freed("a")) == [first]


def test_a_client_that_changes_has_nothing_granted() -> None:
    """Also not what it was refused a moment ago, while that was being done."""
    clearance = Clearance(8)
    grant(clearance)
    clearance.forget()
    assert not knows(clearance)
    question = clearance.wait("a", publish(), "publish")
    clearance.answered(says(question, NO))
    clearance.forget()
    assert not knows(clearance)


def test_it_remembers_what_a_client_in_all_its_topics_may_do() -> None:
    """Bounded by that; the oldest one is asked for again."""
    clearance = Clearance(2)
    for number in range(2 * ACTIONS_PER_TOPIC + 1):
        grant(clearance, f"t{number}")
    assert len(clearance) == 2 * ACTIONS_PER_TOPIC
    assert not knows(clearance, "t0")
    assert knows(clearance, "t1")


def test_what_waits_is_given_up_as_a_whole_and_late_answers_are_not_missed() -> None:
    """A client that went gets its credit back; the answer to its question is nobody's."""
    clearance, commands = Clearance(8), [publish(), publish(), publish("b")]
    early = clearance.wait("a", commands[0], "publish")
    clearance.holds(commands[1])
    clearance.wait("b", commands[2], "join")
    assert {(one.topic, one.action) for one in clearance.questions()} == {("a", "publish"), ("b", "join")}
    assert clearance.give_up() == commands
    assert clearance.questions() == []
    assert clearance.answered(says(early)) is None
    assert list(clearance.freed("a")) == []
    clearance.forget()
    assert clearance.answered(says(early)) is None


def test_what_is_given_up_is_not_freed_as_well() -> None:
    """One of those that go on may end the connection: the others behind it are over once, with their credit."""
    clearance = Clearance(8)
    commands = [publish() for _ in range(3)]
    question = clearance.wait("a", commands[0], "publish")
    assert all(clearance.holds(command) for command in commands[1:])
    assert clearance.answered(says(question)) is None
    freed = clearance.freed("a")
    assert next(freed) is commands[0]
    assert clearance.give_up() == commands[1:]
    assert list(freed) == []
