"""Publications in the order in which they were accepted, each until it has its position. Pure but for its answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import attrs

from ..engines.base import PENDING, Pending, Repeated
from ..engines.stream import Position
from ..messages.commands import Published, Result
from ..messages.publications import Delivery, Publication
from ..reasons import Refused

Answer = Callable[[Result], None]
Place = Position | Repeated | Refused | Pending | None
"""None: ephemeral; it only keeps its place among the others."""


@attrs.define(eq=False)
class Waiting:
    """A publication in line."""

    publication: Publication
    answer: Answer
    position: Place = PENDING


class Line:
    """The engine may answer late: what is behind waits too, so that the order of acceptance is the order of all."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()

    def push(self, waiting: Waiting) -> None:
        self.waiting.append(waiting)

    def advance(self) -> Iterator[Delivery]:
        """What may be delivered now, in order; each is answered after it was taken."""
        while self.waiting and not isinstance(self.waiting[0].position, Pending):
            waiting = self.waiting.popleft()
            position = waiting.position
            if isinstance(position, Refused):
                waiting.answer(position)
                continue
            if isinstance(position, Repeated):
                waiting.answer(Published(position.position))
                continue
            assert not isinstance(position, Pending)
            yield Delivery(waiting.publication, position)
            waiting.answer(Published(position))
