"""An admin puts somebody out: who is told, who goes, and for how long."""

from __future__ import annotations

import pytest

from examples.chat.directory import ROOM, Directory
from examples.chat.messages import PutOut, Say, WasPutOut
from examples.chat.rooms import AWAY, ChatRoom
from gateway import Gateway, Member, Principal, Refused, on
from gateway.events import RoomLeft

from .conftest import Serve

GENERAL = "room:general"
ADMIN = Principal("admin", roles=frozenset({"admin"}))


async def test_all_tabs_of_who_is_put_out_leave_and_everybody_is_told(gateway: Serve, app: Gateway) -> None:
    """They hear it themselves before they go; their connections stay, for the other rooms."""
    async with gateway(app) as server:
        admin = await server.connect(principal=ADMIN)
        tabs = [await server.connect(principal="Bob") for _ in range(2)]
        for one in (admin, *tabs):
            await one.join(GENERAL)
        await admin.publish(GENERAL, PutOut(user="Bob", reason="spam"))
        for one in (admin, *tabs):
            assert await one.receive(WasPutOut) == WasPutOut(user="Bob", by="admin", reason="spam")
        for tab in tabs:
            assert (await tab.receive_json())["reason"] == "put out by admin: spam"
            assert (await tab.ask("ping"))["action"] == "pong"
        assert [fact.reason for fact in server.facts[RoomLeft]] == ["kicked", "kicked"]


async def test_who_was_put_out_may_come_back_after_a_minute(gateway: Serve, app: Gateway) -> None:
    """Too early is told how long it still is; after that it is as if nothing had happened."""
    async with gateway(app) as server:
        admin = await server.connect(principal=ADMIN, answers_pings=True)
        bob = await server.connect(principal="Bob", answers_pings=True)
        for one in (admin, bob):
            await one.join(GENERAL)
        await admin.publish(GENERAL, PutOut(user="Bob"))
        with pytest.raises(Refused, match="come back in 60 s"):
            await bob.join(GENERAL)
        await server.clock.advance(AWAY + 1)
        assert (await bob.join(GENERAL))["status"] == "joined"


async def test_who_was_put_out_stays_out_although_the_room_crashes(gateway: Serve) -> None:
    """The list is the room's `state`, which a restart does not lose; nor is anybody else thrown out by it."""
    app = Gateway()

    @app.topic(ROOM + "{name}")
    class Fragile(ChatRoom):
        directory = Directory(app)

        @on("stumble")
        def stumble(self, member: Member, payload: object) -> None:
            raise ZeroDivisionError("on purpose")

    async with gateway(app) as server:
        admin, bob = await server.connect(principal=ADMIN), await server.connect(principal="Bob")
        for one in (admin, bob):
            await one.join(GENERAL)
        await admin.publish(GENERAL, PutOut(user="Bob"))
        with pytest.raises(Refused, match="internal"):
            await admin.publish(GENERAL, None, "stumble")
        await admin.publish(GENERAL, Say(text="that was me"))
        with pytest.raises(Refused, match="put out of this room"):
            await bob.join(GENERAL)


async def test_only_an_admin_puts_out_and_only_who_is_there(gateway: Serve, app: Gateway) -> None:
    """Others are refused; so is a name that is not here, and oneself."""
    async with gateway(app) as server:
        admin, bob = await server.connect(principal=ADMIN), await server.connect(principal="Bob")
        for one in (admin, bob):
            await one.join(GENERAL)
        with pytest.raises(Refused, match="only an admin"):
            await bob.publish(GENERAL, PutOut(user="admin"))
        for user in ("Nobody", "admin"):
            with pytest.raises(Refused, match="here to put out"):
                await admin.publish(GENERAL, PutOut(user=user))
