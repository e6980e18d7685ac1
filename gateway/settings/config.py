"""
What can be configured, in frozen classes: each key with its default, unit and reason.

Rules of these files (`topic`, `auth`, `listen` and this one): where nobody said anything, a
topic's name is closed; what contradicts itself cannot be made.

What they refuse to know: where a value came from, how a setting is obeyed, and who a peer is.
"""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import attrs

from actors.config.config import ConfigError, Shapes, check, gather, setting
from actors.config.units import Duration, Size
from actors.plan.references import places
from actors.plan.settings import SHAPES as ACTOR_SHAPES
from actors.plan.settings import ActorSettings, ActorsSettings, RuntimeSettings, SupervisorSettings, read_only

from ..engines.stream import History
from ..limits.limits import Limits
from ..pulse.heartbeat import HeartbeatConfig
from .listen import ListenSettings
from .parts import BUILT_IN, HOME, PARTS
from .topic import CLOSED, OPEN, TopicSettings, sections
from .topic_patterns import TopicTable

SHAPES: Shapes = {
    **ACTOR_SHAPES,
    Limits: {
        "max_message": Size,
        "max_topic_name_bytes": Size,
        "outbox_bytes": Size,
        "outbox_age": Duration,
        "in_flight_bytes": Size,
    },
    HeartbeatConfig: {"ping_interval": Duration, "ping_timeout": Duration},
    History: {"ttl": Duration, "max_bytes": Size},
}
"""What the numbers of classes are that know nothing of files."""


@attrs.frozen(kw_only=True)
class EngineSettings:
    """[engine]: where positions and history come from."""

    url: str = setting(
        "memory://",
        reason="The scheme chooses the engine. Memory needs nothing and forgets at the end of the process.",
        validator=check(lambda text: text == "memory://", 'write "memory://", the one engine there is'),
    )


@attrs.frozen(kw_only=True)
class LogSettings:
    """[log]: how log lines look."""

    format: Literal["auto", "console", "json"] = setting(
        "auto", reason='"auto" is "console" for a person at a terminal and "json" for everything else.'
    )


def _with_built_in(supervisors: Mapping[str, SupervisorSettings]) -> Mapping[str, SupervisorSettings]:
    return read_only({**BUILT_IN, **supervisors})


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """Everything that can be configured. Immutable; two gateways may have two."""

    development: bool = setting(
        False,
        reason="Whether names that no pattern matches are open to anyone. True without a file and without an app.",
    )
    gateway: ListenSettings = setting(ListenSettings(), reason="")
    topics: Mapping[str, TopicSettings] = attrs.field(
        factory=dict, converter=sections, metadata={"reason": "What each kind of topic allows, by pattern."}
    )
    engine: EngineSettings = setting(EngineSettings(), reason="")
    log: LogSettings = setting(LogSettings(), reason="")
    actors: ActorsSettings = setting(ActorsSettings(), reason="")
    supervisor: Mapping[str, SupervisorSettings] = attrs.field(
        factory=dict, converter=_with_built_in, metadata={"reason": "Supervisors by name; the gateway's own are there."}
    )
    actor: Mapping[str, ActorSettings] = attrs.field(
        factory=dict, converter=read_only, metadata={"reason": "The app's own actors by name; under app unless placed."}
    )

    def __attrs_post_init__(self) -> None:
        wrong = list(self._wrong())
        if wrong:
            raise gather(wrong)

    def _wrong(self) -> Iterator[ConfigError]:
        try:
            self.topic_table()
        except ConfigError as error:
            yield error.within("topics")
        try:
            places(self.runtime, PARTS, HOME)
        except ConfigError as error:
            yield error

    @property
    def runtime(self) -> RuntimeSettings:
        """What the actors obey."""
        return RuntimeSettings(actors=self.actors, supervisor=self.supervisor, actor=self.actor)

    def topic_table(self) -> TopicTable[TopicSettings]:
        """Returns a new table of `topics`; other names are as `other_topics`."""
        return TopicTable(self.topics, self.other_topics)

    @property
    def other_topics(self) -> TopicSettings:
        """What holds of a name that nobody has declared: open in development mode only."""
        return OPEN if self.development else CLOSED
