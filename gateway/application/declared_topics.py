"""
What an application says of topics: the classes and handlers that are their app code, who may use them, their settings.

A name is found by the most specific pattern that matches it. Where the configuration file speaks of it, that holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from ..access.permissions import permit_by
from ..reasons import TopicKindError
from ..settings.topic import TopicSettings, sections
from ..settings.topic_options import topic_options
from ..settings.topic_patterns import TopicPattern, TopicTable

if TYPE_CHECKING:
    from ..access.permissions import Permit
    from ..engines.stream import History
    from ..settings.config import GatewaySettings
    from ..topics.behaviour import Behaviour
    from .topic_handle import ChannelHandle

DECLARED = TopicSettings(join="anyone", publish="anyone")
"""A topic with app code is open unless code or file says otherwise: its `on_join` and handlers decide."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen(eq=False)
class DeclaredTopic:
    """A pattern with app code."""

    pattern: TopicPattern
    behaviour: type[Behaviour]


class DeclaredTopics:
    """One per application."""

    def __init__(self) -> None:
        self._rooms: list[DeclaredTopic] = []
        """The most specific one first."""
        self._given: dict[str, Mapping[str, Any]] = {}
        """By pattern, the settings that code gave."""
        self.permits: dict[str, Permit] = {}
        """By pattern: who may do what there."""
        self.channels: dict[str, ChannelHandle] = {}
        """By name, those with handlers."""
        self.limited_events: set[str] = set()
        """Names of events that have a limit of their own in some topic: for every other there is nothing to look up."""

    def add(self, pattern: TopicPattern, behaviour: type[Behaviour], changes: dict[str, Any]) -> None:
        """App code, and what it says of the settings. Raises ValueError if the pattern has some already."""
        if any(one.pattern.shape == pattern.shape for one in self._rooms):
            raise ValueError(f"could not declare {pattern.text!r}: it has app code already; declare another pattern")
        self._rooms.append(DeclaredTopic(pattern, behaviour))
        self._rooms.sort(key=lambda one: one.pattern.rank, reverse=True)
        self.limited_events.update(behaviour.limits)
        self._given[pattern.text] = changes

    def permit(self, pattern: TopicPattern, permission: Any) -> None:
        """Raises ValueError if the pattern has one already, TypeError if it cannot be asked."""
        if any(TopicPattern(one).shape == pattern.shape for one in self.permits):
            raise ValueError(
                f"could not declare who may use {pattern.text!r}: it has a function for that already; ask both in one"
            )
        self.permits[pattern.text] = permit_by(permission)

    def keep_history(self, channel: str, history: History) -> None:
        """Raises TopicKindError for a name that is declared as a Room, ConfigError for what is no History."""
        if self.is_room(channel):
            raise TopicKindError(channel, "room", "channel")
        self._given[channel] = topic_options(f"app.channel({channel!r})", {"history": history})

    def is_room(self, name: str) -> bool:
        return any(one.pattern.match(name) is not None for one in self._rooms)

    def behaviour_for(self, name: str) -> type[Behaviour] | None:
        """The app code of the topic of that name; None if it has none."""
        for declared in self._rooms:
            if declared.pattern.match(name) is not None:
                return declared.behaviour
        channel = self.channels.get(name)
        return channel.behaviour() if channel is not None else None

    def params_of(self, name: str) -> Mapping[str, str]:
        """What the pattern of its class names in it; empty without a class, and of a pattern without names."""
        matched = (one.pattern.match(name) for one in self._rooms)
        return MappingProxyType(next((found for found in matched if found is not None), {}))

    @property
    def given(self) -> Mapping[str, Mapping[str, Any]]:
        """By pattern with app code, the settings that code gave; none for a channel that only has handlers."""
        return {**dict.fromkeys(self.channels, _NOTHING), **self._given}

    def within(self, settings: GatewaySettings) -> TopicsInForce:
        """What holds of each name, with that configuration and what is declared by now."""
        return TopicsInForce(settings, self.given, self.permits)


class TopicsInForce:
    """
    What holds of each name, where the configuration file and code may both speak of it. Never raises; any thread.

    Rules: of the file the most specific section that matches the name counts, of code the most specific pattern. A key
    that somebody wrote into the section holds; of the others those that code gave; the rest is as in `DECLARED`, or as
    the section leaves it if code does not declare the name. So nothing in code opens what the file closes, whichever of
    the two patterns is more specific, for neither need cover the other; and a section that only keeps a history closes
    nothing.

    Args:
        given: By pattern, the settings that code gave.
        permits: Patterns that have a permission.
    """

    def __init__(
        self, settings: GatewaySettings, given: Mapping[str, Mapping[str, Any]], permits: Iterable[str]
    ) -> None:
        self._settings = settings
        self._sections: TopicTable[str | None] = TopicTable({text: text for text in settings.topics}, None)
        self._given = dict(given)
        self._code: TopicTable[str | None] = TopicTable({text: text for text in given}, None)
        self._permits = TopicTable(dict.fromkeys(permits, True), otherwise=False)
        self._found: dict[tuple[str | None, str | None], TopicSettings] = {}
        """One object for all names of one section and one pattern."""

    def speaking_of(self, name: str) -> tuple[str | None, str | None]:
        """The section of the file, and the pattern of code."""
        return self._sections.settings_for(name), self._code.settings_for(name)

    def settings_for(self, name: str) -> TopicSettings:
        section, pattern = self.speaking_of(name)
        if section is None and pattern is None:
            return DECLARED if self._permits.settings_for(name) else self._settings.other_topics
        found = self._found.get((section, pattern))
        if found is None:
            found = self._found[section, pattern] = self._both(section, pattern)
        return found

    def is_declared(self, name: str) -> bool:
        """Whether the file or code speaks of it."""
        return any(table.is_declared(name) for table in (self._sections, self._code, self._permits))

    def _both(self, section: str | None, pattern: str | None) -> TopicSettings:
        given = _NOTHING if pattern is None else self._given[pattern]
        if section is None:
            return attrs.evolve(DECLARED, **given)
        topics = sections(self._settings.topics)
        said = {key: getattr(topics[section], key) for key in topics.said(section)}
        below = DECLARED if said and pattern is not None else topics[section]  # nobody wrote those of development mode
        return attrs.evolve(below, **{**given, **said})
