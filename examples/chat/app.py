"""What there is: who may connect, two kinds of rooms, the HTTP beside the sockets, the pages."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from gateway import CookieSession, Gateway, Handshake, History, Refused
from gateway.demo import PAGES

from .accounts import Accounts, demo_accounts
from .directory import LOBBY, ROOM, Directory
from .lobby import Lobby
from .rooms import ChatRoom
from .sessions import COOKIE, Sessions
from .throttle import Throttle
from .website import Website

KEPT = History(size=1_000, ttl=7 * 24 * 3600.0)
"""A week, and no more messages than one scrolls back through; a page reads them in pieces."""

MAX_PEOPLE = 200
"""Connections in one room: everybody is told who comes and who goes."""


def create_app(accounts: Accounts | None = None, sessions: Sessions | None = None) -> Gateway:
    """A fresh one each time: nothing is shared between two. Tests bring accounts and sessions of their own."""
    logins = Sessions() if sessions is None else sessions
    app = Gateway(title="chat", authenticators=[CookieSession(COOKIE, logins.load), nobody_else])
    rooms = Directory(app)

    @app.topic(LOBBY)
    class OurLobby(Lobby):
        directory = rooms

    @app.topic(ROOM + "{name}", history=KEPT, presence=True, max_members=MAX_PEOPLE)
    class OurRoom(ChatRoom):
        directory = rooms

    Website(app, demo_accounts() if accounts is None else accounts, logins, Throttle()).declare()
    app.static("/", Path(__file__).parent / "page")
    app.static("/assets", PAGES)  # the client of the native wire, and the scrollback of a room
    return app


async def nobody_else(_: Handshake) -> NoReturn:
    """Asked last, when no session was found: the upgrade is refused with 401, so nothing is open to strangers."""
    raise Refused("unauthorized", "log in first")
