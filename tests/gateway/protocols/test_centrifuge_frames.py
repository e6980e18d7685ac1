"""Frames of the Centrifuge wire: commands in their order, how many, and what no client means."""

from __future__ import annotations

import pytest

from gateway.engines.stream import Position
from gateway.messages.commands import Broken, Call, Identify, Join, Leave, ReadHistory
from gateway.protocols.centrifuge_frames import MAX_COMMANDS
from gateway.reasons import CLOSE_REASONS, Refused
from tests.support.centrifuge_wire import CONNECT, connected, wire


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
    "an offset beyond": '{"id":2,"subscribe":{"channel":"a","recover":true,"offset":18446744073709551616}}',
    "a place beyond": '{"id":2,"history":{"channel":"a","since":{"offset":18446744073709551616}}}',
    "a limit beyond": '{"id":2,"history":{"channel":"a","limit":2147483648}}',
    "a limit below": '{"id":2,"history":{"channel":"a","limit":-2147483649}}',
    "a type beyond": '{"id":2,"publish":{"channel":"a","type":2147483648}}',
    "a flag beyond": '{"id":2,"subscribe":{"channel":"a","flag":9223372036854775808}}',
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


def test_every_number_of_the_protocol_is_taken() -> None:
    """The largest and the least of each type of client.proto, as the reference takes them: Go decodes into those."""
    wire = connected()
    (join,) = wire.decode('{"id":2,"subscribe":{"channel":"a","recover":true,"offset":18446744073709551615,"flag":-1}}')
    assert isinstance(join, Join)
    assert join.since == Position(2**64 - 1, "")
    (history,) = wire.decode(
        '{"id":3,"history":{"channel":"a","limit":2147483647,"since":{"offset":9223372036854775808}}}'
    )
    assert isinstance(history, ReadHistory)
    assert (history.limit, history.since) == (2**31 - 1, Position(2**63, ""))


def test_what_is_beyond_a_connect_breaks_it_too() -> None:
    """Positions of subscriptions by the server come with it."""
    beyond = '{"id":1,"connect":{"subs":{"a":{"recover":true,"offset":18446744073709551616}}}}'
    (broken,) = wire().decode(beyond)
    assert isinstance(broken, Broken)


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
