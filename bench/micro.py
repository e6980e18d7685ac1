"""
What the runtime costs, each row beside the obvious alternative, as a ratio of interleaved rounds.

    python bench/micro.py                 # all rows, 5 rounds
    python bench/micro.py tell ask -n 9   # some rows, more rounds
    taskset -c 1 python bench/micro.py    # on one core, which steadies the figures

Absolute times move with the machine by a quarter from run to run; only ratios within one run mean something. Memory is
measured in a process of its own for each candidate.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pykka

from actors import Actor, ActorSystem, Backoff, DynamicSupervisor, SupervisorSpec, handles, tell_many

Timed = Callable[[], Awaitable[float]]
"""Runs once; returns seconds per operation."""


class Counter(Actor):
    @handles(int)
    def add(self, message: int) -> int:
        return message


class AsyncCounter(Actor):
    @handles(int)
    async def add(self, message: int) -> int:
        return message


class Sleeper(Actor):
    @handles(int)
    async def add(self, message: int) -> int:
        await asyncio.sleep(0)
        return message


class Quick(Actor):
    @handles(str, in_place=True)
    def take(self, message: str) -> None: ...


class Sender(Actor):
    def __init__(self, refs: tuple[Any, ...]) -> None:
        super().__init__()
        self._refs, self._message = refs, ""

    @handles(str)
    def send(self, message: str) -> None:
        self._message = message

    def on_turn_end(self) -> None:
        tell_many(self._refs, self._message)


class Failing(Actor):
    @handles(int)
    def fail(self, message: int) -> None:
        raise ValueError(message)

    @handles(str)
    def answer(self, message: str) -> None: ...


class PykkaCounter(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


PATIENT = SupervisorSpec(intensity=10**9, backoff=Backoff(initial=0, min=0, max=0))


async def tell(actor_class: type[Actor], count: int) -> float:
    async with ActorSystem() as system:
        ref = system.spawn(actor_class)
        await ref.request(0)
        began = time.perf_counter()
        for number in range(count):
            ref.tell(number)
        await ref.request(0, timeout=60)
        return (time.perf_counter() - began) / count


async def queue_and_task(count: int) -> float:
    queue: asyncio.Queue[int] = asyncio.Queue()
    done = asyncio.Event()

    async def work() -> None:
        for _ in range(count):
            await queue.get()
        done.set()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    began = time.perf_counter()
    for number in range(count):
        queue.put_nowait(number)
    await done.wait()
    await task
    return (time.perf_counter() - began) / count


async def pykka_thread(count: int) -> float:
    ref = PykkaCounter.start()
    ref.ask(0)
    began = time.perf_counter()
    for number in range(count):
        ref.tell(number)
    ref.ask(0)
    took = (time.perf_counter() - began) / count
    ref.stop()
    return took


async def task_per_message(count: int) -> float:
    async def handle(message: int) -> int:
        return message

    began = time.perf_counter()
    for start in range(0, count, 1000):
        await asyncio.gather(*(asyncio.create_task(handle(number)) for number in range(start, start + 1000)))
    return (time.perf_counter() - began) / count


async def ping_pong(count: int) -> float:
    async with ActorSystem() as system:
        ref = system.spawn(Counter)
        began = time.perf_counter()
        for number in range(count):
            await ref.request(number)
        return (time.perf_counter() - began) / count


async def future_ping_pong(count: int) -> float:
    """The same with a queue, a task and a future per answer."""
    queue: asyncio.Queue[tuple[int, asyncio.Future[int]] | None] = asyncio.Queue()

    async def work() -> None:
        while (given := await queue.get()) is not None:
            given[1].set_result(given[0])

    task = asyncio.create_task(work())
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for number in range(count):
        answer: asyncio.Future[int] = loop.create_future()
        queue.put_nowait((number, answer))
        async with asyncio.timeout(5):
            await answer
    took = (time.perf_counter() - began) / count
    queue.put_nowait(None)
    await task
    return took


async def broadcast(count: int, in_place: Any) -> float:
    async with ActorSystem(in_place=in_place) as system:
        refs = tuple(system.spawn(Quick) for _ in range(1000))
        sender = system.spawn(Sender, refs)
        await sender.request("warm")
        began = time.perf_counter()
        for _ in range(count):
            await sender.request("x")
        await refs[-1].request("last")
        return (time.perf_counter() - began) / count / len(refs)


async def broadcast_queues(count: int) -> float:
    queues: list[asyncio.Queue[str]] = [asyncio.Queue() for _ in range(1000)]

    async def work(queue: asyncio.Queue[str]) -> None:
        for _ in range(count):
            await queue.get()

    tasks = [asyncio.create_task(work(queue)) for queue in queues]
    await asyncio.sleep(0)
    began = time.perf_counter()
    for _ in range(count):
        for queue in queues:
            queue.put_nowait("x")
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return (time.perf_counter() - began) / count / len(queues)


async def spawn(count: int) -> float:
    async with ActorSystem() as system:
        parent = system.spawn(DynamicSupervisor)
        began = time.perf_counter()
        for _ in range(count):
            system.spawn(Counter, under=parent)
        return (time.perf_counter() - began) / count


async def spawn_tasks(count: int) -> float:
    async def work(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    began = time.perf_counter()
    tasks = [asyncio.create_task(work(asyncio.Queue())) for _ in range(count)]
    await asyncio.sleep(0)
    took = (time.perf_counter() - began) / count
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took


async def restart(count: int) -> float:
    async with ActorSystem(supervision=PATIENT) as system:
        ref = system.spawn(Failing)
        began = time.perf_counter()
        for number in range(count):
            ref.tell(number)
        await ref.request("done", timeout=60)
        return (time.perf_counter() - began) / count


async def recreate_task(count: int) -> float:
    """The same by hand: a task that ends with an exception, noticed and started anew."""

    async def fail() -> None:
        raise ValueError

    began = time.perf_counter()
    for _ in range(count):
        task = asyncio.create_task(fail())
        with contextlib.suppress(ValueError):
            await task
    return (time.perf_counter() - began) / count


ROWS: dict[str, tuple[str, Timed, list[tuple[str, Timed]]]] = {
    "tell": (
        "tell to handled, plain handler",
        lambda: tell(Counter, 100_000),
        [("asyncio.Queue + task", lambda: queue_and_task(100_000)), ("pykka thread", lambda: pykka_thread(20_000))],
    ),
    "async": (
        "tell to handled, coroutine that does not wait",
        lambda: tell(AsyncCounter, 100_000),
        [("create_task per message", lambda: task_per_message(50_000))],
    ),
    "suspend": (
        "tell to handled, coroutine that waits once",
        lambda: tell(Sleeper, 10_000),
        [("create_task per message", lambda: task_per_message(50_000))],
    ),
    "ask": (
        "request and answer",
        lambda: ping_pong(20_000),
        [("queue, task, future, timeout", lambda: future_ping_pong(20_000))],
    ),
    "many": (
        "tell_many to 1,000 idle actors, per delivery",
        lambda: broadcast(100, "always"),
        [
            ("the same, never in place", lambda: broadcast(100, "never")),
            ("1,000 asyncio.Queues", lambda: broadcast_queues(100)),
        ],
    ),
    "spawn": ("spawn an actor", lambda: spawn(20_000), [("Queue + task", lambda: spawn_tasks(20_000))]),
    "restart": (
        "a failure, supervised and restarted",
        lambda: restart(5_000),
        [("a task that fails, by hand", lambda: recreate_task(5_000))],
    ),
}


# --- memory: each candidate in a process of its own


def rss_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def hold_actors(count: int) -> float:
    async with ActorSystem() as system:
        parent = system.spawn(DynamicSupervisor)
        kept = [system.spawn(Counter, under=parent) for _ in range(100)]
        gc.collect()
        before = rss_bytes()
        kept += [system.spawn(Counter, under=parent) for _ in range(count)]
        gc.collect()
        held = (rss_bytes() - before) / count
        print(json.dumps(held), flush=True)
        os._exit(0)


async def hold_tasks(count: int) -> float:
    async def work(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    gc.collect()
    before = rss_bytes()
    kept = [asyncio.create_task(work(asyncio.Queue())) for _ in range(count)]
    await asyncio.sleep(0)
    gc.collect()
    print(json.dumps((rss_bytes() - before) / len(kept)), flush=True)
    os._exit(0)


async def hold_pykka(count: int) -> float:
    """Instances of pykka's own actor class, not even started: a thread each would be 21 KB more."""
    gc.collect()
    before = rss_bytes()
    kept = [PykkaCounter() for _ in range(count)]
    gc.collect()
    print(json.dumps((rss_bytes() - before) / len(kept)), flush=True)
    os._exit(0)


