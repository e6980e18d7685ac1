"""The settings that are in force once an application is served with them, for `hubbub check --app`."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from actors.config import join_path, quote_key

from .heartbeat import HeartbeatConfig
from .settings_sources import Loaded
from .topic_settings import TopicSettings

if TYPE_CHECKING:
    from .app import Gateway

OF_CODE = "default of topics in code"


def laid_over(loaded: Loaded, app: Gateway, origin: str) -> Loaded:
    """
    Those of the file with what code says over them.

    Args:
        origin: What is printed beside the settings that come from code.
    """
    settings = app._with_heartbeat(app._with_declared_topics(loaded.settings))
    origins = dict(loaded.origins)
    changed = [path for pattern in settings.topics for path, _ in _origins_of(pattern, loaded, app, origin)]
    for path in [known for known in origins if known.startswith(tuple(f"{one}." for one in changed))]:
        del origins[path]  # of a history, which code gives whole
    if app.heartbeat is not None:
        origins.update((f"gateway.heartbeat.{field.name}", origin) for field in attrs.fields(HeartbeatConfig))
    for pattern in settings.topics:
        origins.update(_origins_of(pattern, loaded, app, origin))
    return Loaded(settings, MappingProxyType(origins))


def _origins_of(pattern: str, loaded: Loaded, app: Gateway, origin: str) -> Iterator[tuple[str, str]]:
    """Of the settings of one pattern, those that are not as in the file."""
    section, path = loaded.settings.topics.get(pattern), join_path("topics", quote_key(pattern))
    said = app.topics.said.get(pattern)
    if said is None and section is not None:
        return
    for field in attrs.fields(TopicSettings):
        if field.name in (said or {}):
            yield f"{path}.{field.name}", origin
        elif section is None or field.name not in section.said:
            yield f"{path}.{field.name}", OF_CODE
