"""The Python client of Centrifuge, cut off again and again: it gets each publication once and in order."""

from __future__ import annotations

import asyncio

from tests.support.proxy import Proxy

from .harness import PORT, ClientTest, Journal, fields, topic_of

CUTS = 20
MISSED = 3
"""Publications at each cut while nobody is connected."""
LEAD = 40
"""Publications by which the reader may be behind: well below the 100 that are kept."""
BOUND = 60.0
"""Seconds for all of it."""


class HoldingProxy(Proxy):
    """A proxy that can also let who connects wait."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._is_open = asyncio.Event()
        self._is_open.set()

    def hold(self) -> None:
        self._is_open.clear()

    def release(self) -> None:
        self._is_open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._is_open.wait()
        await super()._accept(reader, writer)


class Recovering(ClientTest):
    async def asyncSetUp(self) -> None:
        self.proxy = HoldingProxy(PORT)
        await self.proxy.start()
        self.addAsyncCleanup(self.proxy.stop)

    async def test_who_is_cut_off_again_and_again_gets_each_publication_once_and_in_order(self) -> None:
        self.topic = topic_of()
        self.publisher, _ = await self.connected()
        reader, _ = await self.connected(self.proxy.port)
        _, seen = await self.subscribed(reader, self.topic)
        self.received, self.sent, self.lead, self.is_last = seen["publication"], Journal(), LEAD, False
        async with asyncio.timeout(BOUND):
            await asyncio.gather(self._publish(), self._cut())
        await self.received.until_count(len(self.sent))
        assert self.published(seen) == self.sent.entries
        assert [one.pub.offset for one in self.received.entries] == self.sent.entries
        returns = seen["subscribed"].entries[1:]
        assert len(returns) >= CUTS
        for one in returns:
            assert fields(one, "was_recovering", "recovered") == {"was_recovering": True, "recovered": True}

    async def _publish(self) -> None:
        while not self.is_last:
            number = len(self.sent) + 1
            await self.received.until(lambda _: self.is_last or self._is_due(), "a reader", BOUND)
            await self.publisher.publish(self.topic, number)
            self.sent.add(number)

    def _is_due(self) -> bool:
        return len(self.sent) - len(self.received) < self.lead

    async def _cut(self) -> None:
        try:
            for _ in range(CUTS):
                await self.received.until_count(len(self.received) + 5)  # it is back: no cut counts twice
                self.proxy.hold()
                self.proxy.cut()
                self.lead = LEAD + MISSED
                self.received.recheck()
                await self.sent.until_count(len(self.sent) + MISSED)
                self.lead = LEAD
                self.proxy.release()
        finally:
            self.is_last = True
            self.received.recheck()

    async def test_who_was_away_for_longer_than_history_reaches_is_told_so(self) -> None:
        topic = topic_of()
        publisher, _ = await self.connected()
        reader, _ = await self.connected(self.proxy.port)
        _, seen = await self.subscribed(reader, topic)
        await publisher.publish(topic, "before")
        await seen["publication"].until_count(1)
        self.proxy.hold()
        self.proxy.cut()
        for number in range(130):
            await publisher.publish(topic, number)
        self.proxy.release()
        back = (await seen["subscribed"].until_count(2))[-1]
        assert fields(back, "was_recovering", "recovered") == {"was_recovering": True, "recovered": False}
        await publisher.publish(topic, "live")
        await seen["publication"].until_count(2)
        assert self.published(seen) == ["before", "live"]
