"""The gateway's own tree obeys its file; and each key of the gateway is known to have a test that it would fail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from actors import Backoff, Child, SystemFailed
from actors.config.config import ConfigError, leaves
from actors.events import ActorStopped
from actors.plan.settings import SupervisorSettings
from gateway.events import RoomLeft
from gateway.messages.topic_messages import Depart
from gateway.node import Node
from gateway.reasons import Refused
from gateway.settings.config import SHAPES
from gateway.settings.parts import BUILT_IN, PARTS
from gateway.settings.sources import TABLES, load_settings, setting_leaves
from gateway.settings.topic import TopicSettings
from tests.support.configured import WORKER, Worker, running
from tests.support.peer import Peer, settle

F = TypeVar("F", bound=Callable[..., Any])
ROOT = Path(__file__).parents[3]
CHECKED: set[str] = set()

ELSEWHERE = {
    "engine.url": "gateway/settings/test_config.py::test_a_wrong_file_is_refused_with_the_place",
    "development": "gateway/settings/test_config.py::test_development_mode_that_was_asked_for_may_leave_loopback",
    "gateway.host": "integration/test_process.py::test_it_prints_where_it_listens_and_serves_the_page",
    "gateway.port": "integration/test_process.py::test_a_port_in_use_is_said_clearly",
    "gateway.uds_mode": "integration/test_unix_socket.py::test_the_file_has_the_permissions_it_should",
    "gateway.tls.certificate": "integration/test_tls.py::test_messages_reach_everybody_over_tls",
    "gateway.tls.key": "integration/test_tls.py::test_files_that_are_of_no_use_are_named_with_what_is_wrong",
    "gateway.trusted_proxies": "integration/test_proxies.py::test_facts_and_app_code_see_the_client_s_address",
    "gateway.allowed_origins": "integration/test_limits.py::test_pages_of_other_origins_may_not_connect",
    "gateway.public_url": "gateway/web/test_origin.py::test_the_public_url_goes_before_the_host_header",
    "gateway.api.key": "integration/test_http_api.py::test_a_missing_or_wrong_key_is_401_and_said_so",
    "gateway.admin.listen": "integration/test_admin.py::test_the_admin_listener_can_be_off",
    "gateway.auth.jwt_secret": "integration/test_identity.py::test_a_token_of_the_configured_secret_says_who_connects",
    "gateway.auth.jwt_secret_before": "integration/test_identity.py::test_a_secret_is_replaced_and_nobody_is_cut_off",
    "gateway.auth.anonymous": "integration/test_identity.py::test_without_a_token_only_those_connect_whom",
    "gateway.auth.authenticate_within": "gateway/connections/test_identification.py::test_who_does_not_say_in_time_who",
    "gateway.auth.query_token": "integration/test_identity.py::test_a_token_in_the_url_is_believed_if_the_file_says_so",
    "gateway.auth.refresh_grace": "gateway/connections/test_renewal.py::test_an_expired_connection_has_the_grac",
    "gateway.limits.max_message": "integration/test_limits.py::test_a_message_above_64_kib_closes_with_1009_and_one_",
    "gateway.limits.messages_per_second": "gateway/connections/test_connection.py::test_who_waits_as_told_is_served",
    "gateway.limits.burst": "gateway/connections/test_connection.py::test_too_many_messages_are_answered_with_when_to",
    "gateway.limits.max_topics_per_connection": "gateway/connections/test_connection.py::test_topics_of_a_connection_a",
    "gateway.limits.max_connections": "integration/test_limits.py::test_the_connection_over_the_limit_is_told_to_come",
    "gateway.limits.connections_per_second": "integration/test_proxies.py::test_a_storm_is_503_before_the_upgrade",
    "gateway.limits.connection_burst": "gateway/limits/test_quotas.py::test_a_node_that_is_stormed_takes_so_many_a_sec",
    "gateway.limits.address_connections_per_second": "integration/test_proxies.py::test_an_address_that_knocks_too",
    "gateway.limits.address_connection_burst": "gateway/limits/test_quotas.py::test_one_address_that_knocks_too_often",
    "gateway.limits.max_connections_per_address": "integration/test_proxies.py::test_open_connections_of_an_address",
    "gateway.limits.principal_multiple": "gateway/limits/test_quotas.py::test_tabs_of_one_principal_share_a_multiple",
    "gateway.limits.address_multiple": "integration/test_proxies.py::test_connections_of_one_address_share_a_rate",
    "gateway.limits.address_topics_per_second": "gateway/limits/test_quotas.py::test_topics_that_an_address_may_begin",
    "gateway.limits.address_topic_burst": "integration/test_proxies.py::test_new_topics_of_one_address_are_limited",
    "gateway.limits.outbox_bytes": "gateway/sockets/test_slow_readers.py::test_too_much_for_a_slow_reader_closes_it",
    "gateway.limits.outbox_age": "gateway/sockets/test_slow_readers.py::test_too_old_for_a_slow_reader_closes_it",
    "gateway.limits.outbox_entries": "gateway/sockets/test_outbox.py::test_a_publication_that_must_not_be_lost_overflo",
    "gateway.limits.in_flight_commands": "gateway/limits/test_credit.py::test_what_is_not_answered_stops_the_reading",
    "gateway.limits.in_flight_bytes": "gateway/limits/test_credit.py::test_many_bytes_stop_the_reading_as_well",
    "gateway.limits.max_topics": "gateway/topics/test_topic.py::test_too_many_topics_are_refused_and_leave_nothing_beh",
    "gateway.heartbeat.app_ping": "integration/test_endpoint_heartbeats.py::test_e8_an_endpoint_has_a_heartbeat_of_its",
    "gateway.drain.timeout": "gateway/connections/test_connection_ends.py::test_drain_lets_everybody_go_and_refuses_co",
    "gateway.drain.spread": "integration/test_drain.py::test_everybody_is_let_go_with_the_advice_to_come_back",
    "topics.*.join": "gateway/connections/test_connection.py::test_permissions_are_those_of_the_topic",
    "topics.*.publish": "gateway/connections/test_connection.py::test_permissions_are_those_of_the_topic",
    "topics.*.presence": "gateway/topics/test_topic.py::test_a_topic_without_presence_says_so",
    "topics.*.presence_grace": "gateway/topics/test_lingering.py::test_who_does_not_come_back_in_time_has_left",
    "topics.*.history.size": "gateway/topics/test_topic.py::test_history_answers_with_what_was_said_before_it",
    "topics.*.history.ttl": "gateway/engines/test_stream.py::",
    "topics.*.history.max_bytes": "gateway/engines/test_stream.py::",
    "topics.*.slow": "gateway/sockets/test_slow_readers.py::test_drop_oldest_without_positions_loses_the_oldest",
    "gateway.heartbeat.ping_interval": "gateway/settings/test_configured_gateway.py::test_silence_ends_a_connection",
    "gateway.heartbeat.ping_timeout": "gateway/settings/test_configured_gateway.py::test_silence_ends_a_connection",
    "gateway.heartbeat.max_missed_pings": "gateway/settings/test_configured_gateway.py::test_silence_ends_a_connection",
    "gateway.limits.max_errors": "gateway/settings/test_configured_gateway.py::test_so_many_frames_that_nobody",
    "gateway.limits.max_topic_name_bytes": "gateway/settings/test_configured_gateway.py::test_a_longer_name_than",
    "gateway.uds": "gateway/settings/test_configured_gateway.py::test_a_unix_socket_is_listened_on",
    "topics.*.max_members": "gateway/topics/test_joining.py::test_a_full_topic_refuses_and_lets_its_own_members_rejoin",
    "log.format": "gateway/telemetry/test_logs.py::test_console_lines_are_for_people",
}
"""The test, below `tests/`, that a key would fail."""

ACTORS = "actors/test_configured_behaviour.py::test_every_key_has_a_behaviour_test"
"""Where the keys of `[actors]`, `[actor.NAME]` and of supervisors in general are accounted for."""


def checks(*keys: str) -> Callable[[F], F]:
    """Says which keys a test would catch."""
    CHECKED.update(keys)
    return lambda function: function


def test_every_key_of_the_gateway_has_a_test() -> None:
    """A key that is added, and not to this file, fails this one; so does a part's key that is obeyed."""
    every = {path for path in setting_leaves() if path not in TABLES and not path.startswith("actors.")}
    every |= {leaf.path for leaf in leaves(TopicSettings, "topics.*", SHAPES)}
    for name, part in PARTS.items():
        every |= {f"supervisor.{name}.{key}" for key in (*part.obeys, *part.choices) if key != "overflow"}
    assert every == {key for key in CHECKED if not key.startswith("supervisor.root")} | set(ELSEWHERE)


