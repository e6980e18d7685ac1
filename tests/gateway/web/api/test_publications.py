"""Methods of the HTTP API that publish: to one channel or many, as JSON or bytes, and once for each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.events import ReceiptFailed
from tests.support.back_end import Asking, code
from tests.support.peer import settle, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_what_is_published_reaches_the_members_in_order(system: ActorSystem) -> None:
    """With the position that the answer says; without a sender, under the default event or the one named."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    first = await ask("publish", channel="kept", data={"n": 1})
    second = await ask("publish", channel="kept", data=[2], event="moved")
    assert (first["offset"], second["offset"], first["epoch"]) == (1, 2, second["epoch"])
    heard = ada.heard()
    assert [(one["event"], one["payload"], one["offset"]) for one in heard] == [
        ("message", {"n": 1}, 1),
        ("moved", [2], 2),
    ]
    assert all("sender" not in one for one in heard)


async def test_what_skips_history_has_no_place_in_it(system: ActorSystem) -> None:
    """It is delivered, the answer is empty, and nobody finds it later; the same where nothing is kept."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    assert await ask("publish", channel="kept", data=1, skip_history=True) == {}
    assert await ask("publish", channel="plain", data=1) == {}
    assert ada.events() == [(None, 1)]
    assert (await ask("history", channel="kept", limit=10))["publications"] == []


async def test_the_same_idempotency_key_is_published_once(system: ActorSystem) -> None:
    """Both are answered with the place of the first; keys are of a channel."""
    ask = Asking(await start_node(system))
    ada = ask.peer("ada")
    await ada.joins("kept")
    first = await ask("publish", channel="kept", data=1, idempotency_key="k")
    assert await ask("publish", channel="kept", data=2, idempotency_key="k") == first
    assert (await ask("publish", channel="kept2", data=3, idempotency_key="k"))["offset"] == 1
    assert ada.events() == [(1, 1)]


@pytest.mark.parametrize("method", ["publish", "broadcast"])
async def test_an_event_that_no_wire_can_carry_is_refused(system: ActorSystem, method: str) -> None:
    """The same names as of clients; nothing is published."""
    ask = Asking(await start_node(system))
    assert await code(ask(method, channel="kept", channels=["kept"], data=1, event="a,b")) == 107
    assert ask.node.live.names() == ()


async def test_bytes_are_published_as_bytes(system: ActorSystem) -> None:
    """And come back from history the way they went in."""
    ask = Asking(await start_node(system))
    await ask("publish", channel="kept", b64data="AP8=")
    ((found),) = (await ask("history", channel="kept", limit=1))["publications"]
    assert found == {"data": None, "b64data": "AP8=", "offset": 1}


async def test_a_broadcast_answers_for_each_channel(system: ActorSystem) -> None:
    """In the order asked for; one that refuses does not concern the others, and is no fact of its own."""
    node = await start_node(system)
    lost: list[ReceiptFailed] = []
    node.events.subscribe(ReceiptFailed, lost.append)
    ask = Asking(node)
    ada = ask.peer("ada")
    await ada.joins("kept1")
    answer = await ask("broadcast", channels=["kept1", "", "kept2", "plain"], data="x")
    first, second, third, fourth = answer["responses"]
    assert first["result"]["offset"] == third["result"]["offset"] == 1
    assert second["error"]["code"] == 107
    assert "it is empty" in second["error"]["message"]
    assert fourth == {"result": {}}
    assert ada.events() == [(1, "x")]
    await settle()
    assert lost == []


@pytest.mark.parametrize(("count", "expected"), [(0, 107), (1001, 106)])
async def test_a_broadcast_is_to_one_channel_at_least_and_not_to_any_number(
    system: ActorSystem, count: int, expected: int
) -> None:
    """1,000 at most; nothing is published before that is known."""
    ask = Asking(await start_node(system))
    channels = [f"c{number}" for number in range(count)]
    assert await code(ask("broadcast", channels=channels, data=1)) == expected
    assert ask.node.live.names() == ()
