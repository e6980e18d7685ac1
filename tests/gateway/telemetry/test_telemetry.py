"""Facts become words: every fact has some, and the catalogue says which."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, get_args

import attrs
import pytest
import structlog

from actors import NotCharged
from actors import events as actor_events
from gateway import events
from gateway.telemetry import telemetry
from gateway.telemetry.fact_fields import MAX_VALUE, MAX_VALUES
from gateway.telemetry.logs import Lines
from gateway.telemetry.telemetry import CATALOGUE, Telemetry, Words
from tests.support.peer import Peer, settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem

FACTS = get_args(events.Fact)


def documented() -> dict[str, tuple[str, str]]:
    """Event -> level and counter, as the docstring's catalogue has them; `-` is none."""
    rows = re.findall(r"^    (\w+\.\w+) +(-|\w+(?:, sampled)?) +(\S+)$", telemetry.__doc__ or "", re.MULTILINE)
    return {event: (level, counter) for event, level, counter in rows}


def said(words: Words) -> tuple[str, str]:
    """A line of the catalogue, from the code."""
    label = "" if words.label is None else f"{{{words.label}}}"
    level = (words.level or "-") + (", sampled" if words.sampled else "")
    return level, "-" if words.counter is None else f"{words.counter}_total{label}"


def test_every_fact_has_words() -> None:
    """A class in `events.py` without an entry would never be logged or counted."""
    classes = {value for value in vars(events).values() if attrs.has(value)}
    assert classes == set(FACTS)
    assert classes <= set(CATALOGUE)


def test_every_fact_says_what_it_is() -> None:
    """In one sentence, which is the help of its metric as well."""
    own = {fact.__name__: (vars(fact).get("__doc__") or "").partition("\n\n")[0].strip() for fact in CATALOGUE}
    assert [name for name, words in own.items() if not words or "\n" in words] == []


async def test_the_help_of_a_metric_is_what_its_fact_says_of_itself(system: ActorSystem) -> None:
    """Whoever draws it reads what is counted."""
    text = (await Telemetry(await start_node(system)).exposition())[0].decode()
    assert "# HELP hubbub_consumers_slowed_total A connection's transport is full; what follows waits" in text


def test_the_catalogue_in_words_is_the_catalogue_in_code() -> None:
    """Event, level, counter and label of each fact, the runtime's and ours."""
    assert documented() == {words.event: said(words) for words in CATALOGUE.values()}


def test_every_label_is_a_field_of_its_fact_and_no_name_of_somebody() -> None:
    """Labels come from small closed sets: never a topic, a connection or a principal."""
    for fact, words in CATALOGUE.items():
        if words.label is not None:
            assert words.label in {field.name for field in attrs.fields(fact)}
            assert words.label not in ("topic", "connection", "principal", "address", "path", "act")