@pytest.mark.parametrize("place", sorted({*ELSEWHERE.values(), ACTORS}))
def test_the_tests_that_are_named_exist(place: str) -> None:
    """A test that was renamed is named anew here."""
    file, _, name = place.partition("::")
    assert re.search(rf"def {name or 'test_'}", (ROOT / "tests" / file).read_text())


def ref(node: Node, path: str) -> Any:
    found = node.system.find(path)
    assert found is not None, path
    return found


def names(node: Node) -> list[str]:
    return [child._name or "" for child in node.system.root.children()]


async def say(node: Node, topic: str) -> Any:
    """Publishes, which starts the topic; returns its actor."""
    await node.commands.publish(topic, "hello", "message")
    return ref(node, f"/topics/{topic}")


async def kill(node: Node, path: str) -> None:
    ref(node, path).kill()
    await asyncio.sleep(0.01)


# --- root


@pytest.mark.actors
async def test_children_of_root_start_in_order_and_stop_in_the_reverse(tmp_path: Path) -> None:
    """Its own parts, and what a file adds between them."""
    order = ["heartbeat", "engine", "topics", "connections", "early", "app"]
    text = f"[supervisor.root]\nchildren = {[*order, 'listener']}\n[actor.early]\n{WORKER}"
    stopped: list[str] = []
    async with running(tmp_path, text) as node:
        assert names(node) == order
        node.events.subscribe(ActorStopped, lambda fact: stopped.append(fact.ref.path))
    assert stopped == [*(f"/{name}" for name in reversed(order)), "/"]


