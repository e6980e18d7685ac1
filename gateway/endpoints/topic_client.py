"""
What one connection does in topics, as app code says it: join, leave, publish. Its machine is told, and answers.

Each act happens at the call and returns a receipt; what a permission forbids its client is not forbidden here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import wire_json
from ..amounts import check_flag
from ..limits.names import check_name
from ..messages.commands import Join, Leave, Publish, Reply
from ..messages.connection_messages import ForgetPermissions, Kick, LeaveAll
from ..messages.publications import checked_reason, clients, encode_payload, event_named
from ..messages.receipts import Receipt
from ..reasons import WebSocketDisconnect
from .parting import PacedReceipt, Parting, again

if TYPE_CHECKING:
    from actors import ActorRef

    from ..messages.commands import Face
    from ..node import Node


class TopicClient:
    """Base of `WebSocket`."""

    _parting: Parting | None = None
    """What it takes to hear again and again that it is gone; most never do."""

    def __init__(self, node: Node, ref: ActorRef[Any]) -> None:
        self._node = node
        self._ref = ref
        self._gone: WebSocketDisconnect | None = None
        """How it ended, once it has. Never raised itself: it would keep the frames of all who heard of it."""

    def join(self, topic: str, *, info: object = None, params: object = None) -> Receipt[Any]:
        """
        Joins a room by its whole name; awaiting gives the position, raises `Refused` if it may not.

        Of a client that joined it by itself that is `already_subscribed`, and changes nothing. Raises TypeError for a
        name that is no text: that is no mistake of the client.
        """
        return self._enter("room", topic, info, params)

    def subscribe(self, topic: str, *, info: object = None, params: object = None) -> Receipt[Any]:
        """`join` under the name that channels have for it."""
        return self._enter("channel", topic, info, params)

    def _enter(self, face: Face, topic: str, info: object, params: object) -> Receipt[Any]:
        encoded = None if info is None else wire_json.encode(info)
        return self._ask("join", lambda reply: Join(topic, reply, info=encoded, params=params), topic, face)

    def leave(self, topic: str) -> Receipt[Any]:
        return self._ask("leave", lambda reply: Leave(topic, reply), topic)

    unsubscribe = leave

    def kick(self, topic: str, reason: str = "kicked", *, may_return: bool = False, code: int | None = None) -> None:
        """
        Ends a membership of this client as `Member.kick` does: it is told, and whether it should come back by itself.

        Nothing happens if it is not in that topic. Raises as that does.
        """
        check_name(topic)
        check_flag("may_return", may_return)
        self._tell(Kick(topic, checked_reason(reason), may_return, code), None)

    def forget_permissions(self) -> None:
        """
        What `app.permits` granted to this client is asked again before it is used again, also what is being asked now.

        Where it is a member it stays one; `kick` ends that.
        """
        self._tell(ForgetPermissions(), None)

    def leave_all(self) -> Receipt[None]:
        """Leaves every room it has joined, its client or its app; nobody has to: the end of a connection does it."""
        return self._leave_all("room")

    def unsubscribe_all(self) -> Receipt[None]:
        """Leaves every channel it has subscribed to."""
        return self._leave_all("channel")

    def _leave_all(self, face: Face) -> Receipt[None]:
        receipt: Receipt[None] = Receipt(f"leave every {face}", self._node.receipt_lost)
        if self._gone is not None:
            receipt.resolve(None)  # its memberships end without it
        else:
            self._tell(LeaveAll(face, receipt), receipt)
        return receipt

    def publish(
        self, topic: str, payload: object, *, event: str | None = None, exclude: object = (), save: bool | None = None
    ) -> Receipt[Any]:
        """Publishes as this client would, with itself as the sender. `event`: None as in `Member.send`."""
        if save is not None:
            check_flag("save", save)
        encoded, kind = encode_payload(payload)
        name, but = event_named(event, payload), clients(exclude)
        return self._ask("publish", lambda reply: Publish(topic, reply, encoded, kind, name, but, save), topic)

    def _ask(self, act: str, command: Any, topic: str, face: Face = "channel") -> Receipt[Any]:
        check_name(topic)
        receipt = self._receipt(f"{act} {topic}")
        self._tell(command(Reply(act, face=face, topic=topic, receipt=receipt)), receipt)
        return receipt

    def _tell(self, message: object, receipt: Receipt[Any] | None) -> None:
        if self._ref.is_alive():
            self._ref.tell(message)
        elif receipt is not None:
            receipt.fail(self._how_it_ended())

    def _receipt(self, act: str) -> Receipt[Any]:
        """For what its machine is told; after its end, one that takes its time."""
        if self._gone is None and self._ref.is_alive():
            return Receipt(act, self._node.receipt_lost)
        return PacedReceipt(act, self._node.receipt_lost, self._parted())

    def _parted(self) -> Parting:
        if self._parting is None:
            self._parting = Parting()
        return self._parting

    def _how_it_ended(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(1006, "connection lost") if self._gone is None else again(self._gone)
