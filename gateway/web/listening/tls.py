"""The certificate of the public listener: read at the start, and a letter about what is wrong with it."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...settings.listen import TlsSettings


DATES = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED: openssl-verification-options(1)."""


class CannotUseCertificate(Exception):
    """A file of the certificate or its key is of no use. The text is for whoever starts the gateway."""

    def __init__(self, file: str, problem: str, hint: str) -> None:
        super().__init__(file, problem, hint)
        self.file, self.problem, self.hint = file, problem, hint

    def __str__(self) -> str:
        return f"could not use {self.file} for TLS: {self.problem}; {self.hint}"


def server_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """
    What the public listener encrypts with; None without a certificate.

    TLS 1.2 and newer: RFC 8996 has ended what came before. Clients are asked for no certificate.

    Raises:
        CannotUseCertificate: A file cannot be read, is none of its kind, or the two do not belong together.
    """
    if not settings.certificate:
        return None
    certificate, key = settings.certificate, settings.key
    _check(certificate, "CERTIFICATE", "name the certificate and its chain in PEM as gateway.tls.certificate")
    if "ENCRYPTED" in _check(key, "PRIVATE KEY", "name its private key in PEM as gateway.tls.key"):
        raise CannotUseCertificate(key, "it is encrypted, and nobody is asked for a password", "decrypt it first")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise _unusable(certificate, key, error) from error
    return context


def out_of_date(context: ssl.SSLContext, certificate: str) -> str | None:
    """
    Why every client refuses a certificate for its dates, such as "certificate has expired"; None if they do not, or
    if a client as Python's own refuses its kind before it looks.

    Asks OpenSSL, which looks at them in a handshake only: one in memory, by a client that trusts what is in the file.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(certificate)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = trusting.wrap_bio(down, up), context.wrap_bio(up, down, server_side=True)
    try:
        for side in (client, server, client):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message if error.verify_code in DATES else None
    except ssl.SSLError:  # this client has not its curve, or has no hash so old: others may
        return None
    return None


def _check(file: str, kind: str, hint: str) -> str:
    """The text of a PEM file with something of this kind in it."""
    try:
        text = Path(file).read_text("ascii", "replace")
    except OSError as error:
        raise CannotUseCertificate(file, error.strerror or str(error), hint) from error
    if f"{kind}-----" not in text:
        raise CannotUseCertificate(file, f"there is no {kind} in it", hint)
    return text


def _unusable(certificate: str, key: str, error: ssl.SSLError) -> CannotUseCertificate:
    if error.reason == "KEY_VALUES_MISMATCH":
        return CannotUseCertificate(key, f"it is not the key of {certificate}", "name the one it was made for")
    said = (error.reason or str(error)).lower().replace("_", " ")
    return CannotUseCertificate(certificate, f"OpenSSL says: {said}", "make the pair anew, as PEM")
