"""What a fact says of itself: its fields as the keys of a line, and one of them as the label of a counter."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from actors import NotCharged

from ..reasons import REASONS, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_VALUES = 100
"""Values of one label that are told apart, beside our own reasons. An application may make up more of them, even out of
a client's words, and each would be kept for ever."""
MAX_VALUE = 64
"""Characters of a label's value."""
OTHER = "other"
"""What is counted as one: all values beyond these."""


class Values:
    """The values of one label: our own reasons, and the first `MAX_VALUES` of all others, are told apart."""

    __slots__ = ("_known", "_most")

    def __init__(self) -> None:
        self._known = {reason: reason for reason in REASONS}
        self._most = len(REASONS) + MAX_VALUES

    def known(self, value: str) -> str:
        """
        What is written of a value: no more than `MAX_VALUE` of it, as UTF-8 can be; `OTHER` if there are too many.

        Safe to call from any thread.
        """
        shown = self._known.get(value)
        if shown is None:
            if len(self._known) >= self._most:
                return OTHER
            shown = self._known[value] = value[:MAX_VALUE].encode(errors="replace").decode()
        return shown


def label_of(fact: Any, label: str) -> str:
    """The value of that field, as a label is written."""
    value = getattr(fact, label)
    return str(value).lower() if isinstance(value, bool) else str(value)


PLAIN = frozenset({"str", "str | None", "int", "float", "bool", "tuple[str, ...]"})
"""Types of fields that are said as they are; what is annotated with another one is looked at."""


def reader(kind: type) -> Callable[[Any], dict[str, Any]]:
    """
    What makes keys and values of the facts of one class.

    Most have plain fields only, and are read in one step, quickest without slots: each connection has two of those.
    """
    fields = attrs.fields(kind)
    names = tuple(field.name for field in fields)
    if len(names) < 2 or not all(field.type in PLAIN for field in fields):
        return _values
    if "__slots__" not in vars(kind):
        return lambda fact: vars(fact).copy()
    read = attrgetter(*names)
    return lambda fact: dict(zip(names, read(fact), strict=True))


def _values(fact: Any) -> dict[str, Any]:
    """The fields of a fact as keys: refs by their path, messages by their type, errors with their traceback."""
    values: dict[str, Any] = {}
    for field in attrs.fields(type(fact)):
        value = getattr(fact, field.name)
        if isinstance(value, NotCharged) and value.__cause__ is not None:  # it only says who pays
            values["charged_to"], value = value.charged_to, value.__cause__
        if isinstance(value, BaseException):
            values["error"] = repr(value)
            if not isinstance(value, Refused):  # a refusal is an answer: where it was raised helps nobody
                values["exc_info"] = value
        elif field.name == "message":
            values["message_type"] = type(value).__name__
        elif hasattr(value, "actor_urn"):
            values["actor" if field.name == "ref" else field.name] = value.path
        else:
            values[field.name] = value
    return values
