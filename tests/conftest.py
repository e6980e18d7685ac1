"""What the tests of the runtime share; the gateway's fixtures live beside its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import settings

from actors.events import Fact
from tests.support import laws

if TYPE_CHECKING:
    from actors import ActorSystem

settings.load_profile(laws.QUICK)


@pytest.fixture
def facts(system: ActorSystem) -> list[object]:
    """Every fact of the system, in the order of publication."""
    seen: list[object] = []
    for fact in get_args(Fact):
        system.events.subscribe(fact, seen.append)
    return seen
