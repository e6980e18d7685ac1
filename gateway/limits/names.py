"""Which names topics and events may have; the same on every wire."""

from __future__ import annotations

import re

from ..reasons import Refused

MAX_EVENT_BYTES = 255
"""As UTF-8: what the one length byte of Phoenix's binary frames can say."""

_FORBIDDEN = re.compile('[\x00-\x1f\x7f-\x9f,"]')


def check_name(name: object) -> None:
    """Raises TypeError for what is no text. Whether a topic may have that name is said by what is done with it."""
    if not isinstance(name, str):
        raise TypeError(f'{name!r} is no name of a topic; write a text, as "game:7"')


def check_topic_name(name: object, *, max_bytes: int = 255) -> str:
    """
    Lets a topic's name pass that is safe on every wire.

    No control characters, and neither comma nor double quote: a Java client of Phoenix cuts frames at the first four
    commas. Otherwise any text; a name is compared as it is, without normalisation.

    Raises:
        Refused: `bad_request`, with a message that says what is wrong.
    """
    if not isinstance(name, str):
        raise _bad_name(f"it is {type(name).__name__}, not text; send a string")
    if not name:
        raise _bad_name("it is empty; send at least one character")
    _check_length(name, max_bytes)
    found = _FORBIDDEN.search(name)
    if found:
        raise _bad_name(f"it contains {found.group()!r}; leave out control characters, commas and double quotes")
    return name


def check_event_name(event: str) -> str:
    """
    Lets the name of an event pass; the same rules as for topics, as it stands in the same frames.

    Raises:
        Refused: `bad_request`, with a message that says what is wrong.
    """
    if event.isascii() and event.isidentifier() and len(event) <= MAX_EVENT_BYTES:  # almost all; 0.1 us
        return event
    try:
        return check_topic_name(event, max_bytes=MAX_EVENT_BYTES)
    except Refused as error:
        raise Refused("bad_request", error.message.replace("topic name", "event name")) from None


def _check_length(name: str, max_bytes: int) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise _bad_name("it contains half of a surrogate pair; send valid Unicode") from None
    if size > max_bytes:
        raise _bad_name(f"it has {size} bytes; use at most {max_bytes}")


def _bad_name(fact: str) -> Refused:
    return Refused("bad_request", f"could not use this topic name: {fact}")
