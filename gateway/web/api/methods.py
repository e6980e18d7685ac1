"""
What the methods of the HTTP API do, on the tree of this process. Everything is told to actors, as app code tells them.

Theory of operation. A method tells its topics and connections at once, in the order of the request, and then waits for
their answers. So what one back end asks for in two requests, the second sent after the answer to the first, takes
effect in that order; and what was told is done, also if nobody waits for the answer any more.

What it refuses to know: HTTP, keys, and how a body was written.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from ...close_codes import validate_close
from ...limits.names import check_event_name, check_topic_name
from ...messages.commands import Join, Leave, Published, Reply
from ...messages.connection_messages import Close
from ...messages.receipts import Receipt
from ...reasons import Refused, WebSocketDisconnect
from . import answers
from . import requests as asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actors import ActorRef

    from ...messages.commands import HistoryRead
    from ...node import Node
    from .answers import Answer

SLICE = 1_000
"""Topics that are looked at before others have their turn: half a millisecond (2026-11)."""

FORCED_CODE = 3503
"""Centrifugo's for a disconnect without a code of its own, which is our `disconnected`: clients do not come back."""


class Methods:
    """
    One per gateway.

    Args:
        name: What `info` calls this node.
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._commands = node.commands
        self._name = name
        self._uid = node.ids.connection_id()
        self._since = node.now()

    async def call(self, method: str, body: bytes) -> Answer:
        """
        Does what the body asks of a method of `METHODS`.

        Raises:
            Refused: It may not or cannot be done. InvalidJSON: The body is none.
        """
        found = METHODS[method]
        return await found.act(self, found.reader.read(body))

    # --- publications

    async def publish(self, request: asked.Publish) -> Answer:
        return answers.published(await self._publish(request.channel, request, request.payload()))

    async def broadcast(self, request: asked.Broadcast) -> Answer:
        """One answer per channel, in their order; a channel that refuses does not concern the others."""
        asked.check_count("channels", len(request.channels), asked.MAX_CHANNELS)
        payload = request.payload()
        receipts = [self._publish(channel, request, payload) for channel in request.channels]
        return {"responses": [answers.response(outcome) for outcome in await Receipt.outcomes(receipts)]}

    def _publish(self, channel: str, request: asked.Payload, payload: object) -> Receipt[Published]:
        """Raises Refused for an event's name that no wire could carry; other refusals are the receipt's."""
        check_event_name(request.event)
        save = False if request.skip_history else None
        return self._commands.publish(channel, payload, request.event, save=save, key=request.idempotency_key or None)

    # --- topics

    async def presence(self, request: asked.Channel) -> Answer:
        found = await self._commands.presence(request.channel)
        return {"presence": {one.client: answers.person(one) for one in found.members}}

    async def presence_stats(self, request: asked.Channel) -> Answer:
        found = await self._commands.presence(request.channel)
        return {"num_clients": len(found.members), "num_users": found.users}

    async def history(self, request: asked.History) -> Answer:
        limit = request.limit if request.limit >= 0 else None
        since = asked.position_of(request.since)
        found: HistoryRead = await self._commands.history(request.channel, limit, reverse=request.reverse, since=since)
        return {"publications": [answers.kept(entry) for entry in found.entries], **answers.place(found.position)}

    async def history_remove(self, request: asked.Channel) -> Answer:
        """Forgets the publications; positions go on, and who comes back from before learns that it missed some."""
        await self._commands.clear_history(request.channel)
        return {}

    async def channels(self, request: asked.Channels) -> Answer:
        """Those with somebody in them, on this node."""
        pattern = request.checked_pattern()
        return {
            "channels": {
                name: {"num_clients": size} async for name, size in self._sizes() if size and fnmatchcase(name, pattern)
            }
        }

    async def _sizes(self) -> AsyncIterator[tuple[str, int]]:
        for number, name in enumerate(self._node.live.names(), 1):
            yield name, self._node.live.size(name)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    # --- connections

    async def subscribe(self, request: asked.Subscribe) -> Answer:
        """
        Joins what the user has open now; what is in that topic already stays there as it is.

        Refused if one of them is; the others are joined all the same.
        """
        topic, since = request.channel, asked.position_of(request.recover_since)
        expires = request.expire_at or None
        await self._ask(
            request.user, request.client, "subscribe", topic,
            lambda reply: Join(topic, reply, since, info=request.shown_info(), expires=expires, is_once=True),
        )  # fmt: skip
        return {}

    async def unsubscribe(self, request: asked.Unsubscribe) -> Answer:
        topic = request.channel
        await self._ask(request.user, request.client, "unsubscribe", topic, lambda reply: Leave(topic, reply))
        return {}

    async def _ask(self, user: str, client: str, act: str, topic: str, make: Callable[[Reply], Join | Leave]) -> None:
        self._node.check_open()
        # also where there is no connection that would say so
        check_topic_name(topic, max_bytes=self._node.limits.max_topic_name_bytes)
        receipts = []
        for ref in self._connections(user, client):
            receipt: Receipt[Any] = Receipt(f"{act} {topic}", self._node.receipt_lost)
            ref.tell(make(Reply(act, topic=topic, receipt=receipt, is_by_server=True)))
            receipts.append(receipt)
        for outcome in await Receipt.outcomes(receipts):
            if isinstance(outcome, BaseException) and not _is_done_already(outcome):
                raise outcome

    async def disconnect(self, request: asked.Disconnect) -> Answer:
        """Starts the closes; what was sent before leaves first."""
        stays = {self._node.directory.get(client) for client in request.whitelist}
        close = _close(request.disconnect or asked.Farewell())
        self._tell(close, (ref for ref in self._connections(request.user, request.client) if ref not in stays))
        return {}

    async def refresh(self, request: asked.Refresh) -> Answer:
        """Ends an identity; a longer one comes with a newer token, from the client."""
        if not request.expired and request.expire_at > self._node.wall():
            hint = "give the client a newer token, or send `expired`"
            raise Refused("not_available", f"`expire_at` in the future is not served here; {hint}")
        if request.expired or request.expire_at:
            self._tell(Close("expired", ended_by="expired"), self._connections(request.user, request.client))
        return {}

    def _connections(self, user: str, client: str) -> Iterable[ActorRef[Any]]:
        """
        Those of the user that live; or the one client that is named, if it is that user's.

        Raises Refused if nobody is named: the anonymous are not one user whose connections could be meant.
        """
        if not client:
            if not user:
                raise Refused("bad_request", "`user` is empty: the anonymous are many; name the `client`")
            return self._node.directory.of(user)
        ref = self._node.directory.get(client)
        is_theirs = ref is not None and ref.is_alive() and self._node.directory.origin_of(client).user == user
        return (ref,) if ref is not None and is_theirs else ()

    def _tell(self, close: Close, refs: Iterable[ActorRef[Any]]) -> None:
        for ref in refs:
            ref.tell(close)

    # --- the node

    async def info(self, request: asked.Info) -> Answer:
        """One node: this process. `num_channels` are those that live, also with nobody in them."""
        node = self._node
        sizes = [size async for _, size in self._sizes()]
        described = {
            "uid": self._uid,
            "name": self._name,
            "version": importlib.metadata.version("hubbub"),
            "num_clients": len(node.directory),
            "num_users": node.directory.user_count,
            "num_subs": sum(sizes),
            "num_channels": len(sizes),
            "uptime": int(node.now() - self._since),
        }
        return {"nodes": [described]}


@attrs.frozen
class Method:
    """How a method's body is read, and what it does."""

    reader: asked.Reader
    act: Callable[[Methods, Any], Awaitable[Answer]]


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "publish": Method(asked.Reader(asked.Publish), Methods.publish),
        "broadcast": Method(asked.Reader(asked.Broadcast), Methods.broadcast),
        "subscribe": Method(asked.Reader(asked.Subscribe), Methods.subscribe),
        "unsubscribe": Method(asked.Reader(asked.Unsubscribe), Methods.unsubscribe),
        "disconnect": Method(asked.Reader(asked.Disconnect), Methods.disconnect),
        "refresh": Method(asked.Reader(asked.Refresh), Methods.refresh),
        "presence": Method(asked.Reader(asked.Channel), Methods.presence),
        "presence_stats": Method(asked.Reader(asked.Channel), Methods.presence_stats),
        "history": Method(asked.Reader(asked.History), Methods.history),
        "history_remove": Method(asked.Reader(asked.Channel), Methods.history_remove),
        "channels": Method(asked.Reader(asked.Channels), Methods.channels),
        "info": Method(asked.Reader(asked.Info), Methods.info),
    }
)
"""Everything but `batch`, which is several of these."""


def _is_done_already(outcome: BaseException) -> bool:
    """It has gone meanwhile, or was in the topic before."""
    if isinstance(outcome, Refused):
        return outcome.reason == "already_subscribed"
    return isinstance(outcome, WebSocketDisconnect)


def _close(farewell: asked.Farewell) -> Close:
    """Raises Refused for a code or a reason that no close frame may carry."""
    try:
        validate_close(farewell.code or FORCED_CODE, farewell.reason)
    except ValueError as error:
        raise Refused("bad_request", f"`disconnect`: {error}") from None
    if farewell.code:
        return Close(code=farewell.code, text=farewell.reason)
    return Close("disconnected", text=farewell.reason)
