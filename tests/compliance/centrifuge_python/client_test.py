"""The Python client of Centrifuge: connecting, publishing, asking."""

from __future__ import annotations

import asyncio

import pytest
from centrifuge import CentrifugeError, ClientState, StreamPosition

from .harness import SECRET, SOON, ClientTest, Journal, seconds_from_now, token_of, topic_of

PAYLOADS = {
    "60 KB of text": "x" * 60_000,
    "many languages": "Grüße, здравствуй, こんにちは, שלום, नमस्ते, 你好",
    "emoji of several code points": "👩‍👩‍👧‍👦 🏳️‍🌈",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029",
    "quotes and slashes": "\"\\/' \\u0041 %00",
    "an object": {"a": [1, {"b": None}], "": 0, "ключ": "🦆", "push": {}, "id": 7},
    "numbers": [2**53 - 1, -(2**53), 1e-7, 0.1, 0],
    "false": False,
    "null": None,
}


class Connecting(ClientTest):
    async def test_an_anonymous_client_connects_and_gets_an_id_of_its_own(self) -> None:
        (_, one), (_, two) = await asyncio.gather(self.connected(), self.connected())
        first, second = one["connected"].entries[0].client, two["connected"].entries[0].client
        assert first
        assert first != second

    async def test_a_token_says_who_is_there_and_what_others_see_of_it(self) -> None:
        topic = topic_of()
        alice, _ = await self.connected(token=token_of(sub="alice", info={"name": "Alice"}))
        _, seen = await self.subscribed((await self.connected())[0], topic)
        await alice.publish(topic, "hello")
        [context] = await seen["publication"].until_count(1)
        assert (context.pub.info.user, context.pub.info.conn_info) == ("alice", {"name": "Alice"})

    async def test_a_token_with_a_wrong_signature_ends_the_client_for_good(self) -> None:
        client, events = self.client(token=token_of("another secret, " + SECRET, sub="mallory"))
        await client.connect()
        [context] = await events["disconnected"].until_count(1)
        assert (context.code, client.state) == (3500, ClientState.DISCONNECTED)

    async def test_with_an_expired_token_it_asks_for_a_new_one_and_comes_back_with_it(self) -> None:
        asked: list[str] = []

        async def get_token() -> str:
            asked.append("asked")
            return token_of(sub="alice")

        await self.connected(token=token_of(sub="alice", exp=seconds_from_now(-60)), get_token=get_token)
        assert asked == ["asked"]

    async def test_a_connection_lives_on_past_the_end_of_its_token_with_a_new_one(self) -> None:
        asked: asyncio.Queue[str] = asyncio.Queue()

        async def get_token() -> str:
            asked.put_nowait("asked")
            return token_of(sub="alice", exp=seconds_from_now(SOON if asked.qsize() < 2 else 3600))

        client, events = await self.connected(
            token=token_of(sub="alice", exp=seconds_from_now(SOON)), get_token=get_token
        )
        async with asyncio.timeout(30):
            while asked.qsize() < 2:
                await client.rpc("echo", 1)
        assert len(events["connected"]) == 1

    async def test_a_disconnect_that_allows_it_is_followed_by_a_return(self) -> None:
        client, events = await self.connected()
        await client.rpc("disconnect", {"code": 3000, "reason": "on purpose"})
        await events["connected"].until_count(2)
        lost = events["connecting"].entries[-1]
        assert (lost.code, lost.reason) == (3000, "on purpose")

    async def test_a_disconnect_that_is_final_is_not(self) -> None:
        for code in (3503, 4500):
            with self.subTest(code=code):
                client, events = await self.connected()
                await client.rpc("disconnect", {"code": code, "reason": "for good"})
                [context] = await events["disconnected"].until_count(1)
                assert (context.code, context.reason) == (code, "for good")
                assert len(events["connecting"]) == 1


