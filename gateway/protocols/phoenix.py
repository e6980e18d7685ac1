"""
The wire of Phoenix Channels, V2: what `phoenix.js` and its relatives speak, unmodified.

Theory of operation. A client joins a topic under a `join_ref`, which names that membership: what comes to it alone
carries it, broadcasts carry none and are the same bytes for all. Every frame with a `ref` gets one `phx_reply`; without
one it is not answered. The client sends the heartbeats, joins again by itself after `phx_error` and never after
`phx_close`, and reconnects after every close but 1000 (phoenix 1.8.16 also after that).

What Phoenix has not, stands under the key `gw`, which plain clients never notice: `"gw":{"meta":true,"since":{"offset":
12,"epoch":"e"},"info":{}}` among the parameters of a join asks for positions and for what was missed, and says what
others see of the member; the event `gw:history` reads back.

What it refuses to know: who has joined what. One object serves every connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ..messages.publications import Delivery
from . import phoenix_presence as presence
from .base import Variant, Wire
from .phoenix_answers import answer_to, ended, said_in
from .phoenix_commands import HEARTBEAT, HISTORY, command_of
from .phoenix_frames import CLOSE, ERROR, JOIN, LEAVE, text
from .phoenix_pushes import push

if TYPE_CHECKING:
    from ..messages.commands import Command, Join, Reply, Result
    from ..messages.publications import Item
    from ..reasons import CloseReason
    from .base import Liveness

SUBPROTOCOL = "phoenix"

_VERSION = re.compile(r"2\.\d{1,9}(\.\d{1,9})?", re.ASCII)

_CLOSE_CODES = {"bad_request": 1011, "shutdown": 1012}
"""As Phoenix says them: its socket process crashes over what it cannot read, and restarts with a deployment."""


class PhoenixVariant(Variant):
    """How members read a topic: with positions or without, and with presence unless they may not see it."""

    def __init__(self, *, meta: bool, presence: bool) -> None:
        self._meta = meta
        self._presence = presence

    def frame(self, item: Item) -> bytes:
        if isinstance(item, Delivery):
            return push(item.publication, item.position, meta=self._meta)
        if not self._presence:
            return b""
        return text(None, None, item.topic, presence.DIFF_EVENT, presence.diff(item.diff))


class PhoenixWire(Wire):
    """Without state."""

    name = "phoenix"
    needs_membership = True
    needs_declared = True
    can_be_joined = False
    calls_by_event = True
    logs_in = False
    liveness: ClassVar[Liveness] = "client"
    actions = (JOIN, LEAVE, HISTORY, HEARTBEAT)
    _VARIANTS: ClassVar[dict[tuple[bool, bool], PhoenixVariant]] = {
        (meta, shown): PhoenixVariant(meta=meta, presence=shown) for meta in (False, True) for shown in (False, True)
    }

    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        return ()

    def decode(self, data: str | bytes) -> Iterable[Command]:
        return (command_of(data),)

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        return answer_to(reply, result)

    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        return ended(join, ERROR if may_return else CLOSE, reason)

    def replaced(self, join: Reply) -> Sequence[bytes]:
        return ended(join, CLOSE)

    def variant(self, join: Join) -> Variant:
        return self._VARIANTS[said_in(join.reply).meta, join.presence]

    def close_code(self, reason: CloseReason) -> int:
        return _CLOSE_CODES.get(reason.name, reason.code)

    @staticmethod
    def handshake_problem(query: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
        """
        Why the upgrade has to be refused, with 403; None: it has not.

        Args:
            query: Of the request. `vsn` chooses the serializer; a client that names none means 1.0.0.
            subprotocols: What the client offers. Browsers give up if none is answered, and this wire has one.
        """
        version = query.get("vsn")
        if version is None or _VERSION.fullmatch(version) is None:
            said = "missing, which means 1.0.0" if version is None else repr(version[:32])
            return f"could not speak Phoenix: vsn is {said}; connect with vsn=2.0.0"
        if subprotocols and SUBPROTOCOL not in subprotocols:
            return f'could not speak Phoenix: none of the subprotocols offered is "{SUBPROTOCOL}"; offer it, or none'
        return None

    @staticmethod
    def subprotocol(offered: Sequence[str]) -> str | None:
        """What to answer to the subprotocols a client offers."""
        return SUBPROTOCOL if SUBPROTOCOL in offered else None
