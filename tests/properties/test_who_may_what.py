"""Every wire lets do what the pages say, and nothing else: by file, code, app.permits, tokens, back ends and kicks."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.clock import VirtualClock
from actors.testkit import run
from gateway import Gateway, History, Room
from gateway.access.identity import Principal
from gateway.ids import Ids
from gateway.limits.limits import Limits
from gateway.messages.connection_messages import Adopt, ForgetPermissions
from gateway.reasons import REASONS, Refused
from gateway.settings.topic import Sections, TopicSettings
from tests.support.askers import Asker, OnCentrifuge, OnNative, OnPhoenix
from tests.support.back_end import Asking, code
from tests.support.issuer import token, with_auth
from tests.support.laws import examples
from tests.support.peer import settle
from tests.support.who_may import ACTIONS, Client, Word, World

KEPT: dict[str, Any] = {"history": History(size=100, ttl=3600.0), "presence": True}
TOPICS, USERS = ("a:1", "a:2", "b"), ("", "ada")
WIRES: dict[str, type[Asker]] = {"native": OnNative, "centrifuge": OnCentrifuge, "phoenix": OnPhoenix}

WHO = st.sampled_from(["anyone", "authenticated", "nobody"])
RULES = st.fixed_dictionaries({}, optional={"join": WHO, "publish": WHO})
WORDS: list[Word] = ["yes", "yes", "yes", "no", "refused", "raises", "other", "never"]
WORLDS = st.builds(
    World,
    file=st.dictionaries(st.sampled_from(["*", "a:*", "a:1"]), RULES, max_size=2),
    code=st.dictionaries(st.sampled_from(["a:*", "a:2", "b"]), RULES, max_size=2),
    permits=st.sets(st.sampled_from(["a:*", "a:2", "b"]), max_size=2).map(tuple),
    development=st.booleans(),
    says=st.fixed_dictionaries(
        {(user, action, topic): st.sampled_from(WORDS) for user in USERS for action in ACTIONS for topic in TOPICS}
    ),
)
ACTS = ["join", "join", "join", "since", "token", "leave", "publish", "publish", "history", "presence"]
SERVERS = ["subscribe", "unsubscribe", "room.leave", "kick", "close", "forget", "become", "resolve", "restart"]
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ACTS + SERVERS), st.sampled_from(TOPICS)), min_size=8, max_size=30
)
Step = tuple[int, str, str]


def make_app(world: World) -> Gateway:
    async def permit(principal: Principal, action: str, topic: str) -> object:
        word = world.say(principal.id, action, topic)
        if word == "refused":
            return Refused("readonly", "ask an editor", code=450)
        if word == "raises":
            raise OSError("the database is gone")
        if word == "never":
            await asyncio.sleep(3600.0)
        return {"yes": True, "no": False}.get(word, 1)

    app = Gateway()
    for pattern, rules in world.code.items():
        options: dict[str, Any] = {**KEPT, **rules}
        app.topic(pattern, **options)(type("Any", (Room,), {}))
    for pattern in world.permits:
        app.permits(pattern)(permit)
    return app


def settings_of(world: World) -> Any:
    """A file that keeps something of every topic, and says of who may what the world does."""
    sections: dict[str, Any] = {pattern: {**KEPT, **rules} for pattern, rules in world.file.items()}
    made = {pattern: TopicSettings(**section) for pattern, section in sections.items()}
    chosen = with_auth(Sections(made, sections))  # type: ignore[arg-type]
    gateway = attrs.evolve(chosen.gateway, limits=Limits(burst=1_000, messages_per_second=1_000))
    return attrs.evolve(chosen, gateway=gateway, development=world.development)


class Play:
    """A gateway, three clients on three wires, and what each of them should be able to."""

    def __init__(self, world: World, app: Gateway, node: Any) -> None:
        self.world, self.app, self.node = world, app, node
        self.ask = Asking(node)
        self.clients: list[tuple[Asker, Client]] = []
        self.published = dict.fromkeys(TOPICS, 0)
        for number, (wire, asker) in enumerate(WIRES.items()):
            user = USERS[number % 2]
            self.clients.append((asker(node, wire, user), Client(world, wire, user)))

    async def step(self, number: int, act: str, topic: str) -> None:
        asker, client = self.clients[number]
        lived, outcome = set(self.node.live.names()), ""
        if act in SERVERS:
            await self._server(asker, client, act, topic)
        else:
            outcome = await self._client(asker, client, act, topic)
        for one, model in self.clients:
            assert set(one.ref._actor.topics) == model.inside
            assert one.socket.sent_close is None
            members = {name: [member.id for member in self.node.commands.members(name)] for name in TOPICS}
            assert {name for name in TOPICS if one.client in members[name]} == model.inside
        if outcome not in ("", "ok", "not_available"):
            assert set(self.node.live.names()) <= lived

    async def _client(self, asker: Asker, client: Client, act: str, topic: str) -> str:
        """Asks, and compares; what it should have been."""
        grant, payload = "", {"number": sum(self.published.values())}
        if act == "token":
            act, grant = "join", token(self.node, client.user, channel=topic)
        for one, _ in self.clients:
            one.heard()
        outcome = await asker.asks(act, topic, payload, token=grant)
        if outcome is None:
            return ""
        wanted = client.join(topic, has_token=bool(grant)) if act in ("join", "since") else getattr(client, act)(topic)
        keeps = self.node.settings_of(topic)
        if wanted == "ok" and act == "presence" and not keeps.presence:
            wanted = "not_available"
        assert outcome == asker.word(wanted, act)
        if act == "publish":
            self.published[topic] += wanted == "ok"
            for one, model in self.clients:
                one.said = asker.said if one is asker else one.heard()
                assert one.hears(payload) == (wanted == "ok" and topic in model.inside)
        elif act in ("join", "since") and wanted == "ok":
            is_shown, missed = asker.sees()
            assert is_shown == (client.is_told(topic, "presence") and keeps.presence)
            may_read = act == "since" and client.is_told(topic, "history") and keeps.history.size
            assert missed == (self.published[topic] if may_read else 0)
        return wanted

    async def _server(self, asker: Asker, client: Client, act: str, topic: str) -> None:
        """What app code, and a back end by the HTTP API, do."""
        room = self.app.room(topic)
        if act == "subscribe":
            subscribing = self.ask("subscribe", user=client.user, client=asker.client, channel=topic)
            if client.wire == "phoenix":  # whose clients join by themselves
                assert await code(subscribing) == REASONS["not_available"].code
            else:
                await subscribing
                client.inside.add(topic)
        elif act == "unsubscribe":
            await self.ask("unsubscribe", user=client.user, client=asker.client, channel=topic)
            client.put_out(topic)
        elif act == "room.leave":
            await room.leave(asker.client)
            client.put_out(topic)
        elif act == "kick" and topic in client.inside:
            assert [one.kick() for one in await room.members() if one.id == asker.client] == [True]
            client.put_out(topic)
        elif act == "close":
            await room.close()
            for _, model in self.clients:
                if topic in model.inside:
                    model.put_out(topic)
        elif act == "forget":
            asker.ref.tell(ForgetPermissions())
            client.granted.clear()
        elif act == "become":
            client.becomes(USERS[not client.user])
            asker.ref.tell(Adopt(Principal(client.user)))
        elif act == "resolve":  # without a word to anybody: whom it has let in stays in, and what is kept is kept
            for action in ACTIONS:
                self.world.says[client.user, action, topic] = "no"
        elif act == "restart" and self.node.live.is_live(topic):
            behaviour = self.node.live.machine(topic)._code.ref
            if behaviour is not None:
                behaviour.kill()
        await settle()


async def play(world: World, steps: list[Step]) -> None:
    loop, app = asyncio.get_running_loop(), make_app(world)
    async with ActorSystem("may", clock=VirtualClock(loop)) as system:
        node = app._node = app._make_node(settings_of(world), {"system": system, "ids": Ids(random.Random(7))})
        await node.start()
        it = Play(world, app, node)
        await settle()
        for step in steps:
            await it.step(*step)


@examples(100)
@given(WORLDS, STEPS)
def test_every_wire_lets_do_what_the_pages_say_and_nothing_else(world: World, steps: list[Step]) -> None:
    """Each outcome, who is in which topic afterwards, who hears what; and a refusal brings nothing to life."""
    run(play(world, steps))
