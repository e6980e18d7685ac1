"""The letter about a connection: every way to end has its sentence, and no client writes into a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from gateway.access.identity import Principal
from gateway.cli.why import ADVICE, CRASHED_A_TOPIC, FAULTS, NEVER_CONNECTED, NEVER_LOGGED_IN, letter, listing
from gateway.connections.connection_view import ConnectionView
from gateway.events import ConnectionClosed
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import CLOSE_REASONS
from tests.support.game import Game, publishes
from tests.support.peer import Peer, passes, settings, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.node import Node

ROOT = Path(__file__).parents[3]

CLOSED = ConnectionClosed(
    connection="c1", principal="ada", address="203.0.113.9", wire="native", path="/ws", seconds=3723.4, code=3012,
    reason="no pong", ended_by="heartbeat", last_inbound_age=45.2, missed_pings=2, outbox_bytes=2048, received=17,
    batches_sent=230, topics=("room:1", "room:2"), at=1_700_000_000.0,
)  # fmt: skip
OPEN = ConnectionView(
    connection="c2", principal="", address="", wire="raw", path="/chat", seconds=61.0, last_inbound_age=0.5,
    missed_pings=0, outbox_bytes=0, received=1, batches_sent=2, topics=tuple(f"t{number}" for number in range(12)),
)  # fmt: skip


def closed(**changes: Any) -> dict[str, Any]:
    return {"state": "closed", **attrs.asdict(attrs.evolve(CLOSED, **changes))}


def opened(**changes: Any) -> dict[str, Any]:
    return {"state": "open", **attrs.asdict(attrs.evolve(OPEN, **changes))}


def test_a_letter_tells_everything_about_one_that_ended() -> None:
    """Who, when, how long, by what, code and reason, what was last heard, and what to do."""
    assert letter(closed()) == [
        "connection c1 was ended by: heartbeat",
        "",
        "  who         ada, from 203.0.113.9",
        "  where       /ws (native)",
        "  when        2023-11-14 22:13:20 UTC, after 1 h 2 min",
        "  code        3012 no pong",
        "  last heard  45 s before that, 2 pings unanswered",
        "  messages    17 received; sent in 230 batches",
        "  waiting     2 KiB that it had not read",
        "  topics      room:1, room:2",
        "",
        f"  {ADVICE['heartbeat']}",
    ]


def test_a_letter_tells_how_one_is_that_is_open() -> None:
    """Of many topics the first ten."""
    assert letter(opened()) == [
        "connection c2 is open",
        "",
        "  who         anonymous, from a Unix socket",
        "  where       /chat (raw)",
        "  open for    1 min 1 s",
        "  last heard  0.5 s ago",
        "  messages    1 received; sent in 2 batches",
        "  waiting     nothing that it has not read yet",
        "  topics      t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more",
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_client_that_was_closed_for_its_fault_is_told_from_one_that_left(name: str) -> None:
    """On every wire; who closes with a code of ours has left, and who is told RFC 6455's was closed by its parser."""
    reason = CLOSE_REASONS[name]
    for code in (reason.code, reason.raw_code):
        assert letter(closed(ended_by="client", code=code, reason=reason.meaning))[-1] == f"  {FAULTS[name]}"
    otherwise = FAULTS[name] if reason.code < 3000 else ADVICE["client"]
    assert letter(closed(ended_by="client", code=reason.code, reason="x"))[-1] == f"  {otherwise}"


def test_who_crashed_a_topic_is_told_from_whom_a_crash_only_met() -> None:
    """On every wire: there are members whose messages did it, and those whose connection or endpoint failed."""
    reason = CLOSE_REASONS["too_many_crashes"]
    for code in (reason.code, reason.raw_code):
        assert letter(closed(ended_by="crash", code=code, reason=reason.meaning))[-1] == f"  {CRASHED_A_TOPIC}"
    assert letter(closed(ended_by="crash", code=1011, reason="internal server error"))[-1] == f"  {ADVICE['crash']}"


def test_who_did_not_say_in_time_who_it_is_proved_nothing_wrong() -> None:
    """A Centrifuge client begins with `connect`, with a token or without; others only have to where it is asked."""
    for wire, words, code, said in (
        ("centrifuge", "stale", 3502, NEVER_CONNECTED),
        ("native", "not authenticated in time", 3502, NEVER_LOGGED_IN),
        ("phoenix", "not authenticated in time", 3502, NEVER_LOGGED_IN),
        ("raw", "not authenticated in time", 4001, NEVER_LOGGED_IN),
    ):
        assert letter(closed(ended_by="auth", wire=wire, code=code, reason=words))[-1] == f"  {said}"
    for wire, code in (("centrifuge", 3500), ("native", 3500), ("raw", 4001)):
        bad = closed(ended_by="auth", wire=wire, code=code, reason="invalid token")
        assert letter(bad)[-1] == f"  {ADVICE['auth']}"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "nothing"), (1023, "1023 bytes"), (120_318, "117 KiB"), (1_500_000, "1.4 MiB")]
)
def test_sizes_are_for_people(count: int, said: str) -> None:
    """Not to the byte."""
    assert f"  waiting     {said} that it had not read" in letter(closed(outbox_bytes=count))


