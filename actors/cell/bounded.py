"""Refs of actors whose mailbox has a capacity: what a full one does with one more message."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from ..errors import MailboxFull
from ..events import MailboxOverflowed
from ..mail.leftovers import undeliverable
from ..mail.messages import TailStop, Tick
from ..mail.ops import StopNow
from .cell import ActorRef

if TYPE_CHECKING:
    from ..mail.mailbox import Mailbox

A = TypeVar("A", bound=pykka.Actor)


class BoundedRef(ActorRef[A]):
    """An `ActorRef` that looks before it puts. With several sending threads a few messages more may slip in."""

    __slots__ = ()

    def tell(self, message: Any) -> None:
        policy: Mailbox = self.actor_class.mailbox  # type: ignore[attr-defined]
        if self._queue.qsize() < (policy.capacity or 0) or self._closed or self._make_room(message, policy):
            super().tell(message)

    def _make_room(self, message: object, policy: Mailbox) -> bool:
        """Whether the message may be put now. Every refusal and drop is a fact."""
        self._env.events.publish(MailboxOverflowed(self, self._queue.qsize(), policy.overflow))
        if policy.overflow == "fail":
            raise MailboxFull(str(self), self._queue.qsize())
        if policy.overflow == "drop_newest":
            self._accepted += 1
            undeliverable(self, message, "mailbox_full")
            return False
        self._drop_oldest()
        return True

    def _drop_oldest(self) -> None:
        """Ticks are exempt: a dropped one would never set its timer again. They go to the end of the queue."""
        for _ in range(self._queue.qsize()):
            try:
                oldest = self._queue.get_nowait()
            except queue.Empty:
                return
            if isinstance(oldest, Tick):
                self._queue.put(oldest)
                continue
            if isinstance(oldest, TailStop):  # exempt; its turn has come, as everything before it was dropped
                self._handled += 1
                self._post_from_any_thread(StopNow(oldest.reason, oldest.reply_to))
            else:
                undeliverable(self, oldest, "mailbox_full")
            return
