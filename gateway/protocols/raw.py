"""The raw wire: payloads go out bare and frames come in as they are; no offsets, no replay, no control replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .. import wire_json
from ..messages.commands import Handled, Invalid, Reply
from ..messages.publications import Delivery
from ..reasons import CloseReason, Refused
from ..sockets.frames import binary_frame, text_frame
from .base import Variant, Wire
from .json_shapes import refusal

if TYPE_CHECKING:
    from ..messages.commands import Command, Join, Result
    from ..messages.publications import Item, Kind


class Bare(Variant):
    """A payload and nothing else; presence is not shown."""

    def frame(self, item: Item) -> bytes:
        if not isinstance(item, Delivery):
            return b""
        publication = item.publication
        return binary_frame(publication.payload) if publication.kind == "binary" else text_frame(publication.payload)


class RawWire(Wire):
    """Stateless: one object serves all connections."""

    name = "raw"
    uses_app_frames = True
    shows_positions = False

    _BARE = Bare()

    def opened(self, client: str, ping: float) -> Sequence[bytes]:
        return ()

    def decode(self, data: str | bytes) -> Iterable[Command]:
        return (Invalid(Reply(), Refused("not_available", "this endpoint takes frames as they are")),)

    def answer(self, reply: Reply, result: Result) -> Sequence[bytes]:
        """That a frame came too fast; with a `ref`, as handlers of messages answer, also that one was left out."""
        if isinstance(result, Refused):
            return (text_frame(wire_json.encode(_addressed(reply, refusal(result)))),)
        if isinstance(result, Handled) and reply.ref is not None:
            return (text_frame(wire_json.encode(_addressed(reply, {"status": "ok"}))),)
        return ()

    def removed(self, join: Reply, reason: str, *, may_return: bool, code: int | None = None) -> Sequence[bytes]:
        return ()

    def variant(self, join: Join) -> Variant:
        return self._BARE

    def message(self, payload: bytes, kind: Kind) -> bytes:
        return binary_frame(payload) if kind == "binary" else text_frame(payload)

    def close_code(self, reason: CloseReason) -> int:
        return reason.raw_code


def _addressed(reply: Reply, body: dict[str, object]) -> dict[str, object]:
    if reply.action:
        body["action"] = reply.action
    return body if reply.ref is None else {**body, "ref": reply.ref}
