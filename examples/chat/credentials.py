"""What a page posts to log in, whether it is one of ours, and how it is told what was wrong."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import urlsplit

import attrs
import msgspec
from aiohttp import web


@attrs.frozen
class Credentials:
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    password: str = attrs.field(repr=False)


async def credentials_of(request: web.Request) -> Credentials:
    """Raises what aiohttp answers with 400, 403 or 415."""
    check_same_origin(request)
    try:
        return msgspec.json.decode(await request.read(), type=Credentials)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(web.HTTPBadRequest, f"not understood: {error}") from None


def check_same_origin(request: web.Request) -> None:
    """
    A page of somebody else can make a browser post with our cookie, or log its user in as somebody else (CSRF).

    But it cannot leave out its `Origin`, and cannot send JSON without asking us first, which nobody here allows.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise refusal(web.HTTPForbidden, "another site may not do that")
    if request.content_type != "application/json":
        raise refusal(web.HTTPUnsupportedMediaType, "send JSON")


def refusal(kind: type[web.HTTPClientError], error: str, headers: dict[str, str] | None = None) -> web.HTTPClientError:
    """With its reason as JSON, as every answer of ours that is no success."""
    return kind(text=json.dumps({"error": error}), content_type="application/json", headers=headers)


def is_secure(request: web.Request) -> bool:
    """Whether the page came over TLS, also if a proxy in front of us ended that: then its origin still says so."""
    return request.secure or request.headers.get("Origin", "").startswith("https:")
