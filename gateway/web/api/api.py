"""
How other back ends publish: `POST /api/METHOD` on the public port, with the key of `[gateway.api]`.

    curl -X POST http://127.0.0.1:8000/api/publish -H 'X-API-Key: KEY' \\
         -d '{"channel": "news", "data": {"title": "Hello"}}'
    {"result":{"offset":1,"epoch":"u4Zq7k2N"}}

Methods, fields and answers are those of Centrifugo's server API (version 5 and later), so that its client libraries
work, `cent` on PyPI among them (`tests/compliance/cent`). `requests` has the fields, `methods` what is done.

What comes back: 200 with `{"result": {...}}`, or with `{"error": {"code", "message"}}` where the request was understood
and refused. `batch` answers `{"replies": [...]}`, one `{METHOD: result}` or `{"error": ...}` for each command. Any
other status has the same `error` in its body: 400 it is no JSON, 401 no key or a wrong one, 404 no such method, 405 it
is a GET, 408 the body did not come, 413 too large, 503 this gateway is about to stop. Without a key in the settings all
of it is 404.

Not for browsers: no CORS header is ever sent, and a key in a page is everybody's.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ... import wire_json
from ...events import ApiRefused
from ...reasons import InvalidJSON, Refused
from ...unknown_names import unknown
from . import requests as asked
from .answers import error_of
from .methods import METHODS, Methods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...node import Node

MAX_BODY = 1024 * 1024
"""Bytes of a request. 1 MiB: sixteen of the largest messages that clients may send, or 1,000 small ones in a batch."""

PATIENCE = 5.0
"""
Seconds for the body of a request, and again for everything that it asks for: the latter below the 10 s after which back
ends give up and try again.
"""

UNREAD: Mapping[str, int] = MappingProxyType({"limit_exceeded": 413, "timed_out": 408, "bad_request": 400})
"""The status for a body that could not be read, by the reason."""

SHOWN = 64
"""Characters of a method's name that are repeated to whoever made it up."""

BATCH = "batch"
IN_A_BATCH = "a batch holds no other batch; send its commands in this one, or one after the other"


