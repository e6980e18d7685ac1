"""
Presence as Phoenix's clients merge it: `{key: {"metas": [{"phx_ref": ...}, ...]}}`.

A key is a user; for the anonymous, who are nobody in particular, their connection. Each connection of a user is one
meta, found again by its `phx_ref`, which is new for every join and every update (phoenix 1.8.16, `presence.js`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from .. import wire_json

if TYPE_CHECKING:
    from ..messages.presence import PresenceDiff, Present

STATE_EVENT = "presence_state"
DIFF_EVENT = "presence_diff"

Metas = dict[str, dict[str, list[dict[str, object]]]]

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def state(members: Iterable[Present]) -> bytes:
    """Encoded: everybody who is there."""
    return wire_json.encode(_by_key(members, {}))


def diff(change: PresenceDiff) -> bytes:
    """Encoded: both keys are always there. A meta that goes on under a new ref names the one it had."""
    former = {one.client: one.ref for one in change.leaves}
    return wire_json.encode({"joins": _by_key(change.joins, former), "leaves": _by_key(change.leaves, {})})


def _by_key(members: Iterable[Present], former: Mapping[str, str]) -> Metas:
    found: Metas = {}
    for one in members:
        meta = _meta(one)
        if one.client in former:
            meta["phx_ref_prev"] = former[one.client]
        found.setdefault(one.user or one.client, {"metas": []})["metas"].append(meta)
    return found


def _meta(one: Present) -> dict[str, object]:
    """What is known of the connection, then of its membership, then the ref, which nobody can forge."""
    meta: dict[str, object] = {}
    for info in (one.conn_info, one.info):
        meta.update({} if info is None else _values(info))
    meta.pop("phx_ref_prev", None)
    meta["phx_ref"] = one.ref
    return meta


def _values(info: bytes) -> Mapping[str, object]:
    try:
        return _objects.decode(info)
    except msgspec.ValidationError:  # JSON, but no object
        return {"info": msgspec.Raw(info)}
