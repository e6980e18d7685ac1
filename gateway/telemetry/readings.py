"""What a scrape looks up: how much there is of everything at this moment. Kept by nobody, paid by who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .log_output import LogOutput
from .readiness import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from actors import ClassMetrics

    from ..node import Node
    from .gc_pauses import GcPauses
    from .lag import LoopLag

PER_CLASS: dict[str, tuple[str, str]] = {
    "actors": ("hubbub_actors", "Living actors."),
    "queued": ("hubbub_actor_messages_queued", "Messages that wait in mailboxes or are in hand."),
    "handled": ("hubbub_actor_messages_handled", "Messages that were handled."),
    "failed": ("hubbub_actor_messages_failed", "Messages whose handler raised or was cut short."),
    "restarts": ("hubbub_actor_restarts", "Instances that replaced one before them."),
}
"""Field of `ClassMetrics` to name and help. The last three never go down: they are counters."""


class Readings:
    """What is looked up when somebody asks, and costs nothing else."""

    def __init__(self, node: Node, lag: LoopLag, pauses: GcPauses) -> None:
        self._node = node
        self._lag = lag
        self._pauses = pauses
        self._classes: Mapping[str, ClassMetrics] = {}

    async def look(self) -> None:
        """At every actor, which takes a while, for the next `collect`."""
        self._classes = await self._node.system.survey()

    def collect(self) -> Iterator[Metric]:
        node, classes = self._node, self._classes
        queued = sum(one.queued for one in classes.values())
        yield _gauge("hubbub_connections_open", "Connections that are open or being let in.", len(node.directory))
        yield _gauge("hubbub_topics_live", "Topics with an actor.", len(node.live.names()))
        yield _gauge("hubbub_messages_queued", "Messages that wait in mailboxes or are in hand.", queued)
        yield CounterMetricFamily("hubbub_publications", "That topics accepted.", node.publications)
        yield _gauge("hubbub_ready", "1 if new connections are welcome.", int(is_ready(node)))
        yield _gauge("hubbub_loop_lag_seconds", "Worst lateness of a timer in the last 15 s.", self._lag.worst)
        yield _gauge("hubbub_gc_pause_worst_seconds", "The longest pause to look for garbage.", self._pauses.worst)
        yield CounterMetricFamily("hubbub_gc_pause_seconds", "In pauses to look for garbage.", self._pauses.total)
        yield CounterMetricFamily(
            "hubbub_log_lines_dropped", "That pipe, terminal or disk did not take.", LogOutput.dropped
        )
        for field in PER_CLASS:
            yield _per_class(field, classes)

    def describe(self) -> Iterator[Metric]:
        """Names without values: registering would otherwise walk the tree once."""
        return iter(())


def _per_class(field: str, classes: Mapping[str, ClassMetrics]) -> Metric:
    name, documentation = PER_CLASS[field]
    is_gauge = field in ("actors", "queued")
    family = (GaugeMetricFamily if is_gauge else CounterMetricFamily)(name, documentation, labels=("class",))
    for class_name, metrics in classes.items():
        family.add_metric((class_name,), getattr(metrics, field))
    return family


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)
