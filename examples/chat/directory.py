"""Which rooms there are, and how far each has come. The lobby shows it, every room changes it."""

from __future__ import annotations

from gateway import Gateway, Position, Refused

from .messages import RoomMoved, RoomOpened, RoomShown

LOBBY = "lobby"
"""The topic of the list of rooms."""
ROOM = "room:"
"""What the topics of rooms begin with."""

FIRST_ROOMS = ("general", "random", "help")
MAX_ROOMS = 50
"""What a person can look through, and far below the topics that a gateway takes."""

NOWHERE = Position(0, "")


class Directory:
    """One per app, used on the loop's thread only: by all its rooms, which run there one after the other."""

    def __init__(self, app: Gateway) -> None:
        self._lobby = app.room(LOBBY)
        self._rooms: dict[str, Position] = dict.fromkeys(FIRST_ROOMS, NOWHERE)

    def __contains__(self, name: str) -> bool:
        return name in self._rooms

    def rooms(self) -> list[RoomShown]:
        """In the order in which they were opened."""
        return [RoomShown(name=name, offset=at.offset, epoch=at.epoch) for name, at in self._rooms.items()]

    def open(self, name: str) -> None:
        """Raises Refused: there is one of that name, or there are too many."""
        if name in self._rooms:
            raise Refused("room_exists", f"there is a room called {name} already")
        if len(self._rooms) >= MAX_ROOMS:
            raise Refused("too_many_rooms", f"there are {MAX_ROOMS} rooms, which is as many as there may be")
        self._rooms[name] = NOWHERE
        self._lobby.broadcast(RoomOpened(name=name))

    def moved(self, name: str, position: Position) -> None:
        """Something was said there. Positions count what was said, so whoever knows where they were knows how much."""
        self._rooms[name] = position
        self._lobby.broadcast(RoomMoved(name=name, offset=position.offset, epoch=position.epoch))
