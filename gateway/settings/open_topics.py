"""Which topics are open to everybody, for who starts the gateway: nobody should learn it from a stranger. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .topic_patterns import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .config import GatewaySettings
    from .topic import TopicSettings

MAX_NAMED = 20
"""Patterns that the log names. Who has more knows that some are open, and finds them with `hubbub check`."""


def open_patterns(
    patterns: Iterable[str],
    settings: GatewaySettings,
    settings_for: Callable[[str], TopicSettings],
    permits: Iterable[str],
) -> tuple[str, ...]:
    """
    Those that clients without a token may join, or publish to; none in development mode, where all others are as well.

    Args:
        patterns: All that are declared, in the file or in code.
        settings_for: What holds of a name; a pattern is one of the names that it matches.
        permits: Patterns that the application is asked about, so they are not for everybody.
    """
    if settings.development or not settings.gateway.auth.anonymous:
        return ()
    asked = [TopicPattern(text) for text in permits]
    unasked = (text for text in patterns if not any(one.match(text) is not None for one in asked))
    return tuple(text for text in unasked if _is_open(settings_for(text)))


def _is_open(one: TopicSettings) -> bool:
    return "anyone" in (one.join, one.publish)
