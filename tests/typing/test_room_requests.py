"""What type checkers make of asking a room: as of asking an actor."""

from __future__ import annotations

from typing import Any, assert_type

import attrs

from actors import Request, handles
from gateway import Gateway, Room


@attrs.frozen
class Count(Request[int]):
    pass


class Poll(Room):
    @handles(Count)
    def count(self, _: Count) -> int:
        return 7


async def test_the_answer_of_a_room_has_the_type_of_its_request(gateway: Any) -> None:
    """`Request[int]` is answered with an int; anything else with Any."""
    app = Gateway()
    app.topic("poll:{number}")(Poll)
    async with gateway(app):
        assert assert_type(await app.room("poll:1").request(Count()), int) == 7
        assert assert_type(await app.room("poll:1").request("count"), Any) is None
