"""A token that ends: who is warned of it, how long it may still be renewed, and that nobody becomes somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.access.identity import ANONYMOUS, Principal
from gateway.messages.connection_messages import Adopt
from tests.support.issuer import token, with_auth
from tests.support.peer import Peer, passes, start_node
from tests.support.wire_peers import Centrifuge

if TYPE_CHECKING:
    from actors import ActorSystem


def warnings(one: Peer) -> int:
    """How often it was told that its identity ends, since the last look."""
    return sum(frame.get("action") == "expiring" for frame in one.heard())


async def test_an_expired_connection_has_the_grace_to_renew(system: ActorSystem) -> None:
    """It is closed `refresh_grace` seconds after its token's end, and not if a newer one came before."""
    node = await start_node(system, with_auth(refresh_grace=20.0))
    lazy, keen = Centrifuge(node, "lazy"), Centrifuge(node, "keen")
    for one in (lazy, keen):
        reply = await one.connects(token=token(node, lasts=30))
        assert reply["expires"] is True
        assert 29 <= reply["ttl"] <= 30
    await passes(31.0)
    (renewed,) = await keen.asks(refresh={"token": token(node, lasts=3600)})
    assert renewed["refresh"]["client"] == "keen"
    assert 3599 <= renewed["refresh"]["ttl"] <= 3600
    await passes(18.0)
    assert [one.socket.sent_close for one in (lazy, keen)] == [None, None]
    await passes(3.0)
    assert lazy.socket.sent_close is not None
    assert lazy.socket.sent_close[0] == 3005
    assert keen.socket.sent_close is None


async def test_a_native_client_is_warned_before_its_token_ends(system: ActorSystem) -> None:
    """A minute before; then it brings a newer one."""
    node = await start_node(system, with_auth())
    ada = Peer(node, "ada")
    (welcome,) = await ada.says("auth", token=token(node, lasts=150))
    assert 149 <= welcome["expires_in"] <= 150
    await passes(92.0)
    (warning,) = [one for one in ada.heard() if one.get("action") == "expiring"]
    assert 50 <= warning["in"] <= 60
    (renewed,) = await ada.says("auth", token=token(node, lasts=1000))
    assert renewed["status"] == "authenticated"
    await passes(200.0)
    assert ada.socket.sent_close is None


async def test_a_client_without_a_grace_is_warned_as_well(system: ActorSystem) -> None:
    """It has until the end of its token for a newer one, so that it has to hear of it before."""
    node = await start_node(system, with_auth(refresh_grace=0.0))
    ada, lazy = Peer(node, "ada"), Peer(node, "lazy")
    for one in (ada, lazy):
        await one.says("auth", token=token(node, lasts=150))
    await passes(92.0)
    assert [warnings(one) for one in (ada, lazy)] == [1, 1]
    await ada.says("auth", token=token(node, lasts=1000))
    await passes(60.0)
    assert [one.socket.sent_close for one in (ada, lazy)] == [None, (3005, "connection expired")]


async def test_who_renews_when_warned_does_not_renew_without_end(system: ActorSystem) -> None:
    """A token that lives for less than a minute is half used up before its client hears of it."""
    node = await start_node(system, with_auth())
    ada = Peer(node, "ada")
    for _ in range(3):
        (welcome,) = await ada.says("auth", token=token(node, lasts=40))
        assert welcome["status"] == "authenticated"
        await passes(17.0)
        assert warnings(ada) == 0
        await passes(5.0)
        assert warnings(ada) == 1


async def test_each_identity_is_warned_of_anew(system: ActorSystem) -> None:
    """Who logged in once more, or whom app code told a later end, is told when that one comes near."""
    node = await start_node(system, with_auth())
    again, told = Peer(node, "again"), Peer(node, "told")
    for one in (again, told):
        await one.says("auth", token=token(node, lasts=150))
    await passes(92.0)
    assert [warnings(one) for one in (again, told)] == [1, 1]
    again.ref.tell(Adopt(ANONYMOUS))
    await again.says("auth", token=token(node, lasts=1000))
    told.ref.tell(Adopt(Principal("ada", expires=node.wall() + 1000)))
    await passes(900.0)
    assert [warnings(one) for one in (again, told)] == [0, 0]
    await passes(45.0)
    assert [warnings(one) for one in (again, told)] == [1, 1]


async def test_nobody_becomes_somebody_else(system: ActorSystem) -> None:
    """A newer token of another user ends the connection: its memberships are those of the first."""
    node = await start_node(system, with_auth())
    one = Centrifuge(node)
    await one.connects(token=token(node, lasts=60))
    await one.asks(refresh={"token": token(node, "eve", lasts=60)})
    assert one.socket.sent_close is not None
    assert one.socket.sent_close[0] == 3500
