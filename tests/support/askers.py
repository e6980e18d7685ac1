"""Clients of three wires who ask the same things of topics, and hear `ok` or why not, in the words of their wire."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from gateway.access.identity import Principal
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.native import NativeWire
from gateway.protocols.phoenix import PhoenixWire
from gateway.reasons import REASONS
from tests.support.peer import Peer, passes

if TYPE_CHECKING:
    from gateway.node import Node
    from gateway.protocols.base import Wire

PATIENCE = 10.0
"""Virtual seconds until an answer is there, also if app code gives none."""


class Asker(Peer):
    """`said` is what it was told until the answer to its last question was there."""

    def __init__(self, node: Node, name: str, user: str, wire: Wire) -> None:
        super().__init__(node, name, principal=Principal(user), wire=wire)
        self.said: list[Any] = []
        self.number = 1

    async def ask(self, frame: Any) -> None:
        self.heard()
        self.socket.feed(json.dumps(frame))
        await passes(PATIENCE)
        self.said = self.heard()

    @abstractmethod
    async def asks(self, act: str, topic: str, payload: object = None, *, token: str = "") -> str | None:
        """
        The outcome of a join, since, leave, publish, history or presence; None: its wire has no such act.

        A join wants to see who is there, and `since` what was missed as well.
        """

    @abstractmethod
    def word(self, reason: str, act: str) -> str:
        """How its wire says that outcome."""

    @abstractmethod
    def hears(self, payload: object) -> bool:
        """Whether a publication with it is among what was said."""

    @abstractmethod
    def sees(self) -> tuple[bool, int]:
        """What the last join has shown: whether who is there, and how many publications of before."""


class OnNative(Asker):
    def __init__(self, node: Node, name: str, user: str) -> None:
        super().__init__(node, name, user, NativeWire(says_hello=False))

    async def asks(self, act: str, topic: str, payload: object = None, *, token: str = "") -> str | None:
        self.number += 1
        keys: dict[str, Any] = {"presence": True, "token": token or None} if act in ("join", "since") else {}
        keys |= {"since": {"offset": 0}} if act == "since" else {}
        action = {"join": "join_room", "since": "join_room", "leave": "leave_room"}.get(act, act)
        frame = {"action": action, "room": topic, "ref": self.number, **keys}
        await self.ask(frame | ({"payload": payload, "echo": True} if act == "publish" else {}))
        (self.reply,) = [one for one in self.said if one.get("ref") == self.number]
        return str(self.reply["error"]["reason"]) if self.reply["status"] == "error" else "ok"

    def word(self, reason: str, act: str) -> str:
        return reason

    def hears(self, payload: object) -> bool:
        return payload in [one.get("payload") for one in self.said if one.get("action") == "event"]

    def sees(self) -> tuple[bool, int]:
        is_shown = any(one.get("action") == "presence" for one in self.said) or "members" in self.reply
        return is_shown, sum(one.get("action") == "event" for one in self.said)


class OnCentrifuge(Asker):
    def __init__(self, node: Node, name: str, user: str) -> None:
        super().__init__(node, name, user, CentrifugeWire())
        self.socket.feed('{"id":1,"connect":{}}')

    def heard(self) -> list[Any]:
        new, self._taken = self.socket.frames[self._taken :], len(self.socket.frames)
        return [json.loads(line) for frame in new for line in frame.data.decode().split("\n")]

    async def asks(self, act: str, topic: str, payload: object = None, *, token: str = "") -> str | None:
        self.number += 1
        keys: dict[str, Any] = {"join_leave": True, "token": token} if act in ("join", "since") else {}
        keys |= {"recover": True} if act == "since" else {}
        keys |= {"data": payload} if act == "publish" else {"limit": 100} if act == "history" else {}
        word = {"join": "subscribe", "since": "subscribe", "leave": "unsubscribe"}.get(act, act)
        await self.ask({"id": self.number, word: {"channel": topic, **keys}})
        (self.reply,) = [one for one in self.said if one.get("id") == self.number]
        return str(self.reply["error"]["code"]) if "error" in self.reply else "ok"

    def word(self, reason: str, act: str) -> str:
        """Of a channel it is always 103: by 101 its clients would take their connection for unauthorized."""
        own = {"ok": "ok", "readonly": "450", "unauthorized": "103"}
        return own.get(reason) or str(REASONS[reason].code)

    def _pushes(self, kind: str) -> list[Any]:
        return [one["push"][kind] for one in self.said if kind in one.get("push", {})]

    def hears(self, payload: object) -> bool:
        return payload in [one["data"] for one in self._pushes("pub")]

    def sees(self) -> tuple[bool, int]:
        return bool(self._pushes("join")), len(self.reply["subscribe"].get("publications", ()))


class OnPhoenix(Asker):
    def __init__(self, node: Node, name: str, user: str) -> None:
        super().__init__(node, name, user, PhoenixWire())
        self.joined_as: dict[str, str] = {}

    async def asks(self, act: str, topic: str, payload: object = None, *, token: str = "") -> str | None:
        if act == "presence" or token:
            return None
        self.number += 1
        ref, event = str(self.number), {"publish": "message", "history": "gw:history", "leave": "phx_leave"}.get(act)
        if event is None:
            self.joined_as[topic] = ref
            payload = {"gw": {"since": {"offset": 0}}} if act == "since" else {}
        await self.ask([self.joined_as.get(topic), ref, topic, event or "phx_join", payload or {}])
        ((*_, answer),) = [one for one in self.said if one[1] == ref and one[3] == "phx_reply"]
        return "ok" if answer["status"] == "ok" else str(answer["response"]["reason"])

    def word(self, reason: str, act: str) -> str:
        own = {
            "permission_denied": "unauthorized",
            "unknown_channel": "unmatched topic",
            "not_joined": "unmatched topic",
        }
        return "join crashed" if reason == "internal" and act in ("join", "since") else own.get(reason, reason)

    def hears(self, payload: object) -> bool:
        return payload in [one[4] for one in self.said if one[3] == "message"]

    def sees(self) -> tuple[bool, int]:
        events = [one[3] for one in self.said]
        return "presence_state" in events or "presence_diff" in events, events.count("message")