class Publishing(ClientTest):
    async def test_what_one_publishes_all_receive_in_one_order_with_the_same_offsets(self) -> None:
        topic = topic_of()
        clients = [(await self.connected())[0] for _ in range(5)]
        journals = [(await self.subscribed(client, topic))[1] for client in clients]
        await asyncio.gather(*(clients[number % 5].publish(topic, number) for number in range(1, 101)))
        for one in journals:
            await one["publication"].until_count(100)
            assert self.published(one) == self.published(journals[0])
            assert [context.pub.offset for context in one["publication"].entries] == list(range(1, 101))
        assert sorted(self.published(journals[0])) == list(range(1, 101))

    async def test_a_payload_arrives_as_it_was_live_from_history_and_as_an_answer(self) -> None:
        client, _ = await self.connected()
        for name, payload in PAYLOADS.items():
            with self.subTest(name):
                topic = topic_of()
                _, seen = await self.subscribed(client, topic)
                await client.publish(topic, payload)
                await seen["publication"].until_count(1)
                assert self.published(seen) == [payload]
                assert (await client.history(topic, limit=1)).publications[0].data == payload
                assert (await client.rpc("echo", payload)).data == payload

    async def test_a_channel_for_the_authenticated_is_theirs_alone(self) -> None:
        topic = topic_of("private")
        alice, _ = await self.connected(token=token_of(sub="alice"))
        _, seen = await self.subscribed(alice, topic)
        anonymous, _ = await self.connected()
        with pytest.raises(CentrifugeError):
            await anonymous.publish(topic, "intruding")
        await alice.publish(topic, "hello")
        await seen["publication"].until_count(1)
        assert self.published(seen) == ["hello"]

    async def test_channels_of_the_token_are_subscribed_by_the_server(self) -> None:
        topic = topic_of()
        client, events = await self.connected(token=token_of(sub="alice", channels=[topic]))
        [context] = await events["subscribed"].until_count(1)
        assert context.channel == topic
        await client.publish(topic, "hello")
        [context] = await events["publication"].until_count(1)
        assert (context.channel, context.pub.data) == (topic, "hello")

    async def test_who_unsubscribes_and_subscribes_again_at_once_is_subscribed(self) -> None:
        client, _ = await self.connected()
        subscription, seen = await self.subscribed(client, topic_of())
        await subscription.unsubscribe()
        await subscription.subscribe()
        await asyncio.wait_for(subscription.ready(), 10)
        await client.publish(subscription.channel, "hello")
        await seen["publication"].until_count(1)
        assert self.published(seen) == ["hello"]


