"""HTTP beside the sockets: who logs in gets a cookie, the cookie opens the socket, and logging out closes it."""

from __future__ import annotations

import pytest

from examples.chat.accounts import Accounts
from examples.chat.app import create_app
from examples.chat.messages import Said, Say
from examples.chat.sessions import Sessions
from examples.chat.throttle import WRONG_AT_ONCE
from gateway import Gateway
from gateway.testing import NotConnected

from .conftest import QUICK, Serve, Visit


async def test_who_logs_in_speaks_under_that_name(gateway: Serve, app: Gateway, visit: Visit) -> None:
    """The name is the account's, in any case of letters; the cookie is out of reach for scripts and other sites."""
    async with gateway(app) as server, visit(server.url) as site:
        assert await site.log_in("ada") == (200, {"name": "Ada", "is_admin": False})
        assert await site.get("/me") == (200, {"name": "Ada", "is_admin": False})
        ada = await server.connect(headers=site.cookie())
        await ada.join("room:general")
        await ada.publish("room:general", Say(text="it is me"))
        assert (await ada.receive(Said)).user == "Ada"
        (cookie,) = site.cookies()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")


async def test_nothing_is_open_to_who_is_not_logged_in(gateway: Serve, app: Gateway, visit: Visit) -> None:
    """No cookie, and one that is made up, are refused before the socket is open."""
    async with gateway(app) as server, visit(server.url) as site:
        assert (await site.get("/me"))[0] == 401
        for headers in ({}, {"Cookie": "session=made-up"}):
            with pytest.raises(NotConnected, match="401"):
                await server.connect(headers=headers)


async def test_logging_out_closes_ones_sockets_and_nobody_elses(gateway: Serve, app: Gateway, visit: Visit) -> None:
    """In all tabs; another device of the same person has a session of its own. The old cookie is worth nothing."""
    async with gateway(app) as server, visit(server.url) as desk, visit(server.url) as phone:
        await desk.log_in("Ada")
        await phone.log_in("Ada")
        cookie = desk.cookie()
        tabs = [await server.connect(headers=cookie) for _ in range(2)]
        other = await server.connect(headers=phone.cookie())
        assert (await desk.post("/logout", {}))[0] == 200
        for tab in tabs:
            assert (await tab.closed()).code == 4501
        assert (await other.join("lobby"))["status"] == "joined"
        with pytest.raises(NotConnected, match="401"):
            await server.connect(headers=cookie)


async def test_a_session_ends_by_itself(gateway: Serve, accounts: Accounts, visit: Visit) -> None:
    """The socket is closed as expired, though nobody did anything, and the cookie is worth nothing any more."""
    server = gateway(create_app(accounts, Sessions(lasts=60, wall=lambda: server.clock.wall())))
    async with server, visit(server.url) as site:
        await site.log_in("Ada")
        ada = await server.connect(headers=site.cookie(), answers_pings=True)
        await server.clock.advance(120)
        assert (await ada.closed()).reason == "expired"
        assert (await site.get("/me"))[0] == 401


async def test_who_signs_up_is_logged_in(gateway: Serve, visit: Visit) -> None:
    """A name is taken once, in any case of letters; what is no name or no password says so."""
    async with gateway(create_app(Accounts(QUICK))) as server, visit(server.url) as site:
        assert (await site.post("/signup", {"name": "Grace", "password": "admiral"}))[0] == 200
        assert (await site.get("/me"))[1]["name"] == "Grace"
        for name, password in (("grace", "another"), ("9", "a password"), ("Eve", "short")):
            status, answer = await site.post("/signup", {"name": name, "password": password})
            assert (status, list(answer)) == (409, ["error"])


async def test_guessing_a_password_is_slowed_down(gateway: Serve, app: Gateway, visit: Visit) -> None:
    """After five wrong ones not even the right one is looked at, for that name; other people log in as ever."""
    async with gateway(app) as server, visit(server.url) as mallory, visit(server.url) as bob:
        guesses = [await mallory.log_in("Ada", f"guess-{number}") for number in range(WRONG_AT_ONCE)]
        assert {status for status, _ in guesses} == {401}
        status, answer = await mallory.log_in("ADA")
        assert (status, "too many tries; come back in" in answer["error"]) == (429, True)
        assert (await bob.log_in("Bob"))[0] == 200
