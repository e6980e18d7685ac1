"""The referee: app code of one game. It may crash at any time; board, seats and clock are its state and go on."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import attrs

from actors import NotCharged, handles
from gateway import Member, Refused, Room, on

from .match import Match
from .payloads import column_of, key_and_name
from .rules import Side


@attrs.frozen
class TimeIsUp:
    """A tick of the move clock."""


class Game(Room):
    """Every handler ends in `show`: the whole table in one ephemeral event, small, and nothing to merge for a page."""

    turn: ClassVar[float] = 20.0
    """Seconds for a move: long enough to think, short enough for the other to wait."""

    state: Match

    def initial_state(self) -> Match:
        return Match()

    def on_start(self) -> None:
        """Timers ended with the instance that set them; the deadline did not, so the clock goes on where it was."""
        self.show()

    def on_join(self, member: Member, params: object) -> dict[str, Any]:
        return self.view()

    def on_leave(self, member: Member, reason: str) -> None:
        if self.state.stand_up(member.id):
            self.show()

    @on("sit")
    def sit(self, member: Member, payload: Any) -> dict[str, Any]:
        """First come, first seated; `seat` is null for who may only watch."""
        seat = self.state.sit(member.id, *key_and_name(payload), self.now(), self.turn)
        self.show()
        return {"seat": seat}

    @on("move")
    def move(self, member: Member, payload: Any) -> None:
        self.state.move(self.side(member), column_of(payload), self.now(), self.turn)
        self.show()

    @on("rematch")
    def rematch(self, member: Member, payload: Any) -> None:
        self.state.ask_rematch(self.side(member), self.now(), self.turn)
        self.show()

    @on("crash")
    def crash(self, member: Member, payload: Any) -> None:
        self.state = Match()  # whatever it has broken is not kept, for it did not succeed
        raise NotCharged("crashed on purpose, to show that the game goes on")

    @on("table")
    def forged(self, member: Member, payload: Any) -> None:
        raise Refused("permission_denied", "only the referee says how the game stands")

    @handles(TimeIsUp)
    def time_is_up(self, _: TimeIsUp) -> None:
        self.state.time_is_up()
        self.show()

    # --- what all of them need

    def side(self, member: Member) -> Side:
        side = self.state.side_of(member.id)
        if side is None:
            raise Refused("not_seated", "you are watching; both seats are taken by others")
        return side

    def show(self) -> None:
        """Tells everybody how the table stands, and sets the clock by it."""
        self.timers.cancel("clock")
        if self.state.deadline is not None:
            self.timers.once("clock", TimeIsUp(), max(0.0, self.state.deadline - self.now()))
        self.broadcast(self.view(), event="table", save_history=False)

    def view(self) -> dict[str, Any]:
        return {**self.state.view(self.now()), "turn": self.turn, "restarts": self.restarts}

    @staticmethod
    def now() -> float:
        """The loop's clock, as that of the timers: it knows no summer time and no corrections."""
        return asyncio.get_running_loop().time()
