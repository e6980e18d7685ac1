"""What goes past the queue of a machine, or past the machine, cannot be told from what goes through it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from actors import ActorSystem
from actors.testkit import run
from actors.turns.dispatcher import InPlace
from gateway import WebSocket, WebSocketEndpoint
from gateway.application.app import StartsSession
from gateway.endpoints.passage import OPEN
from gateway.messages.connection_messages import Close, ForgetPermissions
from gateway.protocols.raw import RawWire
from tests.support.laws import examples
from tests.support.peer import Peer, passes, settings, settle, start_node

BURST = 12
"""Frames at once; one more is answered. Fewer than a listener who is deaf to that may send before it is closed."""

steps = st.lists(
    st.one_of(
        st.integers(1, 5).map(lambda count: ("feed", count)),
        st.sampled_from([("tell", 0), ("run", 0), ("wait", 1), ("wait", 3), ("close", 0)]),
    ),
    max_size=10,
)


def notes(got: list[str]) -> type[WebSocketEndpoint]:
    """Keeps what it gets; answers every third."""

    class Notes(WebSocketEndpoint):
        def on_receive(self, ws: WebSocket, data: Any) -> None:
            got.append(data)
            if int(data) % 3 == 0:
                ws.send_text(f"got {data}")

    return Notes


async def observe(
    script: list[tuple[str, int]], in_place: InPlace, seed: int
) -> tuple[list[str], list[str], tuple[int, int]]:
    """What the endpoint got, how many refusals its client heard with what else, and the credit that is left out."""
    got: list[str] = []
    async with ActorSystem(in_place=in_place, seed=seed) as system:
        node = await start_node(system, settings(burst=BURST, messages_per_second=4))
        ada = Peer(node, "ada", wire=RawWire(), session=StartsSession(notes(got), {}, OPEN))
        await settle()
        ada.open()
        await settle()
        credit = ada.ref._actor._gate.credit
        number = 0
        for what, count in script:
            if what == "feed":
                ada.socket.feed(*map(str, range(number, number + count)))
                number += count
            elif what == "tell" and ada.ref.is_alive():
                ada.ref.tell(ForgetPermissions())
            elif what == "close" and ada.ref.is_alive():
                ada.ref.tell(Close())
            elif what == "wait":
                await passes(count)
            else:
                await settle()
        await settle()
        heard = ["refused" if text.startswith("{") else text for text in ada.socket.texts()]
        return got, heard, (credit.commands, credit.bytes)


@examples(40)  # three systems each
@given(steps, st.integers(0, 3))
@example([("feed", 1), ("close", 0), ("feed", 1)], 0)
def test_frames_come_in_order_and_each_once(script: list[tuple[str, int]], seed: int) -> None:
    """Those within the rate to the endpoint, a refusal for each other; none after a close; all credit comes back."""
    closes = ("close", 0) in script
    heard_of = script[: script.index(("close", 0))] if closes else script
    fed = sum(count for what, count in heard_of if what == "feed")
    see = partial(observe, script)
    got, heard, credit = run(see("always", seed))
    assert got == sorted(got, key=int)
    assert len(set(got)) == len(got)
    assert all(int(one) < fed for one in got)
    assert closes or len(got) + heard.count("refused") == fed or ada_was_closed(heard)
    assert credit == (0, 0)
    queued, said, spent = run(see("never", seed))
    assert (queued, spent) == (got, credit)
    if closes or ada_was_closed(heard):  # what is handled sooner is answered before it
        assert set(said) <= set(heard)
    else:  # the machine refuses beside what the endpoint says
        assert sorted(said) == sorted(heard)
    assert run(see("random", seed))[0] == got


def ada_was_closed(heard: list[str]) -> bool:
    """After ten refusals in a minute nobody listens any more, and nothing is read."""
    return heard.count("refused") >= 10


async def observe_wire(script: list[tuple[str, int]], in_place: InPlace, seed: int) -> tuple[list[int], list[int]]:
    """The refs of what its client is answered, and the numbers of what it reads of itself in a room."""
    async with ActorSystem(in_place=in_place, seed=seed) as system:
        node = await start_node(system, settings(burst=1000))
        ada = Peer(node, "ada")
        await ada.joins("public:a")
        await settle()
        ada.heard()
        number = 0
        for what, count in script:
            if what == "feed":
                said = [
                    {"action": "publish", "channel": "public:a", "payload": one, "ref": one}
                    if one % 2
                    else {"action": "ping", "ref": one}
                    for one in range(number, number + count)
                ]
                ada.socket.feed(*map(json.dumps, said))
                number += count
            elif what == "tell":
                ada.ref.tell(ForgetPermissions())
            elif what != "close":
                await settle()
        await settle()
        heard = ada.heard()
        answers = [one["ref"] for one in heard if "ref" in one]
        return answers, [one["payload"] for one in heard if "payload" in one and "ref" not in one]


@examples(40)
@given(steps, st.integers(0, 3))
def test_commands_are_answered_each_once_and_what_is_published_keeps_its_order(
    script: list[tuple[str, int]], seed: int
) -> None:
    """Answers of the machine may overtake those of a topic, never each other; the room reads them as they were said."""
    fed = sum(count for what, count in script if what == "feed")
    ways: tuple[InPlace, ...] = ("always", "never", "random")
    for in_place in ways:
        answers, read = run(observe_wire(script, in_place, seed))
        assert sorted(answers) == list(range(fed))
        assert [one for one in answers if one % 2] == read == [one for one in range(fed) if one % 2]
        assert [one for one in answers if not one % 2] == [one for one in range(fed) if not one % 2]
