"""What `hubbub top` shows, as text: two snapshots and a size in, a screen out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.screen_text import cells
from gateway.cli.top import coloured, frame, plain
from gateway.cli.top_snapshot import Snapshot


def actor(path: str, kind: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An actor as `/tree` tells of it."""
    told = {
        "path": path, "class": kind, "phase": "running", "incarnation": 1, "restarts": 0, "budget_left": 5,
        "mailbox": 0, "handled": 0, "failed": 0, "lost": 0, "doing": None, "doing_for": None, "last_error": None,
        "watchers": 0, "children_count": len(children), "hidden": 0, "children": list(children),
    }  # fmt: skip
    return {**told, **more}


def gateway(**more: Any) -> dict[str, Any]:
    told = {
        "title": "hubbub", "url": "http://127.0.0.1:8000", "uptime": 7384.0, "draining": False, "connections": 200,
        "topics": 2, "actors": 212, "queued": 4, "handled": 61_000, "failed": 1, "restarts": 1, "gave_up": 0,
        "published": 1_500, "loop_lag": 0.0012, "loop_lag_worst": 0.04,
    }  # fmt: skip
    return {**told, **more}


def tree(handled: int = 0, **root: Any) -> dict[str, Any]:
    """A gateway in which a room was restarted, a shop's actor is stuck, and 200 clients are connected."""
    error = "ValueError: could not read a price of '12,5O'"
    lobby = actor("/topics/public:lobby", "TopicActor", actor(
        "/topics/public:lobby/behaviour", "ChatRoom", restarts=1, budget_left=4, last_error=error, handled=handled,
    ), handled=2 * handled)  # fmt: skip
    clients = [actor(f"/connections/{n:08}-aa", "ConnectionActor", budget_left=None) for n in range(50)]
    return actor(
        "/", "Guardian",
        actor("/engine", "EngineKeeper"),
        actor("/topics", "DynamicSupervisor", lobby, actor("/topics/public:quiet", "TopicActor")),
        actor("/heartbeat", "Pulse", handled=90),
        actor("/connections", "DynamicSupervisor", *clients, children_count=200, hidden=150),
        actor("/app", "Supervisor", actor(
            "/app/stock", "Stock", mailbox=4, handled=12, doing="Reserve", doing_for=65.0,
        )),
        budget_left=None, **root,
    )  # fmt: skip


def top(*actors: dict[str, Any], **numbers: Any) -> dict[str, Any]:
    return {"gateway": gateway(**numbers), "by": "mailbox", "actors": list(actors)}


def busiest(handled: int) -> list[dict[str, Any]]:
    return [
        actor("/app/stock", "Stock", mailbox=4, handled=12),
        actor("/topics/public:lobby", "TopicActor", handled=2 * handled),
        actor("/topics/public:lobby/behaviour", "ChatRoom", handled=handled, failed=1),
        actor("/idle", "Idle"),
    ]


BEFORE = Snapshot.read(100.0, tree(1_000), top(*busiest(1_000), handled=51_000, published=1_300))
NOW = Snapshot.read(102.0, tree(1_250), top(*busiest(1_250)))


def screen(columns: int, rows: int, now: Snapshot = NOW, before: Snapshot | None = BEFORE, note: str = "") -> str:
    return "".join(plain(line) + "\n" for line in frame(now, before, columns, rows, note))


SMALL = """\
hubbub   http://127.0.0.1:8000   up 2h03m   open
200 connections   2 topics   212 actors   1 restart
5,000 messages/s   100 published/s   4 queued   loop lag 1 ms, worst 40 ms

TREE                   PHASE      MAILBOX  MSGS/S RESTARTS LEFT IN HAND
/                      running          0       0        0    -
|- engine              running          0       0        0    5
|- topics              running          0       0        0    5
|  |- public:lobby     running          0     250        0    5
|  |  `- behaviour     running          0     125        1    4
|  `- public:quiet     running          0       0        0    5
|- heartbeat           running          0       0        0    5
|- connections (200)   running          0       0        0    5
|  `- 00000000-aa      running          0       0        0    -
`- app                 running          0       0        0    5
   `- stock            running          4       0        0    5 1m05s Reserve

BUSIEST                        CLASS            MAILBOX  MSGS/S   HANDLED FAILED
/app/stock                     Stock                  4       0        12      0
/topics/public:lobby           TopicActor             0     250     2,500      0
/topics/public:lobby/behaviour ChatRoom               0     125     1,250      1

LAST ERRORS
/topics/public:lobby/behaviour  ValueError: could not read a price of '12,5O'
"""

LARGE = """\
hubbub   http://127.0.0.1:8000   up 2h03m   open
200 connections   2 topics   212 actors   1 restart
5,000 messages/s   100 published/s   4 queued   loop lag 1 ms, worst 40 ms

TREE                              CLASS                PHASE      MAILBOX  MSGS/S RESTARTS LEFT IN HAND
/                                 Guardian             running          0       0        0    -
|- engine                         EngineKeeper         running          0       0        0    5
|- topics                         DynamicSupervisor    running          0       0        0    5
|  |- public:lobby                TopicActor           running          0     250        0    5
|  |  `- behaviour                ChatRoom             running          0     125        1    4
|  `- public:quiet                TopicActor           running          0       0        0    5
|- heartbeat                      Pulse                running          0       0        0    5
|- connections (200)              DynamicSupervisor    running          0       0        0    5
|  |- 00000000-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000001-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000002-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000003-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000004-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000005-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000006-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000007-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000008-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000009-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000010-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000011-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000012-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000013-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000014-aa                 ConnectionActor      running          0       0        0    -
|  |- 00000015-aa                 ConnectionActor      running          0       0        0    -
|  `- 00000016-aa                 ConnectionActor      running          0       0        0    -
`- app                            Supervisor           running          0       0        0    5
   `- stock                       Stock                running          4       0        0    5 1m05s Reserve

BUSIEST                                                            CLASS                MAILBOX  MSGS/S   HANDLED FAILED
/app/stock                                                         Stock                      4       0        12      0
/topics/public:lobby                                               TopicActor                 0     250     2,500      0
/topics/public:lobby/behaviour                                     ChatRoom                   0     125     1,250      1

LAST ERRORS
/topics/public:lobby/behaviour  ValueError: could not read a price of '12,5O'
"""


