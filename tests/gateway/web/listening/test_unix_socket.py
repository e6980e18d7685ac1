"""The socket file: who may open it, what a killed gateway left, who is left alone."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from gateway.web.listening.unix_socket import UnixSocket


def test_the_file_has_its_permissions_before_anybody_can_connect(tmp_path: Path) -> None:
    """It is bound and not yet listened on."""
    path = tmp_path / "h.sock"
    with UnixSocket(str(path), 0o620).bind(), socket.socket(socket.AF_UNIX) as early:
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        with pytest.raises(ConnectionRefusedError):
            early.connect(str(path))


def test_what_a_killed_gateway_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    """Nobody listens on it any more."""
    path = tmp_path / "h.sock"
    UnixSocket(str(path), 0o600).bind().close()
    assert path.is_socket()
    with UnixSocket(str(path), 0o600).bind() as bound:
        bound.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_one_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    """The letter says that it is in use, and it goes on working."""
    path = tmp_path / "h.sock"
    with UnixSocket(str(path), 0o600).bind() as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            UnixSocket(str(path), 0o600).bind()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """Somebody mistyped a path."""
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    with pytest.raises(OSError, match="no socket"):
        UnixSocket(str(path), 0o600).bind()
    assert path.read_text() == "dear diary"


def test_its_own_file_goes_with_it_and_that_of_a_successor_stays(tmp_path: Path) -> None:
    """A restart that overlaps takes nothing away."""
    path = tmp_path / "h.sock"
    old, new = UnixSocket(str(path), 0o600), UnixSocket(str(path), 0o600)
    first = old.bind()
    with new.bind() as second:
        second.listen()
        old.remove()
        assert path.is_socket()
    first.close()
    new.remove()
    assert not path.exists()
