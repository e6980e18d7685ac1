"""Handles of rooms on plain threads: each thread in its own order, and one topic however many meet at it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.support.client import connect, settings, when
from tests.support.counting import counters
from tests.support.raw_client import PATIENCE

Serve = Any


async def _on_threads(works: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    await when(lambda: not any(thread.is_alive() for thread in threads), "the threads")
    assert errors == []


async def test_c5_handles_work_from_plain_threads(serve: Serve) -> None:
    """Each thread's broadcasts arrive in its own order, and a receipt can be waited for there."""
    server = await serve(counters(), settings())
    offsets: list[int] = []

    def speak(name: str) -> None:
        room = server.app.room("count:1")
        for number in range(50):
            receipt = room.broadcast(f"{name}{number}")
        offsets.append(receipt.get(timeout=PATIENCE).position.offset)

    async with connect(server.ws()) as client:
        await client.join("count:1")
        await _on_threads([lambda name=name: speak(name) for name in "abcd"])  # type: ignore[misc]
        heard = await client.payloads(200)
        for name in "abcd":
            assert [one for one in heard if one[0] == name] == [f"{name}{number}" for number in range(50)]
        assert max(offsets) == 200


async def test_threads_that_meet_at_a_new_topic_start_one_only(serve: Serve) -> None:
    """However many threads publish to a name nobody has used yet: one topic, one numbering, nothing lost."""
    server = await serve(counters(), settings())
    rounds, width = 20, 8
    for turn in range(rounds):
        name, barrier = f"count:{turn}", threading.Barrier(width)

        def speak(name: str = name, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            server.app.room(name).broadcast("x").get(timeout=PATIENCE)

        await _on_threads([speak] * width)
        page = await server.app.room(name).history()
        assert [entry.offset for entry in page.entries] == list(range(1, width + 1))
    assert sorted(server.app.node.live.names()) == sorted(f"count:{turn}" for turn in range(rounds))
    assert len(server.app.node.live.supervisor._relations().children) == rounds
