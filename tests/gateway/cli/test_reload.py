"""A changed source file starts the server again; nothing else does, and a signal reaches the server exactly once."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gateway.cli.reload import Snapshot, first_change, take_snapshot

ROOT = Path(__file__).parents[3]
PATIENCE = 60
"""Seconds until a test gives up; each wait ends with its event, usually within a tenth of one."""

PARENT = """
import sys
from pathlib import Path
from gateway.cli.reload import Reloader
sys.exit(Reloader([sys.executable, "-u", "app.py"], Path.cwd(), [Path("hubbub.toml").absolute()],
    patience=float(sys.argv[1]), report=lambda line: print(line, flush=True), poll_every=0.05).run())
"""
SERVER = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("drained"), sys.exit(7)))
print("up")
while True:
    signal.pause()
"""


def snapshot(**stamps: int) -> Snapshot:
    return Snapshot({path: (stamp, 0) for path, stamp in stamps.items()}, is_complete=True)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (snapshot(a=1), snapshot(a=1), None),
        (snapshot(a=1), snapshot(a=2), "a"),
        (snapshot(a=2), snapshot(a=1), "a"),
        (snapshot(a=1), snapshot(a=1, b=1), "b"),
        (snapshot(a=1, b=1), snapshot(a=1), "b"),
        (snapshot(b=1, a=1), snapshot(b=2, a=2), "a"),
    ],
)
def test_a_file_written_added_or_removed_is_a_change(before: Snapshot, after: Snapshot, changed: str | None) -> None:
    """An older time is a change too: a checkout brings files from the past."""
    assert first_change(before, after) == changed


