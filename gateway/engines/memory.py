"""The engine of one process: as fast as none at all, and gone with it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..stream import Page, Position, Recovery, Stream
from .base import Call, Engine, Repeated

if TYPE_CHECKING:
    from actors import Clock

    from ..ids import Ids
    from ..publications import Publication
    from ..stream import History

META_TTL = 24 * 3600.0
"""Seconds an idle stream keeps its epoch and position: who comes back within a day is told the truth about it."""

MAX_STREAMS = 1_000_000
"""Streams kept, about 1 KiB each while empty; beyond it the one that was idle longest goes, and its epoch with it."""

MAX_KEYS = 1_000
"""Idempotency keys remembered per topic: what a client can have under way, many times over."""


class _Kept:
    """One stream, when it was last touched, and the keys it has seen."""

    __slots__ = ("keys", "stream", "touched")

    def __init__(self, stream: Stream[Publication], now: float) -> None:
        self.stream = stream
        self.touched = now
        self.keys: OrderedDict[str, Position] | None = None


class MemoryEngine(Engine):
    """Publish, append and answer are one step. Bounded: by history per topic, by `MAX_STREAMS` over all."""

    def __init__(self, clock: Clock, ids: Ids, *, max_streams: int = MAX_STREAMS, meta_ttl: float = META_TTL) -> None:
        self._clock = clock
        self._ids = ids
        self._max_streams = max_streams
        self._meta_ttl = meta_ttl
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def publish(self, call: Call, publication: Publication, key: str | None) -> Position | Repeated:
        kept = self._of(call.topic, call.history)
        if key is None:
            return kept.stream.append(publication, kept.touched)
        if kept.keys is not None and key in kept.keys:
            return Repeated(kept.keys[key])
        position = kept.stream.append(publication, kept.touched)
        self._remember(kept, key, position)
        return position

    def recover(self, call: Call, since: Position | None) -> Recovery[Publication]:
        stream = self._of(call.topic, call.history).stream
        if since is None:
            return Recovery(recovered=False, entries=(), position=stream.position, reason=None)
        return stream.recover(since, self._clock.now())

    def page(self, call: Call, since: Position | None, limit: int | None, *, reverse: bool) -> Page[Publication]:
        stream = self._of(call.topic, call.history).stream
        return stream.page(since=since, limit=limit, reverse=reverse, now=self._clock.now())

    def clear(self, topic: str) -> None:
        if topic in self._kept:
            self._kept[topic].stream.clear()

    def clear_all(self) -> None:
        for kept in self._kept.values():
            kept.stream.clear()

    def sweep(self) -> int:
        now, before = self._clock.now(), len(self._kept)
        for topic, kept in list(self._kept.items()):
            kept.stream.trim(now)
            if now - kept.touched >= self._meta_ttl and not len(kept.stream):
                del self._kept[topic]
        return before - len(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _of(self, topic: str, history: History) -> _Kept:
        kept = self._kept.get(topic)
        if kept is None:
            kept = self._kept[topic] = _Kept(Stream(self._ids.epoch(), history), 0.0)
            if len(self._kept) > self._max_streams:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(topic)
        kept.touched = self._clock.now()
        return kept

    @staticmethod
    def _remember(kept: _Kept, key: str, position: Position) -> None:
        if kept.keys is None:
            kept.keys = OrderedDict()
        kept.keys[key] = position
        if len(kept.keys) > MAX_KEYS:
            kept.keys.popitem(last=False)
