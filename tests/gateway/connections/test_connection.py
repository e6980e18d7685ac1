"""The machine of a connection: what it writes, what it refuses, and when it closes by itself."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gateway.access.identity import Principal
from gateway.events import ConnectionClosed, HeartbeatMissed
from gateway.messages.commands import Invalid
from gateway.messages.presence import MAX_INFO
from gateway.protocols.native import NativeWire
from gateway.pulse.wheel import SLOT
from tests.support.peer import PLAIN, Peer, changed, facts_of, passes, settings, settle, start_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorSystem


# --- answers and turns


async def test_everything_of_a_turn_leaves_in_one_write(system: ActorSystem) -> None:
    """Twenty answers to one read are one write to the transport, in order."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    await settle()
    before = ada.socket.writes
    ada.socket.feed(*(json.dumps({"action": "ping", "ref": number}) for number in range(20)))
    await settle()
    assert [one["ref"] for one in ada.heard()] == list(range(20))
    assert ada.socket.writes == before + 1


async def test_topics_of_a_connection_are_limited(system: ActorSystem) -> None:
    """One topic too many is refused; leaving one makes room."""
    node = await start_node(system, settings(max_topics_per_connection=2))
    ada = Peer(node, "ada")
    for name in ("a", "b"):
        await ada.joins(name)
    assert (await ada.says("join_room", room="c"))[0]["error"]["reason"] == "limit_exceeded"
    assert (await ada.says("leave_room", room="a"))[0] == {"status": "left", "room": "a"}
    await ada.joins("c")


async def test_permissions_are_those_of_the_topic(system: ActorSystem) -> None:
    """Who may join and who may publish are asked separately; the anonymous are told to log in."""
    chosen = settings({"news": changed(PLAIN, join="authenticated", publish="nobody")})
    node = await start_node(system, chosen)
    nobody, ada = Peer(node, "nobody"), Peer(node, "ada", principal=Principal("ada"))
    assert (await nobody.says("join_room", room="news"))[0]["error"]["reason"] == "unauthorized"
    await ada.joins("news")
    assert (await ada.says("publish", room="news", payload=1))[0]["error"]["reason"] == "permission_denied"


# --- rates and errors


async def test_too_many_messages_are_answered_with_when_to_come_again(system: ActorSystem) -> None:
    """Over the burst each is answered `too_many_requests`; the tenth closes."""
    node = await start_node(system, settings(messages_per_second=1, burst=3))
    ada = Peer(node, "ada")
    ada.socket.feed(*[json.dumps({"action": "ping"})] * 12)
    await settle()
    heard = ada.heard()
    assert [one.get("action") for one in heard[:3]] == ["pong"] * 3
    refused = [one["error"] for one in heard[3:]]
    assert {one["reason"] for one in refused} == {"too_many_requests"}
    assert all(0 < one["retry_after"] <= 1 for one in refused)
    assert (ada.closes, len(refused)) == ([], 9)
    ada.socket.feed(json.dumps({"action": "ping"}))
    await settle()
    assert (ada.closed.ended_by, ada.closed.code) == ("rate_limit", 3013)


async def test_who_waits_as_told_is_served(system: ActorSystem) -> None:
    """`retry_after` is a promise."""
    node = await start_node(system, settings(messages_per_second=2, burst=1))
    ada = Peer(node, "ada")
    await ada.says("ping")
    for _ in range(5):
        (refused,) = await ada.says("ping")
        await passes(refused["error"]["retry_after"])
        assert (await ada.says("ping"))[0]["action"] == "pong"


async def test_ten_frames_nobody_understands_close(system: ActorSystem) -> None:
    """Each is answered `bad_request`; unknown actions do not count."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    for _ in range(12):
        await ada.says("no_such_action")
    ada.socket.feed(*["{"] * 9)
    await settle()
    assert {one["error"]["reason"] for one in ada.heard()[-9:]} == {"bad_request"}
    assert ada.closes == []
    ada.socket.feed("}")
    await settle()
    assert (ada.closed.ended_by, ada.closed.code, ada.closed.reason) == ("client", 3509, "too many errors")


# --- heartbeat


async def test_silence_is_closed_within_its_time(system: ActorSystem) -> None:
    """45 s after the last inbound byte, plus the slots of the wheel; two pings went out before."""
    node = await start_node(system)
    missed = facts_of(system, HeartbeatMissed)
    ada = Peer(node, "ada")
    ends: list[float] = []
    system.events.subscribe(ConnectionClosed, lambda _: ends.append(node.now()))
    begun = node.now()
    await passes(60)
    assert (ada.closed.ended_by, ada.closed.code) == ("heartbeat", 3012)
    spread = node.heartbeat_config.ping_interval / 2
    assert 45 - spread <= ends[0] - begun <= 46 + SLOT
    assert ada.socket.pings == 2
    assert [fact.missed for fact in missed] == [1]
    assert ada.closed.missed_pings == 2


@pytest.mark.parametrize("sign", ["pong", "text", "bytes"])
async def test_any_sign_of_life_counts(system: ActorSystem, sign: str) -> None:
    """A pong, a text or a binary message each keep a connection for as long as they come."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    signs: dict[str, Callable[[], None]] = {
        "pong": ada.socket.pong,
        "text": partial(ada.socket.feed, '{"action":"pong"}'),
        "bytes": partial(ada.socket.feed, b'{"action":"pong"}'),
    }
    for _ in range(20):
        await passes(30)
        signs[sign]()
    assert ada.closes == []
    await passes(60)
    assert ada.closed.ended_by == "heartbeat"


# --- what a client says


def test_invalid_commands_are_commands() -> None:
    """A wire never raises: what it does not understand it returns."""
    (command,) = NativeWire(says_hello=False).decode("nonsense")
    assert isinstance(command, Invalid)


async def test_what_a_client_says_of_itself_has_a_bound(system: ActorSystem) -> None:
    """Everybody in the topic is told it: what is too long is refused, and the connection goes on."""
    node = await start_node(system)
    ada = Peer(node, "ada")
    (refused,) = await ada.says("join_room", room="kept", info="x" * MAX_INFO)
    assert refused["error"]["reason"] == "limit_exceeded"
    await ada.joins("kept", info="x" * (MAX_INFO - 2))
