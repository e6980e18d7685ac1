"""HTTP beside the sockets: sign up, log in, log out. JSON in, JSON out; the cookie is all that a page keeps."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway import Gateway

from .accounts import Account, Accounts, NotSignedUp
from .credentials import Credentials, check_same_origin, credentials_of, is_secure
from .sessions import COOKIE, LASTS, Sessions
from .throttle import Throttle

LOGGED_OUT = 4501
"""The close code of one's sockets; 4500 to 4999 tell clients of the native wire not to come back by themselves."""

MAX_HASHING = 2
"""Passwords that are hashed at once: a core and 16 MiB each."""


class Website:
    def __init__(self, app: Gateway, accounts: Accounts, sessions: Sessions, throttle: Throttle) -> None:
        self._app = app
        self._accounts = accounts
        self._sessions = sessions
        self._throttle = throttle
        self._hashing = asyncio.Semaphore(MAX_HASHING)

    def declare(self) -> None:
        self._app.http.post("/signup")(self.sign_up)
        self._app.http.post("/login")(self.log_in)
        self._app.http.post("/logout")(self.log_out)
        self._app.http.get("/me")(self.me)

    async def sign_up(self, request: web.Request) -> web.Response:
        given = await self._credentials(request)
        try:
            async with self._hashing:
                account = await asyncio.to_thread(self._accounts.sign_up, given.name, given.password)
        except NotSignedUp as error:
            return web.json_response({"error": str(error)}, status=409)
        return self._welcome(request, account)

    async def log_in(self, request: web.Request) -> web.Response:
        given = await self._credentials(request)
        async with self._hashing:
            account = await asyncio.to_thread(self._accounts.find, given.name, given.password)
        if account is None:
            return web.json_response({"error": "there is no account of that name and password"}, status=401)
        return self._welcome(request, account)

    async def _credentials(self, request: web.Request) -> Credentials:
        """Raises what aiohttp answers with: they are no credentials, or there were too many of them lately."""
        given = await credentials_of(request)
        self._throttle.enter(given.name, self._app.server.address_of(request))
        return given

    def _welcome(self, request: web.Request, account: Account) -> web.Response:
        """A new secret with every login: one that somebody else has put into this browser is worth nothing."""
        self._throttle.was_right(account.name)
        self._end_session(request)
        secret = self._sessions.begin(account)
        answer = web.json_response({"name": account.name, "is_admin": account.is_admin})
        answer.set_cookie(
            COOKIE, secret, max_age=round(LASTS), httponly=True, samesite="Lax", secure=is_secure(request), path="/"
        )
        return answer

    async def log_out(self, request: web.Request) -> web.Response:
        check_same_origin(request)
        self._end_session(request)
        answer = web.json_response({})
        answer.del_cookie(COOKIE, path="/")
        return answer

    def _end_session(self, request: web.Request) -> None:
        """Also its sockets, in every tab; those of another device of the same person stay."""
        ended = self._sessions.end(request.cookies.get(COOKIE, ""))
        if ended is None:
            return
        for connection in self._app.connections.of(ended.id):
            if connection.principal.claims.get("session") == ended.claims["session"]:
                connection.close(LOGGED_OUT, "logged out")

    async def me(self, request: web.Request) -> web.Response:
        principal = await self._sessions.load(request.cookies.get(COOKIE, ""))
        if principal is None:
            return web.json_response({"error": "log in first"}, status=401)
        return web.json_response({"name": principal.id, "is_admin": "admin" in principal.roles})
