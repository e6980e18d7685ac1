"""
Who a client is, found from what it brought: a signed token, an opaque one, a cookie. And where a token may stand.

An authenticator is any `(handshake) -> Principal | None`, async, or plain if it never blocks: None is "not mine, ask
the next", a raised `Refused` refuses. It is asked at the upgrade, on Centrifuge's wire with the first command instead,
and once more if a first command brings a token: then `handshake.token` is that.

    authenticators = [JWT("secret"), Bearer(keys.find), CookieSession("sessionid", sessions.load)]

What it refuses to know: when it is asked, and how a refusal is told to the client.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from actors import run_blocking

from ..reasons import Refused
from .identity import Principal
from .tokens import MAX_TOKEN, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHAIN_TIMEOUT: Final = 3.0
"""Seconds for all authenticators of one handshake. Clients of Centrifuge give up a command after 5 s."""

MAX_BLOCKING_LOADS: Final = 16
"""Calls of one blocking `load` at once: half of the threads that asyncio has for everything (at most 32), so that a
session store that hangs leaves some for files and names."""

BEARER_SUBPROTOCOL: Final = "base64url.bearer.phx."
"""How phoenix.js 1.8 passes `authToken`: it cannot set headers, and a token in a URL ends up in logs."""

_AUTHORIZATION = re.compile(r"bearer +([\x21-\x7e]+) *", re.IGNORECASE)
_CREDENTIAL = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN}}}")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of HTTP (RFC 9110 5.6.2)."""
_COOKIE_VALUE = re.compile(r'("?)([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+)\1')
"""RFC 6265 4.1.1, with or without quotes, which are no part of it."""


class Asked(Protocol):
    """What our authenticators look at; a `Handshake` is one."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Case-insensitive."""

    @property
    def token(self) -> str | None:
        """What `credential_of` found in the request, or what the first command brought."""

    @property
    def at(self) -> float:
        """Wall-clock seconds since 1970 when the client asked."""


Found: TypeAlias = Principal | str | int | None
"""What an app's `load` returns: a principal, the id of a user, or None for a credential it does not know."""
Load: TypeAlias = Callable[[str], Found | Awaitable[Found]]
"""Sync, then it may block and runs on a thread; or async."""
H = TypeVar("H", bound=Asked)


class JWT:
    """A signed token (`tokens.Tokens`, whose arguments it takes). Text that is no JWT is left to the next one."""

    def __init__(self, secret: str, *, before: str | None = None, algorithms: Iterable[str] = ("HS256",)) -> None:
        self._tokens = Tokens(secret, before=before, algorithms=algorithms)

    @property
    def tokens(self) -> Tokens:
        return self._tokens

    async def __call__(self, handshake: Asked) -> Principal | None:
        """Raises InvalidToken for a JWT that is not ours, `Refused("token_expired")` for an old one."""
        token = handshake.token
        if token is None or not _looks_like_jwt(token):
            return None
        return self._tokens.principal(token, handshake.at)


class Bearer:
    """An opaque token that the app looks up: an API key, or a row of its table of tokens."""

    def __init__(self, load: Load) -> None:
        self._lookup = _Lookup(load)

    async def __call__(self, handshake: Asked) -> Principal | None:
        token = handshake.token
        return await self._lookup(token) if token is not None and is_credential(token) else None


class CookieSession:
    """
    The session of a website, by its cookie.

    A browser sends cookies with every page's request, so this is as safe as the check of origins (`allowed_origins`).

    Args:
        name: Of the cookie; case-sensitive.
        load: Gets the cookie's value; may block.
    """

    def __init__(self, name: str, load: Load) -> None:
        if not _COOKIE_NAME.fullmatch(name):
            raise ValueError(f"could not read the cookie {name!r}: no cookie is called so; use letters, digits, - or _")
        self.name = name
        self._lookup = _Lookup(load)

    async def __call__(self, handshake: Asked) -> Principal | None:
        value = cookie_of(handshake.headers.get("Cookie", ""), self.name)
        return None if value is None else await self._lookup(value)


async def identify(
    authenticators: Iterable[Callable[[H], Awaitable[Principal | None] | Principal | None]], handshake: H
) -> Principal | None:
    """
    Asks the authenticators in order; the first that knows the client decides.

    None is "nobody knows it", which is not yet anonymity: who brought a token all the same has mistyped a key, or tries
    some. The caller has other places to look (the configured secret), so it decides.

    Cancellation: safe; a blocking `load` that is under way runs to its end and is not waited for.

    Raises:
        InvalidToken: It brought a token that is made up, or that is not ours.
        Refused: What an authenticator raised; `timed_out` after `CHAIN_TIMEOUT` for all of them together.
        TypeError: One returned neither a principal nor None.
    """
    try:
        async with asyncio.timeout(CHAIN_TIMEOUT) as deadline:
            return await _first(authenticators, handshake)
    except TimeoutError:
        if not deadline.expired():
            raise  # the app's own, of its database
        raise Refused("timed_out") from None


