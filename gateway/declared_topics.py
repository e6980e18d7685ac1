"""
What an application says of topics: the classes and handlers that are their app code, who may use them, their settings.

A name is found by the most specific pattern that matches it. The configuration file is asked too, where both speak.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from .permissions import permit_by
from .reasons import TopicKindError
from .topic_options import topic_options
from .topic_patterns import TopicPattern, TopicTable
from .topic_settings import TopicSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .behaviour import Behaviour
    from .config import GatewaySettings
    from .permissions import Permit
    from .stream import History
    from .topic_handle import ChannelHandle

DECLARED = TopicSettings(join="anyone", publish="anyone")
"""A topic with app code is open unless code or file says otherwise: its `on_join` and handlers decide."""


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
        self._said: dict[str, dict[str, Any]] = {}
        """By pattern, those settings that code has chosen."""
        self.permits: dict[str, Permit] = {}
        """By pattern: who may do what there."""
        self.channels: dict[str, ChannelHandle] = {}
        """By name, those that app code has a handle of."""
        self.limited_events: set[str] = set()
        """Names of events that have a limit of their own in some topic: for every other there is nothing to look up."""

    def add(self, pattern: TopicPattern, behaviour: type[Behaviour], changes: dict[str, Any]) -> None:
        """App code, and what it says of the settings. Raises ValueError if the pattern has some already."""
        if any(one.pattern.shape == pattern.shape for one in self._rooms):
            raise ValueError(f"could not declare {pattern.text!r}: it has app code already")
        self._rooms.append(DeclaredTopic(pattern, behaviour))
        self._rooms.sort(key=lambda one: one.pattern.rank, reverse=True)
        self.limited_events.update(behaviour.limits)
        self._said[pattern.text] = changes

    def permit(self, pattern: TopicPattern, permission: Any) -> None:
        """Raises ValueError if the pattern has one already, TypeError if it cannot be asked."""
        if any(TopicPattern(one).shape == pattern.shape for one in self.permits):
            raise ValueError(f"could not declare who may use {pattern.text!r}: it has a function for that already")
        self.permits[pattern.text] = permit_by(permission)

    def keep_history(self, channel: str, history: History) -> None:
        """Raises TopicKindError for a name that is declared as a Room, ConfigError for what is no History."""
        if self.is_room(channel):
            raise TopicKindError(channel, "room", "channel")
        self._said[channel] = topic_options(f"app.channel({channel!r})", {"history": history})

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
    def said(self) -> Mapping[str, Mapping[str, Any]]:
        """By pattern with app code, those settings that code has chosen; none of a channel that only has handlers."""
        handled: dict[str, dict[str, Any]] = {name: {} for name, one in self.channels.items() if one.has_handlers}
        return {**handled, **self._said}

    def settings_within(self, settings: GatewaySettings) -> GatewaySettings:
        """
        Code goes before the file where both name a pattern, setting by setting; a file may add others.

        A section's defaults are not what it says: what neither has said of a topic with app code is as in `DECLARED`.
        """
        topics = dict(settings.topics)
        for pattern, said in self.said.items():
            section = topics.get(pattern, DECLARED)
            topics[pattern] = attrs.evolve(DECLARED, **{**_said_by(section), **said})
        known = TopicTable(topics, DECLARED)
        topics.update({pattern: DECLARED for pattern in self.permits if not known.is_declared(pattern)})
        return attrs.evolve(settings, topics=topics)


def _said_by(section: TopicSettings) -> dict[str, Any]:
    return {name: getattr(section, name) for name in section.said}
