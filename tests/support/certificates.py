"""Certificates made for a test, by an authority that only its clients trust."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import trustme

from gateway.settings.sources import load_settings

AUTHORITY = trustme.CA()


def files(directory: Path, name: str = "127.0.0.1", **dates: datetime) -> tuple[Path, Path]:
    """The certificate with its chain, and its key."""
    leaf = AUTHORITY.issue_cert(name, **dates)
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    certificate.write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return certificate, key


def configured(directory: Path, certificate: Path, key: Path) -> Path:
    file = directory / "hubbub.toml"
    file.write_text(f"development = true\n[gateway.tls]\ncertificate = '{certificate}'\nkey = '{key}'\n")
    return file


def client_context() -> ssl.SSLContext:
    """Trusts the test's authority and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


def encrypted(directory: Path) -> Any:
    certificate, key = files(directory)
    file = directory / "hubbub.toml"
    file.write_text(
        f"development = true\n[gateway]\nport = 0\n[gateway.tls]\ncertificate = '{certificate}'\nkey = '{key}'\n"
    )
    return load_settings(file, {}, {}).settings
