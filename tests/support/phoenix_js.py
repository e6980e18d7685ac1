"""Frames as phoenix.js 1.8.16 reads and writes them (`serializer.js`), written after it and not after ours."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

from websockets.frames import Frame, Opcode


class Heard(NamedTuple):
    join_ref: Any
    ref: Any
    topic: str
    event: str
    payload: Any


def encode(join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> str | bytes:
    """What the client sends: bytes in a binary frame, everything else in a text one."""
    if isinstance(payload, bytes):
        names = [("" if one is None else one).encode() for one in (join_ref, ref, topic, event)]
        return bytes((0, *map(len, names))) + b"".join(names) + payload
    return json.dumps([join_ref, ref, topic, event, payload], separators=(",", ":"), ensure_ascii=False)


def decode(frame: Frame) -> Heard:
    """What the client makes of a frame of the server."""
    data = bytes(frame.data)
    if frame.opcode is Opcode.TEXT:
        array = json.loads(data)
        assert len(array) == 5, f"phoenix frames have five elements: {data!r}"
        return Heard(*array)
    assert frame.opcode is Opcode.BINARY
    if data[0] == 0:
        (join_ref, topic, event), rest = _names(data, 3)
        return Heard(join_ref, None, topic, event, rest)
    if data[0] == 1:
        (join_ref, ref, topic, status), rest = _names(data, 4)
        return Heard(join_ref, ref, topic, "phx_reply", {"status": status, "response": rest})
    assert data[0] == 2, f"no kind of frame: {data!r}"
    (topic, event), rest = _names(data, 2)
    return Heard(None, None, topic, event, rest)


def _names(data: bytes, count: int) -> tuple[list[str], bytes]:
    found, start = [], 1 + count
    for size in data[1 : 1 + count]:
        assert start + size <= len(data), f"a name ends behind its frame: {data!r}"
        found.append(data[start : start + size].decode())
        start += size
    return found, data[start:]


def sync_diff(state: dict[str, Any], diff: dict[str, Any]) -> dict[str, Any]:
    """`Presence.syncDiff`: joins first, merged by `phx_ref`; then leaves; a key without metas goes."""
    state = copy.deepcopy(state)
    for key, joined in diff["joins"].items():
        refs = [meta["phx_ref"] for meta in joined["metas"]]
        kept = [meta for meta in state.get(key, {"metas": []})["metas"] if meta["phx_ref"] not in refs]
        state[key] = {**joined, "metas": kept + joined["metas"]}
    for key, left in diff["leaves"].items():
        if key in state:
            gone = [meta["phx_ref"] for meta in left["metas"]]
            state[key]["metas"] = [meta for meta in state[key]["metas"] if meta["phx_ref"] not in gone]
            if not state[key]["metas"]:
                del state[key]
    return state
