"""
Facts become words and numbers here, and only here.

The catalogue, compared with the code by a test. Each class of `events`, the runtime's and ours, has one line: the event
of the log, its level, its counter in the metrics (behind `hubbub_`). What is *sampled* is logged at most once per
second and kind, with how many there were since the last line (`count`), and counted always. Payloads are never logged.

    gateway.started          info              -
    topics.left_open         info              -
    gateway.draining         info              -
    development.exposed      warning           -
    gateway.stopped          info              -
    secret.too_short         warning           -
    certificate.out_of_date  warning           -
    certificate.renewed      info              -
    certificate.not_renewed  warning           -
    connection.opened        info              connections_total{wire}
    connection.identified    debug             -
    connection.closed        info              connections_closed_total{ended_by}
    connection.refused       info, sampled     connections_refused_total{status}
    proxy.not_trusted        warning           -
    token.not_read           warning           -
    api.refused              warning, sampled  api_refused_total{reason}
    topic.opened             debug             -
    topic.closed             debug             -
    room.joined              debug             joins_total
    room.left                debug             leaves_total
    history.recovered        debug             recoveries_total{recovered}
    command.refused          debug             commands_refused_total{reason}
    topic.not_declared       info, sampled     topics_not_declared_total
    message.dropped          debug, sampled    messages_dropped_total
    publication.accepted     -                 -
    publication.dropped      warning, sampled  publications_dropped_total{policy}
    consumer.slowed          info, sampled     consumers_slowed_total
    heartbeat.missed         debug             heartbeats_missed_total
    receipt.failed           warning, sampled  receipts_failed_total
    engine.restarted         warning           -
    histories.gave_way       warning           histories_gave_way_total
    actor.failed             error             actors_failed_total
    actor.restarted          warning           actors_restarted_total
    actor.stopped            -                 -
    supervisor.gave_up       error             supervisors_gave_up_total
    handler.abandoned        error             handlers_abandoned_total
    handler.stuck            warning           handlers_stuck_total{blocks_loop}
    ask.failed               debug             asks_failed_total
    mailbox.overflowed       warning, sampled  mailboxes_overflowed_total{policy}
    message.unhandled        warning, sampled  messages_unhandled_total
    letter.undelivered       debug, sampled    letters_undelivered_total{reason}

`actor.stopped` and `publication.accepted` are not subscribed to: such a fact is not even made while nobody asks for it.
The one would say what `connection.closed` says already, the other would cost more than 1 us for each publication.

Read when asked for, and kept by nobody:

    connections_open                      that are open, or about which app code still decides
    topics_live                           topics with an actor
    messages_queued                       messages in all mailboxes, and in hand
    publications_total                    that topics accepted
    ready                                 1 if new connections are welcome
    loop_lag_seconds                      worst of the last 15 seconds, of ten samples each
    gc_pause_seconds_total                in which the process stood still to look for garbage
    gc_pause_worst_seconds                the longest of these pauses so far
    log_lines_dropped_total               that the pipe, terminal or disk did not take: of the whole process
    actors{class}                         living actors
    actor_messages_queued{class}          messages in their mailboxes
    actor_messages_handled_total{class}   by the living and by those that are gone
    actor_messages_failed_total{class}    the same
    actor_restarts_total{class}           the same

Dropped lines are told of in the log as well, once it goes on: `lines.dropped`, a warning, with `count`.

And what `prometheus_client` knows of the process: `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_open_fds` and others, on Linux.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import attrs
import structlog
from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from actors.events import (
    ActorFailed,
    ActorRestarted,
    ActorStopped,
    AskFailed,
    DeadLetter,
    HandlerAbandoned,
    HandlerStuck,
    MailboxOverflowed,
    MessageUnhandled,
    SupervisorGaveUp,
)

from .. import events
from .fact_fields import Values, label_of, reader
from .gc_pauses import GcPauses
from .lag import LoopLag
from .readings import Readings
from .sampled import Sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..node import Node

RECENT = 1_000
"""Ended connections that are remembered, about 1 KiB each."""


@attrs.frozen
class Words:
    """How one class of facts is said and counted."""

    event: str
    level: str | None
    counter: str | None = None
    label: str | None = None
    """The field that becomes the counter's one label; from a small set, never a topic or a connection. See `Values`."""
    sampled: bool = attrs.field(default=False, kw_only=True)
    """Whether one client, or one slow actor, can cause thousands of them in a second."""
    subscribed: bool = attrs.field(default=True, kw_only=True)


