"""
What a connection writes: everything of a turn in one write, and while the transport is full, into the outbox.

Rules: while anything waits in the outbox, everything new goes behind it, but pings ahead of it. After the transport
said stop nothing is handed to it. Before the socket is there, what is said waits in the outbox as well. It
decides nothing about closing: it says that it overflowed, and when the last of it has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from .outbox import Entry, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorRef

    from ..limits.limits import Limits
    from .deliver import Deliver
    from .socket import Socket

NOTHING: Mapping[str, int] = MappingProxyType({})
"""Muted of hardly any connection: a dict for each would be 64 bytes."""

WRITE_AHEAD = 64 * 1024
"""Bytes handed to a transport at once when it has room again: its own high-water mark, so that it may say stop."""


class Host(Protocol):
    """What the connection machine hears from it."""

    @property
    def actor_ref(self) -> ActorRef[Any]: ...

    def shortcut(self, way: Callable[[bytes], None] | None) -> None:
        """What topics may write with from now on, past the machine and its turns."""

    def reader_is_slow(self) -> None:
        """The transport is full for the first time; an outbox was made."""

    def outbox_shrank(self) -> None:
        """Something has left that had to wait; perhaps all of it."""

    def entry_dropped(self, entry: Entry) -> None:
        """As its topic's policy allows."""

    def overflowed(self) -> None:
        """Something that may not be dropped has no room: the connection must end."""


