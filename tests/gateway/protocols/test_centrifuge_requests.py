"""What each command of the Centrifuge wire asks of our machines."""

from __future__ import annotations

import pytest

from gateway.engines.stream import Position
from gateway.messages.commands import Call, Done, Handled, Identify, Join, Publish, ReadHistory, Renew
from gateway.protocols.centrifuge import CentrifugeWire
from gateway.reasons import Refused
from tests.support.centrifuge_wire import connected


def test_a_connect_carries_who_and_what_it_has() -> None:
    """Only what it wants to recover is what it has; its data is not looked into."""
    text = (
        '{"id":1,"connect":{"token":"t","data":{ "a":1 },"subs":{"a":{"recover":true,"offset":5,"epoch":"x"},"b":{}}}}'
    )
    (identify,) = CentrifugeWire().decode(text)
    assert isinstance(identify, Identify)
    assert (identify.token, identify.data) == ("t", b'{ "a":1 }')
    assert identify.since == {"a": Position(5, "x")}
    assert identify.reply.topic is None


def test_an_empty_token_is_none() -> None:
    """Clients of other languages send fields they have nothing for."""
    (identify,) = CentrifugeWire().decode('{"id":1,"connect":{"token":"","data":null,"subs":{"a":null}}}')
    assert isinstance(identify, Identify)
    assert (identify.token, identify.data, identify.since) == (None, b"null", {})


def test_a_subscribe_carries_all_its_options() -> None:
    """Position, pushes of joins, token, parameters, and what to do with a hole."""
    text = (
        '{"id":2,"subscribe":{"channel":"a","token":"s","recover":true,"offset":5,"epoch":"x",'
        '"flag":3,"join_leave":true,"data":{"b":1}}}'
    )
    (join,) = connected().decode(text)
    assert isinstance(join, Join)
    assert (join.topic, join.reply.topic, join.reply.size_bytes) == ("a", "a", len(text))
    assert (join.since, join.must_recover, join.presence) == (Position(5, "x"), True, True)
    assert (join.token, join.params, join.info) == ("s", {"b": 1}, None)


def test_a_flag_without_recover_asks_for_nothing() -> None:
    """Centrifuge's clients set it on a first subscribe too, where there is no position to reject."""
    (join,) = connected().decode('{"id":2,"subscribe":{"channel":"a","offset":5,"flag":2}}')
    assert isinstance(join, Join)
    assert (join.since, join.must_recover, join.presence) == (None, False, False)


def test_a_payload_passes_as_it_is() -> None:
    """It is not decoded; a missing one is null."""
    first, second = connected().decode(
        '{"id":2,"publish":{"channel":"a","data":{ "b" : [1.50, "\\u00e4"] }}}\n{"id":3,"publish":{"channel":"a"}}'
    )
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    assert (first.payload, second.payload) == (b'{ "b" : [1.50, "\\u00e4"] }', b"null")
    assert (first.event, first.kind) == ("message", "json")


@pytest.mark.parametrize(("limit", "meant"), [("", 0), (',"limit":0', 0), (',"limit":7', 7), (',"limit":-1', None)])
def test_a_history_without_a_limit_asks_for_the_position(limit: str, meant: int | None) -> None:
    """And -1 for all that there is."""
    (read,) = connected().decode('{"id":2,"history":{"channel":"a"' + limit + "}}")
    assert isinstance(read, ReadHistory)
    assert (read.limit, read.since, read.reverse) == (meant, None, False)


def test_tokens_are_renewed_for_the_connection_or_a_subscription() -> None:
    """`refresh` and `sub_refresh`."""
    first, second = connected().decode(
        '{"id":2,"refresh":{"token":"t"}}\n{"id":3,"sub_refresh":{"channel":"a","token":"s"}}'
    )
    assert isinstance(first, Renew)
    assert isinstance(second, Renew)
    assert (first.token, first.topic, second.token, second.topic) == ("t", None, "s", "a")


def test_a_send_is_a_call_that_nobody_waits_for() -> None:
    """It has no id, no method, and no answer, not even an error."""
    wire = connected()
    (call,) = wire.decode('{"send":{"data":7}}')
    assert isinstance(call, Call)
    assert (call.method, call.payload) == ("", b"7")
    for result in (Handled(1), Done(), Refused("not_available")):
        assert wire.answer(call.reply, result) == ()
