"""What can be configured of topics; where nobody said anything, a topic's name is closed."""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from actors.config import between, setting
from actors.units import Duration

from .outbox import SlowPolicy
from .stream import History

Who: TypeAlias = Literal["anyone", "authenticated", "nobody"]
"""Who among the clients may; the application's own code always may."""


class Section:
    """A table that remembers which of its keys somebody has written; its values are no different for that."""

    __slots__ = ("said",)

    said: frozenset[str]


@attrs.frozen(kw_only=True)
class TopicSettings(Section):
    """
    [topics."pattern"]: what clients may do with the topics of that pattern, and what is kept.

    Where code declares the topics, its defaults hold for what neither code nor file has said (`declared_topics`).
    """

    if not TYPE_CHECKING:  # for a type checker it is the one that attrs writes

        def __init__(self, **given: object) -> None:
            self.__attrs_init__(**given)
            object.__setattr__(self, "said", frozenset(given))

    join: Who = setting(
        "authenticated",
        reason="Who may join. A topic for everybody has to say so. Unwritten, and of topics in code: anyone.",
    )
    publish: Who = setting(
        "nobody",
        reason="Who may publish. Most topics are the application's alone. Unwritten, and of topics in code: anyone.",
    )
    presence: bool = setting(
        False, reason="Whether members see each other. Off: a list of who is there is personal data."
    )
    presence_grace: Duration = setting(
        2.0,
        reason="How long somebody who was cut off is still shown, so that a page loaded again is no leave and join.",
        validator=between(0, 60),
    )
    history: History = setting(
        History.none(),
        reason="What is kept for who comes back, as { size, ttl, max_bytes }. Nothing: every topic would cost memory.",
    )
    slow: SlowPolicy = setting(
        "disconnect", reason='Who reads too slowly comes back and recovers; "drop_oldest", "conflate" lose messages.'
    )
    max_members: int | None = setting(
        None,
        unit="members",
        reason="On one topic. Not set is no limit but that of connections.",
        validator=attrs.validators.optional(between(1, 2**31)),
    )


OPEN = TopicSettings(join="anyone", publish="anyone", presence=True)
"""Any other name in development mode."""
CLOSED = TopicSettings(join="nobody", publish="nobody")
"""Any other name otherwise: a file that declares topics means those."""
DEVELOPMENT_TOPICS: Mapping[str, TopicSettings] = MappingProxyType(
    {
        "public:*": attrs.evolve(OPEN, history=History(size=100, ttl=3600.0)),
        "private:*": TopicSettings(join="authenticated", publish="authenticated", presence=True),
    }
)
