"""
The files this process may have open, of which each socket is one, and how many of them clients may have.

Theory of operation. The system gives the lowest number that is free, so the number of a new file says how many are at
least open, and nobody counts. Some are kept from clients: while these have all that is theirs, who is on call has to
reach the admin listener, and app code its database.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from math import inf

if sys.platform != "win32":
    import resource

RESERVED = 64
"""Files that clients do not get: an idle gateway has 17 open. Of a small limit it is a quarter instead."""


def raise_limit() -> None:
    """
    To what this process may raise it to by itself; those that it starts have it as well. Where the system refuses, as
    macOS does for a limit without end, it stays.

    What a shell gives is 1,024 for programs that use select(2), which knows no higher numbers. Nothing here does.
    """
    if sys.platform == "win32":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_for_clients() -> float:
    """How many files may be open while a client still gets one; read anew, since `prlimit` may change it meanwhile."""
    if sys.platform == "win32":
        return inf
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if limit == resource.RLIM_INFINITY else limit - min(RESERVED, limit // 4)


def is_reserved(number: int) -> bool:
    """Whether a socket with this number has one of those that clients do not get."""
    return number >= most_for_clients()


def are_spent() -> bool:
    """Whether the next client would get none."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return True
    os.close(number)
    return is_reserved(number)
