"""The Centrifuge wire: what it understands in which state, what it answers, and when it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.commands import (
    Broken,
    Call,
    Done,
    Handled,
    HistoryRead,
    Identified,
    Identify,
    Invalid,
    Join,
    Joined,
    Leave,
    Left,
    Nothing,
    PresenceRead,
    ReadHistory,
    ReadPresence,
    Renewed,
    Reply,
)
from gateway.frames import ping_frame
from gateway.identity import Principal
from gateway.presence import Present
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.protocols.centrifuge_frames import MAX_COMMANDS
from gateway.publications import Publication
from gateway.reasons import CLOSE_REASONS, Refused
from gateway.stream import History, Position, Stream
from tests.support.fake_socket import FakeSocket
from tests.support.peer import Peer, settle, start_node
from tests.support.transcript import canned, play_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors import ActorSystem
    from gateway.commands import Command, Result

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
ADA = Present("c1", "ada", "r1", b'{"role":"host"}', 1.0, b'{"n":"Ada"}')
NOBODY = Present("c2", "", "r2", None, 2.0)
CONNECT = '{"id":1,"connect":{}}'


def kept() -> Stream[Publication]:
    """The last two of fifteen publications."""
    stream: Stream[Publication] = Stream("e", History(size=2), offset=13)
    for number in (14, 15):
        stream.append(Publication("chat", b'{"n":%d}' % number, 0.0), 0.0)
    return stream


def served(command: Command) -> Result:
    """A server where a channel or a method that is called like an error refuses with it."""
    name = getattr(command, "method", "") or command.reply.topic or ""
    if isinstance(command, Invalid):
        return command.error
    if name == "full":
        return Refused("full", "the game is full", code=1999)
    if name and name == name.lower() and name in REFUSALS:
        return Refused(name)
    return answered(command)


def answered(command: Command) -> Result:
    if isinstance(command, Identify):
        if command.token is None:
            return Identified("c1", Principal())
        at_once = {name: joined(command.since.get(name), recoverable=True) for name in ("#ada", "#all")}
        return Identified("c1", Principal("ada"), 3600.5, at_once)
    if isinstance(command, Join):
        return subscribed(command)
    if isinstance(command, ReadPresence):
        return PresenceRead((ADA, NOBODY), 2)
    if isinstance(command, ReadHistory):
        page = kept().page(since=command.since, limit=command.limit, reverse=command.reverse, now=0.0)
        return HistoryRead(page.entries, page.position)
    if isinstance(command, Call):
        return Handled(json.loads(command.payload))
    return canned(command)


def subscribed(command: Join) -> Result:
    if command.topic == "plain":
        return Joined(Position(0, "e"), None if command.since is None else False)
    result = joined(
        command.since, recoverable=True, response=command.params, expires_in=60.9 if command.token else None
    )
    if command.must_recover and not result.recovered:
        return Refused("unrecoverable_position")
    return result


def joined(
    since: Position | None, *, recoverable: bool, response: object = None, expires_in: float | None = None
) -> Joined:
    if since is None:
        return Joined(Position(15, "e"), recoverable=recoverable, response=response, expires_in=expires_in)
    found = kept().recover(since, 0.0)
    return Joined(found.position, found.recovered, found.entries, None, response, recoverable, expires_in)


REFUSALS = (
    *("internal", "unauthorized", "unknown_channel", "permission_denied", "unknown_action", "already_subscribed"),
    *("limit_exceeded", "bad_request", "not_available", "shutting_down", "token_expired", "expired"),
    *("too_many_requests", "unrecoverable_position", "concurrent_pagination"),
)


def wire() -> CentrifugeWire:
    """A connection that was opened."""
    new = CentrifugeWire("hubbub 1")
    assert new.opened("c1", 24.5) == ()
    return new


def connected() -> CentrifugeWire:
    """A connection whose client has said who it is."""
    new = wire()
    (identify,) = new.decode(CONNECT)
    assert isinstance(identify, Identify)
    return new


def lines(frames: Sequence[bytes]) -> list[list[object]]:
    """What a client reads of these frames: each is a list of JSON lines."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [[json.loads(line) for line in text.split("\n")] for text in socket.texts()]


