"""
Facts become words and numbers here, and only here.

The catalogue: each class of `events` has one line below, as log event, level and counter. Payloads are never logged.

    gateway.started, gateway.draining            info
    connection.opened, connection.closed         info     connections_total{wire}, connections_closed_total{ended_by}
    connection.refused                           info     connections_refused_total{reason}
    topic.opened, topic.closed                   debug
    room.joined, room.left                       debug    joins_total, leaves_total
    history.recovered                            debug    recoveries_total{recovered}
    command.refused                              debug    commands_refused_total{reason}
    publication.accepted                         -        publications_total
    publication.dropped                          warning  publications_dropped_total{policy}
    consumer.slowed                              info     consumers_slowed_total
    heartbeat.missed                             debug    heartbeats_missed_total
    receipt.failed                               warning  receipts_failed_total
    engine.restarted                             warning  -
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import attrs
import structlog
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from actors.events import ActorFailed, ActorRestarted, DeadLetter, HandlerAbandoned, MailboxOverflowed, SupervisorGaveUp

from . import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .node import Node

RECENT = 1_000
"""Ended connections that are remembered, about 1 KiB each."""


@attrs.frozen
class Words:
    """How one class of facts is said and counted."""

    event: str
    level: str | None
    counter: str | None = None
    label: str | None = None
    """The field that becomes the counter's one label; from a small closed set, never a topic or a connection."""


CATALOGUE: dict[type, Words] = {
    events.GatewayStarted: Words("gateway.started", "info"),
    events.GatewayDraining: Words("gateway.draining", "info"),
    events.ConnectionOpened: Words("connection.opened", "info", "connections", "wire"),
    events.ConnectionClosed: Words("connection.closed", "info", "connections_closed", "ended_by"),
    events.ConnectionRefused: Words("connection.refused", "info", "connections_refused", "status"),
    events.TopicOpened: Words("topic.opened", "debug"),
    events.TopicClosed: Words("topic.closed", "debug"),
    events.RoomJoined: Words("room.joined", "debug", "joins"),
    events.RoomLeft: Words("room.left", "debug", "leaves"),
    events.HistoryRecovered: Words("history.recovered", "debug", "recoveries", "recovered"),
    events.CommandRefused: Words("command.refused", "debug", "commands_refused", "reason"),
    events.MessagePublished: Words("publication.accepted", None, "publications"),
    events.PublicationDropped: Words("publication.dropped", "warning", "publications_dropped", "policy"),
    events.ConsumerSlowed: Words("consumer.slowed", "info", "consumers_slowed"),
    events.HeartbeatMissed: Words("heartbeat.missed", "debug", "heartbeats_missed"),
    events.ReceiptFailed: Words("receipt.failed", "warning", "receipts_failed"),
    events.EngineRestarted: Words("engine.restarted", "warning"),
    ActorFailed: Words("actor.failed", "error", "actors_failed"),
    ActorRestarted: Words("actor.restarted", "warning", "actors_restarted"),
    SupervisorGaveUp: Words("supervisor.gave_up", "error", "supervisors_gave_up"),
    HandlerAbandoned: Words("handler.abandoned", "error", "handlers_abandoned"),
    MailboxOverflowed: Words("mailbox.overflowed", "warning", "mailboxes_overflowed", "policy"),
    DeadLetter: Words("letter.undelivered", "debug", "letters_undelivered", "reason"),
}


class Telemetry:
    """One per gateway: its log lines, its metrics, and the connections that ended lately."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log = structlog.get_logger("hubbub")
        self._registry = CollectorRegistry()
        self.recent: OrderedDict[str, events.ConnectionClosed] = OrderedDict()
        for fact, words in CATALOGUE.items():
            node.events.subscribe(fact, self._listener(words))
        node.events.subscribe(events.ConnectionClosed, self._remember)
        self._registry.register(_Gauges(node))

    def exposition(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text format, and its content type. Queue lengths are read now."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _listener(self, words: Words) -> Callable[[Any], None]:
        counter = self._counter(words)
        say = None if words.level is None else getattr(self._log, words.level)
        label, event = words.label, words.event

        def listen(fact: Any) -> None:
            if counter is not None:
                (counter if label is None else counter.labels(_label(fact, label))).inc()
            if say is not None:
                say(event, **_values(fact))

        return listen

    def _counter(self, words: Words) -> Counter | None:
        if words.counter is None:
            return None
        labels = () if words.label is None else (words.label,)
        name = f"hubbub_{words.counter}"
        return Counter(name, f"Facts of the kind {words.event}.", labels, registry=self._registry)

    def _remember(self, fact: events.ConnectionClosed) -> None:
        self.recent[fact.connection] = fact
        if len(self.recent) > RECENT:
            self.recent.popitem(last=False)


class _Gauges:
    """What is looked up when somebody asks, and costs nothing else."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[GaugeMetricFamily]:
        node = self._node
        counts = node.system.counts()
        yield _gauge("hubbub_connections_open", "Connections that are open.", node.connection_count)
        yield _gauge("hubbub_topics_live", "Topics with an actor.", len(node.topic_names()))
        yield _gauge("hubbub_messages_queued", "Messages that wait in mailboxes.", counts.queued)
        yield _gauge("hubbub_ready", "1 if new connections are welcome.", 0 if node.is_draining else 1)


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _label(fact: Any, label: str) -> str:
    value = getattr(fact, label)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(fact: Any) -> dict[str, Any]:
    """The fields of a fact as keys: refs by their path, messages by their type, errors with their traceback."""
    values: dict[str, Any] = {}
    for field in attrs.fields(type(fact)):
        value = getattr(fact, field.name)
        if isinstance(value, BaseException):
            values["error"] = repr(value)
            values["exc_info"] = value
        elif field.name == "message":
            values["message_type"] = type(value).__name__
        elif hasattr(value, "actor_urn"):
            values["actor" if field.name == "ref" else field.name] = value.path
        else:
            values[field.name] = value
    return values