class Subscribing(ClientTest):
    async def test_a_channel_for_the_authenticated_refuses_the_others_and_keeps_their_connection(self) -> None:
        client, _ = await self.connected()
        subscription, seen = self.subscription(client, topic_of("private"))
        await subscription.subscribe()
        [context] = await seen["unsubscribed"].until_count(1)
        assert context.code == 103
        assert (await client.rpc("echo", 1)).data == 1

    async def test_a_subscription_lives_on_past_the_end_of_its_token_with_a_new_one(self) -> None:
        topic, asked = topic_of("private"), Journal()

        async def get_token(context: object) -> str:
            asked.add(context)
            return token_of(sub="alice", channel=topic, exp=seconds_from_now(SOON if len(asked) < 3 else 3600))

        client, _ = await self.connected(token=token_of(sub="alice"))
        _, seen = await self.subscribed(client, topic, get_token=get_token)
        await asked.until_count(3)
        await client.publish(topic, "still here")
        await seen["publication"].until_count(1)
        assert len(seen["subscribing"]) == 1

    async def test_an_unsubscribe_that_allows_it_is_followed_by_a_return_that_misses_nothing(self) -> None:
        topic = topic_of()
        client, _ = await self.connected()
        _, seen = await self.subscribed(client, topic)
        await client.publish(topic, 1)
        await seen["publication"].until_count(1)
        await client.rpc("unsubscribe", {"channel": topic, "code": 2500, "reason": "insufficient state"})
        await seen["subscribed"].until_count(2)
        await client.publish(topic, 2)
        await seen["publication"].until_count(2)
        assert self.published(seen) == [1, 2]
        assert [seen["subscribing"].entries[-1].code, seen["subscribed"].entries[-1].recovered] == [2500, True]

    async def test_an_unsubscribe_that_is_final_is_not(self) -> None:
        topic = topic_of()
        client, _ = await self.connected()
        _, seen = await self.subscribed(client, topic)
        await client.rpc("unsubscribe", {"channel": topic, "code": 2000, "reason": "enough"})
        [context] = await seen["unsubscribed"].until_count(1)
        assert (context.code, context.reason) == (2000, "enough")
        assert (await client.rpc("echo", 1)).data == 1

    async def test_a_thousand_subscriptions_come_and_go_on_one_connection(self) -> None:
        client, events = await self.connected()
        for number in range(10):
            topics = [topic_of() for _ in range(100)]
            made = await asyncio.gather(*(self.subscribed(client, topic) for topic in topics))
            await asyncio.gather(*(client.publish(topic, number) for topic in topics))
            for subscription, seen in made:
                await seen["publication"].until_count(1)
                assert self.published(seen) == [number]
                await subscription.unsubscribe()
                client.remove_subscription(subscription)
            left = await asyncio.gather(*(client.presence_stats(topic) for topic in topics))
            assert not any(one.num_clients for one in left)
        assert (len(events["connecting"]), len(events["error"]), client.subscriptions()) == (1, 0, {})


class Asking(ClientTest):
    async def test_presence_names_each_connection_and_the_statistics_count(self) -> None:
        topic = topic_of()
        alice = token_of(sub="alice")
        clients = [(await self.connected(token=token))[0] for token in (alice, alice, token_of(sub="bob"))]
        for client in clients:
            await self.subscribed(client, topic)
        present = await clients[0].presence(topic)
        assert sorted(one.user for one in present.clients.values()) == ["alice", "alice", "bob"]
        assert {one.client for one in present.clients.values()} == set(present.clients)
        statistics = await clients[0].presence_stats(topic)
        assert (statistics.num_clients, statistics.num_users) == (3, 2)

    async def test_joins_and_leaves_are_told_to_who_asked_for_them(self) -> None:
        topic = topic_of()
        watcher, _ = await self.connected()
        _, seen = await self.subscribed(watcher, topic, join_leave=True)
        alice, _ = await self.connected(token=token_of(sub="alice"))
        subscription, _ = await self.subscribed(alice, topic)
        await seen["join"].until(lambda all: any(one.info.user == "alice" for one in all), "alice's join")
        await subscription.unsubscribe()
        [context] = await seen["leave"].until_count(1)
        assert context.info.user == "alice"

    async def test_history_comes_in_pages_forwards_and_backwards(self) -> None:
        topic = topic_of()
        client, _ = await self.connected()
        for number in range(1, 8):
            await client.publish(topic, number)
        for reverse, expected in ((False, [1, 2, 3, 4, 5, 6, 7]), (True, [7, 6, 5, 4, 3, 2, 1])):
            with self.subTest(reverse=reverse):
                assert await self._all(client, topic, reverse) == expected

    async def _all(self, client: object, topic: str, reverse: bool) -> list[int]:
        seen: list[int] = []
        since = None
        while True:
            page = await client.history(topic, limit=3, since=since, reverse=reverse)  # type: ignore[attr-defined]
            if not page.publications:
                return seen
            seen += [one.data for one in page.publications]
            since = StreamPosition(page.publications[-1].offset, page.epoch)

    async def test_a_method_that_is_not_there_is_refused_with_104(self) -> None:
        client, _ = await self.connected()
        with pytest.raises(CentrifugeError) as caught:
            await client.rpc("no_such_method", {})
        assert caught.value.code == 104
        assert (await client.rpc("echo", 1)).data == 1
