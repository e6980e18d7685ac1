"""The admin listener shows the tree, the busiest actors, and metrics by class."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import connect, when

Serve = Any


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else await response.text()


async def by_class(server: Any, name: str) -> dict[str, float]:
    """One of our metrics, by class."""
    _, text = await get(server.admin_url + "/metrics")
    families = text_string_to_metric_families(text)
    samples = [one for family in families for one in family.samples if one.name == f"hubbub_{name}"]
    return {one.labels.get("class", ""): one.value for one in samples}


def at(told: dict[str, Any], *names: str) -> dict[str, Any]:
    """The actor whose path ends so, from part to part."""
    for name in names:
        (told,) = [child for child in told["children"] if child["path"].endswith(f"/{name}")]
    return told


async def test_the_tree_has_every_part_and_names_people_understand(demo_server: Any) -> None:
    """A topic is called as its clients call it, a connection as the 101 called it."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        status, tree = await get(demo_server.admin_url + "/tree")
        assert status == 200
        assert at(tree, "topics", "public:lobby", "behaviour")["class"] == "ChatRoom"
        assert at(tree, "connections", client.id)["class"] == "ConnectionActor"
        assert (tree["path"], tree["phase"], tree["budget_left"]) == ("/", "running", None)
        await client.close()
    await when(lambda: len(demo_server.app.node.directory) == 0)


@pytest.mark.allow_failures
async def test_a_room_that_crashed_says_how_often_and_why(demo_server: Any) -> None:
    """Restarts and the last error, on one line, of an actor that runs again."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        await client.say(action="publish", room="public:lobby", event="crash", payload={})
        room = demo_server.app.node.system.root
        await when(lambda: any(ref.info().restarts and ref.info().phase == "running" for ref in room.walk()))
        _, tree = await get(demo_server.admin_url + "/tree")
        behaviour = at(tree, "topics", "public:lobby", "behaviour")
        assert (behaviour["restarts"], behaviour["phase"], behaviour["budget_left"]) == (1, "running", 5)
        assert behaviour["last_error"].startswith("NotCharged: crashed on purpose")


async def test_of_many_children_some_are_shown_and_the_rest_counted(demo_server: Any) -> None:
    """A node with a hundred thousand connections still answers with a page."""
    async with connect(demo_server.ws()) as one, connect(demo_server.ws()) as two:
        for client in (one, two):
            await client.join("public:lobby")
        _, tree = await get(demo_server.admin_url + "/tree?max_children=1")
        assert [child["path"] for child in tree["children"]] == ["/engine"]
        assert tree["hidden"] == tree["children_count"] - 1
        _, tree = await get(demo_server.admin_url + "/tree?max_children=0")
        assert tree["children"] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("/tree?max_children=many", "cannot read max_children: it is 'many'; use a whole number from 0 to 10000"),
        ("/tree?max_children=10001", "cannot read max_children: it is '10001'"),
        ("/tree?max_children=-1", "cannot read max_children: it is '-1'"),
        ("/top?count=%D9%A3", "cannot read count"),
        ("/top?by=luck", "cannot sort by 'luck': no such measure; use one of mailbox, handled, failed, restarts"),
    ],
)
async def test_a_question_that_cannot_be_read_is_a_letter(demo_server: Any, query: str, said: str) -> None:
    """400, and what to write."""
    status, text = await get(demo_server.admin_url + query)
    assert status == 400
    assert text.startswith(said)


async def test_top_is_sorted_by_what_was_asked(demo_server: Any) -> None:
    """Most first, as many as asked for, with the gateway in numbers."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        for _ in range(5):
            await client.publish("public:lobby", {"text": "x"})
        _, told = await get(demo_server.admin_url + "/top?by=handled&count=3")
        handled = [one["handled"] for one in told["actors"]]
        assert len(handled) == 3
        assert handled == sorted(handled, reverse=True)
        assert handled[0] >= 5
        numbers = told["gateway"]
        assert (numbers["connections"], numbers["topics"], numbers["published"]) == (1, 1, 5)
        assert numbers["handled"] >= sum(handled)
        assert numbers["url"] == demo_server.url


async def test_what_ended_is_still_in_the_totals_of_its_class(demo_server: Any) -> None:
    """No counter goes down when somebody leaves."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        assert (await by_class(demo_server, "actors"))["ConnectionActor"] == 1
        during = await by_class(demo_server, "actor_messages_handled_total")
        await client.close()
    await when(lambda: len(demo_server.app.node.directory) == 0)
    after = await by_class(demo_server, "actor_messages_handled_total")
    assert (await by_class(demo_server, "actors"))["ConnectionActor"] == 0
    assert after["ConnectionActor"] >= during["ConnectionActor"] >= 1
    assert all(after[name] >= value for name, value in during.items())


@pytest.mark.allow_failures
async def test_restarts_are_counted_by_class(demo_server: Any) -> None:
    """Which kind of actor crashes, without naming any of them."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        await client.say(action="publish", room="public:lobby", event="crash", payload={})
        root = demo_server.app.node.system.root
        await when(lambda: any(ref.info().restarts for ref in root.walk()))
        assert (await by_class(demo_server, "actor_restarts_total"))["ChatRoom"] == 1


async def test_the_loop_s_lag_and_the_process_are_in_the_metrics(demo_server: Any) -> None:
    """What every other question starts with: is it late, how big is it."""
    _, text = await get(demo_server.admin_url + "/metrics")
    assert "\nhubbub_loop_lag_seconds " in text
    assert "\nprocess_resident_memory_bytes " in text


async def test_neither_the_tree_nor_top_is_on_the_public_port(demo_server: Any) -> None:
    """Names of topics and of connections are nobody's business there."""
    for path in ("/tree", "/top"):
        assert (await get(demo_server.url + path))[0] == 404
