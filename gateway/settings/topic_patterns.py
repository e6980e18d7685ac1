"""Which settings a topic has: those of the most specific pattern that matches its name. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Generic, TypeVar

from actors.config.config import ConfigError, quote_key, shown

from ..limits.names import check_topic_name
from ..reasons import Refused

S = TypeVar("S")

MAX_REMEMBERED_TOPICS = 4_096
"""Names whose settings a table remembers. At most 255 bytes each, so 1 MiB; a miss costs one walk of the patterns."""


class TopicPattern:
    """
    A pattern of topic names: a whole name, `prefix*`, or a template such as `game:{game_id}:{side}`.

    `{name}` stands for one or more characters other than `:`, at most one of them between two colons, which keeps
    matching linear for names that strangers choose. `*` stands for any rest, also none, and may only be last.

    Raises:
        ConfigError: The text is no such pattern.
    """

    __slots__ = ("_expression", "rank", "shape", "text")

    def __init__(self, text: str) -> None:
        pieces = re.split(r"(\{[A-Za-z_][A-Za-z0-9_]*\}|\*\Z)", text)
        self._refuse_misuse(text, pieces)
        self.text = text
        wild = pieces[1::2]
        self.shape = "".join("{}" if piece in wild and piece != "*" else piece for piece in pieces)
        """The text without the names: two patterns of one shape match the same topics."""
        self.rank = (not wild, len(pieces[0]), "*" not in wild, sum(map(len, pieces[::2])))
        """Greater is more specific: a whole name, a longer literal prefix, no `*`, more literal text."""
        self._expression = re.compile("".join(map(self._piece, pieces)), re.DOTALL)

    @staticmethod
    def _piece(piece: str) -> str:
        if piece == "*":
            return ".*"
        return f"(?P<{piece[1:-1]}>[^:]+)" if piece[:1] == "{" else re.escape(piece)

    @staticmethod
    def _refuse_misuse(text: str, pieces: list[str]) -> None:
        names = [piece for piece in pieces[1::2] if piece != "*"]
        if re.search(r"[*{}]", "".join(pieces[::2])):
            raise ConfigError("", "a * is only allowed last, braces only around a name", 'write "a:*" or "a:{id}"')
        if len(set(names)) < len(names) or any(part.count("{") > 1 for part in text.split(":")):
            raise ConfigError("", "two names are equal, or between the same colons", 'write "a:{one}:{two}"')
        try:
            check_topic_name(text)
        except Refused as error:
            raise ConfigError("", error.message) from error

    def match(self, name: str) -> dict[str, str] | None:
        """Returns the parts that the template names, `{}` for patterns without any, None if `name` does not match."""
        found = self._expression.fullmatch(name)
        return found.groupdict() if found else None


class TopicTable(Generic[S]):
    """
    Finds the settings of a topic: those of the most specific pattern that matches its name. Pure.

    Args:
        topics: Settings by pattern.
        otherwise: The settings of names that no pattern matches.

    Raises:
        ConfigError: A pattern is wrong, or two of them match the same names.
    """

    def __init__(self, topics: Mapping[str, S], otherwise: S) -> None:
        self._otherwise = otherwise
        ranked = sorted(map(_pattern, topics), key=lambda one: (one.rank, one.text), reverse=True)
        self._exact = {one.text: topics[one.text] for one in ranked if one.rank[0]}
        self._patterns = [(one, topics[one.text]) for one in ranked if not one.rank[0]]
        self._refuse_twins([one for one, _ in self._patterns])
        self._remembered = functools.lru_cache(MAX_REMEMBERED_TOPICS)(self._find)

    def settings_for(self, name: str) -> S:
        """Returns the settings of the topic `name`. Never raises; may be called from any thread."""
        return self._remembered(name)

    def is_declared(self, name: str) -> bool:
        """Whether some pattern matches."""
        return self._remembered(name) is not self._otherwise

    def _find(self, name: str) -> S:
        if name in self._exact:
            return self._exact[name]
        matching = (settings for pattern, settings in self._patterns if pattern.match(name) is not None)
        return next(matching, self._otherwise)

    @staticmethod
    def _refuse_twins(patterns: list[TopicPattern]) -> None:
        seen: dict[str, str] = {}
        for pattern in patterns:
            if pattern.shape in seen:
                fact = f"it matches the same names as {shown(seen[pattern.shape])}"
                raise ConfigError(quote_key(pattern.text), fact, "remove one of them")
            seen[pattern.shape] = pattern.text


def _pattern(text: str) -> TopicPattern:
    try:
        return TopicPattern(text)
    except ConfigError as error:
        raise error.within(quote_key(text)) from None
