"""The settings that are in force once an application is served with them, for `hubbub check --app`."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from actors.config.config import join_path, quote_key

from ..pulse.heartbeat import HeartbeatConfig
from ..settings.sources import Loaded
from ..settings.topic import KEYS, sections

if TYPE_CHECKING:
    from ..application.app import Gateway
    from ..application.declared_topics import TopicsInForce

OF_CODE = "default of topics in code"


def laid_over(loaded: Loaded, app: Gateway, origin: str) -> Loaded:
    """
    Those of the file with what code says of the rest; a row for each pattern of either.

    Args:
        origin: What is printed beside the settings that come from code.
    """
    settings, force = app._with_heartbeat(loaded.settings), app.topics.within(loaded.settings)
    patterns = dict.fromkeys([*settings.topics, *app.topics.given])
    settings = attrs.evolve(settings, topics={one: force.settings_for(one) for one in patterns})
    known = {path: where for path, where in loaded.origins.items() if not path.startswith("topics.")}
    if app.heartbeat is not None:
        known.update((f"gateway.heartbeat.{field.name}", origin) for field in attrs.fields(HeartbeatConfig))
    for pattern in patterns:
        known.update(_origins_of(pattern, loaded, force, app, origin))
    return Loaded(settings, MappingProxyType(known))


def _origins_of(
    pattern: str, loaded: Loaded, force: TopicsInForce, app: Gateway, origin: str
) -> Iterator[tuple[str, str]]:
    """Where each setting of a pattern comes from: the most specific section that covers it, code, or nobody."""
    section, code = force.speaking_of(pattern)
    said = frozenset() if section is None else sections(loaded.settings.topics).said(section)
    path = join_path("topics", quote_key(pattern))
    for key in KEYS:
        if section is not None and key in said:
            yield from _origins_in(section, key, path, loaded)
        elif code is not None:
            yield f"{path}.{key}", origin if key in app.topics.given[code] else OF_CODE


def _origins_in(section: str, key: str, path: str, loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Of one key, or of what stands in its table."""
    place = f"{join_path('topics', quote_key(section))}.{key}"
    for known, where in loaded.origins.items():
        if known == place or known.startswith(f"{place}."):
            yield f"{path}.{key}{known.removeprefix(place)}", where
