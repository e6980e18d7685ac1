"""Facts become words: every fact has some, and the catalogue says which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import attrs
import structlog

from gateway import events, telemetry
from gateway.telemetry import CATALOGUE, Telemetry, Words
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
    text = listener.exposition()[0].decode()
    for wanted in (
        'hubbub_connections_total{wire="native"} 1.0',
        'hubbub_connections_closed_total{ended_by="client"} 1.0',
        "hubbub_publications_total 1.0",
        'hubbub_commands_refused_total{reason="unknown_action"} 1.0',
        "hubbub_connections_open 0.0",
    ):
        assert wanted in text
    assert listener.recent["ada"] is ada.closed
