"""What one topic has asked its engine, and what is to be done with each answer, whether it comes at once or late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engines.base import Call, Pending
from ..reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors import ActorRef

    from ..engines.stream import History


class Questions:
    """
    Bounded by the credit of the connections that ask.

    Args:
        numbers: Tokens, never given twice, also not to a later life of the topic: a stale answer finds no question.
    """

    def __init__(self, topic: str, history: History, ref: ActorRef[Any], numbers: Iterator[int]) -> None:
        self._topic = topic
        self._history = history
        self._ref = ref
        self._numbers = numbers
        self._open: dict[int, Callable[[Any], None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, put: Callable[[Call], Any], then: Callable[[Any], None]) -> None:
        """Puts a question to the engine; `then` gets its answer or the `Refused`, exactly once."""
        call = self.call()
        try:
            result = put(call)
        except Refused as error:
            result = error
        except BaseException:
            self.expect(call, then)  # a bug: the topic fails, and tells all who wait
            raise
        if isinstance(result, Pending):
            self.expect(call, then)  # its answer comes as a message, so not before this turn has ended
        else:
            then(result)

    def call(self) -> Call:
        """For a question that is put without `ask`; if its answer will be late, `expect` it."""
        return Call(self._topic, self._history, self._ref, next(self._numbers))

    def expect(self, call: Call, then: Callable[[Any], None]) -> None:
        self._open[call.token] = then

    def answered(self, token: int, result: Any) -> None:
        """A late answer; one to an earlier life of the topic is nobody's."""
        then = self._open.pop(token, None)
        if then is not None:
            then(result)

    def give_up(self, error: Refused) -> None:
        """The topic is gone: whoever waits learns it."""
        waiting, self._open = self._open, {}
        for then in waiting.values():
            then(error)
