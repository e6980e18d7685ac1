"""The wire of Phoenix Channels V2 as a whole: conversations as written, the upgrade, and how it closes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.close_codes import validate_close
from gateway.engines.stream import Entry
from gateway.messages.commands import Handled, HistoryRead, Join, Joined, Leave, Left, Publish, ReadHistory
from gateway.messages.presence import Present
from gateway.messages.publications import Publication
from gateway.reasons import CLOSE_REASONS, Refused
from tests.support.phoenix_wire import ADA, TOP, WIRE
from tests.support.transcript import canned, play_wire

if TYPE_CHECKING:
    from gateway.messages.commands import Command, Result

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"

WATCHED = (
    Present("c1", "ada", "r1", b'{"name":"Ada"}'),
    Present("c2", "ada", "r2", None),
    Present("c3", "", "r3", None),
)
MISSED = (
    Entry(13, 0.0, Publication("room:missed", b'{"n":1}', 1.5)),
    Entry(14, 0.0, Publication("room:missed", b"hi", 1.5, "text", "say")),
    Entry(15, 0.0, Publication("room:missed", b"\x00\xff", 1.5, "binary", "d")),
)

JOINS: dict[str, Result] = {
    "room:welcomes": Joined(TOP, response={"welcome": True}),
    "room:counts": Joined(TOP, response=3),
    "room:watched": Joined(TOP, members=WATCHED),
    "room:missed": Joined(TOP, True, MISSED, (ADA,)),
    "room:gone": Joined(TOP, False),
    "room:closed": Refused("permission_denied"),
    "room:members": Refused("unauthorized", "log in first"),
    "room:many": Refused("limit_exceeded"),
    "room:broken": Refused("internal"),
    "room:own": Refused("full", seats=12),
    "room:nowhere": Refused("unknown_channel"),
}
EVENTS: dict[str, Result] = {
    "gives": Handled({"a": 1}),
    "counts": Handled(7),
    "draws": Handled(b"\x00\xff"),
    "floods": Refused("too_many_requests", retry_after=1.5),
    "fails": Refused("internal"),
}


def world(command: Command) -> Result:
    """Topics and events that answer by their names; everything else goes well."""
    if isinstance(command, Join) and command.topic in JOINS:
        return JOINS[command.topic]
    if isinstance(command, Publish) and command.topic == "room:left":
        return Refused("not_joined")
    if isinstance(command, Publish) and command.event in EVENTS:
        return EVENTS[command.event]
    if isinstance(command, ReadHistory) and command.topic == "room:missed":
        return HistoryRead(MISSED, TOP)
    if isinstance(command, Leave):
        return Left(was_member=command.topic != "room:never")
    return canned(command)


@pytest.mark.parametrize("name", ["joins", "pushes", "errors", "positions"])
def test_a_conversation_goes_as_written(name: str) -> None:
    """Every shape of a frame, the wire alone."""
    play_wire(WIRE, (TRANSCRIPTS / f"phoenix_{name}.txt").read_text(), world)


def test_the_server_says_nothing_first() -> None:
    """A client that has joined nothing has nobody to hear it."""
    assert WIRE.opened("c", 25) == ()


# --- the connection


def test_every_close_brings_the_client_back() -> None:
    """phoenix.js before 1.8.16 stays away after 1000; a deployment is 1012, what cannot be read 1011."""
    codes = {name: WIRE.close_code(reason) for name, reason in CLOSE_REASONS.items()}
    assert 1000 not in codes.values()
    assert (codes["bad_request"], codes["shutdown"], codes["heartbeat_lost"]) == (1011, 1012, 3012)
    for code in codes.values():
        validate_close(code)


@pytest.mark.parametrize("version", ["2.0.0", "2.0", "2.1.7"])
def test_version_two_is_spoken(version: str) -> None:
    """phoenix.js says 2.0.0."""
    assert WIRE.handshake_problem({"vsn": version, "token": "x"}, ()) is None


@pytest.mark.parametrize("query", [{}, *({"vsn": v} for v in ("1.0.0", "3.0.0", "2", "", "2.0.0-rc.1", "x", "2.٢"))])
def test_other_versions_are_refused_at_the_upgrade(query: dict[str, str]) -> None:
    """None at all means 1.0.0; the words name what would be taken."""
    problem = WIRE.handshake_problem(query, ())
    assert problem is not None
    assert "vsn=2.0.0" in problem


def test_the_subprotocol_is_answered_if_it_was_offered() -> None:
    """A token rides beside it; an offer without it cannot be answered, and browsers then give up."""
    offered = ["phoenix", "base64url.bearer.phx.eA"]
    assert WIRE.subprotocol(offered) == "phoenix"
    assert WIRE.subprotocol(()) is None
    assert WIRE.handshake_problem({"vsn": "2.0.0"}, offered) is None
    problem = WIRE.handshake_problem({"vsn": "2.0.0"}, ["chat"])
    assert problem is not None
    assert '"phoenix"' in problem


def test_what_machines_may_expect_of_it() -> None:
    """The attributes that stand for what Phoenix's clients do."""
    assert (WIRE.name, WIRE.liveness, WIRE.renews, WIRE.can_be_joined) == ("phoenix", "client", False, False)
    assert WIRE.replaces_joins
    assert WIRE.needs_membership
    assert WIRE.needs_declared
    assert WIRE.calls_by_event
    assert not WIRE.identifies_first
    assert not WIRE.logs_in
    assert not WIRE.uses_app_frames
