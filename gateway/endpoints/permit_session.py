"""
What an application says to who wants to join, publish or read: the functions that `app.permits` declared.

One child of a connection's machine, started when something has to be asked; one question at a time, in the order in
which they came up. It stands beside the session: a call that takes its time keeps nobody out of a topic. What a
function raises is answered `internal` and restarts this actor; the connection goes on, however often that happens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actors import Actor, NotCharged, handles

from .. import wire_json
from ..access.permissions import check_permit
from ..messages.connection_messages import AskPermit, Permitted
from ..reasons import Refused

if TYPE_CHECKING:
    from actors import ActorRef

    from ..node import Node

PERMIT_TIMEOUT = 3.0
"""Seconds for one answer, as `on_join` has. Clients of Centrifuge give up a command after 5 s."""


class PermitSession(Actor):
    """One per connection whose client wants something of a topic that `app.permits` guards."""

    def __init__(self, machine: ActorRef[Any], node: Node) -> None:
        super().__init__()
        self._machine = machine
        self._node = node

    @handles(AskPermit)
    async def ask(self, asked: AskPermit) -> None:
        try:
            refused = await self._refusal(asked)
        except Exception as error:
            self._answer(asked, Refused("internal"))
            raise NotCharged(f"the permission to {asked.action} in a topic could not be found out") from error
        except BaseException:
            self._answer(asked, Refused("internal"))
            raise
        self._answer(asked, refused)

    def on_undelivered(self, messages: list[object]) -> None:
        """It was stopped by somebody before it came to these; there is no yes in that."""
        for message in messages:
            if isinstance(message, AskPermit):
                self._answer(message, Refused("internal"))

    async def _refusal(self, asked: AskPermit) -> Refused | None:
        """The no, or that there was no answer in time; None: yes. Raises what is a failure of the application."""
        permit = self._node.permit_of(asked.topic)
        if permit is None:
            return None
        try:
            async with asyncio.timeout(PERMIT_TIMEOUT) as deadline:
                await check_permit(permit, asked.principal, asked.action, asked.topic)
        except TimeoutError:
            if not deadline.expired():
                raise  # the app's own, of its database
            return Refused("timed_out")
        except Refused as error:
            wire_json.check_refusal(error)
            return error
        return None

    def _answer(self, asked: AskPermit, error: Refused | None) -> None:
        if self._machine.is_alive():
            self._machine.tell(Permitted(asked.version, asked.topic, asked.action, error))
