"""What can be configured of topics; where nobody said anything, a topic's name is closed."""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

import attrs

from actors.config.config import between, setting
from actors.config.units import Duration

from ..engines.stream import History
from ..sockets.outbox import SlowPolicy

_NOTHING: Mapping[str, Iterable[str]] = MappingProxyType({})
Who: TypeAlias = Literal["anyone", "authenticated", "nobody"]
"""Who among the clients may; the application's own code always may."""


@attrs.frozen(kw_only=True)
class TopicSettings:
    """[topics."pattern"]: what clients may do with the topics of that pattern, and what is kept."""

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


class Sections(Mapping[str, TopicSettings]):
    """
    [topics]: the settings of each pattern, and which of their keys were written down. Read-only.

    Args:
        said: By pattern, the keys that stand in its section. For a pattern that is not in it, those whose value is not
            the default: settings that were made in code do not know better.
    """

    def __init__(self, topics: Mapping[str, TopicSettings], said: Mapping[str, Iterable[str]] = _NOTHING) -> None:
        self._topics = dict(topics)
        self._said = {pattern: frozenset(said.get(pattern, _changed(one))) for pattern, one in self._topics.items()}

    def said(self, pattern: str) -> frozenset[str]:
        """The keys that somebody wrote down for that pattern, with the default or another value."""
        return self._said[pattern]

    def __getitem__(self, pattern: str) -> TopicSettings:
        return self._topics[pattern]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)

    def __repr__(self) -> str:
        return f"Sections({self._topics!r})"


def sections(topics: Mapping[str, TopicSettings]) -> Sections:
    """Returns what was given, if it knows already what was written down."""
    return topics if isinstance(topics, Sections) else Sections(topics)


def _changed(settings: TopicSettings) -> list[str]:
    return [name for name in KEYS if getattr(settings, name) != getattr(_DEFAULTS, name)]


class Topics(Protocol):
    """What holds of each topic, by its name. Never raises; from any thread."""

    def settings_for(self, name: str) -> TopicSettings: ...

    def is_declared(self, name: str) -> bool:
        """Whether anything but the settings of all other names holds for it."""
        ...


KEYS = tuple(field.name for field in attrs.fields(TopicSettings))
"""Of a section."""
_DEFAULTS = TopicSettings()
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