async def _first(
    authenticators: Iterable[Callable[[H], Awaitable[Principal | None] | Principal | None]], handshake: H
) -> Principal | None:
    for authenticator in authenticators:
        said = authenticator(handshake)
        found: object = await said if inspect.isawaitable(said) else said
        if isinstance(found, Principal):
            return found
        if found is not None:
            raise TypeError(
                f"could not identify a client: {authenticator!r} returned {type(found).__name__}; "
                "return a Principal, or None to ask the next"
            )
    return None


# --- where a credential stands in a request


def credential_of(
    headers: Mapping[str, str], subprotocols: Iterable[str], query_params: Mapping[str, str], *, query_token: bool
) -> str | None:
    """
    The bearer token of an upgrade request: `Authorization`, else Phoenix' subprotocol, else `?token=` if that is
    believed. What is malformed is as if it was not there.
    """
    found = _of_authorization(headers.get("Authorization", "")) or _of_subprotocols(subprotocols)
    if found is None and query_token:
        found = query_params.get("token")
    return found if found is not None and is_credential(found) else None


def is_credential(text: str) -> bool:
    """Visible ASCII without spaces, 1 to `MAX_TOKEN` characters: what fits a header, and is safe to look up."""
    return _CREDENTIAL.fullmatch(text) is not None


def _of_authorization(value: str) -> str | None:
    """RFC 6750 2.1; the scheme in any case (RFC 9110 11.1)."""
    found = _AUTHORIZATION.fullmatch(value)
    return None if found is None else found[1]


def _of_subprotocols(offered: Iterable[str]) -> str | None:
    encoded = (one.removeprefix(BEARER_SUBPROTOCOL) for one in offered if one.startswith(BEARER_SUBPROTOCOL))
    return next(filter(None, map(_from_base64, encoded)), None)


def _from_base64(text: str) -> str | None:
    """Either alphabet, padding or not: JavaScript clients use `btoa`, others base64url."""
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode()
    except ValueError:  # no base64, or no UTF-8 in it
        return None


def cookie_of(header: str, name: str) -> str | None:
    """
    The value of a cookie in a `Cookie` header; the first well-formed one of that name, which browsers send first for
    the longest path (RFC 6265 5.4). `http.cookies` is not used: it stops reading at the first pair it dislikes.
    """
    for pair in header.split(";"):
        key, _, value = pair.strip(" \t").partition("=")
        found = _COOKIE_VALUE.fullmatch(value) if key == name else None
        if found is not None:
            return found[2]
    return None


def _looks_like_jwt(token: str) -> bool:
    """
    Two dots (RFC 7515 7.1), and base64 of `{"`, of which the rest may be damaged; or of an object with spaces in it.
    """
    if token.count(".") != 2:
        return False
    return token.startswith("ey") or (_from_base64(token.partition(".")[0]) or "").lstrip(" \t\r\n").startswith("{")


# --- what the app looks up


class _Lookup:
    """An app's `load`, wherever it has to run, and what it found as a principal."""

    def __init__(self, load: Load) -> None:
        self._load = load
        called = load if inspect.isroutine(load) else getattr(load, "__call__", load)  # noqa: B004  # its own method
        self._is_async = inspect.iscoroutinefunction(load) or inspect.iscoroutinefunction(called)
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def __call__(self, credential: str) -> Principal | None:
        found = self._load(credential) if self._is_async else await self._on_thread(credential)
        return _as_principal(await found if inspect.isawaitable(found) else found)

    async def _on_thread(self, credential: str) -> Found | Awaitable[Found]:
        """A call whose waiter was cancelled keeps its place until it ends: its thread is still taken."""
        place = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_BLOCKING_LOADS))
        await place.acquire()
        call = asyncio.ensure_future(run_blocking(self._load, credential))
        call.add_done_callback(lambda _: place.release())
        return await asyncio.shield(call)


def _as_principal(found: object) -> Principal | None:
    if found is None or isinstance(found, Principal):
        return found
    if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
        return Principal(id=str(found))
    raise TypeError(
        f"could not identify a client: load returned {type(found).__name__}; "
        "return a Principal, the id of a user, or None if it is nobody's"
    )
