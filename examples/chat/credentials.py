"""What a page posts to log in, and whether it is one of ours."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs
import msgspec
from aiohttp import web


@attrs.frozen
class Credentials:
    name: str
    password: str = attrs.field(repr=False)


async def credentials_of(request: web.Request) -> Credentials:
    """Raises what aiohttp answers with 400, 403 or 415."""
    check_same_origin(request)
    try:
        return msgspec.json.decode(await request.read(), type=Credentials)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"not understood: {error}") from None


def check_same_origin(request: web.Request) -> None:
    """
    A page of somebody else can make a browser post with our cookie, or log its user in as somebody else (CSRF).

    But it cannot leave out its `Origin`, and cannot send JSON without asking us first, which nobody here allows.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="another site may not do that")
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send JSON")
