"""Nothing is done on a grant that its client does not have now; each command has one answer, in order per topic."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.connections.clearance import Clearance, Question, Unanswered
from gateway.messages.commands import Publish, ReadHistory, Reply
from gateway.messages.connection_messages import Permitted
from gateway.reasons import Refused
from tests.support.laws import examples

TOPICS, USERS = ("a", "b"), ("ada", "bob")

Step = tuple[Any, ...]
STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(TOPICS), st.sampled_from(["publish", "history"])),
    st.tuples(st.just("answer"), st.integers(0, 3)),
    st.just(("finish",)),
    st.tuples(st.just("become"), st.sampled_from(USERS)),
    st.tuples(st.just("invite"), st.sampled_from(USERS), st.sampled_from(TOPICS), st.booleans()),
    st.tuples(st.just("restart")),
)


class Machine:
    """
    A client of a host as `connection` is one, and an application that takes its time.

    The application decides when it is asked; whoever changes what it would say has the client forget, as it is told to.
    """

    def __init__(self) -> None:
        self.clearance = Clearance(1)
        self.user = USERS[0]
        self.invited = {(USERS[0], topic) for topic in TOPICS}
        self.asked: deque[tuple[Question, Refused | None]] = deque()
        self.said: dict[str, list[Any]] = {topic: [] for topic in TOPICS}
        self.answered: dict[str, list[Any]] = {topic: [] for topic in TOPICS}

    def say(self, topic: str, action: str) -> None:
        reply = Reply(action, topic=topic)
        command = Publish(topic, reply, b"1") if action == "publish" else ReadHistory(topic, reply)
        self.said[topic].append(command)
        if not self.clearance.holds(command):
            self._act(command)

    def _act(self, command: Any) -> None:
        action = command.reply.action
        try:
            self.clearance.check(command.topic, action)
        except Unanswered:
            self._ask(self.clearance.wait(command.topic, command, action))
        except Refused as error:
            self._note(command, is_right=error.reason == "internal" or not self._may(command.topic))
        else:
            self._note(command, is_right=self._may(command.topic))

    def _note(self, command: Any, *, is_right: bool) -> None:
        assert is_right, "answered by what was so before"
        self.answered[command.topic].append(command)

    def _may(self, topic: str) -> bool:
        return (self.user, topic) in self.invited

    def _ask(self, question: Question) -> None:
        """It looks now, and says so later."""
        self.asked.append((question, None if self._may(question.topic) else Refused("permission_denied")))

    def answer(self, number: int) -> None:
        """Any of those that are under way: order is nothing to rely on."""
        if self.asked:
            self.asked.rotate(-(number % len(self.asked)))
            self._hear(*self.asked.popleft())

    def _hear(self, question: Question, error: Refused | None) -> None:
        again = self.clearance.answered(Permitted(question.version, question.topic, question.action, error))
        if again is not None:
            self._ask(again)
            return
        for command in self.clearance.freed(question.topic):
            self._act(command)

    def become(self, user: str) -> None:
        self.user = user
        self.clearance.forget()

    def invite(self, user: str, topic: str, is_in: bool) -> None:
        (self.invited.add if is_in else self.invited.discard)((user, topic))
        self.clearance.forget()

    def restart(self) -> None:
        """The application's code is gone with what it was asked; the answers of it that are on their way still come."""
        for question in self.clearance.questions():
            self._hear(question, Refused("internal"))

    def finish(self) -> None:
        while self.asked:
            self.answer(0)


@examples(300)
@given(steps=st.lists(STEPS, min_size=4, max_size=60))
def test_commands_are_done_on_grants_of_now_each_once_and_in_order(steps: list[Step]) -> None:
    """Whatever comes between a question and its answer: another principal, an invitation, a kick, a crash."""
    machine = Machine()
    for name, *arguments in steps:
        getattr(machine, name)(*arguments)
        for topic in TOPICS:
            answered = machine.answered[topic]
            assert answered == machine.said[topic][: len(answered)]
        assert len(machine.clearance) <= 4
    machine.finish()
    assert machine.answered == machine.said
    assert machine.clearance.questions() == []
    assert machine.clearance.give_up() == []
