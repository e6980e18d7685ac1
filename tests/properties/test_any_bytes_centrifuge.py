"""Whatever a client sends on the Centrifuge wire, whole or line by line, ends in commands, never in an exception."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.access.identity import ANONYMOUS
from gateway.engines.stream import Entry, Position
from gateway.messages.commands import (
    Broken,
    Call,
    Command,
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
    Ping,
    Pong,
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Renew,
    Renewed,
    Reply,
    Result,
)
from gateway.messages.publications import Delivery, Publication
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from tests.support.fake_socket import FakeSocket
from tests.support.numbers import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WORDS = (
    *("connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "ping", "send", "rpc"),
    *("refresh", "sub_refresh", "shout"),
)
NAMES = st.sampled_from(["a", "public:a", "", "a,b", 'a"b', "\x00", "ä" * 200, "\ud800", "x" * 256])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "channel": NAMES,
    "token": st.text(max_size=3),
    "data": JSON,
    "recover": st.booleans(),
    "offset": st.integers(0, 20) | NUMBERS,
    "epoch": st.sampled_from(["", "e"]),
    "join_leave": st.booleans(),
    "flag": st.integers(0, 3) | NUMBERS,
    "delta": st.sampled_from(["", "fossil", "zip"]),
    "type": st.integers(-1, 5),
    "tf": JSON,
    "limit": st.integers(-2, 5) | NUMBERS,
    "since": st.fixed_dictionaries(
        {}, optional={"offset": st.integers(-1, 20) | NUMBERS, "epoch": st.text(max_size=2)}
    ),
    "method": st.text(max_size=3),
    "subs": st.dictionaries(NAMES, st.fixed_dictionaries({"recover": st.booleans()}) | JSON, max_size=3),
}
ANY_REQUESTS = st.fixed_dictionaries({}, optional=FIELDS)
REQUESTS = ANY_REQUESTS | ANY_REQUESTS.map(lambda request: {"channel": "a", **request})
GOOD = {
    "token": st.just("t"),
    "data": st.integers() | st.text(st.characters(codec="utf-8")),
    "recover": st.booleans(),
    "offset": st.integers(0, 20),
    "join_leave": st.booleans(),
    "flag": st.integers(0, 3),
    "limit": st.integers(-1, 5),
    "tf": st.none() | st.just({}),
    "subs": st.dictionaries(st.just("a"), st.fixed_dictionaries({"recover": st.booleans()})),
}
LIKELY = st.fixed_dictionaries({"channel": st.just("a")}, optional=GOOD)
RIGHT = st.builds(
    lambda id, word, request: {"id": id, word: request}, st.integers(1, 99), st.sampled_from(WORDS), LIKELY | REQUESTS
)
WRONG = st.fixed_dictionaries({}, optional={"id": NUMBERS | JSON, **dict.fromkeys(WORDS, REQUESTS | JSON)})
LINES = st.one_of(
    RIGHT.map(json.dumps),
    RIGHT.map(lambda command: json.dumps(command, ensure_ascii=False)),
    WRONG.map(json.dumps),  # NaN, Infinity and lone surrogates among them
    st.text().map(lambda text: text.replace("\n", " ")),
    st.sampled_from(
        ["{}", "", " ", "\r", "null", "[]", "7", "[" * 100_000, '{"a":' * 5_000, '"' + "x" * 60_000, "1e999"]
    ),
    st.sampled_from(
        ['{"id":3,"subscribe":{"channel":"a","data":1e999}}', '{"id":3,"publish":{"channel":"a","data":1e999}}']
    ),
    st.integers(50, 1200).map(
        lambda depth: '{"id":3,"subscribe":{"channel":"a","data":' + "[" * depth + "]" * depth + "}}"
    ),
)
SEVERAL = st.builds(
    lambda first, then: [json.dumps({"id": 2, word: request}) for word, request in first] + then,
    st.lists(st.tuples(st.sampled_from(WORDS[1:-1]), LIKELY), max_size=6),
    st.lists(LINES, min_size=1, max_size=3),
)
FRAMES = SEVERAL.map("\n".join)
PLACE = Position(15, "e")
MISSED = (Entry(15, 0.0, Publication("a", b"[\n]", 0.0)),)
RESULTS: dict[type, Callable[[], Result]] = {
    Identify: lambda: Identified("c1", ANONYMOUS, 60.0, {"a": Joined(PLACE, True, MISSED, recoverable=True)}),
    Join: lambda: Joined(PLACE, True, MISSED, None, {"a": "\n"}, True, 60.0),
    Leave: Left,
    Publish: lambda: Published(PLACE),
    ReadHistory: lambda: HistoryRead(MISSED, PLACE),
    ReadPresence: lambda: PresenceRead((), 0),
    Call: lambda: Handled({"a": "\n"}),
    Renew: lambda: Renewed("c1", 60.0),
    Ping: lambda: Pong(1.0),
    Nothing: Done,
    Invalid: lambda: Refused("bad_request"),
    Broken: Done,
}


def utf8(text: str) -> str:
    """A text that a socket hands on is valid UTF-8 (RFC 6455 8.1)."""
    return text.encode("utf-8", "replace").decode()


def connected(pings: int) -> CentrifugeWire:
    wire = CentrifugeWire("v")
    list(wire.decode('{"id":1,"connect":{}}'))
    for _ in range(pings):
        wire.ping()
    return wire


def read(frames: Iterable[bytes]) -> list[Any]:
    """The lines a client reads of these frames, each JSON as browsers take it."""
    socket = FakeSocket()
    for frame in frames:
        socket.write(frame)
    return [json.loads(line, parse_constant=refuse) for text in socket.texts() for line in text.split("\n")]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def shape(command: Command) -> tuple[object, ...]:
    """What matters of a command; two are equal if these are."""
    reply = command.reply
    return type(command), reply.action, reply.ref, reply.topic, reply.size_bytes, getattr(command, "payload", None)


@given(FRAMES.map(utf8) | st.binary(), st.integers(0, 2), st.booleans())
@example('{"id":1,"connect":{}}\n{"id":2,"publish":{"channel":"c","data":1e999}}', 0, False)
@example(b'{"id":2,"publish":{"channel":"c","data":"\xff"}}', 0, True)
def test_the_wire_makes_commands_of_anything(message: str | bytes, pings: int, is_connected: bool) -> None:
    """Each can be answered in lines of JSON under its id, or not at all; one that breaks the wire is the last."""
    wire = connected(pings) if is_connected else CentrifugeWire("v")
    commands = list(wire.decode(message))
    assert commands
    for command in commands:
        assert (command is commands[-1]) or not isinstance(command, Broken)
        for result in (RESULTS[type(command)](), Refused("internal")):
            for line in read(wire.answer(command.reply, result)):
                assert line["id"] == command.reply.ref.id  # type: ignore[attr-defined]
                assert len(line) == 2
    assert sum(command.reply.size_bytes for command in commands) <= len(message)


@given(SEVERAL.map(lambda lines: [utf8(line) for line in lines]), st.integers(0, 2))
def test_a_frame_means_what_its_lines_mean(lines: list[str], pings: int) -> None:
    """Up to the one that breaks it, many lines in a frame are as good as a frame for each."""
    whole, apart = connected(pings), connected(pings)
    alone: list[Command] = []
    for line in lines:
        alone += apart.decode(line)
        if isinstance(alone[-1], Broken):
            break
    text = "\n".join(lines)
    together = list(whole.decode(text if lines[-1] else text + "\n"))
    assert [shape(command) for command in together] == [shape(command) for command in alone]


@given(JSON, st.sampled_from([None, 2]))
def test_a_publication_is_one_line_however_its_payload_was_written(payload: Any, indent: int | None) -> None:
    """It came over any wire, with newlines between its tokens or without, and reads the same."""
    written = json.dumps(payload, indent=indent, allow_nan=True).encode()
    variant = CentrifugeWire().variant(Join("a", Reply()))
    (line,) = read_raw(variant.frame(Delivery(Publication("a", written, 0.0), Position(2, "e"))))
    assert json.dumps(json.loads(line)["push"]["pub"]["data"]) == json.dumps(payload)


def read_raw(frame: bytes) -> list[str]:
    socket = FakeSocket()
    socket.write(frame)
    return [line for text in socket.texts() for line in text.split("\n")]