CATALOGUE: dict[type, Words] = {
    events.GatewayStarted: Words("gateway.started", "info"),
    events.TopicsLeftOpen: Words("topics.left_open", "info"),
    events.GatewayDraining: Words("gateway.draining", "info"),
    events.DevelopmentExposed: Words("development.exposed", "warning"),
    events.GatewayStopped: Words("gateway.stopped", "info"),
    events.SecretTooShort: Words("secret.too_short", "warning"),
    events.CertificateOutOfDate: Words("certificate.out_of_date", "warning"),
    events.CertificateRenewed: Words("certificate.renewed", "info"),
    events.CertificateNotRenewed: Words("certificate.not_renewed", "warning"),
    events.ConnectionOpened: Words("connection.opened", "info", "connections", "wire"),
    events.ConnectionIdentified: Words("connection.identified", "debug"),
    events.ConnectionClosed: Words("connection.closed", "info", "connections_closed", "ended_by"),
    events.ConnectionRefused: Words("connection.refused", "info", "connections_refused", "status", sampled=True),
    events.ProxyNotTrusted: Words("proxy.not_trusted", "warning"),
    events.TokenNotRead: Words("token.not_read", "warning"),
    events.ApiRefused: Words("api.refused", "warning", "api_refused", "reason", sampled=True),
    events.TopicOpened: Words("topic.opened", "debug"),
    events.TopicClosed: Words("topic.closed", "debug"),
    events.RoomJoined: Words("room.joined", "debug", "joins"),
    events.RoomLeft: Words("room.left", "debug", "leaves"),
    events.HistoryRecovered: Words("history.recovered", "debug", "recoveries", "recovered"),
    events.CommandRefused: Words("command.refused", "debug", "commands_refused", "reason"),
    events.TopicNotDeclared: Words("topic.not_declared", "info", "topics_not_declared", sampled=True),
    events.MessageDropped: Words("message.dropped", "debug", "messages_dropped", sampled=True),
    events.MessagePublished: Words("publication.accepted", None, subscribed=False),
    events.PublicationDropped: Words("publication.dropped", "warning", "publications_dropped", "policy", sampled=True),
    events.ConsumerSlowed: Words("consumer.slowed", "info", "consumers_slowed", sampled=True),
    events.HeartbeatMissed: Words("heartbeat.missed", "debug", "heartbeats_missed"),
    events.ReceiptFailed: Words("receipt.failed", "warning", "receipts_failed", sampled=True),
    events.EngineRestarted: Words("engine.restarted", "warning"),
    events.HistoriesGaveWay: Words("histories.gave_way", "warning", "histories_gave_way"),
    ActorFailed: Words("actor.failed", "error", "actors_failed"),
    ActorRestarted: Words("actor.restarted", "warning", "actors_restarted"),
    ActorStopped: Words("actor.stopped", None, subscribed=False),
    SupervisorGaveUp: Words("supervisor.gave_up", "error", "supervisors_gave_up"),
    HandlerAbandoned: Words("handler.abandoned", "error", "handlers_abandoned"),
    HandlerStuck: Words("handler.stuck", "warning", "handlers_stuck", "blocks_loop"),
    AskFailed: Words("ask.failed", "debug", "asks_failed"),
    MailboxOverflowed: Words("mailbox.overflowed", "warning", "mailboxes_overflowed", "policy", sampled=True),
    MessageUnhandled: Words("message.unhandled", "warning", "messages_unhandled", sampled=True),
    DeadLetter: Words("letter.undelivered", "debug", "letters_undelivered", "reason", sampled=True),
}

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Telemetry:
    """
    One per gateway: its log lines, its metrics, and the connections that ended lately.

    Facts come on the thread that publishes them: mostly the loop's, that of a sender, or the watchdog's. `start` and
    `stop` concern the loop's lag and the collector's pauses.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._log: Any = None
        self._registry = CollectorRegistry()
        self._sampled = Sampled()
        self._lock = threading.Lock()
        self._counters: dict[str, Counter] = {}
        self.lag = LoopLag()
        self._pauses = GcPauses()
        self.since = node.now()
        self.recent: OrderedDict[str, events.ConnectionClosed] = OrderedDict()
        for fact, words in CATALOGUE.items():
            if words.subscribed:
                node.events.subscribe(fact, self._listener(fact, words))
        node.events.subscribe(events.ConnectionClosed, self._remember)
        self._readings = Readings(node, self.lag, self._pauses)
        self._registry.register(self._readings)
        ProcessCollector(registry=self._registry)

    def start(self) -> None:
        self.lag.start()
        self._pauses.start()

    def stop(self) -> None:
        self.lag.stop()
        self._pauses.stop()

    async def exposition(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text format, and its content type. All mailboxes are read, in portions."""
        await self._readings.look()
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def total(self, event: str) -> int:
        """How many facts of this kind there were since the start; `event` is one of the catalogue with a counter."""
        samples = (sample for metric in self._counters[event].collect() for sample in metric.samples)
        return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))

    def _listener(self, kind: type, words: Words) -> Callable[[Any], None]:
        counter, label = self._counter(kind, words), words.label
        if counter is not None:
            self._counters[words.event] = counter
        values_of = reader(kind)
        values = Values()
        counters: dict[str, Counter] = {}  # by label: asking for one of them anew takes longer than to count

        def listen(fact: Any) -> None:
            said = "" if label is None else values.known(label_of(fact, label))
            if counter is not None:
                if said not in counters:
                    counters[said] = counter if label is None else counter.labels(said)
                counters[said].inc()
            if words.level is not None:
                self._say(words, words.level, fact, said, values_of)

        return listen

    def _say(self, words: Words, level: str, fact: Any, label: str, values_of: Callable[[Any], dict[str, Any]]) -> None:
        log = self._log
        if log is None:  # bound once: a line costs 10 us less
            log = self._log = structlog.get_logger("hubbub").bind()
        is_enabled = getattr(log, "is_enabled_for", None)  # another wrapper_class may have another name for it
        if is_enabled is not None and not is_enabled(LEVELS[level]):
            return
        count = self._count(words, label) if words.sampled else None
        if count != 0:
            values = values_of(fact)
            if count is not None:
                values["count"] = count
            say = getattr(log, "say_values", None)  # of ours: see `logs.Lines`
            if say is not None:
                say(level, words.event, values)
            else:
                getattr(log, level)(words.event, **values)

    def _count(self, words: Words, label: str) -> int:
        """How many facts a line would stand for; 0 if there is to be none."""
        kind = words.event if words.label is None else f"{words.event} {label}"
        with self._lock:
            return self._sampled.take(kind, self._node.now())

    def _counter(self, kind: type, words: Words) -> Counter | None:
        """Its help is what the fact says of itself; without docstrings (`python -OO`) it is the name of its line."""
        if words.counter is None:
            return None
        labels = () if words.label is None else (words.label,)
        name = f"hubbub_{words.counter}"
        means = inspect.getdoc(kind) or words.event
        return Counter(name, means.partition("\n")[0], labels, registry=self._registry)

    def _remember(self, fact: events.ConnectionClosed) -> None:
        self.recent[fact.connection] = fact
        if len(self.recent) > RECENT:
            self.recent.popitem(last=False)