def test_a_snapshot_has_the_sources_below_the_root_and_no_others(tmp_path: Path) -> None:
    """Packages, caches and hidden directories are not the application's sources."""
    wanted = ["a.py", "pkg/b.py", "pkg/deep/c.py"]
    for name in [
        *wanted,
        ".venv/x.py",
        ".git/x.py",
        "node_modules/x.py",
        "pkg/__pycache__/x.py",
        ".hidden/x.py",
        "a.txt",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = take_snapshot(tmp_path)
    assert {os.path.relpath(path, tmp_path) for path in found.stamps} == set(wanted)
    assert found.is_complete


def test_a_named_file_is_watched_wherever_it_is(tmp_path: Path) -> None:
    """The configuration need not be below the working directory; nor does it have to exist yet."""
    (tmp_path / "root").mkdir()
    file = tmp_path / "hubbub.toml"
    before = take_snapshot(tmp_path / "root", [file])
    file.touch()
    assert first_change(before, take_snapshot(tmp_path / "root", [file])) == str(file)


def test_an_edit_that_keeps_the_time_but_not_the_size_is_seen(tmp_path: Path) -> None:
    """File systems with coarse times exist."""
    file = tmp_path / "a.py"
    stamps = []
    for text in ("a", "ab"):
        file.write_text(text)
        os.utime(file, (1, 1))
        stamps.append(take_snapshot(tmp_path))
    assert first_change(*stamps) == str(file)


def test_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    """A link to a parent would never end."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b.py").touch()
    assert len(take_snapshot(tmp_path).stamps) == 1


@pytest.mark.parametrize(("max_files", "max_entries"), [(2, 9), (9, 2)])
def test_a_snapshot_is_bounded_and_says_so(tmp_path: Path, max_files: int, max_entries: int) -> None:
    """Of too many files the same ones are watched at each look, so a cut is no change."""
    for number in range(5):
        (tmp_path / f"{number}.py").touch()
    found, again = (take_snapshot(tmp_path, max_files=max_files, max_entries=max_entries) for _ in range(2))
    assert (len(found.stamps), found.is_complete) == (2, False)
    assert first_change(found, again) is None


def test_a_root_that_vanished_is_empty() -> None:
    """Whatever is removed while it is read does not end the parent."""
    assert take_snapshot(Path("/none/such/directory"), [Path("/none/such/file")]).stamps == {}


# --- with real processes


class Running:
    """A running reloader whose lines can be waited for."""

    def __init__(self, directory: Path, server: str, arguments: Sequence[str]) -> None:
        self.directory = directory
        self.write(server)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # its process group is then what a terminal would send Ctrl-C to
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def write(self, source: str, name: str = "app.py") -> None:
        new = self.directory / f"{name}.new"
        new.write_text(source)
        new.replace(self.directory / name)  # at once: a half written file would be two changes

    def lines(self, count: int) -> list[str]:
        return [self._lines.get(timeout=PATIENCE) for _ in range(count)]

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    begun: list[Running] = []

    def begin(server: str = SERVER, patience: float = PATIENCE, arguments: Sequence[str] = ()) -> Running:
        begun.append(Running(tmp_path, server, arguments or ["-c", PARENT, str(patience)]))
        return begun[-1]

    yield begin
    for running in begun:
        running.close()


@pytest.mark.slow
def test_a_changed_source_restarts_the_server_after_its_drain(start: Callable[..., Running]) -> None:
    """One line names the file; the old server has gone before the new one comes."""
    running = start()
    assert running.lines(1) == ["up"]
    running.write(SERVER.replace("up", "up again"))
    assert running.lines(3) == ["drained", "restarting: app.py changed", "up again"]


@pytest.mark.slow
def test_a_changed_configuration_restarts_the_server(start: Callable[..., Running]) -> None:
    """Settings are read once, at the start."""
    running = start()
    assert running.lines(1) == ["up"]
    running.write("# new", "hubbub.toml")
    assert running.lines(3) == ["drained", "restarting: hubbub.toml changed", "up"]


@pytest.mark.slow
def test_sigterm_is_passed_on_and_the_exit_code_is_the_server_s(start: Callable[..., Running]) -> None:
    """Whoever supervises the parent supervises the server."""
    running = start()
    assert running.lines(1) == ["up"]
    running.process.send_signal(signal.SIGTERM)
    assert running.lines(1) == ["drained"]
    assert running.ended() == 7


@pytest.mark.slow
def test_a_terminal_that_is_closed_leaves_no_server_behind(start: Callable[..., Running]) -> None:
    """The hang-up reaches the group of the parent, which the server is not in: it would keep its port for ever."""
    running = start(SERVER.replace("signal.SIGTERM", "signal.SIGHUP"))
    assert running.lines(1) == ["up"]
    os.killpg(running.process.pid, signal.SIGHUP)
    assert running.lines(1) == ["drained"]
    assert running.ended() == 7


@pytest.mark.slow
def test_each_signal_reaches_the_server_once(start: Callable[..., Running]) -> None:
    """One Ctrl-C, which a terminal sends to the whole group, drains; only a second one would mean now."""
    count = 'signal.signal(signal.SIGINT, lambda *_: (seen.append(1), print("interrupt")))'
    server = SERVER.replace('print("drained"), sys.exit(7)', "sys.exit(len(seen))")
    running = start(server.replace('print("up")', f'seen = []\n{count}\nprint("up")'))
    assert running.lines(1) == ["up"]
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.lines(1) == ["interrupt"]
    running.process.send_signal(signal.SIGTERM)
    assert running.ended() == 1


@pytest.mark.slow
def test_signals_in_any_number_never_stall_the_parent(start: Callable[..., Running]) -> None:
    """A signal that comes while another one is noted does not wait for itself: the handler takes no lock."""
    running = start(SERVER.replace('print("up")', 'signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint("up")'), 600)
    assert running.lines(1) == ["up"]
    for _ in range(2_000):
        running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    assert running.lines(1) == ["drained"]
    assert running.ended() == 7


@pytest.mark.slow
def test_a_server_that_cannot_start_waits_for_the_next_change(start: Callable[..., Running]) -> None:
    """A typing error does not end the afternoon."""
    running = start("import sys; sys.exit(2)")
    assert running.lines(1) == ["the server ended with exit code 2; waiting for a change"]
    running.write(SERVER)
    assert running.lines(2) == ["restarting: app.py changed", "up"]


@pytest.mark.slow
def test_a_server_that_is_done_ends_the_parent(start: Callable[..., Running]) -> None:
    """Exit code 0 is no failure to wait upon."""
    assert start("print('bye')").ended() == 0


@pytest.mark.slow
def test_a_server_that_does_not_stop_is_killed(start: Callable[..., Running]) -> None:
    """It had its drain time; a reload does not wait for ever."""
    running = start(SERVER.replace("sys.exit(7)", "None"), patience=0.2)
    assert running.lines(1) == ["up"]
    running.write(SERVER)
    assert running.lines(4) == [
        "drained",
        "the server did not stop within 0.2 s; it is killed",
        "restarting: app.py changed",
        "up",
    ]


@pytest.mark.slow
def test_a_server_that_does_not_stop_is_killed_also_where_nobody_can_be_told(start: Callable[..., Running]) -> None:
    """A terminal that is gone takes no line of the parent either; nor does a full disk."""
    mute = PARENT.replace("print(line, flush=True)", 'open("/dev/full", "wb", 0).write(b"x")')
    assert mute != PARENT
    running = start(SERVER.replace("sys.exit(7)", "None"), arguments=["-c", mute, "0.2"])
    assert running.lines(1) == ["up"]
    running.process.send_signal(signal.SIGTERM)
    assert running.lines(1) == ["drained"]
    assert running.ended() == 128 + signal.SIGKILL


@pytest.mark.slow
def test_the_command_reloads_and_says_why_the_server_did_not_start(start: Callable[..., Running]) -> None:
    """The letter is the server's; the parent adds that it waits, and ends at Ctrl-C with the same exit code."""
    running = start(arguments=["-m", "gateway", "serve", "app:gatway", "--reload"], server="gateway = 1")
    said = ["module app has no gatway", "the server ended with exit code 2; waiting for a change"]
    assert [one in line for one, line in zip(said, running.lines(2), strict=True)] == [True, True]
    running.process.send_signal(signal.SIGINT)
    assert running.ended() == 2
