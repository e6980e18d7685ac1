"""A pykka-compatible system says what happens in pykka's words, on pykka's logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..events import ActorFailed, ActorStopped, AskFailed, MessageUnhandled

if TYPE_CHECKING:
    from types import TracebackType

    from ..events import EventStream

logger = logging.getLogger("pykka")


def subscribe(events: EventStream) -> None:
    """Turns facts into the log records that pykka's users look for."""
    events.subscribe(ActorFailed, _failed)
    events.subscribe(AskFailed, _ask_failed)
    events.subscribe(ActorStopped, _stopped)
    events.subscribe(MessageUnhandled, _unhandled)


def _failed(fact: ActorFailed) -> None:
    if isinstance(fact.error, Exception):
        logger.error("Unhandled exception in %s:", fact.ref, exc_info=_info(fact.error))
    else:
        logger.debug("%r in %s. Stopping all actors.", fact.error, fact.ref)


def _ask_failed(fact: AskFailed) -> None:
    logger.info("Exception returned from %s to caller:", fact.ref, exc_info=_info(fact.error))


def _stopped(fact: ActorStopped) -> None:
    logger.debug("Stopped %s", fact.ref)


def _unhandled(fact: MessageUnhandled) -> None:
    logger.warning("Unexpected message received by %s: %s", fact.ref, fact.message_type)


def _info(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return type(error), error, error.__traceback__
