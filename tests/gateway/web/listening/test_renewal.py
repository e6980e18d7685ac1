"""A certificate that is renewed: seen within a minute, shown to who comes after that, and never half of it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gateway.events import CertificateNotRenewed, CertificateOutOfDate, CertificateRenewed
from gateway.settings.listen import TlsSettings
from gateway.web.listening.renewal import LOOK_EVERY, Renewal
from gateway.web.listening.tls import server_context
from tests.support.certificates import client_context, files

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = {"not_before": datetime(2001, 1, 1, tzinfo=UTC), "not_after": datetime(2002, 1, 1, tzinfo=UTC)}


class Site:
    """A pair of files, what a listener has made of them, and what was said."""

    def __init__(self, directory: Path, **dates: datetime) -> None:
        self.certificate, self.key = files(directory, **dates)
        self.facts: list[Any] = []
        settings = TlsSettings(certificate=str(self.certificate), key=str(self.key))
        context = server_context(settings)
        assert context is not None
        self.context = context
        self.renewal = Renewal(settings, context, self.facts.append)

    def write(self, directory: Path, **dates: datetime) -> None:
        """Another pair, in the same files."""
        directory.mkdir()
        certificate, key = files(directory, **dates)
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes())

    def shows(self) -> bytes:
        """The certificate that a client gets who names no host."""
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        client, server = client_context().wrap_bio(down, up, server_hostname="127.0.0.1"), None
        server = self.context.wrap_bio(up, down, server_side=True)
        for side in (client, server, client):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
        shown = client.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def test_who_comes_after_a_renewal_is_shown_the_new_one(tmp_path: Path) -> None:
    """And it is said, once; a look at files that are the same does nothing."""
    site = Site(tmp_path)
    first = site.shows()
    site.renewal.look()
    assert (site.facts, site.shows()) == ([], first)
    site.write(tmp_path / "new")
    assert site.shows() == first
    for _ in range(2):
        site.renewal.look()
    assert site.facts == [CertificateRenewed(str(site.certificate))]
    assert site.shows() != first


def test_half_a_renewal_is_none(tmp_path: Path) -> None:
    """The key is of another one, or is gone: said once for each state, and the one before stays until it fits."""
    site = Site(tmp_path)
    first, old_key = site.shows(), site.key.read_bytes()
    site.write(tmp_path / "new")
    new_key = site.key.read_bytes()
    site.key.write_bytes(old_key)
    for _ in range(3):
        site.renewal.look()
    site.key.unlink()
    for _ in range(3):
        site.renewal.look()
    assert [type(fact) for fact in site.facts] == [CertificateNotRenewed] * 2
    assert "not the key of" in site.facts[0].problem
    assert site.shows() == first
    site.key.write_bytes(new_key)
    site.renewal.look()
    assert site.facts[2:] == [CertificateRenewed(str(site.certificate))]
    assert site.shows() != first


def test_one_that_has_expired_is_said_once_until_it_is_renewed(tmp_path: Path) -> None:
    """At the first look, or when it comes to that."""
    site = Site(tmp_path, **LONG_AGO)
    for _ in range(2):
        site.renewal.look()
    (expired,) = site.facts
    assert isinstance(expired, CertificateOutOfDate)
    assert expired.problem.startswith("certificate has expired")  # OpenSSL says more of it since 3.6
    site.write(tmp_path / "new")
    site.renewal.look()
    site.write(tmp_path / "old", **LONG_AGO)
    site.renewal.look()
    renewed = CertificateRenewed(str(site.certificate))
    assert site.facts == [expired, renewed, renewed, expired]


@pytest.mark.actors
async def test_it_looks_by_itself_until_it_is_stopped(tmp_path: Path) -> None:
    """Every minute."""
    site = Site(tmp_path)
    site.renewal.start()
    site.write(tmp_path / "new")
    await asyncio.sleep(LOOK_EVERY * 0.9)
    assert site.facts == []
    await asyncio.sleep(LOOK_EVERY * 0.2)
    assert site.facts == [CertificateRenewed(str(site.certificate))]
    site.renewal.stop()
    site.write(tmp_path / "newer")
    await asyncio.sleep(LOOK_EVERY * 3)
    assert len(site.facts) == 1