def test_every_way_to_end_has_a_sentence() -> None:
    """Those that the code can give, as the fact's own documentation lists them."""
    documented = (ROOT / "gateway" / "events.py").read_text().partition("ended_by: str")[2].partition("last_inbound")[0]
    assert set(re.findall(r"`(\w+)`", documented)) == set(ADVICE)
    used = set()
    for file in (ROOT / "gateway").rglob("*.py"):
        used |= set(re.findall(r'ended_by="(\w+)"', file.read_text()))
    assert used <= set(ADVICE)


@pytest.mark.parametrize("field", ["connection", "principal", "address", "path", "reason", "wire"])
def test_what_a_client_chose_is_one_line_of_text(field: str) -> None:
    """No escape sequences, no line breaks, no end."""
    lines = letter(closed(**{field: "a\x1b[2J\nb\u202e" + "x" * 10_000}))
    assert len(lines) == len(letter(closed()))
    assert all(line.isprintable() and len(line) < 1000 for line in lines)


def test_topics_are_text_as_well() -> None:
    """A name may hold anything but control characters; the letter takes no chances."""
    assert "  topics      a?b" in letter(closed(topics=("a\x1bb",)))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (90_061, "1 d 1 h"), (-0.1, "0.0 s")],
)
def test_durations_are_said_in_two_units(seconds: float, said: str) -> None:
    """Nobody wants the seconds of a day."""
    assert letter(opened(seconds=seconds))[4] == f"  open for    {said}"


def test_a_list_has_a_line_for_each() -> None:
    """Open ones first; how many more there are; or that there is nobody."""
    found = {"open": [opened()], "open_count": 3, "closed": [closed(), closed(principal="")]}
    assert listing(found) == [
        "c2  open for 1 min 1 s  anonymous at /chat",
        "c1  2023-11-14 22:13:20 UTC  heartbeat 3012  after 1 h 2 min  ada at /ws",
        "c1  2023-11-14 22:13:20 UTC  heartbeat 3012  after 1 h 2 min  anonymous at /ws",
        "and 2 more that are open",
    ]
    nobody: dict[str, Any] = {"open": [], "open_count": 0, "closed": []}
    assert listing(nobody) == ["nobody: no connection is open, and none has ended since this gateway started"]
    assert listing(nobody, "ada") == [
        "nobody: no connection of ada is open, and none is among the last 1,000 that left"
    ]


# --- as it happens


async def reads_slowly(node: Node, peer: Peer) -> None:
    await peer.joins("kept")
    peer.socket.stall()
    for _ in range(10):
        node.commands.publish("kept", "x" * 300, "message")


async def misses_heartbeats(node: Node, peer: Peer) -> None:
    await passes(60)


async def floods(node: Node, peer: Peer) -> None:
    peer.socket.feed(*[json.dumps({"action": "ping"})] * 200)


async def babbles(node: Node, peer: Peer) -> None:
    peer.socket.feed(*["what?"] * 10)


async def expires(node: Node, peer: Peer) -> None:
    peer.ref._actor._who.told(Principal("ada", expires=node.wall() + 5))
    await passes(5 + node.auth.refresh_grace + 2)


async def is_drained(node: Node, peer: Peer) -> None:
    await node.drain(10, 1)


async def leaves(node: Node, peer: Peer) -> None:
    peer.socket.end(4242, "bye", True)


async def is_lost(node: Node, peer: Peer) -> None:
    peer.socket.end(1006, "", False)


async def is_closed(node: Node, peer: Peer) -> None:
    node.directory.close(peer.client, code=4400, text="go")


async def never_connects(node: Node, peer: Peer) -> Peer:
    silent = Peer(node, "silent", wire=CentrifugeWire())
    await passes(node.auth.authenticate_within + 2)
    return silent


async def crashes_a_room(node: Node, peer: Peer) -> None:
    for _ in range(3):
        await publishes(peer, "bug")


@pytest.mark.parametrize(
    ("end", "by", "code", "advice"),
    [
        (reads_slowly, "slow_consumer", "3008 slow consumer", ADVICE["slow_consumer"]),
        (misses_heartbeats, "heartbeat", "3012 heartbeat lost", ADVICE["heartbeat"]),
        (floods, "rate_limit", "3013 too many requests", ADVICE["rate_limit"]),
        (babbles, "client", "3509 too many errors", FAULTS["too_many_errors"]),
        (expires, "expired", "3005 connection expired", ADVICE["expired"]),
        (is_drained, "shutdown", "3001 shutdown", ADVICE["shutdown"]),
        (leaves, "client", "4242 bye", ADVICE["client"]),
        (is_lost, "transport", "1006", ADVICE["transport"]),
        (is_closed, "app", "4400 go", ADVICE["app"]),
        (never_connects, "auth", "3502 stale", NEVER_CONNECTED),
        (crashes_a_room, "crash", "3600 messages crashed a topic too often", CRASHED_A_TOPIC),
    ],
)
@pytest.mark.allow_failures("Bug", "NotCharged")
async def test_each_way_to_end_is_told(system: ActorSystem, end: Any, by: str, code: str, advice: str) -> None:
    """One fact, and from it the letter: by whom, with which code, and what to do."""
    node = await start_node(system, settings(outbox_bytes=2000), behaviour=Game)
    peer = Peer(node, "ada")
    one = await end(node, peer) or peer
    await settle()
    said = letter({"state": "closed", **attrs.asdict(one.closed)})
    assert said[0] == f"connection {one.client} was ended by: {by}"
    assert f"  code        {code}" in said
    assert said[-1] == f"  {advice}"
