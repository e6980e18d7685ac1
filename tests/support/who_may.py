"""Who may do what in topics, as the pages say it: a model that knows nothing of how the gateway finds it out. Pure."""

from __future__ import annotations

from typing import Any, Literal

import attrs

ACTIONS = ("join", "publish", "history", "presence")
Word = Literal["yes", "no", "refused", "raises", "other", "never"]
"""What `app.permits` says of one act: True, False, a Refused of its own, a failure, no bool, nothing in time."""

_OUTCOMES = {"refused": "readonly", "raises": "internal", "other": "internal", "never": "timed_out"}


@attrs.define
class World:
    """What file and code say. Patterns are whole names or `prefix*`; the longer one is the more specific."""

    file: dict[str, dict[str, str]]
    code: dict[str, dict[str, str]]
    permits: tuple[str, ...]
    development: bool = False
    says: dict[tuple[str, str, str], Word] = attrs.Factory(dict)
    """By user, action and topic; yes if it is not in it."""

    def rule(self, topic: str, key: str) -> str:
        """Who may `join` or `publish`: anyone, authenticated, nobody."""
        section, code = _most_specific(self.file, topic), _most_specific(self.code, topic)
        if section is not None and key in self.file[section]:
            return self.file[section][key]
        if code is not None:
            return self.code[code].get(key, "anyone")
        if section is not None:
            return {"join": "authenticated", "publish": "nobody"}[key]
        return "anyone" if self.is_guarded(topic) or self.development else "nobody"

    def is_guarded(self, topic: str) -> bool:
        return _most_specific(self.permits, topic) is not None

    def is_declared(self, topic: str) -> bool:
        return any(_most_specific(table, topic) is not None for table in (self.file, self.code, self.permits))

    def say(self, user: str, action: str, topic: str) -> Word:
        return self.says.get((user, action, topic), "yes")


def _most_specific(patterns: Any, topic: str) -> str | None:
    matching = [
        one for one in patterns if one == topic or (one.endswith("*") and topic.startswith(one.removesuffix("*")))
    ]
    return max(matching, key=lambda one: (not one.endswith("*"), len(one)), default=None)


@attrs.define
class Client:
    """Of one wire: native, centrifuge, phoenix."""

    world: World
    wire: str
    user: str
    inside: set[str] = attrs.Factory(set)
    granted: set[tuple[str, str]] = attrs.Factory(set)
    """A yes that is kept."""

    def becomes(self, user: str) -> None:
        self.user = user
        self.granted.clear()

    def put_out(self, topic: str) -> None:
        """By app code or a back end: it is asked about anew."""
        self.inside.discard(topic)
        self.granted.clear()

    # --- each returns ok, or the reason of the refusal

    def join(self, topic: str, *, has_token: bool = False) -> str:
        """`has_token`: one of this topic."""
        if self.wire == "phoenix" and not self.world.is_declared(topic):
            return "unknown_channel"
        if self.wire == "centrifuge" and topic in self.inside:
            return "already_subscribed"
        if not has_token:
            error = self._by_rule(topic, "join") or self._asked(topic, "join")
            if error is not None:
                if self.wire == "phoenix":
                    self.inside.discard(topic)
                return error
        self.inside.add(topic)
        return "ok"

    def leave(self, topic: str) -> str:
        self.inside.discard(topic)
        return "ok"

    def publish(self, topic: str) -> str:
        if self.wire == "phoenix" and topic not in self.inside:
            return "not_joined"
        return self._by_rule(topic, "publish") or self._asked(topic, "publish") or "ok"

    def history(self, topic: str) -> str:
        return self._read(topic, "history") or "ok"

    def presence(self, topic: str) -> str:
        return self._read(topic, "presence") or "ok"

    def is_told(self, topic: str, action: str) -> bool:
        """Whether a join shows it history or presence."""
        return self._asked(topic, action) is None

    def _read(self, topic: str, action: str) -> str | None:
        if self.wire == "phoenix" and not self.world.is_declared(topic):
            return "unknown_channel"
        if topic not in self.inside:
            error = self._by_rule(topic, "join")
            if error is not None:
                return error
        return self._asked(topic, action)

    def _by_rule(self, topic: str, key: str) -> str | None:
        rule = self.world.rule(topic, key)
        if rule == "anyone" or (rule == "authenticated" and self.user):
            return None
        return "unauthorized" if rule == "authenticated" else "permission_denied"

    def _asked(self, topic: str, action: str) -> str | None:
        if not self.world.is_guarded(topic) or (topic, action) in self.granted:
            return None
        word = self.world.say(self.user, action, topic)
        if word == "yes":
            self.granted.add((topic, action))
            return None
        if word == "no":
            return "permission_denied" if self.user else "unauthorized"
        return _OUTCOMES[word]
