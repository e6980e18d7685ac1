"""A client of any wire that believes what it reads: what it asked, where it is a member, and what it has seen there."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import count
from typing import Any

import attrs

from tests.support.client import Client

PATHS = {"native": "/ws", "centrifuge": "/connection/websocket", "phoenix": "/socket/websocket?vsn=2.0.0"}


@attrs.define
class Known:
    """What all of them together have seen: who said what, and where it stands."""

    places: dict[tuple[str, str], dict[int, Any]] = attrs.Factory(lambda: defaultdict(dict))
    acknowledged: list[tuple[str, str, int, Any]] = attrs.Factory(list)
    said: Any = attrs.Factory(lambda: count(1))

    def see(self, topic: str, epoch: str, offset: int, what: Any) -> None:
        assert self.places[topic, epoch].setdefault(offset, what) == what, (topic, epoch, offset, what)


@attrs.define
class Place:
    """Where a member stands, and whom it believes to be there; None: it was not told."""

    epoch: str
    offset: int
    people: set[str] | None = None


@attrs.define(eq=False)
class Talk:
    """One connection: what it asked and was not answered, and where it is a member. It believes what it reads."""

    wire: str
    client: Client
    known: Known
    asked: dict[int, dict[str, Any]] = attrs.Factory(dict)
    places: dict[str, Place] = attrs.Factory(dict)
    names: dict[str, str] = attrs.Factory(dict)
    """Of memberships on the wire of Phoenix: the join_ref that was answered last."""
    is_over: bool = False
    refs: Any = attrs.Factory(lambda: count(1))

    # --- what it says

    async def ask(self, act: str, topic: str = "", **more: Any) -> None:
        ref = next(self.refs)
        if act == "publish":
            more["payload"] = {"n": next(self.known.said)}
        self.asked[ref] = {"act": act, "topic": topic, **more}
        frame: Any = getattr(self, f"_{self.wire}")(ref, act, topic, more)
        await self.client.send(json.dumps(frame))

    def _native(self, ref: int, act: str, topic: str, more: dict[str, Any]) -> Any:
        action = {"join": "join_room", "leave": "leave_room"}.get(act, act)
        frame = {"action": action, "room": topic, "ref": ref, "presence": True, **more}
        return frame if "fail" not in more else {**frame, "data": {"fail": True}}

    def _centrifuge(self, ref: int, act: str, topic: str, more: dict[str, Any]) -> Any:
        name = {"join": "subscribe", "leave": "unsubscribe"}.get(act, act)
        body: dict[str, Any] = {} if act in ("connect", "ping") else {"channel": topic}
        if "since" in more:
            body.update(recover=True, **more["since"])
        if "fail" in more:
            body["data"] = {"fail": True}
        if act == "publish":
            body["data"] = more["payload"]
        return {"id": ref, name: body}

    def _phoenix(self, ref: int, act: str, topic: str, more: dict[str, Any]) -> Any:
        if act == "ping":
            return [None, str(ref), "phoenix", "heartbeat", {}]
        if act == "join":
            wishes = {"meta": True, **({"since": more["since"]} if "since" in more else {})}
            return [str(ref), str(ref), topic, "phx_join", {"fail": "fail" in more, "gw": wishes}]
        event = "phx_leave" if act == "leave" else more.get("event", "message")
        return [self.names.get(topic), str(ref), topic, event, more.get("payload", {})]

    def is_about(self, topic: str) -> bool:
        """Whether it is a member, or may be one soon."""
        return topic in self.places or any(one["topic"] == topic for one in self.asked.values())

    # --- what it reads

    async def read(self) -> None:
        """All there is; ends with the connection."""
        try:
            async for text in self.client.socket:
                for line in str(text).split("\n") if self.wire == "centrifuge" else [str(text)]:
                    getattr(self, f"_read_{self.wire}")(json.loads(line))
        finally:
            self.is_over = True

    def _answer(self, ref: int) -> dict[str, Any]:
        assert ref in self.asked, f"{ref} was answered twice, or never asked"
        return self.asked.pop(ref)

    def _joined(self, asked: dict[str, Any], epoch: str, offset: int, recovered: object) -> None:
        since = asked.get("since")
        if recovered:
            assert epoch == since["epoch"]
            assert since["offset"] <= offset
            offset = since["offset"]  # what was missed follows, each once
        self.places[asked["topic"]] = Place(epoch, offset)

    def _event(self, topic: str, offset: int, payload: Any) -> None:
        place = self.places[topic]
        assert offset == place.offset + 1, (topic, place, offset)
        place.offset = offset
        self.known.see(topic, place.epoch, offset, payload["n"])

    def _read_native(self, got: Any) -> None:
        topic = got.get("room")
        if "ref" in got:
            asked = self._answer(got["ref"])
            if got.get("status") == "joined":
                self._joined(asked, got["epoch"], got["offset"], got.get("recovered"))
            elif got.get("status") == "left" or (asked["act"] == "join" and "error" in got):
                self.places.pop(topic, None)
            elif got.get("status") == "published" and "offset" in got:
                self.known.acknowledged.append((topic, got["epoch"], got["offset"], asked["payload"]["n"]))
        elif got["action"] == "event":
            self._event(topic, got["offset"], got["payload"])
        elif got["action"] == "unsubscribed":
            self.places.pop(topic, None)
        elif "state" in got:
            self.places[topic].people = {one["client"] for one in got["state"]}
        else:
            people = self.places[topic].people
            assert people is not None
            for one in got["leaves"]:
                people.remove(one["client"])
            for one in got["joins"]:
                assert one["client"] not in people
                people.add(one["client"])

    def _read_centrifuge(self, got: Any) -> None:
        if "id" in got:
            asked = self._answer(got["id"])
            joined = got.get("subscribe")
            if joined is not None:
                recovered, missed = joined.get("recovered"), joined.get("publications", [])
                self._joined(asked, joined["epoch"], joined.get("offset", 0), recovered)
                for one in missed:
                    self._event(asked["topic"], one["offset"], one["data"])
            elif "unsubscribe" in got:
                self.places.pop(asked["topic"], None)
        elif "push" in got and "pub" in got["push"]:
            self._event(got["push"]["channel"], got["push"]["pub"]["offset"], got["push"]["pub"]["data"])
        elif "push" in got:
            self.places.pop(got["push"]["channel"], None)

    def _read_phoenix(self, got: Any) -> None:
        join_ref, ref, topic, event, payload = got
        if event == "phx_reply":
            asked = self._answer(int(ref))
            place = payload["response"].get("gw")
            if asked["act"] == "join" and place is not None:
                self.names[topic] = join_ref
                self._joined(asked, place["epoch"], place["offset"], place.get("recovered"))
            elif asked["act"] in ("join", "leave"):
                self.places.pop(topic, None)
        elif event in ("phx_close", "phx_error"):
            if self.names.get(topic) == join_ref:
                self.places.pop(topic, None)
        elif event == "message":
            self._event(topic, payload["gw"]["offset"], payload)