def said(frames: Sequence[bytes]) -> object:
    """The one thing that a client reads of these."""
    ((line,),) = lines(frames)
    return line


@pytest.mark.parametrize("name", ["commands", "recovery", "errors"])
def test_a_conversation_goes_as_written(name: str) -> None:
    """The wire alone, with a server of a few lines behind it."""
    play_wire(wire(), (TRANSCRIPTS / f"centrifuge_{name}.txt").read_text(), served)


def test_a_refused_connect_makes_the_connection_unusable() -> None:
    """The client closes by itself and decides by the error whether it comes back."""

    def expired(command: Command) -> Result:
        return Refused("token_expired") if isinstance(command, Identify) else canned(command)

    play_wire(wire(), (TRANSCRIPTS / "centrifuge_refused.txt").read_text(), expired)


# --- what is understood


def test_commands_of_a_frame_come_in_order_until_one_breaks_it() -> None:
    """centrifuge-js sends its connect and all its subscribes at once; what is behind a bad line is not done."""
    commands = wire().decode(
        f'{CONNECT}\n{{"id":2,"subscribe":{{"channel":"a"}}}}\n{{"id":3,"unsubscribe":{{"channel":"a"}}}}\n'
        '{"id":4,"bad":{}}\n{"id":5,"subscribe":{"channel":"b"}}\n'
    )
    assert [type(one) for one in commands] == [Identify, Join, Leave, Broken]


BREAKS = {
    "an empty frame": "",
    "a newline": "\n",
    "an empty line": '{"id":2,"rpc":{}}\n\n{"id":3,"rpc":{}}',
    "two newlines at the end": '{"id":2,"rpc":{}}\n\n',
    "no JSON": "hello",
    "half of it": '{"id":2,"rpc":',
    "two on a line": '{"id":2,"rpc":{}}{"id":3,"rpc":{}}',
    "a list": '[{"id":2,"rpc":{}}]',
    "a number": "7",
    "null": "null",
    "a second connect": CONNECT,
    "no id": '{"rpc":{"method":"a"}}',
    "id 0": '{"id":0,"rpc":{"method":"a"}}',
    "an id below": '{"id":-1,"rpc":{"method":"a"}}',
    "an id beyond": '{"id":4294967296,"rpc":{"method":"a"}}',
    "an id of another kind": '{"id":"2","rpc":{"method":"a"}}',
    "nothing asked": '{"id":2}',
    "a word nobody knows": '{"id":2,"shout":{}}',
    "two things at once": '{"id":2,"rpc":{},"publish":{"channel":"a"}}',
    "no channel to subscribe to": '{"id":2,"subscribe":{}}',
    "an empty channel": '{"id":2,"subscribe":{"channel":""}}',
    "no channel to leave": '{"id":2,"unsubscribe":{}}',
    "no channel to publish to": '{"id":2,"publish":{"data":1}}',
    "no channel for presence": '{"id":2,"presence":{}}',
    "no channel for stats": '{"id":2,"presence_stats":{}}',
    "no channel for history": '{"id":2,"history":{}}',
    "no channel to refresh": '{"id":2,"sub_refresh":{"token":"s"}}',
    "no token to refresh with": '{"id":2,"refresh":{}}',
    "a channel of another kind": '{"id":2,"subscribe":{"channel":7}}',
    "an offset below": '{"id":2,"subscribe":{"channel":"a","recover":true,"offset":-1}}',
    "a delta nobody knows": '{"id":2,"subscribe":{"channel":"a","delta":"zip"}}',
    "a pong to no ping": "{}",
    "data that no number holds": '{"id":2,"subscribe":{"channel":"a","data":1e999}}',
    "depth": '{"id":2,"rpc":{"data":' + "[" * 200 + "]" * 200 + "}}",
    "bytes": b'{"id":2,"rpc":{}}',
}


