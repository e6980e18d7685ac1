"""A mailbox is a queue per sender, whoever sends from wherever."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, ActorSystem, DispatcherSettings
from tests.support.laws import examples

HARD_BOUND = 30


class Recorder(Actor):
    """Keeps what came from whom; waits before every message whose number its class divides."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self.got: dict[int, list[int]] = {}

    async def on_receive(self, message: Any) -> Any:
        sender, number = message
        if self.every and number % self.every == 0:
            await asyncio.sleep(0)
        self.got.setdefault(sender, []).append(number)
        return self.got


@examples(25)
@given(
    counts=st.lists(st.integers(0, 80), min_size=1, max_size=4),
    throughput=st.integers(1, 5),
    every=st.integers(0, 4),
)
def test_each_sender_s_messages_keep_their_order(counts: list[int], throughput: int, every: int) -> None:
    """Several threads at once: what each sent arrives whole and in its order, whatever the throughput."""

    async def main() -> dict[int, list[int]]:
        async with ActorSystem(dispatcher=DispatcherSettings(throughput=throughput)) as system:
            ref = system.spawn(Recorder, every)
            start = threading.Barrier(len(counts))

            def send(sender: int) -> None:
                start.wait(HARD_BOUND)
                for number in range(counts[sender]):
                    ref.tell((sender, number))

            threads = [threading.Thread(target=send, args=(sender,)) for sender in range(len(counts))]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join, HARD_BOUND)
            got: dict[int, list[int]] = await ref.request((-1, 0), timeout=HARD_BOUND)
            return got

    got = asyncio.run(main())
    assert got.pop(-1) == [0]
    assert got == {sender: list(range(count)) for sender, count in enumerate(counts) if count}
