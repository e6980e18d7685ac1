"""App code that decides who may join: slow, refusing or failing, and clients that do not wait for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gateway.reasons import Refused
from gateway.topics.behaviour import Room
from tests.support.late_answers import answers, late
from tests.support.peer import Peer, passes, settle, start_node
from tests.support.wire_peers import Centrifuge, Phoenix

if TYPE_CHECKING:
    from actors import ActorSystem
    from gateway.topics.member import Member


class Asked(Room):
    """Joins are allowed by the test, through `answers`."""

    answers: dict[str, Any]

    async def on_join(self, member: Member, params: object) -> object:
        answer = self.answers[member.id]
        return await answer() if callable(answer) else answer


def room_answering(**answers: Any) -> type[Asked]:
    return type("Answering", (Asked,), {"answers": answers})


async def _after(seconds: float, result: object = None) -> object:
    await passes(seconds)
    if isinstance(result, Exception):
        raise result
    return result


async def test_a_slow_on_join_is_timed_out(system: ActorSystem) -> None:
    """After 3 s the client is answered `timed_out`; an answer that comes later makes nobody a member."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 4.0), bob="hi"))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="room", ref=1)
    await passes(2.9)
    assert ada.heard() == []
    await passes(0.2)
    assert ada.heard()[0]["error"]["reason"] == "timed_out"
    await passes(2)
    assert node.live.size("room") == 0
    assert (await bob.joins("room"))["response"] == "hi"


async def test_on_join_refuses(system: ActorSystem) -> None:
    """The reason of the app code reaches the client; it may ask again."""
    answers = {"ada": partial(_after, 0.0, Refused("full", "no more chairs"))}
    node = await start_node(system, behaviour=room_answering(**answers))
    ada = Peer(node, "ada")
    for _ in range(2):
        ada.send("join_room", room="room", ref=1)
        await passes(0.1)
        (refused,) = ada.heard()
        assert (refused["error"]["reason"], refused["error"]["message"]) == ("full", "no more chairs")
    assert node.live.size("room") == 0


@pytest.mark.allow_failures("ValueError", "NotCharged")
async def test_on_join_raises(system: ActorSystem) -> None:
    """The client learns `internal`; the next one is let in by the next life of the behaviour."""
    answers = {"ada": partial(_after, 0.0, ValueError("a bug")), "bob": None}
    node = await start_node(system, behaviour=room_answering(**answers))
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="room")
    await passes(0.1)
    assert ada.heard()[0]["error"]["reason"] == "internal"
    await bob.joins("room")


async def test_leaving_while_on_join_decides_ends_outside(system: ActorSystem) -> None:
    """The leave is obeyed although the join was not answered; the late yes changes nothing."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    ada.send("leave_room", room="room", ref=2)
    await passes(2)
    assert {one["ref"]: one["status"] for one in ada.heard()} == {1: "error", 2: "left"}
    assert node.live.size("room") == 0
    ada.send("join_room", room="room", ref=3)
    await passes(2)
    assert ada.heard()[0]["status"] == "joined"


async def test_going_while_on_join_decides_leaves_no_ghost(system: ActorSystem) -> None:
    """A connection that ended while its join was decided never becomes a member."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room")
    await settle()
    ada.socket.end()
    await passes(2)
    assert node.live.size("room") == 0
    assert len(ada.closes) == 1


