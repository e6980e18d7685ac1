"""Whose address it is, behind which proxies, and when to say that one is not declared."""

from __future__ import annotations

import pytest

from gateway.web.listening import addresses
from gateway.web.listening.addresses import (
    MAX_HOPS,
    MAX_WATCHED,
    UNDECLARED_AFTER,
    TrustedProxies,
    UndeclaredProxies,
    client_address,
    client_scheme,
)

OURS = TrustedProxies(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # nobody trusts it
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # the left one the client wrote itself
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),  # two lines are one list
        ("10.0.0.1", ["203.0.113.9,10.0.0.2 , 127.0.0.1"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # a client of our own network
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:4860::1]:4711"], "2001:4860::1"),
        ("10.0.0.1", ["[2001:4860::1]"], "2001:4860::1"),
        ("10.0.0.1", ["2001:4860:0:0::1"], "2001:4860::1"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8::5", ["203.0.113.9"], "203.0.113.9"),
        ("fe80::1%eth0", ["203.0.113.9"], "fe80::1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),  # left of what is no address stands what its client claims
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9, "], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:99999999"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:x"], "10.0.0.1"),
        ("10.0.0.1", ["[203.0.113.9]"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:4860::1"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:4860::1]x"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.09"], "10.0.0.1"),
        ("10.0.0.1", ["3405803785"], "10.0.0.1"),
        ("10.0.0.1", ["x" * 4000], "10.0.0.1"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_the_first_hop_that_is_not_trusted_is_the_client(peer: str, said: list[str], address: str) -> None:
    """From the right, through those that are trusted."""
    assert client_address(peer, said, OURS) == address


def test_the_peers_of_a_unix_socket_are_trusted_by_name() -> None:
    """They have no address that a network could hold."""
    assert client_address("", ["203.0.113.9"], TrustedProxies(["unix"])) == "203.0.113.9"
    assert client_address("", [], TrustedProxies(["unix"])) == ""
    assert client_address("10.0.0.1", ["203.0.113.9"], TrustedProxies(["unix"])) == "10.0.0.1"


def test_a_chain_is_followed_so_far_and_no_further() -> None:
    """A header of hundreds of trusted names costs as much as one of sixteen."""
    said = ["203.0.113.9" + ", 10.0.0.2" * MAX_HOPS]
    assert client_address("10.0.0.1", said, OURS) == "10.0.0.2"
    assert client_address("10.0.0.1", [said[0].removesuffix(", 10.0.0.2")], OURS) == "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "said", "is_tls", "scheme"),
    [
        ("10.0.0.1", ["https"], False, "https"),
        ("10.0.0.1", [" HTTPS "], False, "https"),
        ("10.0.0.1", ["wss"], False, "https"),
        ("10.0.0.1", ["http"], True, "http"),
        ("10.0.0.1", ["https, http"], False, None),
        ("10.0.0.1", ["https", "http"], False, None),
        ("10.0.0.1", ["gopher"], False, None),
        ("10.0.0.1", [], False, None),
        ("192.0.2.1", ["https"], False, None),
        ("192.0.2.1", ["http"], True, "https"),
        ("192.0.2.1", [], True, "https"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, said: list[str], is_tls: bool, scheme: str | None) -> None:
    """Else whether we speak TLS ourselves; without it somebody in front of us may."""
    assert client_scheme(peer, said, OURS, is_tls=is_tls) == scheme


def test_the_twentieth_connection_of_an_undeclared_proxy_says_so_once() -> None:
    """And never again, whoever comes."""
    proxies = UndeclaredProxies(TrustedProxies())
    assert [proxies.note("127.0.0.1", ["203.0.113.9"]) for _ in range(60)] == [0] * 19 + [UNDECLARED_AFTER] + [0] * 40
    assert [proxies.note("10.0.0.1", ["203.0.113.9"]) for _ in range(40)] == [0] * 40


@pytest.mark.parametrize("peer", ["::1", "10.1.2.3", "172.18.0.2", "192.168.1.1", "fd00::1", "fe80::1%eth0", ""])
def test_proxies_are_near(peer: str) -> None:
    """On this machine, in a private network, at a Unix socket."""
    proxies = UndeclaredProxies(TrustedProxies())
    assert any(proxies.note(peer, ["203.0.113.9"]) for _ in range(UNDECLARED_AFTER))


@pytest.mark.parametrize(("peer", "said"), [("8.8.8.8", ["203.0.113.9"]), ("127.0.0.1", []), ("10.0.0.1", ["8.8.8.8"])])
def test_strangers_those_without_the_header_and_the_declared_are_no_reason(peer: str, said: list[str]) -> None:
    """A stranger may send what it likes."""
    proxies = UndeclaredProxies(TrustedProxies(["10.0.0.0/8"]))
    assert not any(proxies.note(peer, said) for _ in range(5 * UNDECLARED_AFTER))


def test_no_more_addresses_are_counted_than_there_are_proxies() -> None:
    """A whole private network that plays costs nothing; who was counted first is still counted."""
    proxies = UndeclaredProxies(TrustedProxies())
    for number in range(5 * MAX_WATCHED):
        proxies.note(f"10.0.{number // 256}.{number % 256}", ["203.0.113.9"])
    assert len(proxies._counts) == MAX_WATCHED
    assert any(proxies.note("10.0.0.0", ["203.0.113.9"]) for _ in range(UNDECLARED_AFTER))


def test_what_is_too_long_to_be_an_address_is_not_remembered() -> None:
    """A header may be 8 KiB of anything, and what is kept to be quick is to stay small."""
    before = addresses._read.cache_info().currsize
    assert [addresses.read_address(f"{number:0>9000}") for number in range(9)] == [None] * 9
    assert addresses._read.cache_info().currsize == before