@pytest.mark.parametrize(("columns", "rows", "expected"), [(80, 24, SMALL), (120, 40, LARGE)])
def test_a_screen_looks_like_this(columns: int, rows: int, expected: str) -> None:
    """The whole frame: what is in trouble is there at any size, what there are many of fills the rest."""
    assert screen(columns, rows) == expected


@given(columns=st.integers(20, 200), rows=st.integers(1, 80), before=st.sampled_from([None, BEFORE]))
def test_a_frame_fits_its_screen(columns: int, rows: int, before: Snapshot | None) -> None:
    """No line is wider, and no more lines are returned, than the terminal has: else it would scroll."""
    lines = frame(NOW, before, columns, rows)
    assert len(lines) <= rows
    assert max(cells(plain(line)) for line in lines) <= columns


@given(rows=st.integers(24, 80))
def test_every_row_s_parents_are_above_it(rows: int) -> None:
    """An actor that is shown for its trouble stands where it is in the tree."""
    said = screen(100, rows)
    assert said.index("|- topics") < said.index("public:lobby") < said.index("behaviour")
    assert said.index("`- app") < said.index("`- stock")


def test_what_is_in_trouble_goes_before_what_is_first() -> None:
    """One of many that restarts is on a small screen, and its healthy siblings give way."""
    told = tree()
    told["children"][3]["children"][40] |= {"phase": "restarting", "restarts": 1}
    said = screen(80, 20, now=Snapshot.read(1.0, told, top(*busiest(1))))
    assert "`- 00000040-aa      restarting" in said
    assert "00000000-aa" not in said


def test_a_row_without_an_earlier_look_has_no_rate() -> None:
    """A rate is a difference; the first look says `-` and not 0."""
    said = screen(80, 24, before=None)
    assert "- messages/s   - published/s" in said
    assert said.splitlines()[5].split() == ["/", "running", "0", "-", "0", "-"]


def test_two_looks_at_the_same_instant_have_no_rate() -> None:
    """Nothing is divided by zero."""
    assert "- messages/s" in screen(80, 24, before=NOW)


def test_counts_that_went_down_are_no_negative_rate() -> None:
    """An actor that ended and came back under its path counts from zero."""
    assert screen(80, 24, now=Snapshot.read(200.0, tree(0), top(*busiest(0)))).count("-2") == 0


def test_a_note_takes_the_line_below_the_header() -> None:
    """What was last heard stays legible, and that it is old is said."""
    assert (
        screen(80, 24, note="no answer within 5 s; this is what it said last").splitlines()[3].startswith("no answer")
    )


def test_a_gateway_that_drains_or_gave_up_says_so_above() -> None:
    """An actor that is gone for good is in no tree any more."""
    said = screen(80, 24, now=Snapshot.read(102.0, tree(), top(draining=True, gave_up=2))).splitlines()
    assert said[0].endswith("draining")
    assert said[1].endswith("1 restart   2 given up")


def test_nothing_from_outside_reaches_the_terminal_as_a_command() -> None:
    """A topic's name and an error's text are chosen by clients: no escape sequence, no right-to-left override."""
    evil = "\x1b[2J\u202e\x07\n"
    told = tree()
    told["children"][1]["children"][0] |= {"path": f"/topics/{evil}", "class": evil, "doing": evil, "doing_for": 9.0}
    told["children"][1]["children"][0]["last_error"] = evil
    lines = frame(Snapshot.read(1.0, told, top(title=evil, url=evil)), None, 120, 40, note=evil)
    assert all(plain(line).isprintable() for line in lines)
    assert any("?[2J???" in plain(line) for line in lines)


def test_colours_surround_the_text_and_change_none_of_it() -> None:
    """What a pipe reads and what a terminal shows is the same."""
    for line in frame(NOW, BEFORE, 80, 24):
        text = coloured(line)
        for code in ("1", "2", "31", "33", "36", ""):
            text = text.replace(f"\x1b[{code}m", "")
        assert text.rstrip() == plain(line)


def test_trouble_is_red_and_what_is_over_is_yellow() -> None:
    """The eye finds the actor that is stuck before the one that was restarted."""
    said = {plain(line)[:18].strip(" |`-"): coloured(line) for line in frame(NOW, BEFORE, 80, 24)[5:16]}
    assert said["stock"].startswith("\x1b[31m")
    assert said["behaviour"].startswith("\x1b[33m")
    assert said["engine"].startswith("|- engine")


def test_an_answer_that_lacks_a_field_is_refused() -> None:
    """A gateway of another version is not shown with made-up numbers."""
    told = top()
    del told["gateway"]["loop_lag"]
    with pytest.raises(KeyError, match="loop_lag"):
        Snapshot.read(1.0, tree(), told)