HOLDERS = {"an idle actor": hold_actors, "Task + Queue": hold_tasks, "pykka actor, not started": hold_pykka}


def memory(name: str, count: int = 50_000) -> float:
    command = [sys.executable, __file__, "--hold", name, "--count", str(count)]
    return float(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout))


# --- running and saying


def measure(names: list[str], rounds: int) -> None:
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, candidates in turn; median (min..max)\n")
    print(f"{'what':48} {'us':>24}   {'ratio to the row above it':>24}")
    for name in names:
        title, ours, others = ROWS[name]
        candidates = [("", ours), *others]
        results: list[list[float]] = [[] for _ in candidates]
        for _ in range(rounds):
            for place, (_, run) in enumerate(candidates):
                gc.collect()
                results[place].append(asyncio.run(run()) * 1e6)  # type: ignore[arg-type]
        for place, (label, _) in enumerate(candidates):
            shown = title if place == 0 else f"  vs {label}"
            ratios = [other / own for other, own in zip(results[place], results[0], strict=True)]
            ratio = "" if place == 0 else f"{statistics.median(ratios):.2f} x ({min(ratios):.2f}..{max(ratios):.2f})"
            print(f"{shown:48} {_spread(results[place]):>24}   {ratio:>24}", flush=True)
    print()


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g}..{max(values):.3g})"


def measure_memory() -> None:
    print(f"{'memory, 50,000 of each':48} {'bytes each':>24}")
    for name in HOLDERS:
        print(f"{name:48} {memory(name):>24.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}, memory; default: all")
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("--hold", choices=HOLDERS, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=50_000, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hold:
        asyncio.run(HOLDERS[given.hold](given.count))
        return
    unknown = set(given.rows) - {*ROWS, "memory"}
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}; choose from {', '.join(ROWS)}, memory")
    wanted = given.rows or [*ROWS, "memory"]
    measure([name for name in wanted if name != "memory"], given.rounds)
    if "memory" in wanted:
        measure_memory()


if __name__ == "__main__":
    main()
