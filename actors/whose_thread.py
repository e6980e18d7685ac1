"""Whose code runs on this thread, if it is that of a blocking actor: who blocks there for an answer can be named."""

from __future__ import annotations

import threading
from typing import Any

_HERE = threading.local()


def claim_thread(ref: Any) -> None:
    """This thread runs code of the instance that `ref` has now, and of nobody else until it ends."""
    _HERE.life = ref, ref._incarnation


def owner_of_thread() -> Any | None:
    """The ref of that actor; None on any other thread, and where the instance has ended and its thread runs on."""
    ref, incarnation = getattr(_HERE, "life", (None, 0))
    return ref if ref is not None and ref._incarnation == incarnation else None
