"""
`hubbub serve --reload`: a parent that starts the server again when a source file changes. For development only.

Rules of this file: the server is a child process, so a reload forgets everything; at any time there is at most one;
it always gets its drain time; a server that cannot start is reported and tried again after the next change.

What it refuses to know: what the server is. It is a command, some files, and an exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess  # the command is this very interpreter and module
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import ceil
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType, MappingProxyType
from typing import TypeAlias

import attrs

from ..web.signals import heard

SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
"""Directories without sources of the application. Hidden ones (.git, .venv, .mypy_cache) are skipped as well."""
MAX_FILES = 10_000
"""Files watched. A large application has 2,000; 10,000 `stat` calls a second are some 2 % of a core."""
MAX_ENTRIES = 100_000
"""Directory entries looked at, so that a folder of a million images does not become the work of every second."""
POLL_EVERY = 1.0
"""Seconds between two looks: the time it takes to change windows."""
LOOK_AT_CHILD_EVERY = 0.1
"""Seconds between two looks at a child that was told to stop."""

Stamp: TypeAlias = tuple[int, int]
"""Modification time in nanoseconds, size in bytes: two edits within one tick of the first rarely share the second."""


@attrs.frozen
class Snapshot:
    """What the watched files looked like at one time."""

    stamps: Mapping[str, Stamp]
    is_complete: bool
    """False if there were more files than may be watched."""


def first_change(before: Snapshot, after: Snapshot) -> str | None:
    """Returns the first path, alphabetically, that was written, added or removed; None if nothing was."""
    paths = before.stamps.keys() | after.stamps.keys()
    return min((path for path in paths if before.stamps.get(path) != after.stamps.get(path)), default=None)


def is_skipped(directory: str) -> bool:
    """Returns whether a directory of this name is not looked into."""
    return directory.startswith(".") or directory in SKIPPED


def take_snapshot(
    root: Path, files: Iterable[Path] = (), *, max_files: int = MAX_FILES, max_entries: int = MAX_ENTRIES
) -> Snapshot:
    """
    Returns the stamps of every `*.py` below `root` and of `files`, wherever these are.

    Symbolic links to directories are not followed. What vanishes meanwhile counts as removed.
    """
    stamps: dict[str, Stamp] = {}
    for file in files:
        _add(stamps, os.fspath(file))
    waiting, looked_at = deque([os.fspath(root)]), 0
    while waiting:
        for entry in _entries(waiting.popleft()):
            looked_at += 1
            if looked_at > max_entries or len(stamps) >= max_files:
                return Snapshot(MappingProxyType(stamps), is_complete=False)
            if entry.is_dir(follow_symlinks=False):
                waiting.extend([] if is_skipped(entry.name) else [entry.path])
            elif entry.name.endswith(".py"):
                _add(stamps, entry.path)
    return Snapshot(MappingProxyType(stamps), is_complete=True)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)  # by name: a cut snapshot is always cut alike
    except OSError:  # removed since its parent was read, or not ours to read
        return []


def _add(stamps: dict[str, Stamp], path: str) -> None:
    try:
        stat = os.stat(path)
    except OSError:  # removed since the directory was read: absent from the snapshot is what it means
        return
    stamps[path] = (stat.st_mtime_ns, stat.st_size)


class Reloader:
    """
    Runs a command again whenever a watched file changes.

    Args:
        command: What to start. It should end within its drain time after SIGTERM.
        root: The directory whose `*.py` files are watched.
        files: Further files to watch.
        patience: Seconds from SIGTERM until the child is killed: its drain time and something over.
        report: Is given one line for a person at each event.
        poll_every: Seconds between two looks at the files.
    """

    def __init__(
        self,
        command: Sequence[str],
        root: Path,
        files: Iterable[Path] = (),
        *,
        patience: float,
        report: Callable[[str], None],
        poll_every: float = POLL_EVERY,
    ) -> None:
        self._command, self._root, self._files = list(command), root, tuple(files)
        self._patience, self._report, self._poll_every = patience, report, poll_every
        # Not an Event: a signal handler runs on the thread that waits, and `set()` inside of its `clear()` would wait
        # for a lock that this very thread holds. `SimpleQueue.put` is documented to be safe there.
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._is_ending = False

    def run(self) -> int:
        """
        Blocks until SIGINT, SIGTERM, SIGHUP, or until the child ended with 0 by itself. Call it on the main thread.

        Each signal is passed on once. The child has a process group of its own, else a Ctrl-C would reach it twice
        and its second one means "now"; the end of a terminal would not reach it at all. So it cannot read the
        terminal, and `breakpoint()` needs a run without reload.

        Returns:
            The exit code of the last child; 128 + n if signal n ended it.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in heard()}
        try:
            return self._run()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signals.put(number)

    def _run(self) -> int:
        snapshot = self._look()
        if not snapshot.is_complete:
            self._say(
                f"cannot watch every file below {self._root}: more than {MAX_FILES:,} sources or {MAX_ENTRIES:,} "
                "entries; changes in the rest go unnoticed, start in a smaller directory"
            )
        while True:
            child = self._start()
            changed = self._watch(child, snapshot)
            if changed is None:
                return self._stop(child)
            snapshot = self._look()  # before the stop: what is written during the drain is another change
            self._stop(child)
            if self._is_ending:
                return _exit_code(child)
            self._say(f"restarting: {self._short(changed)} changed")

    def _say(self, line: str) -> None:
        """Where that is to be had: a terminal that is gone, or a full disk, leaves no server behind."""
        with suppress(OSError):
            self._report(line)

    def _look(self) -> Snapshot:
        return take_snapshot(self._root, self._files)

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self._root) if Path(path).is_relative_to(self._root) else path

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, process_group=0)  # noqa: S603 - our own interpreter and arguments

    def _watch(self, child: subprocess.Popen[bytes], before: Snapshot) -> str | None:
        """Returns the path that changed; None once it is time to end."""
        is_reported = False
        while True:
            self._wait(child, self._poll_every)
            if self._is_ending or child.poll() == 0:
                return None
            if child.poll() is not None and not is_reported:
                is_reported = True
                self._say(f"the server ended with exit code {_exit_code(child)}; waiting for a change")
            changed = first_change(before, self._look())
            if changed is not None:
                return changed

    def _wait(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        """Waits, less if a signal comes, which is passed on."""
        try:
            number = self._signals.get(timeout=seconds)
        except Empty:
            return
        self._is_ending = True
        child.send_signal(number)  # does nothing once the child is gone

    def _stop(self, child: subprocess.Popen[bytes]) -> int:
        """Waits for the end of the child, which is told to stop unless a signal did that already."""
        if not self._is_ending:
            child.terminate()
        for _ in range(ceil(self._patience / LOOK_AT_CHILD_EVERY)):
            if child.poll() is not None:
                break
            self._wait(child, LOOK_AT_CHILD_EVERY)
        if child.poll() is None:
            self._say(f"the server did not stop within {self._patience:g} s; it is killed")
            child.kill()
            child.wait()
        return _exit_code(child)


def _exit_code(child: subprocess.Popen[bytes]) -> int:
    code = child.poll() or 0
    return code if code >= 0 else 128 - code
