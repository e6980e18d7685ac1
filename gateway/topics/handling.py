"""
How a topic's app code is run for a member: whatever comes of it is answered, and a failure is charged to who caused it.

What waits for an answer, an event or a join, gets exactly one: what the handler returned, its refusal, or `internal`. A
failure goes on to the supervisor of the behaviour, which restarts it; it says whether the room's budget pays for that,
or only the member.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from actors import NotCharged, Stashed

from .. import wire_json
from ..messages.commands import Handled, Published, Result
from ..messages.receipts import Receipt
from ..messages.topic_messages import ClientEvent, MemberJoining
from ..reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..messages.schemas import Messages
    from .member import Member
    from .topic import TopicActor


class Handling:
    """
    Of one behaviour.

    Args:
        messages: What goes out as a message.
    """

    __slots__ = ("_messages", "_topic")

    def __init__(self, topic: TopicActor, messages: Messages) -> None:
        self._topic = topic
        self._messages = messages

    def blaming(self, member: Member, call: Callable[..., Any], *args: Any) -> Any:
        """Runs app code that nobody waits for; a failure is charged to the member whose coming or going caused it."""
        try:
            result = call(*args)
        except Exception as error:
            raise self._charged(member, error)  # noqa: B904  # says itself what caused it
        return self._blaming_later(member, result) if isinstance(result, CoroutineType) else None

    async def _blaming_later(self, member: Member, running: Any) -> None:
        try:
            await running
        except Exception as error:
            raise self._charged(member, error)  # noqa: B904

    def guard(
        self,
        member: Member,
        message: ClientEvent | MemberJoining,
        keep: Callable[[], None],
        call: Callable[..., Any],
        *args: Any,
    ) -> Any:
        """
        Runs app code for a member, and answers for it whatever comes out.

        Args:
            keep: Called before the answer; what it raises is a failure of the handler, whose client is told so.
        """
        try:
            result = call(*args)
            if isinstance(result, CoroutineType):
                return self._finish(member, message, keep, result)
            keep()
            self._answer_with(message, result)
        except Refused as error:
            self._refuse(member, message, keep, error)
        except Exception as error:
            raise self._failed(member, message, error)  # noqa: B904  # says itself what caused it
        except BaseException as error:
            self._answer_for(message, error)
            raise
        return None

    async def _finish(
        self, member: Member, message: ClientEvent | MemberJoining, keep: Callable[[], None], running: Any
    ) -> None:
        try:
            result = await running
            keep()
            self._answer_with(message, result)
        except Refused as error:
            self._refuse(member, message, keep, error)
        except Exception as error:
            raise self._failed(member, message, error)  # noqa: B904
        except BaseException as error:
            self._answer_for(message, error)
            raise

    def _answer_for(self, message: ClientEvent | MemberJoining, error: BaseException) -> None:
        """What is put aside is no failure, and answered when it is handled."""
        if not isinstance(error, Stashed):
            self._answer(message, Refused("internal"))

    def _answer_with(self, message: ClientEvent | MemberJoining, value: Any) -> None:
        """Raises TypeError for what no wire can carry: a failure of the handler that returned it, not of a socket."""
        if isinstance(value, Receipt) and isinstance(message, ClientEvent):
            value.then(lambda result: self._answer(message, _outcome(result)))
        else:
            ready, _ = self._messages.ready(value)
            if not wire_json.is_finite(ready):
                raise TypeError("could not answer: the value holds NaN or Infinity, which JSON has not; return null")
            wire_json.encode(ready, "answer")
            self._answer(message, Handled(ready))

    def _refuse(
        self, member: Member, message: ClientEvent | MemberJoining, keep: Callable[[], None], error: Refused
    ) -> None:
        try:
            keep()
            wire_json.check_refusal(error)
        except Exception as wrong:
            raise self._failed(member, message, wrong) from error
        self._answer(message, error)

    def _failed(self, member: Member, message: ClientEvent | MemberJoining, error: Exception) -> Exception:
        """The peer learns `internal`; what is raised says whether the room's budget pays."""
        self._answer(message, Refused("internal"))
        return self._charged(member, error)

    def _charged(self, member: Member, error: Exception) -> Exception:
        if isinstance(error, NotCharged):
            return error
        if self._topic.blame(member.id, member.principal):
            return error
        charged = NotCharged(f"{type(error).__name__} while handling for {member.id}", charged_to=member.id)
        charged.__cause__ = error
        return charged

    def _answer(self, message: ClientEvent | MemberJoining, result: Result) -> None:
        if isinstance(message, ClientEvent):
            self._topic.answer_event(message, result)
        elif isinstance(result, Handled):
            self._topic.allow_join(message.ticket, result.value)
        elif isinstance(result, Refused):
            self._topic.refuse_join(message.ticket, result)


def _outcome(result: object) -> Result:
    """The answer to a client whose handler returned a receipt: the position, or that it was handled."""
    if isinstance(result, Refused | Published):
        return result
    return Refused("internal") if isinstance(result, BaseException) else Handled()
