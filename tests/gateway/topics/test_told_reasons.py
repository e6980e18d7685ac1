"""What members that are put out are told: words of app code, which are looked at where it says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway import Gateway, Member, Room, on
from tests.support.peer import Peer, start_node

if TYPE_CHECKING:
    from actors import ActorSystem

WRONG: list[Any] = [5, None, object(), "\ud800"]


class Bouncer(Room):
    """Puts out who asks for it, with a reason that is none."""

    @on("out")
    def out(self, member: Member, which: int) -> str:
        with pytest.raises((TypeError, ValueError)) as raised:
            member.kick(WRONG[which])
        return str(raised.value)


@pytest.mark.parametrize("which", range(len(WRONG)))
async def test_a_membership_ends_with_words(system: ActorSystem, which: int) -> None:
    """Anything else is refused where app code says it: it was the crash of the connection that had to be told."""
    ada = Peer(await start_node(system, behaviour=Bouncer), "ada")
    await ada.joins("room:1")
    (answer,) = await ada.says("publish", room="room:1", event="out", payload=which, ref=1)
    assert answer["payload"].startswith("could not end a membership with reason ")
    with pytest.raises((TypeError, ValueError), match="could not end a membership"):
        ada.ticket.websocket(ada.node, ada.ref).kick("room:1", WRONG[which])
    with pytest.raises((TypeError, ValueError), match="could not end a membership"):
        Gateway().room("room:1").close(WRONG[which])
    assert ada.socket.sent_close is None
    assert ada.ref._actor.topics == ("room:1",)
