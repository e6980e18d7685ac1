"""Methods of the HTTP API about topics: who is there, what was said, and which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.identity import Principal
from tests.support.back_end import Asking, code
from tests.support.peer import Peer, start_node

if TYPE_CHECKING:
    from actors import ActorSystem


async def test_presence_is_by_connection_with_what_each_said_of_itself(system: ActorSystem) -> None:
    """`chan_info` only where there is some; users are counted once."""
    ask = Asking(await start_node(system))
    await ask.peer("a1", "ada").joins("kept", info={"name": "Ada"})
    await ask.peer("a2", "ada").joins("kept")
    assert await ask("presence", channel="kept") == {
        "presence": {
            "a1": {"client": "a1", "user": "ada", "chan_info": {"name": "Ada"}},
            "a2": {"client": "a2", "user": "ada"},
        }
    }
    assert await ask("presence_stats", channel="kept") == {"num_clients": 2, "num_users": 1}


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
async def test_a_topic_without_presence_says_so(system: ActorSystem, method: str) -> None:
    """108, as in Centrifugo; an empty answer would read as nobody."""
    ask = Asking(await start_node(system))
    assert await code(ask(method, channel="plain")) == 108


async def test_what_a_token_says_of_a_connection_is_its_conn_info(system: ActorSystem) -> None:
    """Beside what was said when it joined, in presence and for what it published."""
    node = await start_node(system)
    ask = Asking(node)
    peer = Peer(node, "a1", principal=Principal("ada", info=b'{"age":36}'))
    await peer.joins("kept", info={"x": 1})
    await peer.says("publish", room="kept", payload=1)
    person = {"client": "a1", "user": "ada", "conn_info": {"age": 36}, "chan_info": {"x": 1}}
    assert (await ask("presence", channel="kept"))["presence"] == {"a1": person}
    ((kept),) = (await ask("history", channel="kept", limit=1))["publications"]
    assert kept["info"] == person


async def test_history_is_read_in_pages_and_both_ways(system: ActorSystem) -> None:
    """Without a limit the position alone; less than 0 is all; `since` leaves itself out."""
    ask = Asking(await start_node(system))
    for number in range(1, 6):
        await ask("publish", channel="kept", data=number)

    async def read(**fields: Any) -> list[Any]:
        answer = await ask("history", channel="kept", **fields)
        assert answer["offset"] == 5
        return [one["data"] for one in answer["publications"]]

    assert await read() == []
    assert await read(limit=-1) == [1, 2, 3, 4, 5]
    assert await read(limit=2) == [1, 2]
    assert await read(limit=2, reverse=True) == [5, 4]
    assert await read(limit=2, since={"offset": 2}) == [3, 4]
    assert await read(limit=9, since={"offset": 3}, reverse=True) == [2, 1]
    assert await code(ask("history", channel="kept", limit=1, since={"offset": 1, "epoch": "other"})) == 112
    assert await code(ask("history", channel="kept", limit=1, since={"offset": -1})) == 107


async def test_history_says_who_published(system: ActorSystem) -> None:
    """A client is named; a back end is nobody."""
    ask = Asking(await start_node(system))
    await ask.peer("a1", "ada").says("publish", room="kept", payload="hi", event="said")
    await ask("publish", channel="kept", data="ho")
    first, second = (await ask("history", channel="kept", limit=-1))["publications"]
    assert first == {"data": "hi", "offset": 1, "event": "said", "info": {"client": "a1", "user": "ada"}}
    assert second == {"data": "ho", "offset": 2}


async def test_what_the_application_published_as_text_is_a_text(system: ActorSystem) -> None:
    """In history it is a JSON text."""
    ask = Asking(await start_node(system))
    await ask.node.commands.publish("kept", 'say "hi"', "message")
    assert (await ask("history", channel="kept", limit=1))["publications"] == [{"data": 'say "hi"', "offset": 1}]


async def test_removed_history_is_gone_and_its_positions_go_on(system: ActorSystem) -> None:
    """Who comes back from before learns that it missed something."""
    ask = Asking(await start_node(system))
    await ask("publish", channel="kept", data=1)
    assert await ask("history_remove", channel="kept") == {}
    assert (await ask("history", channel="kept", limit=-1))["publications"] == []
    assert (await ask("publish", channel="kept", data=2))["offset"] == 2
    reply = await ask.peer("ada").joins("kept", since={"offset": 0})
    assert reply["recovered"] is False


async def test_channels_are_those_with_somebody_in_them(system: ActorSystem) -> None:
    """Filtered by a pattern whose `*` takes in colons."""
    ask = Asking(await start_node(system))
    for name in ("a", "b"):
        peer = ask.peer(name)
        await peer.joins("room:1:x")
    await peer.joins("news")
    await ask("publish", channel="empty", data=1)
    assert await ask("channels") == {"channels": {"room:1:x": {"num_clients": 2}, "news": {"num_clients": 1}}}
    assert await ask("channels", pattern="room:*") == {"channels": {"room:1:x": {"num_clients": 2}}}
    assert await ask("channels", pattern="n?ws") == {"channels": {"news": {"num_clients": 1}}}
    assert await ask("channels", pattern="x") == {"channels": {}}