def test_event_names_are_nouns_and_past_verbs() -> None:
    """`noun.past_verb`, each once."""
    names = [words.event for words in CATALOGUE.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", name) for name in names)


async def test_a_conversation_is_counted_and_its_end_remembered(system: ActorSystem) -> None:
    """Log lines, counters and `recent` say the same, and no payload is in any of them."""
    node = await start_node(system)
    with structlog.testing.capture_logs() as lines:
        listener = Telemetry(node)
        ada = Peer(node, "ada")
        await ada.joins("kept")
        await ada.says("publish", room="kept", payload="a secret")
        await ada.says("nonsense")
        ada.socket.end(1000, "", True)
        await settle()
    assert [line["event"] for line in lines] == [
        "connection.opened", "topic.opened", "room.joined", "command.refused", "connection.closed", "room.left",
    ]  # fmt: skip
    assert "secret" not in str(lines)
    text = (await listener.exposition())[0].decode()
    for wanted in (
        'hubbub_connections_total{wire="native"} 1.0',
        'hubbub_connections_closed_total{ended_by="client"} 1.0',
        "hubbub_publications_total 1.0",
        'hubbub_commands_refused_total{reason="unknown_action"} 1.0',
        "hubbub_connections_open 0.0",
        "hubbub_log_lines_dropped_total ",
    ):
        assert wanted in text
    assert listener.recent["ada"] is ada.closed


async def test_a_line_has_the_fields_of_its_fact(system: ActorSystem) -> None:
    """All of them, by their names; a fact with plain fields only is read in one step."""
    node = await start_node(system)
    fact = events.ConnectionOpened("c1", "native", "/ws", "192.0.2.1", "ada")
    with structlog.testing.capture_logs() as lines:
        Telemetry(node)
        node.events.publish(fact)
    assert lines == [{**attrs.asdict(fact), "event": "connection.opened", "log_level": "info"}]


# --- the runtime's facts, the readings, the floods


def test_every_fact_of_the_runtime_has_words() -> None:
    """What an actor's life consists of is not left out by accident."""
    assert set(get_args(actor_events.Fact)) <= set(CATALOGUE)
    assert [fact for fact, words in CATALOGUE.items() if not words.subscribed] == [
        events.MessagePublished,
        actor_events.ActorStopped,
    ]


async def test_nobody_asks_the_runtime_for_the_end_of_each_actor(system: ActorSystem) -> None:
    """The fact is not even made while nobody wants it: a gateway would make two per connection."""
    Telemetry(await start_node(system))
    assert not system.events.wants(actor_events.ActorStopped)
    assert system.events.wants(actor_events.DeadLetter)


async def test_the_readings_in_words_are_those_of_the_exposition(system: ActorSystem) -> None:
    """Names and labels of everything that is not a fact; the process's own come from elsewhere."""
    listed = (telemetry.__doc__ or "").partition("Read when asked for")[2]
    documented_names = set(re.findall(r"^    (\w+)(?:\{class\})? ", listed, re.MULTILINE))
    body = (await Telemetry(await start_node(system)).exposition())[0].decode()
    counters = {f"{words.counter}_total" for words in CATALOGUE.values()}
    names = {name.removeprefix("hubbub_") for name in re.findall(r"^(hubbub_\w+)[{ ]", body, re.MULTILINE)}
    assert {name for name in names if not name.endswith("_created")} - counters == documented_names


async def test_a_flood_is_counted_in_full_and_said_once_a_second(system: ActorSystem) -> None:
    """The first line at once, the next after a second with how many there were; each policy is a kind of its own."""
    with structlog.testing.capture_logs() as lines:
        listener = Telemetry(await start_node(system))
        for _ in range(500):
            system.events.publish(actor_events.MailboxOverflowed(system.root, 9, "drop_new"))
        system.events.publish(actor_events.MailboxOverflowed(system.root, 9, "high_water"))
        await asyncio.sleep(1)
        system.events.publish(actor_events.MailboxOverflowed(system.root, 9, "drop_new"))
    said_of = [(line["policy"], line["count"]) for line in lines if line["event"] == "mailbox.overflowed"]
    assert said_of == [("drop_new", 1), ("high_water", 1), ("drop_new", 500)]
    assert listener.total("mailbox.overflowed") == 502


async def test_a_line_that_nobody_reads_is_not_made(system: ActorSystem) -> None:
    """Below the level of the log there are no values to collect; the counter moves all the same."""
    read: list[str] = []

    class Unreadable(ValueError):
        def __repr__(self) -> str:
            read.append("repr")
            return "x"

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        listener = Telemetry(await start_node(system))
        system.events.publish(actor_events.AskFailed(system.root, Unreadable()))
    finally:
        structlog.reset_defaults()
    assert (read, listener.total("ask.failed")) == ([], 1)


@pytest.mark.parametrize("wrapper", [Lines, structlog.make_filtering_bound_logger(logging.INFO)])
async def test_a_line_is_the_same_whatever_writes_it(system: ActorSystem, wrapper: type) -> None:
    """Our logger takes the values as they are, another one as keywords; a processor may drop either."""
    lines: list[dict[str, Any]] = []

    def keep(_: object, name: str, event: Any) -> Any:
        lines.append({"level": name, **event})
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep], wrapper_class=wrapper)
    try:
        Telemetry(await start_node(system))
        with structlog.contextvars.bound_contextvars(request="r1"):
            system.events.publish(events.ConnectionOpened("c1", "raw", "/echo", "127.0.0.1", ""))
    finally:
        structlog.reset_defaults()
    opened = {"connection": "c1", "wire": "raw", "path": "/echo", "address": "127.0.0.1", "principal": ""}
    assert lines == [{"level": "info", "request": "r1", "event": "connection.opened", **opened}]


@pytest.mark.allow_failures
async def test_a_failure_that_somebody_else_pays_for_is_told_by_its_cause(system: ActorSystem) -> None:
    """One traceback, that of the app's own line, and beside it whose message it was."""
    cause = IndexError("no cell 9")
    charged = NotCharged("IndexError while handling for ada", charged_to="ada")
    charged.__cause__ = cause
    with structlog.testing.capture_logs() as lines:
        node = await start_node(system)
        Telemetry(node)
        node.events.publish(actor_events.ActorFailed(system.root, charged, "move"))
    assert [(line["error"], line["exc_info"], line["charged_to"]) for line in lines] == [
        ("IndexError('no cell 9')", cause, "ada")
    ]


async def test_reasons_of_an_application_are_a_bounded_number_of_labels(system: ActorSystem) -> None:
    """Whoever puts a client's words into a reason makes no metric of each; all are counted, what is beyond as one."""
    with structlog.testing.capture_logs() as lines:
        listener = Telemetry(await start_node(system))
        for number in range(1_000):
            system.events.publish(events.CommandRefused("ada", "open", f"no room {number}"))
            system.events.publish(events.ApiRefused("", "publish", 200, f"no room {number}"))
        system.events.publish(events.CommandRefused("ada", "open", "not_joined"))
        body = (await listener.exposition())[0].decode()
    for counter in ("hubbub_commands_refused_total", "hubbub_api_refused_total"):
        counted = re.findall(rf'^{counter}{{reason="(.*)"}} (\S+)$', body, re.MULTILINE)
        assert len(counted) == MAX_VALUES + 1 + ("commands" in counter)
        assert dict(counted)["other"] == str(1_000.0 - MAX_VALUES)
    assert 'hubbub_commands_refused_total{reason="not_joined"} 1.0' in body, "our own are told apart whenever they come"
    assert listener.total("command.refused") == 1_001
    assert len([line for line in lines if line["event"] == "api.refused"]) == MAX_VALUES + 1


async def test_an_odd_reason_is_a_label_all_the_same(system: ActorSystem) -> None:
    """A label is for a graph: a long one is cut, and what is no UTF-8 costs nobody the metrics."""
    listener = Telemetry(await start_node(system))
    for reason in ("x" * 10_000, "\ud800", 'a"b\nc'):
        system.events.publish(events.CommandRefused("ada", "open", reason))
    body = (await listener.exposition())[0].decode()
    for shown in ("x" * MAX_VALUE, "?", r"a\"b\nc"):
        assert f'hubbub_commands_refused_total{{reason="{shown}"}} 1.0' in body
