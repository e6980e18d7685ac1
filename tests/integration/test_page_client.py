"""`hubbub.js` in a real browser, against a gateway that refuses, falls silent, and closes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import jwt
import pytest

from gateway import Gateway, History, Refused, Room, on
from gateway.demo import create_demo_app
from gateway.settings.config import GatewaySettings
from tests.support.browser import Browser, find_chromium
from tests.support.client import connect, settings
from tests.support.page_client import FIRE, HELD, page, told
from tests.support.tab import Tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium; install the package chromium"),
]

Serve = Any


class Door:
    """An application with a room that is closed for a moment, as often as the test says."""

    def __init__(self) -> None:
        self.refusals = 1
        self.asked = 0
        self.app = create_demo_app()
        door = self

        class Closed(Room):
            def on_join(self, member: Any, params: Any) -> None:
                door.asked += 1
                if door.asked <= door.refusals:
                    raise Refused("not_yet", temporary=True, retry_after=0.2)

        self.app.topic("door:*", presence=True)(Closed)

    def create(self) -> Gateway:
        return self.app


async def test_who_was_told_to_come_back_later_and_left_meanwhile_does_not_come_back(serve: Serve) -> None:
    """A wish that was taken back is none, also if its next attempt was due."""
    door = Door()
    server = await serve(door.create())
    async with page(server) as tab:
        await tab.evaluate(HELD % 200)
        await tab.evaluate("hub.join('door:a').catch(() => {})")
        await tab.wait_for("held.size === 1")
        await tab.evaluate("hub.leave('door:a').catch(() => {})")
        await tab.evaluate(FIRE)
        await tab.evaluate("hub.join('public:b')")  # requests keep their order: what was asked before has arrived
        assert door.asked == 1
        await tab.evaluate("hub.join('door:a')")
        assert door.asked == 2


async def test_who_was_told_to_come_back_later_does(serve: Serve) -> None:
    """By itself, after the time that the server named."""
    door = Door()
    server = await serve(door.create())
    async with page(server) as tab:
        await tab.evaluate("hub.join('door:a').catch(() => {})")
        await tab.wait_for(told("joined", room="door:a"))
        assert door.asked == 2


async def test_the_members_of_a_room_that_ended_do_not_come_back_in_step(serve: Serve) -> None:
    """All of them are told at once that they may return; each takes its own time for it, and is in again by itself."""
    app = create_demo_app()

    @app.topic("fragile:*")
    class Fragile(Room):
        @on("crash")
        def crash(self, member: Any, data: Any) -> None:
            raise ValueError(data)

    server = await serve(app)
    async with page(server) as tab:
        await tab.evaluate("hub.join('fragile:a')")
        await tab.evaluate(f"told.length = 0, Math.random = () => 0.5, {HELD % 2250}")
        for _ in range(8):  # its budget, by as many principals
            async with connect(server.ws()) as somebody:
                await somebody.say(action="publish", room="fragile:a", event="crash", payload=None)
                await somebody.next()
        await tab.wait_for("held.size === 1")
        assert await tab.evaluate("told") == []
        await tab.evaluate(FIRE)
        await tab.wait_for(told("joined", room="fragile:a"))


SLOW = """(() => {
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket { constructor(...given) { super(...given); window.socket = this; } };
  hub.cut();
  hub.connect();
  const heard = socket.onmessage;
  window.late = [];
  socket.onmessage = (event) => (late.length || event.data.includes('"joined"') ? late.push(event) : heard(event));
  window.arrive = () => late.forEach(heard);
})()"""
"""From now on the answer to a join, and all that comes behind it, is on its way until `arrive` is called."""


async def test_an_answer_that_comes_too_late_is_heard(serve: Serve) -> None:
    """On a slow network the promise of a join is over by then; that something was missed is told all the same."""
    app = create_demo_app()
    app.topic("short:*", history=History(size=1, ttl=60.0))(Room)
    server = await serve(app)
    async with page(server, timeout=7) as tab:
        await tab.evaluate("hub.join('short:a').then(() => hub.publish('short:a', 'message', 'first'))")
        await tab.evaluate("hub.cut()")
        for _ in range(3):
            await server.app.node.commands.publish("short:a", "missed")
        await tab.evaluate(f"told.length = 0, {HELD % 7000}, {SLOW}")
        await tab.wait_for("late.length > 0")
        await tab.evaluate(f"{FIRE}; arrive()")
        (reply,) = await tab.evaluate("told.filter(({ name }) => name === 'joined').map(({ reply }) => reply)")
        assert (reply["recovered"], reply["offset"]) == (False, 4)


async def test_a_room_that_was_left_is_not_joined_by_the_next_connection(serve: Serve) -> None:
    """Also if its position was kept, for a later join: that recovers what was said in between."""
    server = await serve()
    async with page(server) as tab:
        await tab.evaluate("hub.join('public:a').then(() => hub.leave('public:a', { keepPosition: true }))")
        await tab.evaluate("told.length = 0, hub.cut(), hub.connect()")
        await tab.wait_for("hub.state === 'connected'")
        await tab.evaluate("hub.publish('public:a', 'message', 'meanwhile')")
        assert not await tab.evaluate(told("joined", room="public:a"))
        await tab.evaluate("hub.join('public:a')")
        await tab.wait_for(told("event", payload="meanwhile"))


async def test_a_message_that_is_too_big_is_not_sent_again_and_again(serve: Serve) -> None:
    """1009 is final, as the table of ends says: who comes back with the same message is closed again."""
    server = await serve(settings=settings(LIMITS__MAX_MESSAGE="1KiB"))
    async with page(server) as tab:
        outcome = "hub.publish('public:a', 'message', 'x'.repeat(2000)).catch(({ reason }) => reason)"
        assert await tab.evaluate(outcome) == "disconnected"
        await tab.wait_for(told("state", state="closed", code=1009))


async def test_a_probe_that_is_refused_was_answered(serve: Serve) -> None:
    """Whoever says "not now" is there: a page that asks too much is not thrown out of its connection for it."""
    server = await serve(settings=settings(LIMITS__BURST="2", LIMITS__MESSAGES_PER_SECOND="0.05"))
    async with page(server) as tab:
        await tab.evaluate("hub.publish('public:a', 'message', 1).then(() => hub.publish('public:a', 'message', 2))")
        await tab.evaluate(HELD % 5000)
        await tab.evaluate("dispatchEvent(new Event('online')), window.probed = held.size")
        assert await tab.evaluate("probed") == 1
        await tab.wait_for("held.size === 0")
        assert await tab.evaluate("hub.state") == "connected"


async def test_who_may_not_ask_whether_all_has_arrived_is_told_that_it_has(serve: Serve) -> None:
    """What waits for `caught_up`, such as messages to be sent again, does not wait for ever behind a limit."""
    server = await serve(settings=settings(LIMITS__BURST="2", LIMITS__MESSAGES_PER_SECOND="0.05"))
    async with page(server) as tab:
        await tab.evaluate("Promise.all([hub.join('public:a'), hub.join('public:b')])")
        await tab.evaluate("told.length = 0, hub.cut()")
        for room in ("public:a", "public:b"):
            await server.app.node.commands.publish(room, "missed")
        spend = "for (const _ of 'xxx') hub.publish('public:c', 'message', 1).catch(() => {})"
        await tab.evaluate(f"hub.on('joined', () => {{ {spend} }}) && hub.connect()")
        for room in ("public:a", "public:b"):
            await tab.wait_for(told("caught_up", room=room))
            await tab.wait_for(told("event", room=room, payload="missed"))


SECRET = "a secret of thirty-two bytes or more"
TOKEN_HUB = """import('./assets/hubbub.js').then(({ Hubbub }) => {
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket { constructor(...given) { super(...given); window.socket = this; } };
  [window.told, window.asked, window.token] = [[], 0, %s];
  const fetchToken = async () => { asked += 1; await fetch('.'); if (token) return token; throw Error('none today'); };
  window.hub = new Hubbub({ token: fetchToken });
  for (const name of ['state', 'joined', 'refused', 'expiring'])
    hub.on(name, (detail) => told.push({ name, ...detail }));
  hub.connect();
  hub.join('private:a').catch(() => {});
})"""
"""A client whose tokens come from a server, so that they take their time; without one they cannot be fetched."""


def token_of(user: str, secret: str = SECRET, **claims: str) -> str:
    return json.dumps(jwt.encode({"sub": user, "exp": int(time.time()) + 3600, **claims}, secret, algorithm="HS256"))


def with_secret() -> GatewaySettings:
    chosen = settings()
    auth = attrs.evolve(chosen.gateway.auth, jwt_secret=SECRET)
    return attrs.evolve(chosen, gateway=attrs.evolve(chosen.gateway, auth=auth))


@asynccontextmanager
async def page_with_tokens(serve: Serve, token: str) -> AsyncIterator[Tab]:
    """A page whose client, `hub`, has tokens, at a server that knows them; it is joining a room that asks for one."""
    server = await serve(settings=with_secret())
    async with Browser() as browser:
        tab = await browser.open(server.url)
        await tab.evaluate(TOKEN_HUB % token)
        yield tab


async def test_a_token_goes_ahead_of_the_joins_of_each_connection(serve: Serve) -> None:
    """Also where it takes time to get one; who comes back has a fresh one."""
    async with page_with_tokens(serve, token_of("ada")) as tab:
        await tab.wait_for(told("joined", room="private:a"))
        await tab.evaluate("told.length = 0, hub.cut(), hub.connect()")
        await tab.wait_for(told("joined", room="private:a"))
        assert await tab.evaluate("asked") == 2
        assert not await tab.evaluate(told("refused", room="private:a"))


async def test_a_token_that_runs_out_is_renewed_on_its_connection(serve: Serve) -> None:
    """The server says when one is due: the page hears it, and the server gets a newer one from the same source."""
    async with page_with_tokens(serve, token_of("ada")) as tab:
        await tab.wait_for(told("joined", room="private:a"))
        sent = "socket.send = (text) => { window.sent = JSON.parse(text); }"
        expiring = json.dumps({"action": "expiring", "in": 25})
        await tab.evaluate(f"{sent}, token = 'newer', socket.onmessage({{ data: {json.dumps(expiring)} }})")
        await tab.wait_for("window.sent?.action === 'auth' && window.sent.token === 'newer'")
        assert await tab.evaluate(told("expiring", **{"in": 25}))
        assert await tab.evaluate("hub.state") == "connected"


async def test_a_token_that_cannot_be_had_is_asked_for_again(serve: Serve) -> None:
    """Whoever gives them is away as any server may be: nothing is joined without one, and nothing is given up."""
    async with page_with_tokens(serve, "''") as tab:
        await tab.wait_for(told("state", state="reconnecting"))
        assert not await tab.evaluate(told("state", state="connected"))
        await tab.evaluate(f"token = {token_of('ada')}")
        await tab.wait_for(told("joined", room="private:a"))


async def test_a_token_that_is_not_believed_ends_it(serve: Serve) -> None:
    """A forged one will not become a better one: the page is told, and does not ask again and again."""
    async with page_with_tokens(serve, token_of("ada", "another secret of thirty-two bytes")) as tab:
        await tab.wait_for(told("state", state="closed", code=3500))
        assert await tab.evaluate("asked") == 1
        assert not await tab.evaluate(told("refused", room="private:a"))


JOIN_WITH = """(() => {
  [window.asked, window.token] = [0, null];
  const fetchToken = async () => { asked += 1; await fetch('.'); if (token) return token; throw Error('none today'); };
  hub.join('ticket:7', { data: { page: 'help' }, token: fetchToken }).catch(() => {});
})()"""


def desk() -> Gateway:
    """A room that is nobody's without a token of its own, and says what it was told by who joined."""
    app = create_demo_app()

    @app.topic("ticket:{number}", join="nobody", history=History(size=5))
    class Ticket(Room):
        def on_join(self, member: Any, params: Any) -> Any:
            return params

    return app


