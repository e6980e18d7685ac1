"""An actor that broadcasts at the end of its turn, and actors that may be run in place to receive that."""

from __future__ import annotations

from typing import Any

import attrs

from actors import Actor, ActorSystem, handles, tell_many


@attrs.frozen
class Publish:
    number: int


@attrs.frozen
class Delivery:
    number: int


class Topic(Actor):
    """Broadcasts in its end-of-turn hook, as the connection machine's sender does."""

    def __init__(self, receivers: list[Any]) -> None:
        super().__init__()
        self.receivers = tuple(receivers)
        self.pending: list[Delivery] = []

    @handles(Publish)
    def publish(self, message: Publish) -> None:
        self.pending.append(Delivery(message.number))

    def on_turn_end(self) -> None:
        pending, self.pending = self.pending, []
        for delivery in pending:
            tell_many(self.receivers, delivery)


class Receiver(Actor):
    """Declares its handler for running in place; notes on which stack it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[int] = []

    @handles(Delivery, in_place=True)
    def deliver(self, message: Delivery) -> None:
        self.got.append(message.number)

    def on_receive(self, message: Any) -> Any:
        return self.got


async def publish(system: ActorSystem, receivers: list[Any], count: int = 1) -> Any:
    topic = system.spawn(Topic, receivers)
    for number in range(count):
        topic.tell(Publish(number))
    return topic
