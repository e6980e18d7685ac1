"""
Environment variables that begin as ours do: which of them are the cluster's, and what is said of the others.

Kubernetes tells each container of every service in its namespace, in variables that begin with the service's name. A
service called `hubbub`, or `hubbub-` and more, gives it what looks like ours; `HUBBUB_PORT` is even spelt as ours is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actors.config.config import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "HUBBUB_"

LIKENESS = 0.7
"""Of what follows the prefix, from which on a name is suggested. `PROT` is as like as 0.75 to `PORT`."""

_SERVICE = r"HUBBUB(_[A-Z0-9]+)*"
_URL, _ADDRESS = r"(tcp|udp|sctp)://\S+:\d+", r"[0-9a-fA-F:.]+|None"
_OF_KUBERNETES = tuple(
    (re.compile(_SERVICE + name), re.compile(value))
    for name, value in (
        ("_SERVICE_HOST", _ADDRESS),
        ("_SERVICE_PORT(_[A-Z0-9_]+)?", r"\d+"),
        ("_PORT", _URL),
        (r"_PORT_\d+_(TCP|UDP|SCTP)", _URL),
        (r"_PORT_\d+_(TCP|UDP|SCTP)_PROTO", "tcp|udp|sctp"),
        (r"_PORT_\d+_(TCP|UDP|SCTP)_PORT", r"\d+"),
        (r"_PORT_\d+_(TCP|UDP|SCTP)_ADDR", _ADDRESS),
    )
)
"""Names and values, whole: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""


def is_of_kubernetes(name: str, value: str) -> bool:
    """Whether it says where a service is, in the one shape that has."""
    return any(names.fullmatch(name) and values.fullmatch(value) for names, values in _OF_KUBERNETES)


def unknown_variable(name: str, known: Iterable[str], tables: Iterable[str]) -> ConfigError:
    """The letter about a name that is none of `known`; `tables` have names of a person's own in them."""
    for table in tables:
        if f"{name}__".startswith(f"{PREFIX}{table.upper().replace('.', '__')}__"):
            shown = f'[{table}."name"]' if table == "topics" else f"[{table}.name]"
            fact = "what is in tables with names of your own has no variable"
            return ConfigError(name, fact, f"write {shown} into the file")
    close = nearest(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], likeness=LIKENESS)
    hint = "remove it; `hubbub check --print-defaults` prints every setting"
    if close is not None:
        hint = f'did you mean "{PREFIX}{close}"?'
    return ConfigError(name, "there is no such environment variable", hint)