@pytest.mark.parametrize("frame", BREAKS.values(), ids=BREAKS)
def test_what_no_client_means_ends_the_connection(frame: str | bytes) -> None:
    """For good, as 3501; and nothing is understood after it."""
    wire = connected()
    *before, broken = wire.decode(frame)
    assert isinstance(broken, Broken)
    assert all(isinstance(one, Call) for one in before)
    assert wire.close_code(CLOSE_REASONS[broken.reason]) == 3501
    assert wire.answer(broken.reply, Refused("bad_request")) == ()
    (again,) = wire.decode('{"id":9,"rpc":{}}')
    assert isinstance(again, Broken)


@pytest.mark.parametrize(
    "frame", ['{"id":1,"subscribe":{"channel":"a"}}', '{"send":{}}', '{"id":1,"ping":{}}', "{}", '{"id":1}']
)
def test_nothing_is_understood_before_connect(frame: str) -> None:
    """Also not a connect behind it."""
    (broken,) = wire().decode(f"{frame}\n{CONNECT}")
    assert isinstance(broken, Broken)


def test_commands_in_one_frame_are_bounded() -> None:
    """As many as centrifuge-js sends after it was away are taken, and no more."""
    one = '{"id":2,"rpc":{}}'
    assert all(isinstance(call, Call) for call in connected().decode("\n".join([one] * MAX_COMMANDS) + "\n"))
    commands = list(connected().decode("\n".join([one] * (MAX_COMMANDS + 5))))
    assert len(commands) == MAX_COMMANDS + 1
    assert isinstance(commands[-1], Broken)


def test_sizes_of_commands_are_those_of_their_lines() -> None:
    """What a frame took of the connection's credit, its commands give back."""
    frame = '{"id":2,"rpc":{}}\n{"send":{}}\n{"id":3'
    commands = list(connected().decode(frame))
    assert [one.reply.size_bytes for one in commands] == [17, 11, 7]


# --- pings


def test_a_pong_answers_a_ping_once() -> None:
    """Two pings may be under way to a client that was asleep; a third pong is one that nobody asked for."""
    wire = connected()
    assert said((wire.ping(),)) == said((wire.ping(),)) == {}
    for _ in range(2):
        (pong,) = wire.decode("{}")
        assert isinstance(pong, Nothing)
        assert wire.answer(pong.reply, Done()) == ()
    (third,) = wire.decode("{}")
    assert isinstance(third, Broken)


def test_pings_may_be_of_the_frames() -> None:
    """For tools that know RFC 6455 and nothing of this protocol; then the connect reply announces no others."""
    wire = CentrifugeWire(frame_pings=True)
    wire.opened("c1", 25.0)
    assert wire.ping() == ping_frame()
    (identify,) = wire.decode(CONNECT)
    assert said(wire.answer(identify.reply, Identified("c1", Principal()))) == {"id": 1, "connect": {"client": "c1"}}
    (pong,) = wire.decode("{}")
    assert isinstance(pong, Broken)


# --- what is said


def test_an_answer_that_nobody_waits_for_is_not_sent() -> None:
    """Of what the server did by itself, and of a frame over the rate that was not read."""
    wire = connected()
    assert wire.answer(Reply(), Refused("too_many_requests")) == ()
    assert wire.answer(Reply(topic="a", is_by_server=True), Joined(Position(0, "e"))) == ()


def test_an_event_for_app_code_is_a_publish_to_its_client() -> None:
    """What the handler returned has no place in a publish's answer."""
    wire = connected()
    (publish,) = wire.decode('{"id":2,"publish":{"channel":"a","data":1}}')
    assert said(wire.answer(publish.reply, Handled({"b": 1}))) == {"id": 2, "publish": {}}


def test_a_call_may_return_bytes() -> None:
    """JSON has no word for them: they come as base64, as in a publication."""
    wire = connected()
    (call,) = wire.decode('{"id":2,"rpc":{"method":"a"}}')
    assert said(wire.answer(call.reply, Handled(b"\xff"))) == {"id": 2, "rpc": {"data": {"base64": "/w=="}}}


