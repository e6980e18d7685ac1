"""The list of rooms, as a room that every page is in."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway import Member, Refused, Room, on

from .directory import Directory
from .messages import OpenRoom


class Lobby(Room):
    directory: ClassVar[Directory]

    def on_join(self, member: Member, params: object) -> dict[str, Any]:
        """What is returned goes into the reply: who comes back has the whole list anew, and misses nothing."""
        return {"rooms": self.directory.rooms()}

    @on(OpenRoom)
    def open_room(self, member: Member, message: OpenRoom) -> None:
        self.directory.open(message.name)

    @on("room_opened", "room_moved")
    def forged(self, member: Member, payload: object) -> None:
        raise Refused("permission_denied", "only the lobby says which rooms there are")
