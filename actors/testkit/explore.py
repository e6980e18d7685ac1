"""Exploration: one scenario under many orders of what is ready, each of which a seed replays."""

from __future__ import annotations

import asyncio
import itertools
import random
from functools import partial
from typing import TYPE_CHECKING, get_args

from actors.clock import VirtualClock
from actors.system import ActorSystem
from actors.turns.dispatcher import InPlace

from .conservation import assert_conservation
from .threads import threads_at_work
from .virtual_time import VirtualTimeLoop, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Scenario = Callable[[ActorSystem], Awaitable[object]]

IN_PLACE: tuple[InPlace, ...] = get_args(InPlace)


class ExplorationFailed(AssertionError):
    """A scenario failed under one order of events. `__cause__` is its failure; `replay` runs that order again."""

    def __init__(self, seed: int, in_place: InPlace, error: BaseException) -> None:
        super().__init__(
            f"failed with seed {seed}, run in place {in_place!r}: {type(error).__name__}: {error}; "
            f"replay it with explore(scenario, replay={seed}, in_place=({in_place!r},))"
        )
        self.seed, self.in_place = seed, in_place


def explore(
    scenario: Scenario, seeds: int = 200, *, replay: int | None = None, in_place: Iterable[InPlace] = IN_PLACE
) -> None:
    """
    Runs `await scenario(system)` once per seed and way of running in place, each in a fresh system and virtual time.

    A seed decides which ready actor runs next, whether tasks and callbacks of the loop have their turn before it and,
    with "random", which receiver runs in place; nothing else is random, so a seed that fails fails again. After each
    run the messages must add up.

    Args:
        seeds: How many; 200 runs of a small scenario take well below a second.
        replay: Runs this seed only.

    Raises:
        ExplorationFailed: At the first failure.
    """
    chosen = range(seeds) if replay is None else (replay,)
    for seed, how in itertools.product(chosen, in_place):
        try:
            run(_once(scenario, seed, how))
        except (Exception, asyncio.CancelledError) as error:
            raise ExplorationFailed(seed, how, error) from error


async def _once(scenario: Scenario, seed: int, in_place: InPlace) -> None:
    loop = asyncio.get_running_loop()
    clock = VirtualClock(loop, _slices(random.Random(seed)))
    system = ActorSystem(f"explore-{seed}", clock=clock, seed=seed, in_place=in_place)
    async with system:
        if isinstance(loop, VirtualTimeLoop):
            loop.hold_while(partial(threads_at_work, system))
        await scenario(system)
    assert_conservation(system)


def _slices(chance: random.Random) -> Callable[[], bool]:
    """In one run no turns are apart, in another all, in a third some."""
    share = chance.choice((0.0, 0.5, 1.0))
    return lambda: chance.random() < share
