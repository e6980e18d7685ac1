"""Reasons: the tables agree with the protocols' documents, and every refusal is a complete letter."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import pytest

import gateway
from gateway.close_codes import validate_close
from gateway.messages.commands import Broken
from gateway.reasons import (
    CLOSE_REASONS,
    REASONS,
    CloseReason,
    GatewayError,
    InvalidJSON,
    NotAccepted,
    Refused,
    TopicKindError,
    WebSocketDisconnect,
)

CENTRIFUGE_ERRORS = {
    100: "internal",
    101: "unauthorized",
    102: "unknown_channel",
    103: "permission_denied",
    104: "unknown_action",
    105: "already_subscribed",
    106: "limit_exceeded",
    107: "bad_request",
    108: "not_available",
    109: "token_expired",
    110: "expired",
    111: "too_many_requests",
    112: "unrecoverable_position",
    113: "concurrent_pagination",
}

ENDS = {
    "normal": (3000, 1000),
    "shutdown": (3001, 1012),
    "server_error": (3004, 1011),
    "expired": (3005, 4003),
    "slow_consumer": (3008, 1013),
    "heartbeat_lost": (3012, 4000),
    "rate_limited": (3013, 4002),
    "bad_request": (3501, 1008),
    "stale": (3502, 4001),
    "disconnected": (3503, 1008),
    "too_many_errors": (3509, 1008),
    "too_many_crashes": (3600, 1008),
    "message_too_big": (1009, 1009),
    "invalid_data": (1007, 1007),
    "protocol_error": (1002, 1002),
}


def is_final(code: int) -> bool:
    """Centrifuge's rule: these codes tell its clients never to come back."""
    return code == 1009 or 3500 <= code <= 3999 or 4500 <= code <= 4999


@pytest.mark.parametrize(("code", "name"), CENTRIFUGE_ERRORS.items())
def test_every_code_of_centrifuge_has_its_name(code: int, name: str) -> None:
    """A client of Centrifuge reads the numbers it knows."""
    assert REASONS[name].code == code


def test_only_what_may_succeed_later_is_temporary() -> None:
    """Centrifuge's clients retry a temporary error by themselves, so nothing else may be one."""
    temporary = {name for name, reason in REASONS.items() if reason.temporary}
    assert temporary == {"internal", "timed_out", "too_many_requests", "concurrent_pagination", "shutting_down"}


@pytest.mark.parametrize("table", [REASONS, CLOSE_REASONS])
def test_the_tables_are_keyed_by_name_and_cannot_be_changed(table: dict[str, object]) -> None:
    """One table for all: nobody adds to it at run time."""
    assert all(name == getattr(reason, "name") for name, reason in table.items())  # noqa: B009 - a union
    with pytest.raises(TypeError):
        table["new"] = object()


@pytest.mark.parametrize(("name", "codes"), ENDS.items())
def test_an_end_has_the_number_of_each_wire(name: str, codes: tuple[int, int]) -> None:
    """The same end is one name, and each wire's own number."""
    assert (CLOSE_REASONS[name].code, CLOSE_REASONS[name].raw_code) == codes


def test_every_end_is_chosen_by_somebody() -> None:
    """What the table and the pages say of an end, a client can meet; of others it knows they say nothing."""
    code = "".join(file.read_text() for file in Path(gateway.__file__).parent.rglob("*.py"))
    chosen = {*re.findall(r'\bClose\("(\w+)"', code), *re.findall(r'directory\.close\(\w+, "(\w+)"', code)}
    of_parser = {reason.name for reason in CLOSE_REASONS.values() if reason.code == reason.raw_code}
    assert of_parser == {"message_too_big", "invalid_data", "protocol_error"}
    assert {*chosen, *of_parser, Broken().reason, "normal"} == set(CLOSE_REASONS)


@pytest.mark.parametrize("reason", CLOSE_REASONS.values(), ids=lambda reason: reason.name)
def test_an_end_says_the_same_in_words_and_numbers(reason: CloseReason) -> None:
    """Both codes may be sent, the words fit the frame and are no JSON, and `never` is a final code and no other."""
    validate_close(reason.code, reason.meaning)
    validate_close(reason.raw_code, reason.meaning)
    assert (reason.come_back == "never") == is_final(reason.code)
    assert not reason.meaning.startswith("{")


def test_an_end_that_only_we_have_takes_no_number_of_centrifuge_or_of_an_application() -> None:
    """Its clients name the codes they know, up to 3014 and 3509 today; 4000 to 4999 are for applications."""
    codes = {reason.code: reason.name for reason in CLOSE_REASONS.values() if reason.code >= 3000}
    assert {code for code in codes if not (code <= 3014 or 3500 <= code <= 3509)} == {3600}


def test_a_refusal_takes_code_and_words_from_the_table() -> None:
    """The default is permission denied, and details stay beside it."""
    refused = Refused(topic="room:1")
    assert (refused.reason, refused.code, refused.message) == ("permission_denied", 103, "permission denied")
    assert refused.temporary is False
    assert refused.details == {"topic": "room:1"}


def test_a_refusal_can_say_more_and_when_to_retry() -> None:
    """A message replaces the table's words, never its code."""
    refused = Refused("too_many_requests", "slow down", retry_after=1.5)
    assert (refused.code, refused.message, refused.temporary) == (111, "slow down", True)
    assert refused.details == {"retry_after": 1.5}
    assert str(refused) == "too_many_requests: slow down"


def test_an_application_may_refuse_for_a_reason_of_its_own() -> None:
    """An unknown name is the application's: code 400 unless it says another."""
    assert (Refused("room_full").code, Refused("room_full").message) == (400, "room full")
    assert Refused("room_full", code=1999, temporary=True).temporary is True
    assert Refused("room_full", code=1999).code == 1999


@pytest.mark.parametrize(("reason", "code"), [("room_full", 399), ("room_full", 2000), ("bad_request", 400)])
def test_a_refusal_cannot_take_a_code_that_is_not_its_own(reason: str, code: int) -> None:
    """Codes below 400 are Centrifuge's, and a reason of the table has one already."""
    with pytest.raises(ValueError, match=f"could not refuse with '{reason}'"):
        Refused(reason, code=code)


@pytest.mark.parametrize(
    "error",
    [
        Refused("room_full", "no seats", code=1000, temporary=True, seats=4),
        WebSocketDisconnect(1001, "bye"),
        InvalidJSON("Expecting value", "nul", 0),
        NotAccepted("send"),
        TopicKindError("chat", "room", "channel"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_being_copied_and_pickled(error: GatewayError) -> None:
    """An error that crosses a thread or a process says the same there."""
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_invalid_json_is_caught_by_both_names() -> None:
    """Code written for json.loads keeps working."""
    error = InvalidJSON("Expecting value", "[1, nul]", 4)
    assert isinstance(error, GatewayError)
    assert isinstance(error, json.JSONDecodeError)
    assert (error.pos, error.lineno, error.colno) == (4, 1, 5)


def test_errors_of_ours_say_what_to_do() -> None:
    """An error is a letter: what could not be done, the fact, what to do now."""
    assert str(NotAccepted("send")) == (
        "could not send: the connection is not accepted; must accept first (await ws.accept())"
    )
    assert "'chat' as a channel: it is declared as a room;" in str(TopicKindError("chat", "room", "channel"))
    assert str(WebSocketDisconnect(1001)) == "websocket disconnected with 1001"
    assert str(WebSocketDisconnect(1001, "bye")) == "websocket disconnected with 1001: bye"
