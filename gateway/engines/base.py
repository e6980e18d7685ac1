"""
The seam for durability and for several nodes: where publications get their position, and where they are kept.

An engine may answer in place, or say `PENDING` and tell the answer later, as an `EngineAnswer` with the caller's token,
to the topic that asked. Its order is the topic's order: answers to the publications of one topic come in the order in
which it was asked. Nobody waits: a topic pipelines what it publishes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

import attrs

from ..quick import quick

if TYPE_CHECKING:
    from actors import ActorRef

    from ..messages.publications import Publication
    from .stream import History, Page, Position, Recovery


class Pending:
    """The answer comes as a message."""


PENDING: Final = Pending()


@attrs.frozen
class Repeated:
    """A key that was published before: answered with the first one's position, and delivered to nobody again."""

    position: Position


@quick(eq=False)
class Call:
    """Who is to be told a late answer, and under which number."""

    topic: str
    history: History
    reply_to: ActorRef[Any]
    token: int


class Engine(ABC):
    """Loop thread only; no method waits. A refusal (`Refused`) is an answer like any other."""

    @abstractmethod
    def publish(self, call: Call, publication: Publication, key: str | None) -> Position | Repeated | Pending:
        """Gives a publication the next offset and keeps it; one whose `key` was seen before is `Repeated`, not kept."""

    @abstractmethod
    def recover(self, call: Call, since: Position | None) -> Recovery[Publication] | Pending:
        """What was missed since then, and where the stream is now; with None only where it is."""

    @abstractmethod
    def page(
        self, call: Call, since: Position | None, limit: int | None, *, reverse: bool
    ) -> Page[Publication] | Pending:
        """A part of the kept history. Raises Refused for a position of another epoch, if it answers in place."""

    @abstractmethod
    def clear(self, topic: str) -> None:
        """Forgets what is kept; positions go on."""

    @abstractmethod
    def clear_all(self) -> None:
        """Forgets what is kept of every topic; positions go on."""

    @abstractmethod
    def sweep(self) -> int:
        """
        Lets go of what has been idle too long, among a portion of the streams; returns how many went.

        Positions of a topic that lives (`LiveTopics.is_live`) are in use, however long nothing was said.

        A round, which is begun once a minute, takes as many calls as it takes until `is_swept`.
        """

    @property
    @abstractmethod
    def is_swept(self) -> bool:
        """Whether the last call has ended a round."""

    @property
    @abstractmethod
    def given_way(self) -> int:
        """How many histories were forgotten so far to make room for others."""