class Outlet:
    """
    The writing half of one connection; its outbox exists only while the peer is slow.

    Args:
        host: Hears what becomes of that; one object and no closures, for there are as many as connections.
    """

    __slots__ = (
        "_host",
        "_is_held",
        "_is_over",
        "_limits",
        "_now",
        "_out",
        "_out_bytes",
        "_written",
        "muted",
        "outbox",
        "socket",
    )

    def __init__(self, limits: Limits, now: Callable[[], float], host: Host) -> None:
        self._limits = limits
        self._now = now
        self._host = host
        self._out: list[bytes] | None = None
        """Of this turn; there only within it, for an idle connection has nothing to say."""
        self._out_bytes = 0
        self.muted: Mapping[str, int] = NOTHING
        """Topics of which nothing leaves, by the generation of the membership that has ended."""
        self._is_over = self._is_held = False
        self.outbox: Outbox | None = None
        self.socket: Socket | None = None
        self._written = 0

    def open(self, socket: Socket) -> None:
        """The 101 is out; what was said before it leaves first."""
        self.socket = socket
        self.go_on()
        if self.outbox is not None:
            self._host.reader_is_slow()

    @property
    def sent(self) -> int:
        """Batches that left; what a topic had for its members in one turn is one, if it did not have to wait."""
        return self._written + self._host.actor_ref.shortcuts

    @property
    def is_held(self) -> bool:
        """Whether everything waits for something else that has to leave first."""
        return self._is_held

    def hold(self) -> None:
        """Everything waits, under the bounds of the outbox, until `release`: something else has to leave first."""
        if self._is_over:
            return
        self._is_held = True
        if self.outbox is None:
            self.outbox = self._make_outbox()
            self._look()

    def release(self, frames: Iterable[bytes]) -> None:
        """These first, then what waited; one answer may go ahead of a transport that says stop."""
        if not self._is_held:
            self.put(frames)
            return
        self._is_held = False
        if self.socket is not None:
            before = 0 if self._out is None else len(self._out)
            self._out = [*(self._out or ()), *frames]
            self._written += len(self._out) - before
            self.flush()
        self.go_on()
        if self.outbox is not None:
            self._host.reader_is_slow()

    def finish(self) -> None:
        """
        Nothing new is taken from now on; what was said leaves as the reader takes it.

        All of it has left when there is no outbox: here and now, or else when it is said that it shrank.
        """
        self._is_over, self._is_held = True, False
        self.flush()
        if self.outbox is None and self.socket is not None and self.socket.is_congested:
            self.outbox = self._make_outbox()  # for what the transport still has
        self._look()
        if self.outbox is not None:
            self.outbox.leaves_by = self._now() + self.outbox.max_age
        self.go_on()

    def end(self) -> Socket | None:
        """Nothing leaves any more; returns the socket, the first time."""
        socket, self.socket, self._is_over = self.socket, None, True
        self._look()
        return socket

    def deliver(self, message: Deliver) -> None:
        """What a topic has for its members; by the shortcut, unless something is in its way."""
        socket = self.socket
        if self.muted and message.topic in self.muted:
            return
        self._make_way()
        if socket is not None and self.outbox is None and not socket.is_congested:
            self._say(message.joined)
        elif not self._is_over:
            for entry in message.entries:
                self._hold(entry)

    def put(self, frames: Iterable[bytes]) -> None:
        """Frames that no policy may drop: one answer, however long, or what app code sends."""
        socket = self.socket
        self._make_way()
        for frame in frames:
            if socket is not None and self.outbox is None and not socket.is_congested:
                self._say(frame)
            elif not self._is_over:
                self._hold(Entry(frame, self._now(), None, None, None, "disconnect"))

    @property
    def takes_ping(self) -> bool:
        """Whether a ping would leave ahead of what waits: not behind a backlog of the transport, nor behind another."""
        if self.socket is not None and self.socket.is_congested:
            return self.outbox is not None and not self.outbox.has_controls
        return self.socket is not None

    def ping(self, frame: bytes) -> None:
        """Only if it `takes_ping`."""
        assert self.socket is not None
        if self.socket.is_congested and self.outbox is not None:
            self.outbox.push_control(frame)
        else:
            self.socket.write_control(frame)

    def flush(self) -> None:
        """One write for everything since the last."""
        out = self._out
        if out and self.socket is not None:
            self.socket.write(out[0] if len(out) == 1 else b"".join(out))
            self._out, self._out_bytes = None, 0

    def _say(self, frame: bytes) -> None:
        if self._out is None:
            self._out = [frame]
        else:
            self._out.append(frame)
        self._out_bytes += len(frame)
        self._written += 1

    def _make_way(self) -> None:
        """A turn that has said more than may wait is written now: a full socket says so only then."""
        if self._out_bytes > self._limits.outbox_bytes:
            self.flush()

    def go_on(self) -> None:
        """The transport has room: writes from the outbox until it has none; the outbox goes when it is empty."""
        socket, outbox = self.socket, self.outbox
        if outbox is None:
            self._look()
        if socket is None or outbox is None or self._is_held or not socket.is_open:
            return
        while outbox and not socket.is_congested:
            frames = outbox.take(WRITE_AHEAD)
            self._written += len(frames)
            socket.write(b"".join(frames))
        if not outbox and not (self._is_over and socket.is_congested):
            self.outbox = None
            self._look()
        self._host.outbox_shrank()

    @property
    def is_behind(self) -> bool:
        """Whether the outbox is more than half full: who awaits a send waits until it is not."""
        outbox = self.outbox
        return outbox is not None and outbox.size_bytes > outbox.max_bytes // 2

    @property
    def waiting_bytes(self) -> int:
        return self.outbox.size_bytes if self.outbox is not None else 0

    def overdue_at(self) -> float | None:
        """When the oldest entry becomes too old, or the time of all is over; None if nothing waits."""
        outbox = self.outbox
        if outbox is None:
            return None
        if outbox.leaves_by is not None:
            return outbox.leaves_by
        return (outbox.oldest_at if outbox.oldest_at is not None else self._now()) + outbox.max_age

    @property
    def is_overdue(self) -> bool:
        """Whether something that may not be dropped has waited too long."""
        return self.outbox is not None and self.outbox.too_old(self._now())

    @property
    def is_finishing(self) -> bool:
        """Whether nothing new is taken and not everything has left yet."""
        return self._is_over and self.socket is not None and self.outbox is not None

    def mute(self, topic: str, generation: int) -> None:
        """Nothing of this topic leaves any more, neither what waits nor what is on its way, until `unmute`."""
        self.muted = {**self.muted, topic: generation}
        self._look()
        self.forget(topic)

    def forget(self, topic: str) -> None:
        """Nothing that waits of this topic leaves."""
        if self.outbox is not None:
            self.outbox.forget(topic)

    def unmute(self, topic: str, generation: int) -> None:
        """That membership is over; what comes now is of another one."""
        if self.muted.get(topic) == generation:
            self.muted = {other: number for other, number in self.muted.items() if other != topic}
            self._look()

    def is_muted(self, topic: str) -> bool:
        return topic in self.muted

    def _look(self) -> None:
        """Topics take the shortcut to the socket as long as nothing waits, and nothing is to be left out."""
        socket = self.socket
        is_free = socket is not None and socket.is_open and not socket.is_congested
        if socket is None or not is_free or self.outbox is not None or self.muted or self._is_over:
            self._host.shortcut(None)
        else:
            self._host.shortcut(socket.write)

    def _hold(self, entry: Entry) -> None:
        if entry.topic in self.muted:  # since an entry before it in the same delivery
            return
        if self.outbox is None:
            self.outbox = self._make_outbox()
            self._look()
            if self.socket is not None:
                self._host.reader_is_slow()
        verdict = self.outbox.push(entry, self._now())
        for dropped in verdict.dropped:
            self._host.entry_dropped(dropped)
        if verdict.overflow:
            self._host.overflowed()

    def _make_outbox(self) -> Outbox:
        limits = self._limits
        return Outbox(limits.outbox_bytes, limits.outbox_age, limits.outbox_entries)
