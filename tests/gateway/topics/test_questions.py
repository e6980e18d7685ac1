"""What a topic asks its engine: each answer is used once, whether it comes at once, late, or never."""

from __future__ import annotations

from itertools import count
from typing import Any

from gateway.engines.base import PENDING, Call
from gateway.engines.stream import History
from gateway.reasons import Refused
from gateway.topics.questions import Questions

NOBODY: Any = None


def questions() -> Questions:
    return Questions("room", History(), NOBODY, count(1))


def test_an_answer_in_place_is_used_at_once() -> None:
    """Nothing stays open, and the engine is told who asks."""
    asked, calls, answers = questions(), list[Call](), list[object]()

    def put(call: Call) -> str:
        calls.append(call)
        return "now"

    asked.ask(put, answers.append)
    assert (answers, len(asked)) == (["now"], 0)
    assert (calls[0].topic, calls[0].token) == ("room", 1)


def test_a_refusal_in_place_is_an_answer() -> None:
    """It is raised by the engine and given to whoever asked."""
    error = Refused("unrecoverable_position")

    def put(call: Call) -> object:
        raise error

    asked, answers = questions(), list[object]()
    asked.ask(put, answers.append)
    assert answers == [error]


def test_a_late_answer_is_used_once() -> None:
    """The second one with its token, or one with a token nobody knows, is nobody's."""
    asked, answers = questions(), list[object]()
    asked.ask(lambda call: PENDING, answers.append)
    assert len(asked) == 1
    for token in (7, 1, 1):
        asked.answered(token, "late")
    assert (answers, len(asked)) == (["late"], 0)


def test_whoever_waits_for_a_topic_that_is_gone_learns_it() -> None:
    """Once; an answer that comes after that changes nothing."""
    asked, answers, error = questions(), list[object](), Refused("internal")
    for _ in range(2):
        asked.ask(lambda call: PENDING, answers.append)
    asked.give_up(error)
    asked.answered(1, "late")
    assert answers == [error, error]
