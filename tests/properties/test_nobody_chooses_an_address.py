"""Whatever a client sends, it is who it is: headers count from the first trusted hop on, and no further."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.listening.addresses import TrustedProxies, client_address, read_address

PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8", "unix"])

trusted = st.one_of(st.ip_addresses(network="10.0.0.0/8"), st.ip_addresses(network="fd00::/8")).map(str)
strangers = st.ip_addresses().filter(lambda ip: ip not in _mapped(ip) and not PROXIES.trusts(str(ip))).map(str)
junk = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
claims = st.lists(st.one_of(junk, trusted, strangers, st.just("unknown"), st.just("")), max_size=6)


def _mapped(ip: object) -> tuple[object, ...]:
    """IPv6 addresses that are written as IPv4."""
    return (ip,) if getattr(ip, "ipv4_mapped", None) is not None else ()


@given(strangers, st.lists(claims.map(", ".join), max_size=4))
def test_an_untrusted_peer_has_its_own_address(peer: str, lines: list[str]) -> None:
    """No header changes it."""
    assert client_address(peer, lines, PROXIES) == peer


@given(strangers, claims, st.lists(trusted, max_size=5), st.one_of(trusted, st.just("")))
def test_behind_trusted_proxies_it_is_the_one_that_they_saw(
    client: str, claimed: list[str], hops: list[str], peer: str
) -> None:
    """What it claims stands to the left of what the first proxy wrote, and is not read."""
    line = ", ".join([*claimed, client, *hops])
    assert client_address(peer, [line], PROXIES) == client


@given(claims, st.lists(trusted, min_size=1, max_size=5), trusted)
def test_where_a_proxy_does_not_know_its_client_nobody_else_says_it(
    claimed: list[str], hops: list[str], peer: str
) -> None:
    """The address is then that of the proxy."""
    line = ", ".join([*claimed, "unknown", *hops])
    assert client_address(peer, [line], PROXIES) == hops[0]


@given(st.one_of(junk, st.text()))
def test_any_text_is_an_address_or_none(text: str) -> None:
    """Never an exception; and an address reads back as itself."""
    found = read_address(text)
    assert found is None or read_address(str(found)) == found
