"""Whoever asks whom, by ref or by key, awaiting a request or a future: nobody ever waits in a ring."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorDeadError, ActorSystem, AskCycleError, AskedSelf, SupervisorSpec
from actors.clock import VirtualClock
from actors.testkit import assert_conservation, run
from tests.support.laws import examples

Errand = tuple[tuple[int, str, "Errand"], ...]
"""Whom to ask, one after the other: by which of the targets, how, and what errand that one has."""

FAR = 10_000.0
"""Seconds after which a ring would end in its timeouts."""

REFUSED = (AskCycleError, AskedSelf, ActorDeadError)


class Messenger(Actor):
    """Runs errands; an entity has its first one as it starts, and may be gone while another one is under way."""

    def __init__(self, key: str, targets: list[Any], first: dict[str, Errand]) -> None:
        super().__init__()
        self.key, self.targets, self.first = key, targets, first

    async def on_start(self) -> None:  # type: ignore[override]
        await self.run_errand(self.first.pop(self.key, ()))

    async def on_receive(self, errand: Errand) -> str:
        await self.run_errand(errand)
        return "done"

    async def run_errand(self, errand: Errand) -> None:
        for which, how, theirs in errand:
            target = self.targets[which % len(self.targets)]
            try:
                if how == "stop":
                    self.stop()
                elif how == "kill":
                    self.actor_ref.kill()
                elif how == "wait":
                    await asyncio.sleep(0.1)
                elif how == "future" and hasattr(target, "ask"):
                    await target.ask(theirs, block=False)
                else:
                    await target.request(theirs, timeout=FAR)
            except REFUSED:
                continue


HOW = st.sampled_from(["request", "request", "request", "future", "future", "wait", "stop", "kill"])


def _errands(depth: int) -> st.SearchStrategy[Any]:
    below = st.just(()) if depth == 0 else _errands(depth - 1)
    return st.lists(st.tuples(st.integers(0, 5), HOW, below), max_size=2).map(tuple)


ERRANDS = _errands(3)


async def _play(errands: list[Any], first: list[Any], seed: int | None, apart: bool) -> None:
    targets: list[Any] = []
    begin = {f"e{index}": errand for index, errand in enumerate(first)}
    loop = asyncio.get_running_loop()
    clock = VirtualClock(loop, (lambda: True) if apart else None)
    async with ActorSystem(clock=clock, seed=seed, supervision=SupervisorSpec(intensity=1000)) as system:
        system.entities(Messenger, targets, begin, passivate_after=0.3)
        for index in range(3):
            targets.append(system.spawn(Messenger, f"n{index}", targets, {}, name=f"n{index}"))
            targets.append(system.entity(Messenger, f"e{index}"))
        asks = [targets[which].request(errand, timeout=FAR) for which, errand in errands]
        await asyncio.gather(*asks, return_exceptions=True)
        assert loop.time() < FAR / 10
        await asyncio.sleep(10)
        assert_conservation(system)
        refs = list(system.root.walk())
        assert [ref._waits_for for ref in refs] == [None] * len(refs)


@examples(200)
@given(
    errands=st.lists(st.tuples(st.integers(0, 5), ERRANDS), min_size=1, max_size=6),
    first=st.lists(_errands(2), max_size=3),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    apart=st.booleans(),
)
def test_nobody_waits_in_a_ring(errands: list[Any], first: list[Any], seed: int | None, apart: bool) -> None:
    """Through any number of actors, of which some are not there yet, and some no longer."""
    run(_play(errands, first, seed, apart))
