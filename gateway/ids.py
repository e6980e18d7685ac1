"""
The one door of randomness: names that must not repeat, and jitter that must not line up.

Everything random in the gateway comes from one `Ids`, so that a test with a seeded source repeats exactly.
"""

from __future__ import annotations

import base64
import random


class Ids:
    """
    Draws ids and jitter from one source.

    Args:
        source: Default `random.SystemRandom()`, the kernel's: connection ids are shown to clients, and nobody may
            guess the next one. Jitter is no secret, and does not ask the kernel each time. Tests pass
            `random.Random(seed)`.
    """

    __slots__ = ("_jitter", "_source")

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = random.SystemRandom() if source is None else source
        self._jitter = random.Random() if source is None else source

    def connection_id(self) -> str:
        """A UUID of version 4, as 36 characters: what Centrifuge's clients expect to be called."""
        text = self._source.randbytes(16).hex()  # `uuid.UUID` takes 2 us more, for each connection
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def epoch(self) -> str:
        """Eight URL-safe characters, 48 bits: has to differ only from earlier epochs of the same topic."""
        return self._text(6)

    def presence_ref(self) -> str:
        """Twelve URL-safe characters, 72 bits: unique among all joins a client may ever merge."""
        return self._text(9)

    def spread(self, seconds: float) -> float:
        """Draws uniformly from 0 to `seconds`: full jitter, for many acts that must not come at once."""
        return self._jitter.uniform(0.0, seconds)

    def _text(self, size_bytes: int) -> str:
        # Sizes are multiples of three, so base64 needs no padding.
        return base64.urlsafe_b64encode(self._source.randbytes(size_bytes)).decode("ascii")
