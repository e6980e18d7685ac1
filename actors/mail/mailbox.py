"""How many messages may wait for an actor, and what happens to the next one."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import instance_of, optional

from ..config.words import one_of

Overflow = Literal["unbounded", "fail", "drop_newest", "drop_oldest"]


@attrs.frozen
class Mailbox:
    """
    The settings of a mailbox, as a class attribute of an actor: `mailbox = Mailbox(capacity=10_000, overflow="fail")`.

    The queue itself is a `queue.SimpleQueue` (161 bytes while empty, a `deque` takes 624), FIFO per sender, written by
    any thread and read by one turn at a time.
    """

    capacity: int | None = attrs.field(default=None, validator=optional(instance_of(int)))
    """Messages that may wait. None: no bound, right for trusted senders; `high_water` makes a backlog seen."""

    overflow: Overflow = attrs.field(default="unbounded", validator=one_of(Overflow))
    """What a full mailbox does: `fail` raises MailboxFull in the sender; the drops make dead letters, never silence."""

    high_water: int | None = 10_000
    """Waiting messages above which the actor gets `HighWater` and a fact is published. About 1 s of work at 100 us."""

    def __attrs_post_init__(self) -> None:
        if (self.capacity is None) != (self.overflow == "unbounded"):
            raise ValueError(
                f"mailbox cannot be built: capacity {self.capacity} and overflow {self.overflow!r} contradict each "
                'other; give both a capacity and one of "fail", "drop_newest", "drop_oldest", or neither'
            )
        if self.capacity is not None and self.capacity < 1:
            raise ValueError(f"mailbox cannot be built: capacity {self.capacity} holds no message; use 1 or more")
        mark: object = self.high_water
        if mark is not None and not (isinstance(mark, int) and mark >= 0):
            raise ValueError(f"mailbox cannot be built: high_water is {mark!r}; give a number of messages, or None")


UNBOUNDED = Mailbox()
