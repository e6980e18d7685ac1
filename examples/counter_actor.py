"""
Actors alone: tell, request, and answers that have a type.

    python examples/counter_actor.py
"""

from __future__ import annotations

import asyncio

import attrs

from actors import Actor, ActorSystem, Request, handles


@attrs.frozen
class Add(Request[int]):
    """Answered with the new total; mypy and pyright know that it is an int."""

    amount: int


@attrs.frozen
class Reset:
    """A message without an answer."""


class Counter(Actor):
    """One message at a time: no lock, whoever sends."""

    def __init__(self, start: int = 0) -> None:
        super().__init__()
        self.total = start

    @handles(Add)
    def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total

    @handles(Reset)
    def reset(self, _: Reset) -> None:
        self.total = 0


async def main() -> None:
    async with ActorSystem("counting") as system:
        counter = system.spawn(Counter, 100, name="counter")
        print(f"{counter.path} starts at 100; add 5:", await counter.request(Add(5)))

        counter.tell(Reset())  # never waits; from one sender, messages arrive in the order in which they were sent
        print("after a reset, add 1:", await counter.request(Add(1)))

        totals = await asyncio.gather(*(counter.request(Add(1)) for _ in range(1_000)))
        print("a thousand requests at once end at:", max(totals))
        counts = counter.counts()
        print(f"accepted {counts.accepted} messages, handled {counts.handled}, lost {counts.lost}")


if __name__ == "__main__":
    asyncio.run(main())
