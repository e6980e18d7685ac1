"""Tokens as an issuer makes them, from the standard library alone: what we verify with has no part in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

SECRET = "secret"
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def signed(claims: object, secret: str = SECRET, algorithm: str = "HS256", **header: Any) -> str:
    """A JWT of any claims, bytes as they are; with `none` it has an empty signature."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = json.dumps({"typ": "JWT", "alg": algorithm, **header}).encode()
    return sealed(f"{base64url(head)}.{base64url(payload)}", secret, algorithm)


def sealed(content: str, secret: str = SECRET, algorithm: str = "HS256") -> str:
    """`header.payload` with its signature."""
    if algorithm == "none":
        return f"{content}."
    digest = hmac.new(secret.encode(), content.encode(), getattr(hashlib, _HASHES[algorithm])).digest()
    return f"{content}.{base64url(digest)}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
