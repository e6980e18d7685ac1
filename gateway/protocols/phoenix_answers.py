"""What clients of Phoenix are answered: one `phx_reply` to a message with a ref, and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .. import wire_json
from ..engines.stream import Position
from ..messages.commands import Handled, HistoryRead, Joined, Left, Pong, PresenceRead, Published
from ..reasons import Refused
from . import phoenix_frames as frames
from . import phoenix_presence as presence
from .json_shapes import in_base64
from .phoenix_frames import JOIN, Said
from .phoenix_pushes import as_object, payload_object, place, push, with_key

if TYPE_CHECKING:
    from ..engines.stream import Entry
    from ..messages.commands import Reply, Result
    from ..messages.publications import Publication

_EMPTY = b"{}"
_UNMATCHED = b'{"reason":"unmatched topic"}'
_REASONS = {"permission_denied": "unauthorized"}
_JOIN_REASONS = {**_REASONS, "limit_exceeded": "too many channels joined", "internal": "join crashed"}


def said_in(reply: Reply) -> Said:
    """What the answered message said; nothing, if app code asked instead of a client."""
    return reply.ref if isinstance(reply.ref, Said) else Said()


def answer_to(reply: Reply, result: Result) -> Sequence[bytes]:
    """The frames that answer a command; none for a result that Phoenix has no word for."""
    said, topic = said_in(reply), reply.topic or ""
    if isinstance(result, Joined):
        return _joined(said, topic, result)
    if isinstance(result, Left):
        return _left(said, topic, result)
    if isinstance(result, Refused):
        return _refused(said, topic, reply.action, result)
    if isinstance(result, Handled) and isinstance(result.value, bytes | bytearray | memoryview):
        return _answered_in_bytes(said, topic, bytes(result.value))
    if isinstance(result, Pong):  # it is about the socket, not about a membership
        said = Said(None, said.ref)
    response = _RESPONSES.get(type(result))
    return () if response is None else _reply(said, topic, "ok", response(result))


def ended(join: Reply, event: str, reason: str | None = None) -> Sequence[bytes]:
    """The end of a membership, under the `join_ref` that names it."""
    payload = _EMPTY if reason is None else wire_json.encode({"reason": reason})
    return _ended(said_in(join), join.topic or "", event, payload)


def _reply(said: Said, topic: str, status: str, response: bytes) -> list[bytes]:
    return [] if said.ref is None else [frames.reply(said.join_ref, said.ref, topic, status, response)]


def _ended(said: Said, topic: str, event: str, payload: bytes) -> list[bytes]:
    return [frames.text(said.join_ref, said.join_ref, topic, event, payload)]


def _joined(said: Said, topic: str, result: Joined) -> list[bytes]:
    """The reply, who is there, and what was missed: in this order, before anything live."""
    answer = _reply(said, topic, "ok", _welcome(said, result))
    if result.members is not None:
        state = presence.state(result.members)
        answer.append(frames.text(said.join_ref, None, topic, presence.STATE_EVENT, state))
    epoch = result.position.epoch
    for entry in result.missed:
        answer.append(push(entry.publication, Position(entry.offset, epoch), said.join_ref, meta=said.meta))
    return answer


def _welcome(said: Said, result: Joined) -> bytes:
    """What `on_join` returned; beside it the position, for whoever asked in any way."""
    response = _object(result.response)
    if not said.asked:
        return response
    found = place(result.position)
    if result.recovered is not None:
        found["recovered"] = result.recovered
    return with_key(response, wire_json.encode(found))


def _left(said: Said, topic: str, result: Left) -> list[bytes]:
    """The close follows the reply, as in Phoenix (trace); phoenix.js takes either for the end."""
    closed = _ended(said, topic, frames.CLOSE, _EMPTY) if result.was_member else []
    return _reply(said, topic, "ok", _EMPTY) + closed


def _refused(said: Said, topic: str, action: str, error: Refused) -> list[bytes]:
    """In Phoenix's words where it has some; a topic of which one is no member has no `join_ref`, as there (trace)."""
    if error.reason in ("not_joined", "unknown_channel"):
        return _reply(Said(None, said.ref), topic, "error", _UNMATCHED)
    words = _JOIN_REASONS if action == JOIN else _REASONS
    response = {"reason": words.get(error.reason, error.reason), "message": error.message, **error.details}
    return _reply(said, topic, "error", wire_json.encode(response))


def _answered_in_bytes(said: Said, topic: str, data: bytes) -> list[bytes]:
    if said.ref is None:
        return []
    whole = frames.binary_reply(said.join_ref, said.ref, topic, "ok", data)
    return _reply(said, topic, "ok", wire_json.encode(in_base64(data))) if whole is None else [whole]


def _object(value: object) -> bytes:
    """What app code returned, as an encoded object."""
    return _EMPTY if value is None else as_object(wire_json.encode(value), "response")


def _nothing(_: Any) -> bytes:
    return _EMPTY


def _handled(result: Handled) -> bytes:
    return _object(result.value)


def _present(result: PresenceRead) -> bytes:
    return presence.state(result.members)


def _page(result: HistoryRead) -> bytes:
    messages = [_message(entry) for entry in result.entries]
    return wire_json.encode({"messages": messages, **place(result.position)})


def _message(entry: Entry[Publication]) -> dict[str, object]:
    publication = entry.publication
    payload = msgspec.Raw(payload_object(publication))
    return {"event": publication.event, "payload": payload, "offset": entry.offset, "time": publication.at}


_RESPONSES: dict[type, Callable[[Any], bytes]] = {
    Left: _nothing,
    Published: _nothing,
    Pong: _nothing,
    Handled: _handled,
    PresenceRead: _present,
    HistoryRead: _page,
}
