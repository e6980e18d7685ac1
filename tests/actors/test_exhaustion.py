"""The worst case of a tree: how often one that keeps failing is restarted, in what time, and what ends then."""

from __future__ import annotations

from typing import Any

import pytest

from actors import ActorSystem, SystemFailed
from actors.clock import VirtualClock
from actors.events import ActorFailed
from actors.plan.exhaustion import Exhaustion, exhaustion
from actors.supervision import Backoff, SupervisorSpec
from tests.support.planned import FAILING, planned


def spec(intensity: int, **changes: Any) -> SupervisorSpec:
    return SupervisorSpec(intensity=intensity, backoff=Backoff(jitter=0.0), **changes)


def about(seconds: float) -> Any:
    return pytest.approx(seconds)


def test_restarts_multiply_up_to_the_one_that_does_not_pass_it_on() -> None:
    """Each restart of a supervisor gives its children a new budget; times are the sums of the back-offs."""
    root, middle, leaf = spec(3, on_exceeded="exit"), spec(1), spec(2)
    assert exhaustion([root]) == Exhaustion(3, about(0.3), 1, "exit")
    assert exhaustion([root, middle, leaf]) == Exhaustion(4 * 2 * 3 - 1, about(0.3 + 4 * 2 * 0.1), 3, "exit")
    stops = spec(1, on_exceeded="stop_child")
    assert exhaustion([root, stops, leaf]) == Exhaustion(5, about(0.2), 2, "stop_child")
    assert exhaustion([root, leaf, stops]) == Exhaustion(1, 0.0, 1, "stop_child")
    assert exhaustion([spec(0, on_exceeded="exit")]) == Exhaustion(0, 0.0, 1, "exit")


def test_a_back_off_that_is_slower_than_the_budget_is_for_ever() -> None:
    """Ten restarts take 32.7 s, and 30 s are looked at."""
    assert exhaustion([spec(10)]) is None
    assert exhaustion([spec(10, period=33.0)]) is not None
    assert exhaustion([spec(3), spec(10)]) is None


@pytest.mark.actors
async def test_the_worst_case_is_what_happens(actor_loop: Any) -> None:
    """A leaf that fails at once below two levels: so many failures, in that time, then the end."""
    blueprint = planned('[supervisor.x]\nintensity = 2\nchildren = ["f"]\nbackoff = { jitter = 0.0 }\n' + FAILING)
    expected = exhaustion([one.supervision for one in blueprint.path_to("f")])
    assert expected is not None
    system = ActorSystem(clock=VirtualClock(actor_loop), supervision=blueprint.root.supervision)
    await system.start()
    failed: list[ActorFailed] = []
    system.events.subscribe(ActorFailed, failed.append)
    await blueprint.start(system)
    await system.root.terminated
    with pytest.raises(SystemFailed):
        await system.stop()
    assert len([fact for fact in failed if isinstance(fact.error, ValueError)]) == expected.restarts + 1
    assert actor_loop.time() == pytest.approx(expected.seconds, rel=0.3)
