"""A room with a handler for everything that can happen in one, and two who play in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.access.identity import Principal
from gateway.reasons import Refused
from gateway.topics.behaviour import Room, on
from tests.support.peer import Peer, passes

if TYPE_CHECKING:
    from gateway.topics.member import Member


class Bug(Exception):
    """What the app code of these tests raises by mistake."""


class Game(Room):
    """Every event that these tests need."""

    @on("say")
    def say(self, member: Member, data: Any) -> Any:
        return self.broadcast(data, event="said", sender=member)

    @on("bug")
    def bug(self, member: Member, data: Any) -> None:
        raise Bug

    @on("later bug")
    async def later_bug(self, member: Member, data: Any) -> None:
        await passes(0.1)
        raise Bug

    @on("refuse")
    def refuse(self, member: Member, data: Any) -> None:
        raise Refused("cheating", "not your turn", move=data)

    @on("give")
    def give(self, member: Member, data: Any) -> Any:
        return {"set": {1, 2}, "object": object(), "nothing": None, "list": [1]}[data]

    @on("refuse badly")
    def refuse_badly(self, member: Member, data: Any) -> None:
        raise Refused("cheating", why=object())

    @on("stuck")
    async def stuck(self, member: Member, data: Any) -> None:
        await passes(1e6)

    @on("whisper")
    def whisper(self, member: Member, data: Any) -> Any:
        self.broadcast("before")
        sent = member.send("for you", event="whisper")
        self.broadcast("after")
        return sent

    @on("kick")
    def kick(self, member: Member, data: Any) -> Any:
        return [one.kick("out") for one in self.members() if one.id == data]

    @on("ephemeral")
    def ephemeral(self, member: Member, data: Any) -> Any:
        return self.broadcast(data, save_history=False)

    @on("wait for position")
    async def wait(self, member: Member, data: Any) -> Any:
        published = await self.broadcast(data)
        return published.position and published.position.offset

    @on("forget")
    def forget(self, member: Member, data: Any) -> None:
        self.broadcast(data)


def ada_of(node: Any) -> Peer:
    return Peer(node, "ada", principal=Principal("ada"))


def bob_of(node: Any) -> Peer:
    return Peer(node, "bob", principal=Principal("bob"))


async def publishes(peer: Peer, event: str, payload: Any = None, **keys: Any) -> list[Any]:
    """What a peer is told when it sends an event to the room."""
    return await peer.says("publish", room="room", event=event, payload=payload, **keys)


def errors(heard: list[Any]) -> list[str]:
    return [one["error"]["reason"] for one in heard if one.get("status") == "error"]
