"""What clients send, checked: anything may come, and who sent it is told what should have come."""

from __future__ import annotations

from typing import Any

from gateway import Refused

MAX_NAME = 24
"""Characters that are kept of a name."""

MIN_KEY, MAX_KEY = 8, 64
"""Characters of a key; the page makes one of 16 random bytes in hex."""


def key_and_name(payload: Any) -> tuple[str, str]:
    fields = payload if isinstance(payload, dict) else {}
    key, name = fields.get("key"), fields.get("name")
    if not isinstance(key, str) or not MIN_KEY <= len(key) <= MAX_KEY:
        raise Refused("bad_request", f'to sit down send a "key": a secret of {MIN_KEY} to {MAX_KEY} characters')
    if not isinstance(name, str) or not name.strip():
        raise Refused("bad_request", 'to sit down send a "name" that others can read')
    return key, name.strip()[:MAX_NAME]


def column_of(payload: Any) -> int:
    column = payload.get("column") if isinstance(payload, dict) else None
    if type(column) is not int:
        raise Refused("bad_request", 'a move is {"column": 0} to {"column": 6}')
    return column