@pytest.mark.actors
@pytest.mark.parametrize(("strategy", "restarted"), [("one_for_one", 1), ("one_for_all", 2), ("rest_for_one", 1)])
async def test_the_strategy_of_root_is_obeyed(tmp_path: Path, strategy: str, restarted: int) -> None:
    """The heartbeat is killed; the engine started before it."""
    async with running(tmp_path, f"[supervisor.root]\nstrategy = '{strategy}'\n") as node:
        await kill(node, "/heartbeat")
        await asyncio.sleep(1)
        assert ref(node, "/heartbeat").info().incarnation == 2
        assert ref(node, "/engine").info().incarnation == restarted
        assert ref(node, "/app").info().incarnation == (1 if strategy == "one_for_one" else 2)


@pytest.mark.actors
@pytest.mark.parametrize(
    ("keys", "kills", "survives"),
    [
        ("", 3, True),
        ("", 4, False),
        ("intensity = 0", 1, False),
        ("intensity = 1\nperiod = '5s'", 4, True),
        ("intensity = 0\non_exceeded = 'stop_child'", 1, True),
    ],
)
async def test_the_budget_of_root_is_obeyed(tmp_path: Path, keys: str, kills: int, survives: bool) -> None:
    """3 in 60 s and then the end, unless a file says otherwise; the kills are 10 s apart."""
    ended = False
    try:
        async with running(tmp_path, f"[supervisor.root]\n{keys}\n") as node:
            for _ in range(kills):
                await kill(node, "/engine")
                await asyncio.sleep(10)
            assert node.system.root.is_alive() is survives
            assert ("engine" in names(node)) is (survives and "stop_child" not in keys)
    except SystemFailed:
        ended = True
    assert ended is not survives


@pytest.mark.actors
async def test_the_back_off_of_root_is_obeyed(tmp_path: Path) -> None:
    """The first restart comes after `initial`."""
    async with running(tmp_path, "[supervisor.root]\nbackoff = { initial = '5s' }\n") as node:
        await kill(node, "/engine")
        assert ref(node, "/engine").info().phase == "restarting"
        await asyncio.sleep(5)
        assert ref(node, "/engine").info().phase == "running"


# --- topics


