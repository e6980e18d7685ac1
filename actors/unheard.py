"""
What a program hears of facts that nobody in it listens to: those that would be missed, on the logger `actors`.

As with an exception of a task that nobody retrieves: who has not subscribed yet still learns that a message was lost.
Who subscribes to a class of facts has all the words about it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .events import ActorFailed, HandlerAbandoned, HandlerStuck, MessageUnhandled, SupervisorGaveUp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("actors")


def _failed(fact: ActorFailed) -> None:
    error = fact.error
    logger.error("%s failed, doing %s", fact.ref, fact.doing, exc_info=(type(error), error, error.__traceback__))


def _gave_up(fact: SupervisorGaveUp) -> None:
    logger.error("%s gave up on %s, then %s: %r", fact.supervisor, fact.child, fact.then, fact.error)


def _unhandled(fact: MessageUnhandled) -> None:
    logger.warning("%s has no handler for a %s, and no on_receive", fact.ref, fact.message_type)


def _stuck(fact: HandlerStuck) -> None:
    who_waits = "the loop" if fact.blocks_loop else "its mailbox"
    logger.warning(
        "%s has been at a %s for %.3g s, and %s waits\n%s",
        fact.ref, fact.message_type, fact.seconds, who_waits, fact.stack,
    )  # fmt: skip


def _abandoned(fact: HandlerAbandoned) -> None:
    logger.warning("%s was killed, and went on for more than %g s: its handler was let go", fact.ref, fact.grace)


WORDS: Mapping[type, Callable[[Any], None]] = {
    ActorFailed: _failed,
    SupervisorGaveUp: _gave_up,
    MessageUnhandled: _unhandled,
    HandlerStuck: _stuck,
    HandlerAbandoned: _abandoned,
}
