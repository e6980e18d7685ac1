"""The engine of one process: as fast as none at all, and gone with it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from .base import Call, Engine, Repeated
from .stream import Page, Position, Recovery, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import Clock

    from ..ids import Ids
    from ..messages.publications import Publication
    from .stream import History

META_TTL = 24 * 3600.0
"""
Seconds an idle stream keeps its epoch and position: who comes back within a day is told the truth about it. Of a topic
that lives no stream is idle; when it ends, the time counts from the last sweep that saw it live.
"""

MAX_STREAMS = 1_000_000
"""
Streams kept, about 1 KiB each while empty; beyond it the one that was idle longest goes, and its epoch with it. Ten
times as many as topics may live on a node (`max_topics`), whose streams do not go.
"""

MAX_BYTES = 1024**3
"""
Bytes that all histories keep together. 1 GiB: a thousand topics at the default bound of one. Without it whoever may
publish to any name fills the memory, a MiB a topic. Beyond, the topic that was silent longest loses what it kept; its
position goes on, and who comes back to it learns `too_old`.
"""

SWEPT = 2_000
"""Streams looked at in one call of `sweep`, in some 2 ms: a million at once would hold up everybody for a second."""

MAX_KEYS = 1_000
"""Idempotency keys remembered per topic: what a client can have under way, many times over."""


class _Kept:
    """One stream, when it was last touched, what it counts against `MAX_BYTES`, and the keys it has seen."""

    __slots__ = ("counted", "keys", "stream", "touched")

    def __init__(self, stream: Stream[Publication], now: float) -> None:
        self.stream = stream
        self.touched = now
        self.counted = 0
        self.keys: OrderedDict[str, Position] | None = None


def _nowhere(_: str) -> bool:
    return False


class MemoryEngine(Engine):
    """
    Publish, append and answer are one step. Bounded: by history per topic, by streams and by bytes over all.

    Args:
        is_live: Whether a topic of that name has members, or may have: its stream is in use, however silent.
    """

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        *,
        max_streams: int = MAX_STREAMS,
        max_bytes: int = MAX_BYTES,
        meta_ttl: float = META_TTL,
        is_live: Callable[[str], bool] = _nowhere,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._max_streams = max_streams
        self._meta_ttl = meta_ttl
        self._is_live = is_live
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._full: OrderedDict[str, _Kept] = OrderedDict()  # those that keep something, longest silent first
        self._unswept: list[str] = []
        self._given_way = 0

    def publish(self, call: Call, publication: Publication, key: str | None) -> Position | Repeated:
        kept = self._of(call.topic, call.history)
        if key is None:
            return self._append(call.topic, kept, publication)
        if kept.keys is not None and key in kept.keys:
            return Repeated(kept.keys[key])
        position = self._append(call.topic, kept, publication)
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
        kept = self._kept.get(topic)
        if kept is not None:
            kept.stream.clear()
            self._count(topic, kept)

    def clear_all(self) -> None:
        for topic in list(self._full):
            self.clear(topic)

    def sweep(self) -> int:
        now, before = self._clock.now(), len(self._kept)
        if not self._unswept:
            self._unswept = list(self._kept)
        portion = self._unswept[-SWEPT:]
        del self._unswept[-SWEPT:]
        for topic in portion:
            kept = self._kept.get(topic)
            if kept is not None:
                self._look_at(topic, kept, now)
        return before - len(self._kept)

    def _look_at(self, topic: str, kept: _Kept, now: float) -> None:
        kept.stream.trim(now)
        self._count(topic, kept)
        if self._is_live(topic):
            self._touch(topic, kept, now)
        elif now - kept.touched >= self._meta_ttl and not len(kept.stream):
            del self._kept[topic]

    @property
    def is_swept(self) -> bool:
        return not self._unswept

    @property
    def given_way(self) -> int:
        return self._given_way

    def __len__(self) -> int:
        return len(self._kept)

    def _of(self, topic: str, history: History) -> _Kept:
        kept, now = self._kept.get(topic), self._clock.now()
        if kept is None:
            if len(self._kept) >= self._max_streams:
                self._make_room(now)
            kept = self._kept[topic] = _Kept(Stream(self._ids.epoch(), history), now)
        else:
            self._touch(topic, kept, now)
        return kept

    def _touch(self, topic: str, kept: _Kept, now: float) -> None:
        kept.touched = now
        self._kept.move_to_end(topic)

    def _make_room(self, now: float) -> None:
        """
        Lets go of the stream that was idle longest. Those of topics that live stay, and count as touched now.

        If all that are looked at live, nothing goes this time: they stand behind the others for the next.
        """
        for _ in range(min(SWEPT, len(self._kept))):
            topic, kept = next(iter(self._kept.items()))
            if not self._is_live(topic):
                kept.stream.clear()
                self._count(topic, kept)
                del self._kept[topic]
                return
            self._touch(topic, kept, now)

    def _append(self, topic: str, kept: _Kept, publication: Publication) -> Position:
        position = kept.stream.append(publication, kept.touched)
        if kept.stream.size_bytes or kept.counted:
            self._count(topic, kept)
            if kept.counted:
                self._full.move_to_end(topic)
            while self._bytes > self._max_bytes and len(self._full) > 1:
                self.clear(next(iter(self._full)))
                self._given_way += 1
        return position

    def _count(self, topic: str, kept: _Kept) -> None:
        """What a stream keeps now; what a reader has trimmed counts until the next time."""
        size = kept.stream.size_bytes
        self._bytes += size - kept.counted
        kept.counted = size
        if size:
            self._full[topic] = kept
        else:
            self._full.pop(topic, None)

    @staticmethod
    def _remember(kept: _Kept, key: str, position: Position) -> None:
        if kept.keys is None:
            kept.keys = OrderedDict()
        kept.keys[key] = position
        if len(kept.keys) > MAX_KEYS:
            kept.keys.popitem(last=False)