@checks("supervisor.topics.strategy", "supervisor.connections.strategy", "supervisor.connections.restart")
@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("topics", "strategy", "'one_for_one'"),
        ("topics", "restart", "'permanent'"),
        ("topics", "children", "['engine']"),
        ("connections", "strategy", "'one_for_all'"),
        ("connections", "restart", "'transient'"),
        ("connections", "intensity", "7"),
        ("connections", "passivate_after", "'1m'"),
        ("app", "strategy", "'dynamic'"),
        ("app", "passivate_after", "'1m'"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(tmp_path: Path, table: str, key: str, value: str) -> None:
    """A socket cannot be restarted; a topic that was passivated must not come back by itself."""
    file = tmp_path / "hubbub.toml"
    file.write_text(f"[supervisor.{table}]\n{key} = {value}\n")
    with pytest.raises(ConfigError, match=rf"supervisor\.{table}\.{key} \(file"):
        load_settings(file, {}, {})


@checks("supervisor.topics.intensity", "supervisor.topics.period", "supervisor.topics.restart")
@pytest.mark.actors
@pytest.mark.parametrize(
    ("keys", "kills", "survives"),
    [
        ("", 5, True),
        ("", 6, False),
        ("intensity = 1", 2, False),
        ("intensity = 1\nperiod = '1s'", 2, True),
        ("restart = 'temporary'", 1, False),
    ],
)
async def test_the_budget_of_a_topic_is_obeyed(tmp_path: Path, keys: str, kills: int, survives: bool) -> None:
    """The kills are 2 s apart; one that gave up is begun anew by the next message."""
    async with running(tmp_path, f"[supervisor.topics]\n{keys}\n") as node:
        topic = await say(node, "a")
        for _ in range(kills):
            topic.kill()
            await asyncio.sleep(2)
        assert topic.is_alive() is survives
        assert (await say(node, "a") is topic) is survives


@checks("supervisor.topics.intensity_scope")
@pytest.mark.actors
@pytest.mark.parametrize(("scope", "survives"), [("child", True), ("supervisor", False)])
async def test_whose_restarts_are_counted_is_obeyed(tmp_path: Path, scope: str, survives: bool) -> None:
    """One kill of each of two topics, with an intensity of 1."""
    async with running(tmp_path, f"[supervisor.topics]\nintensity = 1\nintensity_scope = '{scope}'\n") as node:
        topics = [await say(node, name) for name in "ab"]
        for topic in topics:
            topic.kill()
            await asyncio.sleep(1)
        assert topics[1].is_alive() is survives


@checks("supervisor.topics.on_exceeded")
@pytest.mark.actors
@pytest.mark.parametrize(("on_exceeded", "survives"), [("stop_child", True), ("escalate", False)])
async def test_what_a_spent_budget_means_is_obeyed(tmp_path: Path, on_exceeded: str, survives: bool) -> None:
    """The topic alone, or all of them."""
    async with running(tmp_path, f"[supervisor.topics]\nintensity = 0\non_exceeded = '{on_exceeded}'\n") as node:
        first, other = [await say(node, name) for name in "ab"]
        first.kill()
        await asyncio.sleep(1)
        assert not first.is_alive()
        assert other.is_alive() is survives
        assert await say(node, "a") is not first


@checks("supervisor.topics.backoff")
@pytest.mark.actors
async def test_the_back_off_of_a_topic_is_obeyed(tmp_path: Path) -> None:
    """The first restart comes after `initial`."""
    async with running(tmp_path, "[supervisor.topics]\nbackoff = { initial = '5s' }\n") as node:
        topic = await say(node, "a")
        topic.kill()
        await asyncio.sleep(4.9)
        assert topic.info().phase == "restarting"
        await asyncio.sleep(0.2)
        assert topic.info().phase == "running"


@checks("supervisor.topics.passivate_after")
@pytest.mark.actors
@pytest.mark.parametrize(("keys", "seconds"), [("", 120), ("passivate_after = '7s'", 7)])
async def test_an_empty_topic_goes_after_passivate_after(tmp_path: Path, keys: str, seconds: float) -> None:
    """Not before."""
    async with running(tmp_path, f"[supervisor.topics]\n{keys}\n") as node:
        topic = await say(node, "a")
        await asyncio.sleep(seconds - 0.5)
        assert topic.is_alive()
        await asyncio.sleep(1)
        assert not topic.is_alive()


@checks("supervisor.topics.mailbox")
@pytest.mark.actors
async def test_a_topic_with_a_full_mailbox_refuses_commands_and_lets_members_go(tmp_path: Path) -> None:
    """The last word of a member is not bounded: its place would stay taken for ever."""
    text = "[actors.mailbox.small]\ncapacity = 3\n[supervisor.topics]\nmailbox = 'small'\n"
    async with running(tmp_path, text) as node:
        peer = Peer(node)
        await peer.joins("a")
        left: list[RoomLeft] = []
        node.events.subscribe(RoomLeft, left.append)
        receipts = [node.commands.publish("a", "hello", "message") for _ in range(5)]
        generation = peer.ref._actor._members.subscriptions.get("a").generation
        assert node.live.tell_if_live("a", Depart(peer.client, generation, "left"))
        await settle()
        refused = [await asyncio.wait_for(_outcome(receipt), 1) for receipt in receipts]
        assert [one is not None and one.reason for one in refused] == [False] * 3 + ["too_many_requests"] * 2
        assert [fact.topic for fact in left] == ["a"]


async def _outcome(receipt: Any) -> Refused | None:
    try:
        await receipt
    except Refused as refused:
        return refused
    return None


# --- what the machines and the app's actors are given


@checks("supervisor.topics.shutdown", "supervisor.connections.shutdown", "supervisor.connections.mailbox")
@pytest.mark.actors
async def test_children_get_the_shutdown_and_the_mailbox_of_their_supervisor(tmp_path: Path) -> None:
    """That the runtime obeys these is tested where it is configured alone."""
    text = """
        [actors.mailbox.told]
        high_water = 77
        [supervisor.topics]
        shutdown = "9s"
        [supervisor.connections]
        shutdown = "8s"
        mailbox = "told"
    """
    async with running(tmp_path, text) as node:
        topic, peer = await say(node, "a"), Peer(node)
        assert (topic._spec.shutdown, peer.ref._spec.shutdown) == (9.0, 8.0)
        assert (topic._spec.restart, peer.ref._spec.restart) == ("transient", "temporary")
        assert peer.ref.actor_class._handlers.high_water == 77
        assert topic.actor_class._handlers.high_water == 10_000


APP_KEYS = ("intensity", "period", "intensity_scope", "on_exceeded", "auto_shutdown", "backoff", "strategy")


@checks(*(f"supervisor.app.{key}" for key in (*APP_KEYS, "restart", "shutdown", "mailbox", "children")))
@pytest.mark.actors
async def test_the_app_s_own_actors_are_supervised_as_configured(tmp_path: Path) -> None:
    """By the same supervisor as in a program of actors alone, with each key of its table."""
    text = f"""
        [actors.mailbox.m]
        capacity = 3
        [supervisor.app]
        strategy = "rest_for_one"
        intensity = 9
        period = "9s"
        intensity_scope = "supervisor"
        on_exceeded = "escalate"
        auto_shutdown = "all_significant"
        restart = "permanent"
        shutdown = "2s"
        mailbox = "m"
        children = ["b", "a"]
        backoff = {{ min = "1s" }}
        [actor.a]
        {WORKER}
        [actor.b]
        {WORKER}
    """
    async with running(tmp_path, text, Child(Worker, name="declared")) as node:
        app = ref(node, "/app")
        assert [child._name for child in app.children()] == ["b", "a", "declared"]
        found = app.actor_class.supervision
        assert (found.strategy, found.intensity, found.period, found.scope) == ("rest_for_one", 9, 9.0, "supervisor")
        assert (found.on_exceeded, found.auto_shutdown, found.backoff) == (
            "escalate",
            "all_significant",
            Backoff(min=1.0),
        )
        child = ref(node, "/app/a")
        assert (child._spec.restart, child._spec.shutdown, child.actor_class.mailbox.capacity) == ("permanent", 2.0, 3)


@pytest.mark.actors
async def test_an_app_s_actor_gets_the_gateway_and_comes_back_with_its_supervisor(tmp_path: Path) -> None:
    """Also one that is declared in code, after /app itself has begun anew."""
    text = '[actor.feed]\nclass = "tests.support.configured:Feed"\n'
    gateway = object()
    async with running(tmp_path, text, Child(Worker, name="declared"), Gateway=gateway) as node:
        assert ref(node, "/app/feed")._actor.gateway is gateway
        await kill(node, "/app")
        assert [child._name for child in ref(node, "/app").children()] == ["feed", "declared"]
        assert ref(node, "/app/feed")._actor.gateway is gateway


@pytest.mark.actors
async def test_a_supervisor_of_the_app_s_own_stands_under_app(tmp_path: Path) -> None:
    """With its children; under root only if root names it."""
    text = f"[supervisor.feeds]\nchildren = ['a']\n[actor.a]\n{WORKER}"
    async with running(tmp_path, text) as node:
        assert await ref(node, "/app/feeds/a").request("up") == "up"


@pytest.mark.actors
async def test_the_actors_table_reaches_the_gateway_s_system(tmp_path: Path) -> None:
    """Its dispatcher and its patience."""
    text = "[actors]\nask_timeout = '9s'\n[actors.dispatcher]\nthroughput = 7\nslice = '3ms'\nstuck_warn = '4s'\n"
    async with running(tmp_path, text) as node:
        env = node.system.env
        found = env.dispatcher.settings
        assert (env.ask_timeout, found.throughput, found.slice, found.stuck_warn) == (9.0, 7, 0.003, 4.0)


def test_the_built_in_tree_is_what_is_documented() -> None:
    """3 in 60 s and exit; topics 5 in 30 s each; sockets never."""
    order = ("engine", "topics", "heartbeat", "connections", "app", "listener")
    assert BUILT_IN["root"] == SupervisorSettings(intensity=3, period=60.0, on_exceeded="exit", children=order)
    topics = BUILT_IN["topics"]
    assert (topics.strategy, topics.scope, topics.then, topics.shutdown) == ("dynamic", "child", "stop_child", 5.0)
    assert BUILT_IN["connections"].restart == "temporary"
