"""
A worker that fails on purpose: what its supervisor does, step by step, until the restart budget is spent.

    python examples/supervised_worker.py
"""

from __future__ import annotations

import asyncio

import attrs

from actors import Actor, ActorRef, ActorSystem, Backoff, DynamicSupervisor, SupervisorSpec, handles
from actors.events import ActorFailed, ActorRestarted, ActorStopped, DeadLetter, SupervisorGaveUp

JOBS = (10, 5, 0, 4, 0, 2, 0, 0, 1)
"""Divisors of 100; there is no quotient for a 0."""


@attrs.frozen
class Divide:
    by: int


class Worker(Actor):
    """Raises when it is given a 0. It does not catch that: a fresh instance is the way back to a known state."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0

    @handles(Divide)
    def divide(self, job: Divide) -> None:
        result = 100 // job.by
        self.done += 1
        print(f"          100 / {job.by} = {result}   (job {self.done} of this instance)")


class Office(DynamicSupervisor):
    """Three restarts in ten seconds, each after a longer wait; then that worker is stopped, and nobody else."""

    supervision = SupervisorSpec(
        strategy="dynamic",
        intensity=3,
        period=10.0,
        scope="child",
        on_exceeded="stop_child",
        backoff=Backoff(initial=0.05, min=0.1, factor=2.0, jitter=0.0),
    )


def narrate(system: ActorSystem, worker: ActorRef[Worker]) -> None:
    """Prints what the event stream says of this worker, with the seconds since now."""
    began = system.env.clock.now()

    def say(words: str) -> None:
        print(f"{system.env.clock.now() - began:6.2f} s  {words}")

    subscribe = system.events.subscribe
    subscribe(ActorFailed, lambda fact: say(f"failed: {fact.error} (doing {fact.doing})"))
    subscribe(ActorRestarted, lambda fact: say(f"restarted after {fact.delay:.2f} s as incarnation {fact.incarnation}"))
    subscribe(SupervisorGaveUp, lambda fact: say(f"gave up on {fact.child}: {fact.then}"))
    subscribe(DeadLetter, lambda fact: say(f"undelivered: {fact.message} ({fact.reason})"))
    subscribe(ActorStopped, lambda fact: say(f"stopped: {fact.reason}") if fact.ref is worker else None)


async def main() -> None:
    async with ActorSystem("office") as system:
        office = system.spawn(Office, name="office")
        worker = system.spawn(Worker, name="worker", under=office)
        narrate(system, worker)
        for by in JOBS:  # all at once: the mailbox outlives every restart, in order
            worker.tell(Divide(by))
        await worker.terminated
        print(f"the office is {office.info().phase}; it can hire again")


if __name__ == "__main__":
    asyncio.run(main())
