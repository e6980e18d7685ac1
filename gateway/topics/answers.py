"""How an answer finds who asked: the connection, which gives it to its client, or app code's receipt."""

from __future__ import annotations

from ..messages.commands import Done, Reply, Result
from ..messages.topic_messages import Answer, Origin
from ..reasons import Refused


def answer(origin: Origin, reply: Reply, result: Result) -> None:
    """The one answer to a command; nobody is left to hear it if the connection is gone."""
    if origin.connection is not None and origin.connection.is_alive():
        origin.connection.tell(Answer(reply, result))
    elif reply.receipt is not None:
        settle(reply, result)


def settle(reply: Reply, result: Result) -> None:
    """Gives app code what it waits for, or does not wait for."""
    assert reply.receipt is not None
    if isinstance(result, Refused):
        reply.receipt.fail(result)
    else:
        reply.receipt.resolve(None if isinstance(result, Done) else result)
