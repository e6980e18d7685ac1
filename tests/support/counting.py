"""Rooms that count, keep who is in, and fail when they are told to, over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway import Gateway, History, Member, Refused, Room, on
from tests.support.client import Client


class Counter(Room):
    """Counts, keeps who is in, and fails when it is told to."""

    def on_start(self) -> None:
        self.count = 0

    @on("add")
    def add(self, member: Member, payload: Any) -> int:
        self.count += payload
        return self.count

    @on("add later")
    async def add_later(self, member: Member, payload: Any) -> int:
        await asyncio.sleep(0)
        self.count += payload
        return self.count

    @on("say")
    def say(self, member: Member, payload: Any) -> Any:
        return self.broadcast(payload, sender=member)

    @on("crash", "crash later")
    async def crash(self, member: Member, payload: Any) -> None:
        raise ValueError(f"secret {payload}")

    @on("refuse")
    def refuse(self, member: Member, payload: Any) -> None:
        raise Refused("full", "nothing left", left=0)


def counters() -> Gateway:
    app = Gateway()
    app.topic("count:*", history=History(size=1000))(Counter)
    return app


async def do(client: Client, event: str, payload: Any = None, room: str = "count:1") -> dict[str, Any]:
    return await client.publish(room, payload, event=event)
