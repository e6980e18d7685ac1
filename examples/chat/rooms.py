"""One room: an actor. All of this runs in one mailbox, so that two people who do something at once need no lock."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from gateway import Limit, Member, Receipt, Refused, Room, on

from .directory import ROOM, Directory
from .messages import IsTyping, PutOut, Said, Say, Typing, WasPutOut

AWAY = 60.0
"""Seconds for which somebody who was put out stays out: long enough to notice it."""

A_PERSON = Limit(10, per=10.0)
"""Nobody types more than one message a second for long; what is more is answered with the time to wait."""
KEYSTROKES = Limit(5, per=5.0, on_excess="drop")
"""A page tells of its typing every few seconds, and again after each message; what is more is no news."""


class ChatRoom(Room):
    """
    Should a handler raise, this object is made anew: members and history are kept by the machine above it, and `state`
    as it was. Who is here, and who comes and goes, is the machine's to tell (`presence=True`).
    """

    directory: ClassVar[Directory]

    passes_on = False
    """What is kept here was said here: an event that no handler takes is refused."""

    state: dict[str, float]
    """Who was put out, and the loop's time until when."""

    def initial_state(self) -> dict[str, float]:
        return {}

    def on_join(self, member: Member, params: object) -> None:
        room = self.name.removeprefix(ROOM)
        if room not in self.directory:
            raise Refused("unknown_channel", f"there is no room called {room}")
        wait = self.state.get(member.principal.id, 0.0) - now()
        if wait > 0:
            raise Refused("put_out", f"you were put out of this room; come back in {wait:.0f} s")

    @on(Say, limit=A_PERSON)
    async def say(self, member: Member, message: Say) -> Receipt[Any]:
        """The receipt of the broadcast, returned, answers the client with the position of its message."""
        self.must_be_here(member)
        receipt = self.broadcast(said(member.principal.id, message.text), sender=member)
        position = (await receipt).position
        if position is not None:  # it is None only for what is not kept
            self.directory.moved(self.name.removeprefix(ROOM), position)
        return receipt

    @on(Typing, limit=KEYSTROKES)
    def typing(self, member: Member, message: Typing) -> None:
        """Ephemeral: it takes no position, and who comes later does not hear of it. Nor do one's own other tabs."""
        self.must_be_here(member)
        self.broadcast(IsTyping(user=member.principal.id), exclude=member.principal, save_history=False)

    @on(PutOut)
    def put_out(self, member: Member, message: PutOut) -> None:
        if "admin" not in member.principal.roles:
            raise Refused("permission_denied", "only an admin may put somebody out")
        theirs = [one for one in self.members() if one.principal.id == message.user]
        if not theirs or message.user == member.principal.id:
            raise Refused("not_here", f"there is no {message.user!r} here to put out")
        self.state = {user: until for user, until in self.state.items() if until > now()}
        self.state[message.user] = now() + AWAY
        told = WasPutOut(user=message.user, by=member.principal.id, reason=message.reason)
        self.broadcast(told, save_history=False)  # before the end of their membership: they are told as well
        for one in theirs:
            one.kick(f"put out by {told.by}" + (f": {told.reason}" if told.reason else ""))

    @on("said", "is_typing", "was_put_out")
    def forged(self, member: Member, payload: object) -> None:
        """An event with a handler is not fanned out by itself: so nobody can speak as somebody else."""
        raise Refused("permission_denied", "only the room says this")

    def must_be_here(self, member: Member) -> None:
        """On this wire one may publish without having joined; here not, or to be put out would be nothing."""
        if member not in self.members():
            raise Refused("not_joined", f"join {self.name} first")


def said(user: str, text: str) -> Said:
    act = text.strip().removeprefix("/me ")
    return Said(user=user, text=act.strip(), is_act=act != text.strip())


def now() -> float:
    """The loop's clock: it knows no summer time and no corrections."""
    return asyncio.get_running_loop().time()