def test_an_identity_that_does_not_end_is_renewed_without_a_timer() -> None:
    """No `expires`, no `ttl`."""
    wire = connected()
    (renew,) = wire.decode('{"id":2,"refresh":{"token":"t"}}')
    assert said(wire.answer(renew.reply, Renewed("c1"))) == {"id": 2, "refresh": {"client": "c1"}}


def test_a_leave_of_what_was_not_joined_is_a_leave() -> None:
    """Clients reconnect when an unsubscribe fails."""
    wire = connected()
    (leave,) = wire.decode('{"id":2,"unsubscribe":{"channel":"a"}}')
    assert said(wire.answer(leave.reply, Left(was_member=False))) == {"id": 2, "unsubscribe": {}}


def test_the_upgrade_names_json_where_it_is_offered() -> None:
    """Never a subprotocol that was not."""
    assert CentrifugeWire.subprotocol(["other", "centrifuge-json"]) == "centrifuge-json"
    assert CentrifugeWire.subprotocol(["centrifuge-protobuf"]) is None
    assert CentrifugeWire.subprotocol([]) is None


@pytest.mark.parametrize(
    ("query", "offered", "is_protobuf"),
    [
        ({}, [], False),
        ({"cf_protocol_version": "v2"}, ["centrifuge-json"], False),
        ({}, ["centrifuge-protobuf"], True),
        ({}, ["centrifuge-protobuf", "centrifuge-json"], False),
        ({"format": "protobuf"}, [], True),
        ({"cf_protocol": "protobuf"}, [], True),
        ({"format": "json"}, [], False),
    ],
)
def test_protobuf_is_noticed_before_the_upgrade(query: dict[str, str], offered: list[str], is_protobuf: bool) -> None:
    """It would not be understood after it."""
    assert CentrifugeWire.protobuf_asked(query, offered) is is_protobuf


async def test_clients_talk_through_the_machines(system: ActorSystem) -> None:
    """All at once, as centrifuge-js begins; then who joins, what is published, and who leaves."""
    node = await start_node(system)
    ada, bob = (Peer(node, name, wire=CentrifugeWire()) for name in ("ada", "bob"))
    ada.socket.feed(f'{CONNECT}\n{{"id":2,"subscribe":{{"channel":"kept","join_leave":true}}}}')
    await settle()
    connect, subscribe, own = ada.heard()
    assert own["push"]["join"]["info"]["client"] == "ada"  # as the reference does
    assert connect == {"id": 1, "connect": {"client": "ada", "ping": 25, "pong": True}}
    epoch = subscribe["subscribe"]["epoch"]
    assert subscribe == {"id": 2, "subscribe": {"recoverable": True, "positioned": True, "epoch": epoch}}
    bob.socket.feed(
        f'{CONNECT}\n{{"id":2,"subscribe":{{"channel":"kept"}}}}\n{{"id":3,"subscribe":{{"channel":"kept"}}}}'
    )
    bob.socket.feed('{"id":4,"publish":{"channel":"kept","data":[1]}}\n{"id":5,"unsubscribe":{"channel":"kept"}}')
    await settle()
    who = {"user": "", "client": "bob"}
    pub = {"push": {"channel": "kept", "pub": {"data": [1], "info": who, "offset": 1, "epoch": epoch}}}
    assert ada.heard() == [
        {"push": {"channel": "kept", "join": {"info": who}}},
        pub,
        {"push": {"channel": "kept", "leave": {"info": who}}},
    ]
    told = bob.heard()
    assert told.index(subscribe) < told.index(pub) < told.index({"id": 5, "unsubscribe": {}})
    assert {"id": 3, "error": {"code": 105, "message": "already subscribed"}} in told
    assert {"id": 4, "publish": {}} in told
    bob.socket.feed("7")
    await settle()
    assert (bob.closed.code, ada.closes) == (3501, [])
