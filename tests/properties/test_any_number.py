"""Whatever number a client writes wherever a wire takes one, it is answered: no topic and no connection fails by it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.events import ActorFailed
from actors.testkit import assert_conservation, run
from gateway.access.identity import Principal
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.phoenix import PhoenixWire
from gateway.reasons import InvalidJSON, Refused
from gateway.web.api.methods import Methods
from tests.support.laws import examples
from tests.support.numbers import WRITTEN
from tests.support.peer import Peer, passes, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

TOPICS = ("kept", "plain")
SPOTS: dict[str, tuple[str, ...]] = {
    "native": (
        '{"action":"history","channel":"%t","since":{"offset":%n},"limit":%m,"ref":1}',
        '{"action":"history","channel":"%t","since":{"offset":%n},"limit":%m,"reverse":true,"ref":%n}',
        '{"action":"join_room","room":"%t","since":{"offset":%n},"info":%m,"data":%n}',
        '{"action":"publish","room":"%t","payload":%n,"ref":%m}',
        '{"action":"ping","ref":%n}',
    ),
    "centrifuge": (
        '{"id":2,"history":{"channel":"%t","since":{"offset":%n},"limit":%m}}',
        '{"id":3,"history":{"channel":"%t","since":{"offset":%n},"limit":-1,"reverse":true}}',
        '{"id":4,"subscribe":{"channel":"%t","recover":true,"offset":%n,"data":%m}}',
        '{"id":5,"subscribe":{"channel":"%t","recover":true,"offset":1,"flag":%n,"type":%m}}',
        '{"id":%n,"publish":{"channel":"%t","data":%m}}',
        '{"id":6,"rpc":{"method":"a","data":%n}}',
    ),
    "phoenix": (
        '["1","1","%t","phx_join",{"gw":{"since":{"offset":%n},"info":%m}}]',
        '["1","2","%t","gw:history",{"since":{"offset":%n},"limit":%m}]',
        '["1","3","%t","gw:history",{"since":{"offset":%n},"limit":%m,"reverse":true}]',
        '[%n,%m,"%t","say",{"a":%n}]',
        '[null,%n,"phoenix","heartbeat",{}]',
    ),
    "api": (
        'history {"channel":"%t","since":{"offset":%n},"limit":%m}',
        'history {"channel":"%t","since":{"offset":%n},"limit":%m,"reverse":true}',
        'subscribe {"user":"ada","channel":"%t","recover_since":{"offset":%n},"expire_at":%m,"info":%n}',
        'refresh {"user":"nobody","expire_at":%n}',
        'disconnect {"user":"nobody","disconnect":{"code":%n}}',
        'publish {"channel":"%t","data":%n}',
    ),
}
"""By wire, everything that has a number: %n and %m."""


def filled(spot: str, topic: str, one: str, other: str) -> str:
    return spot.replace("%t", topic).replace("%n", one).replace("%m", other)


SAID = st.sampled_from(list(SPOTS)).flatmap(
    lambda wire: st.tuples(
        st.just(wire),
        st.builds(filled, st.sampled_from(SPOTS[wire]), st.sampled_from(TOPICS), WRITTEN, WRITTEN | st.just("5")),
    )
)


class World:
    """A node with somebody in its topics, and a client on each wire; each comes back when it was put out."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.api = Methods(node, "here")
        self.makes: dict[str, tuple[Callable[[], Any], str]] = {
            "native": (lambda: None, '{"action":"ping"}'),
            "centrifuge": (CentrifugeWire, '{"id":1,"connect":{}}'),
            "phoenix": (PhoenixWire, '["1","1","kept","phx_join",{}]'),
        }
        self.peers: dict[str, Peer] = {}

    async def hears(self, wire: str, text: str) -> None:
        if wire == "api":
            method, _, body = text.partition(" ")
            with suppress(Refused, InvalidJSON):  # an answer like any other
                await self.api.call(method, body.encode())
            return
        make, first = self.makes[wire]
        peer = self.peers.get(wire)
        if peer is None or peer.closes or peer.socket.sent_close:
            peer = self.peers[wire] = Peer(self.node, wire=make(), principal=Principal("ada"))
            peer.socket.feed(first)
            await settle()
        peer.socket.feed(text)
        await settle()


async def converse(said: list[tuple[str, str]]) -> None:
    failed: list[Any] = []
    async with ActorSystem("any number", clock=VirtualClock(asyncio.get_running_loop())) as system:
        system.events.subscribe(ActorFailed, failed.append)
        node = await start_node(system)
        neighbour, world = Peer(node, "neighbour"), World(node)
        for name in TOPICS:
            await neighbour.joins(name)
            await neighbour.says("publish", room=name, payload=1)
        for wire, text in said:
            await world.hears(wire, text)
            assert failed == [], text
        await passes(5)  # whatever was put on the wheel
        assert failed == []
        told = neighbour.heard()
        assert "unsubscribed" not in {one.get("action") for one in told}
        for name in TOPICS:
            heard = await neighbour.says("publish", room=name, payload=2, ref=1)
            assert [one["status"] for one in heard if "status" in one] == ["published"]
        assert neighbour.closes == []
        for peer in world.peers.values():
            assert all(one.ended_by != "crash" for one in peer.closes)
    assert_conservation(system)


@examples(200)
@given(st.lists(SAID, min_size=1, max_size=12))
@example([("native", '{"action":"history","channel":"kept","since":{"offset":9223372036854775808}}')])
@example([("centrifuge", '{"id":2,"history":{"channel":"kept","limit":-1,"since":{"offset":9223372036854775807}}}')])
@example([("phoenix", '["1","2","kept","gw:history",{"since":{"offset":10000000000000000000}}]')])
@example([("api", 'history {"channel":"kept","since":{"offset":99999999999999999999999},"limit":10}')])
@example([("native", '{"action":"ping"}'), ("api", 'subscribe {"user":"ada","channel":"plain","expire_at":1e308}')])
def test_no_number_fails_a_topic_or_a_connection(said: list[tuple[str, str]]) -> None:
    """On every wire and by the HTTP API: at the edges of all types, beyond them, and what no JSON has."""
    run(converse(said))
