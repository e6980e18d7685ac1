"""Where clients are accepted: a process without files lets them go, one by one, and goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.limits.open_files import are_spent
from gateway.web.listening.listening_socket import SHED_AT_ONCE, ListeningSocket, bound_to


@contextmanager
def without_files() -> Iterator[None]:
    """This process may open no more than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest:
        limit = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def listening() -> Iterator[tuple[ListeningSocket, list[str]]]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    shed: list[str] = []
    with ListeningSocket(bound, shed.append) as found:
        found.listen(2 * SHED_AT_ONCE)
        yield found, shed


def connected(stack: ExitStack, address: tuple[str, int]) -> socket.socket:
    client = stack.enter_context(socket.create_connection(address, timeout=10))
    client.settimeout(10)
    return client


def test_clients_for_whom_there_is_no_file_are_let_go_and_told_of() -> None:
    """Each is closed; then nobody waits, which is no failure, and the next is taken once there are files again."""
    with ExitStack() as stack, listening() as (found, shed):
        clients = [connected(stack, found.getsockname()) for _ in range(3)]
        with without_files(), pytest.raises(BlockingIOError):
            found.accept()
        assert shed == ["127.0.0.1"] * 3
        assert [client.recv(1) for client in clients] == [b""] * 3
        connected(stack, found.getsockname())
        found.setblocking(True)
        found.accept()[0].close()


def test_a_crowd_is_let_go_in_portions() -> None:
    """What else the loop has to do comes in between; nobody is forgotten."""
    crowd = SHED_AT_ONCE + 5
    with ExitStack() as stack, listening() as (found, shed):
        for _ in range(crowd):
            connected(stack, found.getsockname())
        with without_files():
            for portion in (SHED_AT_ONCE, crowd):
                with pytest.raises(BlockingIOError):
                    found.accept()
                assert len(shed) == portion


def test_a_name_is_bound_at_its_addresses_and_one_that_is_not_to_be_had_leaves_none() -> None:
    """They do not listen yet, so that the first of them takes nobody while the next may fail."""
    (bound,) = asyncio.run(bound_to("127.0.0.1", 0))
    with bound, socket.socket() as early:
        with pytest.raises(ConnectionRefusedError):
            early.connect(bound.getsockname())
        bound.listen()
        with pytest.raises(OSError, match="in use"):
            asyncio.run(bound_to(*bound.getsockname()))


NOT_HERE = 12
"""DECnet, which no kernel of today has: as IPv6 where it is switched off."""


def test_a_name_with_a_family_that_is_switched_off_is_bound_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is `::1` too, also in a container without IPv6; a name without any other is not to be had."""
    ours = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
    off = (NOT_HERE, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
    strange = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("2001:db8::1", 0, 0, 0))
    found = [off, strange, ours]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    (bound,) = asyncio.run(bound_to("localhost", 0))
    with bound:
        assert bound.family == socket.AF_INET
    found.remove(ours)
    with pytest.raises(OSError, match=r"not supported|assign requested"):
        asyncio.run(bound_to("localhost", 0))


def test_whether_files_are_left_is_known_without_what_windows_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`/ready` and `/metrics` ask, on every system."""
    monkeypatch.delattr(os, "O_CLOEXEC")
    assert not are_spent()


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "ä..example", "a\0b"])
def test_a_name_that_no_host_can_have_is_not_known(host: str) -> None:
    """What Python refuses to ask the system for is told as what the system does not know: a letter, no traceback."""
    with pytest.raises(OSError, match="not known"):
        asyncio.run(bound_to(host, 0))
