"""The directory: a connection is found by what it is called and by whom it is of, until it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.access.identity import ANONYMOUS, Principal
from gateway.messages.connection_messages import Adopt
from gateway.reasons import Refused
from tests.support.peer import Peer, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem

ADA = Principal("ada")


async def test_who_is_open_is_found_by_id_and_by_principal(system: ActorSystem) -> None:
    """Two connections of one principal are two of that principal, and one user."""
    node = await start_node(system)
    phone, laptop = Peer(node, "phone", principal=ADA), Peer(node, "laptop", principal=ADA)
    directory = node.directory
    assert (len(directory), directory.user_count, directory.ids()) == (2, 1, ("phone", "laptop"))
    assert directory.refs() == directory.of("ada") == (phone.ref, laptop.ref)
    assert directory.get("phone") is phone.ref
    assert directory.origin_of("laptop").user == "ada"


async def test_who_has_left_is_found_nowhere(system: ActorSystem) -> None:
    """The last one of a principal takes the principal along."""
    node = await start_node(system)
    Peer(node, "phone", principal=ADA), Peer(node, "laptop", principal=ADA)
    directory = node.directory
    assert directory.close("phone")
    await settle()
    assert (directory.ids(), directory.user_count) == (("laptop",), 1)
    assert directory.close("laptop")
    await settle()
    assert (len(directory), directory.user_count, directory.of("ada")) == (0, 0, ())
    assert (directory.get("phone"), directory.view_of("phone")) == (None, None)
    assert not directory.close("phone")


async def test_the_anonymous_are_nobody_s(system: ActorSystem) -> None:
    """Closing everything of the empty name closes nothing."""
    node = await start_node(system)
    Peer(node, "passer-by")
    assert (len(node.directory), node.directory.user_count, node.directory.of("")) == (1, 0, ())


async def test_a_connection_is_found_under_who_it_turned_out_to_be(system: ActorSystem) -> None:
    """Known after the upgrade, it is among that principal's from then on."""
    node = await start_node(system)
    late = Peer(node, "late")
    late.ref._actor.adopt(ADA)
    assert node.directory.of("ada") == (late.ref,)


@pytest.mark.parametrize("next_one", [Principal("bob"), ANONYMOUS])
async def test_a_connection_is_found_only_under_who_it_is_now(system: ActorSystem, next_one: Principal) -> None:
    """Nothing is done to it in an earlier name; when it is gone, none of its names is left."""
    node = await start_node(system)
    directory = node.directory
    one, tablet = Peer(node, "one", principal=ADA), Peer(node, "tablet", principal=ADA)
    one.ref.tell(Adopt(next_one))
    await settle()
    assert directory.of("ada") == (tablet.ref,)
    assert directory.of(next_one.id) == ((one.ref,) if next_one.id else ())
    one.ref.tell(Adopt(Principal("carol")))
    tablet.ref.tell(Adopt(Principal("carol")))
    await settle()
    assert (directory.user_count, set(directory.of("carol"))) == (1, {one.ref, tablet.ref})
    for client in ("one", "tablet"):
        directory.close(client)
    await settle()
    assert (len(directory), directory.user_count) == (0, 0)


async def test_who_is_identified_too_late_is_not_found(system: ActorSystem) -> None:
    """App code may find out who it was when the connection is over."""
    node = await start_node(system)
    late = Peer(node, "late")
    late.socket.end()
    late.ref.tell(Adopt(ADA))
    await settle()
    assert (len(node.directory), node.directory.user_count) == (0, 0)


async def test_commands_of_somebody_who_is_gone_are_refused(system: ActorSystem) -> None:
    """The letter names who it was."""
    node = await start_node(system)
    with pytest.raises(Refused, match="no connection 'bob' here"):
        node.directory.origin_of("bob")