async def test_rejoining_while_on_join_decides_ends_in_one_membership(system: ActorSystem) -> None:
    """Both joins are decided and answered; one membership is left, and it ends with the connection."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 1.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    ada.send("join_room", room="room", ref=2)
    await passes(5)
    told = {one["ref"]: one["status"] for one in ada.heard() if "ref" in one}
    assert told[2] == "joined"
    assert node.live.size("room") == 1
    ada.socket.end()
    await settle()
    assert node.live.size("room") == 0


async def test_a_refused_rejoin_leaves_both_sides_of_one_mind(system: ActorSystem) -> None:
    """Who is refused when it joins again is out, at the topic as at the connection: no member nobody can end."""
    calls: list[int] = []

    async def once() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise Refused("once", "only once")

    node = await start_node(system, behaviour=room_answering(ada=once))
    ada = Peer(node, "ada")
    await ada.joins("room")
    (refused,) = await ada.says("join_room", room="room")
    assert refused["error"]["reason"] == "once"
    assert node.live.size("room") == 0
    ada.socket.end()
    await settle()
    assert ada.closed.topics == ()


async def test_a_join_that_waits_when_the_topic_ends_is_answered(system: ActorSystem) -> None:
    """Nobody waits for a topic that is gone."""
    node = await start_node(system, behaviour=room_answering(ada=partial(_after, 2.0)))
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    await settle()
    (topic,) = [ref for ref in system.root.walk() if ref.path.startswith("/topics/") and "behaviour" not in ref.path]
    topic.stop_now()
    await passes(8)
    assert len([one for one in ada.heard() if one.get("ref") == 1]) == 1
    assert node.live.size("room") == 0


# --- what on_join has noted, on_leave takes back


def diary_of(**answers: Any) -> tuple[type[Room], list[tuple[str, ...]]]:
    """A room that answers as `room_answering`, and what it was told: who was let in, who has left, that all have."""
    noted: list[tuple[str, ...]] = []

    class Diary(Asked):
        async def on_join(self, member: Member, params: object) -> object:
            answer = await super().on_join(member, params)
            noted.append((member.id, "in"))
            return answer

        def on_leave(self, member: Member, reason: str) -> None:
            noted.append((member.id, reason))

        def on_empty(self) -> None:
            noted.append(("empty",))

    Diary.answers = answers
    return Diary, noted


async def test_who_is_let_in_when_it_has_gone_has_left(system: ActorSystem) -> None:
    """Once and behind the yes, however it went, so that no room keeps somebody whom nobody will take away."""
    behaviour, noted = diary_of(**dict.fromkeys(("gone", "left"), partial(_after, 1.0)))
    node = await start_node(system, behaviour=behaviour)
    gone, left = Peer(node, "gone"), Peer(node, "left")
    for one in (gone, left):
        one.send("join_room", room="room")
    await settle()
    left.send("leave_room", room="room")
    gone.socket.end()
    await passes(4)
    assert noted == [
        ("gone", "in"), ("left", "in"), ("gone", "transport"), ("empty",), ("left", "left"), ("empty",),
    ]  # fmt: skip
    left.socket.end()
    await settle()
    assert len(noted) == 6


async def test_who_is_let_in_too_late_has_left(system: ActorSystem) -> None:
    """It was answered `timed_out`; that its connection goes later is not its leaving once more."""
    behaviour, noted = diary_of(ada=partial(_after, 4.0), bob=None)
    node = await start_node(system, behaviour=behaviour)
    ada, bob = Peer(node, "ada"), Peer(node, "bob")
    ada.send("join_room", room="room")
    await passes(3.5)
    ada.socket.end()
    bob.send("join_room", room="room")
    await passes(2)
    assert noted == [("ada", "in"), ("bob", "in"), ("ada", "timed_out")]
    assert node.live.size("room") == 1


@pytest.mark.allow_failures("ValueError", "NotCharged")
@pytest.mark.parametrize("answer", [Refused("full"), ValueError("a bug")])
async def test_who_was_not_let_in_has_not_left(system: ActorSystem, answer: Exception) -> None:
    """Whether it waited for the no or not."""
    behaviour, noted = diary_of(ada=partial(_after, 1.0, answer), bob=partial(_after, 1.0, answer))
    node = await start_node(system, behaviour=behaviour)
    for name in ("ada", "bob"):
        Peer(node, name).send("join_room", room="room")
    await settle()
    assert node.directory.close("ada")
    await passes(5)
    assert noted == []


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_goes_between_app_code_and_the_engine_has_left(system: ActorSystem, leaves: bool) -> None:
    """Let in by app code and never a member; or replaced by its own next join, of which it is one."""
    behaviour, noted = diary_of(ada=None)
    node = await start_node(system, behaviour=behaviour, engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="room")
    await settle()
    ada.send("leave_room" if leaves else "join_room", room="room")
    await settle()
    answers(node, "room")
    await settle()
    if leaves:
        assert noted == [("ada", "in"), ("ada", "left"), ("empty",)]
    else:
        assert noted == [("ada", "in"), ("ada", "in"), ("ada", "rejoined")]
    assert node.live.size("room") == (0 if leaves else 1)


async def test_a_join_that_is_refused_ends_one_that_is_at_the_engine(system: ActorSystem) -> None:
    """A client joins twice, and is refused the second time before the first is through: it is no member by either."""
    chances = iter([None, Refused("full")])

    async def once() -> object:
        found = next(chances)
        if isinstance(found, Refused):
            raise found
        return found

    node = await start_node(system, behaviour=room_answering(ada=once), engine=late)
    ada = Peer(node, "ada")
    ada.send("join_room", room="room", ref=1)
    ada.send("join_room", room="room", ref=2)
    await settle()
    answers(node, "room")
    await settle()
    assert {one["ref"]: one["error"]["reason"] for one in ada.heard()} == {1: "not_joined", 2: "full"}
    ada.socket.end()
    await settle()
    assert node.live.size("room") == 0


async def test_who_is_let_in_and_cannot_recover_has_left(system: ActorSystem) -> None:
    """Its client asked to be refused in that case; the engine says so after app code has said yes."""
    behaviour, noted = diary_of(ada=None)
    node = await start_node(system, behaviour=behaviour)
    ada = Centrifuge(node, "ada")
    await ada.connects()
    (refused,) = await ada.asks(subscribe={"channel": "room", "recover": True, "offset": 5, "epoch": "x", "flag": 2})
    assert refused["error"]["code"] == 112
    assert noted == [("ada", "in"), ("ada", "unrecoverable_position"), ("empty",)]


class Asking(Room):
    """Lets in who says why."""

    def on_join(self, member: Member, params: Any) -> Any:
        if not isinstance(params, dict):
            raise Refused("no_reason", "say why")
        return {"because": params["why"]}


async def test_a_join_brings_data_for_the_room(system: ActorSystem) -> None:
    """`data` of the native wire is what `on_join` gets; what cannot be read is answered."""
    node = await start_node(system, behaviour=Asking)
    ada = Peer(node, "ada")
    (refused,) = await ada.says("join_room", room="room-1")
    assert refused["error"]["message"] == "say why"
    joined = await ada.joins("room-1", data={"why": "fun"})
    assert joined["response"] == {"because": "fun"}
    ada.socket.feed('{"action":"join_room","room":"room-2","data":1e999}')
    await settle()
    (wrong,) = ada.heard()
    assert wrong["error"]["reason"] == "bad_request"


async def test_any_number_of_joins_may_wait(system: ActorSystem) -> None:
    """Each had a timer of its own, and the room failed at its 10,001st: 160 clients that changed their minds did it."""
    names = [f"p{number}" for number in range(160)]
    node = await start_node(system, behaviour=room_answering(**{name: partial(_after, 1.0) for name in names}))
    peers = [Phoenix(node, name) for name in names]
    await settle()
    for peer in peers:
        peer.socket.feed(*(f'["{number}","{number}","room","phx_join",{{}}]' for number in range(64)))
    await passes(2.9)
    assert node.live.size("room") <= 3
    await passes(0.2)
    for peer in peers:
        answers = [frame[4] for frame in peer.heard() if frame[3] == "phx_reply"]
        assert len(answers) == 64
        reasons = {answer["response"]["reason"] for answer in answers if answer["status"] == "error"}
        assert reasons == {"timed_out"}
