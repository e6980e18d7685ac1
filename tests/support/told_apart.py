"""Rooms of three in which who comes or goes is told apart, as in large ones: there laws can look at each frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.topics import fan_out


@contextmanager
def told_apart(is_large: bool) -> Iterator[None]:
    """Whether a room of a few members is taken for a large one."""
    with pytest.MonkeyPatch.context() as patch:
        if is_large:
            patch.setattr(fan_out, "PRICE", 1 / fan_out.MOST_APART)
        yield
