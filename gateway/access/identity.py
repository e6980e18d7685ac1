"""Who is at the other end of a connection, and what a token lets them join."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any

import attrs

from .. import wire_json
from ..reasons import InvalidJSON


def _texts(name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Raises TypeError for one text, which would be its letters, and for what is no text in a collection."""
    if isinstance(given, str):
        raise _wrong(f"its {name} are", given, f"write a list, [{given!r}]")
    if not isinstance(given, Iterable):
        raise _wrong(f"its {name} are", given, "write a list of texts")
    texts = tuple(given)
    for one in texts:
        if not isinstance(one, str):
            raise _wrong(f"one of its {name} is", one, "write texts")
    return texts


def _roles(given: Iterable[str]) -> frozenset[str]:
    return frozenset(_texts("roles", given))


def _topics(given: Iterable[str]) -> tuple[str, ...]:
    return _texts("topics", given)


def _check_id(_: object, __: object, given: Any) -> None:
    if not isinstance(given, str):
        raise _wrong("its id is", given, f"write a text, as str({given!r})")
    if not wire_json.is_unicode(given):  # it stands in the frames of others
        raise _wrong("its id is", given, "write valid Unicode, without half of a surrogate pair")


def _check_expires(_: object, __: object, given: Any) -> None:
    is_time = isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given)
    if given is not None and not is_time:
        raise _wrong("its expires is", given, "write seconds since 1970, or None for never")


def _check_info(_: object, __: object, given: Any) -> None:
    """It stands in the frames of others as it is, and may be anybody's: its value is not repeated."""
    if given is None:
        return
    wanted = "write encoded JSON, as json.dumps(...).encode()"
    if not isinstance(given, bytes):
        raise TypeError(f"could not make a principal: its info is of type {type(given).__name__}; {wanted}")
    try:
        wire_json.decode(given)
    except InvalidJSON:
        raise TypeError(f"could not make a principal: its info is no JSON, as others would read it; {wanted}") from None


def _wrong(what: str, given: object, hint: str) -> TypeError:
    return TypeError(f"could not make a principal: {what} {given!r}, of type {type(given).__name__}; {hint}")


@attrs.frozen
class Principal:
    """
    A person or a service. The empty `id` is anybody: all anonymous connections count as one user.

    Roles and topics are given in any collection of texts.

    Raises:
        TypeError: A value is none of these.
    """

    id: str = attrs.field(default="", validator=_check_id)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_roles)
    claims: Mapping[str, object] = attrs.field(factory=lambda: MappingProxyType({}), hash=False)
    expires: float | None = attrs.field(default=None, validator=_check_expires)
    """Wall-clock seconds since 1970 after which this identity must be renewed; None: never."""
    info: bytes | None = attrs.field(default=None, validator=_check_info)
    """Encoded JSON that others see of this connection, in presence and beside what it publishes (Centrifuge:
    `conn_info`)."""
    topics: tuple[str, ...] = attrs.field(default=(), converter=_topics)
    """What the server joins for this connection as soon as it is identified, in this order, without being asked."""

    @property
    def is_authenticated(self) -> bool:
        return bool(self.id)


ANONYMOUS = Principal()


@attrs.frozen
class TopicGrant:
    """What a subscription token allows: to join one topic, for one user, whatever the topic's settings say."""

    info: bytes | None = None
    """Encoded JSON that others see of this connection in that topic (Centrifuge: `chan_info`)."""
    expires: float | None = None
    """Wall-clock seconds since 1970 after which the subscription must be renewed; None: never."""
