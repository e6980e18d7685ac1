"""Which events were taken before, by the key their client gave them: a message sent again is answered, not repeated."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..messages.commands import Result

MAX_KEYS = 1_000
"""Keys remembered per topic: more than all its clients have under way after a cut."""


class Seen:
    """Remembers the answer of each key; whoever asks while there is none yet gets it when it comes."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._answers: OrderedDict[str, Result | list[Callable[[Result], None]]] = OrderedDict()

    def is_new(self, key: str, answer: Callable[[Result], None]) -> bool:
        """Whether to handle it; if not, `answer` was called, or will be with the first one's answer."""
        known = self._answers.get(key)
        if known is None:
            self._answers[key] = []
            if len(self._answers) > self._max_keys:
                self._forget_oldest()
            return True
        if isinstance(known, list):
            known.append(answer)
        else:
            answer(known)
        return False

    def settle(self, key: str, result: Result, *, keep: bool) -> None:
        """The first one's answer; one that is not kept may be tried again under the same key."""
        waiting = self._answers.pop(key, None)
        if keep:
            self._answers[key] = result
            if len(self._answers) > self._max_keys:
                self._forget_oldest()
        for answer in waiting if isinstance(waiting, list) else ():
            answer(result)

    def _forget_oldest(self) -> None:
        """Whoever waits for an answer that nobody will find any more is told to ask again."""
        _, forgotten = self._answers.popitem(last=False)
        for answer in forgotten if isinstance(forgotten, list) else ():
            answer(Refused("limit_exceeded", "too many under way; send it again", temporary=True))