class Api:
    """
    One per gateway.

    Args:
        keys: Who sends one of them may do everything. Without any, there is nothing here.
        name: What `info` calls this node.
        address_of: Who has sent a request, as far as it is known.
    """

    def __init__(self, node: Node, keys: Iterable[str], name: str, address_of: Callable[[web.Request], str]) -> None:
        self._node = node
        self._address_of = address_of
        self._keys = tuple(key.encode() for key in keys)
        self._methods = Methods(node, name)
        self._batches = asked.Reader(asked.Batch)

    def mount(self, application: web.Application) -> None:
        application.router.add_post("/api", self.handle)
        application.router.add_post("/api/{method:.*}", self.handle)  # with a slash, too: it is none, and told so

    async def handle(self, request: web.Request) -> web.Response:
        if not self._keys:
            return web.Response(status=404, text=f"there is nothing at {request.path}\n")
        method = request.match_info.get("method", "")
        refusal = self._refusal(request, method)
        if refusal is not None:
            return self._refuse(request, method, *refusal)
        try:
            body = await _read(request)
        except Refused as error:
            return self._refuse(request, method, UNREAD[error.reason], error)
        try:
            asked.check_body(body)
            return _answer(200, await self._run(request, method, body))
        except InvalidJSON as error:
            return self._refuse(request, method, 400, Refused("bad_request", f"the body is no JSON: {error.msg}"))
        except Refused as error:
            return self._refuse(request, method, 503 if error.reason == "shutting_down" else 200, error)

    def not_posted(self, request: web.Request) -> web.Response | None:
        """The answer to a GET of a path that nobody else has; None: it is none of these, or there is no key at all."""
        base, _, method = request.path[1:].partition("/")
        if not self._keys or base != "api":
            return None
        words = f"{request.method} asks for nothing here; send a POST, with the fields as JSON in its body"
        return self._refuse(request, method, 405, Refused("bad_request", words), {"Allow": "POST"})

    # --- what is refused before the body is read

    def _refusal(self, request: web.Request, method: str) -> tuple[int, Refused] | None:
        wrong = self._wrong_key(request)
        if wrong:
            return 401, Refused("unauthorized", wrong)
        if self._node.is_draining:
            return 503, Refused("shutting_down", "this server is about to stop; come back in a moment")
        if method != BATCH and method not in METHODS:
            return 404, Refused("unknown_action", _unknown(method))
        return None

    def _wrong_key(self, request: web.Request) -> str:
        """What is wrong with it; empty if nothing is. Every key is compared, in a time that tells nothing of any."""
        key = _key_of(request)
        if not key:
            return "no key came; send it as the header X-API-Key"
        given = key.encode("utf-8", "surrogateescape")
        matches = [hmac.compare_digest(given, known) for known in self._keys]
        if not any(matches):
            return "this is not the key; it is gateway.api.key in the settings of this server"
        return ""

    def _refuse(
        self, request: web.Request, method: str, status: int, error: Refused, headers: dict[str, str] | None = None
    ) -> web.Response:
        self._note(request, method, status, error)
        if status == 503:
            headers = {"Retry-After": "2"}
        return _answer(status, {"error": error_of(error)}, headers)

    def _note(self, request: web.Request, method: str, status: int, error: Refused) -> None:
        self._node.events.publish(ApiRefused(self._address_of(request), method[:SHOWN], status, error.reason))

    # --- what is done

    async def _run(self, request: web.Request, method: str, body: bytes) -> dict[str, object]:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        if method == BATCH:
            return {"replies": await self._batch(request, body, deadline)}
        return {"result": await self._call(method, body or b"{}", deadline)}

    async def _batch(self, request: web.Request, body: bytes, deadline: float) -> list[dict[str, object]]:
        """One after the other, or all begun at once; an error of one does not concern the others."""
        batch: asked.Batch = self._batches.read(body)
        asked.check_count("commands", max(1, len(batch.commands)), asked.MAX_COMMANDS)
        if batch.parallel:
            return list(await asyncio.gather(*(self._reply(request, one, deadline) for one in batch.commands)))
        return [await self._reply(request, one, deadline) for one in batch.commands]

    async def _reply(self, request: web.Request, command: dict[str, Any], deadline: float) -> dict[str, object]:
        method = next((name for name in command if name in METHODS), next(iter(command), ""))
        try:
            if method not in METHODS:
                raise Refused("unknown_action", IN_A_BATCH if method == BATCH else _unknown(method))
            return {method: await self._call(method, bytes(command[method]), deadline)}
        except Refused as error:
            self._note(request, method, 200, error)
            return {"error": error_of(error)}

    async def _call(self, method: str, body: bytes, deadline: float) -> dict[str, object]:
        """Raises Refused("timed_out") at the deadline; what was told until then is done all the same."""
        if asyncio.get_running_loop().time() >= deadline:
            raise Refused("timed_out", f"not begun: what came before it took {PATIENCE:g} s")
        try:
            async with asyncio.timeout_at(deadline):
                return await self._methods.call(method, body)
        except TimeoutError:
            raise Refused("timed_out", f"no answer within {PATIENCE:g} s; it may be done all the same") from None


def _key_of(request: web.Request) -> str:
    """From `X-API-Key: KEY` or `Authorization: apikey KEY`; empty if there is none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("X-API-Key") or (key.strip() if scheme.lower() == "apikey" else "")


async def _read(request: web.Request) -> bytes:
    """Raises Refused with one of the reasons in `UNREAD`; also if the peer has gone, and nobody hears of it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _whole(request)
    except TimeoutError:
        raise Refused("timed_out", f"the body was not there within {PATIENCE:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Refused("bad_request", "the body ended early, or is not what its headers say") from None


async def _whole(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    return bytes(body)


def _too_large() -> Refused:
    return Refused("limit_exceeded", f"the body has more than {MAX_BODY} bytes; send less at once")


def _unknown(method: str) -> str:
    if not method:
        return "no method is named; write it into the path, as in /api/publish, or the command"
    return unknown("there is no method", method, (*METHODS, BATCH))


def _answer(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=wire_json.encode(body), content_type="application/json", charset="utf-8", headers=headers
    )