async def test_a_room_is_joined_with_its_own_token_and_with_what_its_code_is_told(serve: Serve) -> None:
    """On each connection, with a fresh token; one that cannot be had is asked for again."""
    server = await serve(desk(), settings=with_secret())
    async with page(server) as tab:
        await tab.evaluate(HELD % 500)
        await tab.evaluate("Math.random = () => 0")
        await tab.evaluate(JOIN_WITH)
        await tab.wait_for("held.size === 1")
        await tab.evaluate(f"token = {token_of('', channel='ticket:7')}")
        await tab.evaluate(FIRE)
        await tab.wait_for(told("joined", room="ticket:7"))
        await tab.evaluate("told.length = 0, hub.cut(), hub.connect()")
        await tab.wait_for(told("joined", room="ticket:7", again=True))
        assert await tab.evaluate("told.find(({ name }) => name === 'joined').reply.response.page") == "help"
        assert await tab.evaluate("asked") == 3
        assert not await tab.evaluate(told("refused", room="ticket:7"))


async def test_a_room_that_was_left_while_its_token_was_on_its_way_is_not_joined(serve: Serve) -> None:
    server = await serve(desk(), settings=with_secret())
    async with page(server) as tab:
        await tab.evaluate("window.given = new Promise((done) => { window.give = done; }), 1")
        await tab.evaluate(
            "window.over = hub.join('ticket:7', { token: () => given }).catch(({ reason }) => reason), 1"
        )
        await tab.evaluate("hub.leave('ticket:7').catch(() => {})")
        assert await tab.evaluate(f"give({token_of('', channel='ticket:7')}), over") == "left"
        assert not await tab.evaluate(told("refused", room="ticket:7"))
