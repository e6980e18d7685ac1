"""An engine that answers late: a fake that works, to show that nothing waits for an answer in place."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from gateway.engines.base import PENDING, Call, Engine, Pending
from gateway.engines.memory import MemoryEngine
from gateway.messages.topic_messages import EngineAnswer
from gateway.reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import Clock
    from gateway.engines.stream import Position
    from gateway.ids import Ids
    from gateway.messages.publications import Publication


class LateEngine(Engine):
    """
    A memory engine behind a queue per topic: a call is carried out when its turn comes, and only then answered.

    Args:
        delay: Draws the virtual seconds until the next call of a topic is carried out, never before the one asked
            earlier; None: the test says when, with `answer`.
        options: Of the `MemoryEngine` that does the work.
    """

    def __init__(self, clock: Clock, ids: Ids, *, delay: Callable[[], float] | None = None, **options: Any) -> None:
        self.inner = MemoryEngine(clock, ids, **options)
        self._clock = clock
        self._delay = delay
        self._waiting: dict[str, deque[tuple[Call, Callable[[], object]]]] = {}
        self._last_at: dict[str, float] = {}

    def publish(self, call: Call, publication: Publication, key: str | None) -> Pending:
        return self._later(call, lambda: self.inner.publish(call, publication, key))

    def recover(self, call: Call, since: Position | None) -> Pending:
        return self._later(call, lambda: self.inner.recover(call, since))

    def page(self, call: Call, since: Position | None, limit: int | None, *, reverse: bool) -> Pending:
        return self._later(call, lambda: self.inner.page(call, since, limit, reverse=reverse))

    def clear(self, topic: str) -> None:
        self.inner.clear(topic)

    def clear_all(self) -> None:
        self.inner.clear_all()

    def sweep(self) -> int:
        return self.inner.sweep()

    @property
    def is_swept(self) -> bool:
        return self.inner.is_swept

    @property
    def given_way(self) -> int:
        return self.inner.given_way

    def __len__(self) -> int:
        return len(self.inner)

    def waiting(self, topic: str) -> int:
        """How many calls of a topic were not carried out yet."""
        return len(self._waiting.get(topic, ()))

    def answer(self, topic: str, count: int | None = None) -> None:
        """Carries out and answers the oldest `count` calls of a topic; None: all that wait now."""
        for _ in range(self.waiting(topic) if count is None else count):
            call, work = self._waiting[topic].popleft()
            try:
                result = work()
            except Refused as error:
                result = error
            if call.reply_to.is_alive():
                call.reply_to.tell(EngineAnswer(call.token, result))

    def _later(self, call: Call, work: Callable[[], object]) -> Pending:
        self._waiting.setdefault(call.topic, deque()).append((call, work))
        if self._delay is not None:
            at = max(self._last_at.get(call.topic, 0.0), self._clock.now() + self._delay())
            self._last_at[call.topic] = at
            asyncio.get_running_loop().call_at(at, self.answer, call.topic, 1)
        return PENDING
