"""What a back end does with `cent`: its own requests, its own errors, both of its clients."""

# ruff: noqa: PT009, PT027 - run by unittest: the environment of cent is for cent alone

from __future__ import annotations

import base64
import os
import unittest
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import cent

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
PATIENCE = 10.0


class Member:
    """A client of the native wire in one room."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, client: str) -> None:
        self.socket = socket
        self.client = client

    async def event(self) -> Any:
        """The next event's payload; other frames before it are dropped."""
        while (said := await self.socket.receive_json(timeout=PATIENCE)).get("action") != "event":
            pass
        return said["payload"]


class Cent(unittest.IsolatedAsyncioTestCase):
    """One client of cent, and a channel of development mode (with presence and history) that nobody else uses."""

    async def asyncSetUp(self) -> None:
        self.api = cent.AsyncClient(f"{URL}/api", KEY)
        self.channel = f"public:{uuid.uuid4()}"

    async def asyncTearDown(self) -> None:
        await self.api.close()

    @asynccontextmanager
    async def member(self, **info: Any) -> AsyncIterator[Member]:
        address = URL.replace("http", "ws", 1) + "/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            await socket.send_json({"action": "join_room", "room": self.channel, "info": info})
            assert (await socket.receive_json(timeout=PATIENCE))["status"] == "joined"
            (present,) = (await self.api.presence(cent.PresenceRequest(channel=self.channel))).presence
            yield Member(socket, present)

    async def publish(self, data: Any, **options: Any) -> cent.PublishResult:
        return await self.api.publish(cent.PublishRequest(channel=self.channel, data=data, **options))

    async def history(self, **options: Any) -> cent.HistoryResult:
        return await self.api.history(cent.HistoryRequest(channel=self.channel, **options))

    async def test_a_publication_is_heard_and_has_a_position(self) -> None:
        """Offsets go up within one epoch."""
        async with self.member() as member:
            first = await self.publish({"input": "test"})
            second = await self.publish([1, "two", None])
            self.assertEqual([await member.event(), await member.event()], [{"input": "test"}, [1, "two", None]])
        self.assertEqual((first.offset, second.offset), (1, 2))
        self.assertTrue(first.epoch)
        self.assertEqual(first.epoch, second.epoch)

    async def test_a_publication_may_skip_history_be_binary_or_repeated(self) -> None:
        """What was published under a key before is answered with the first position."""
        async with self.member() as member:
            self.assertEqual((await self.publish("gone", skip_history=True)).offset, 0)
            first = await self.publish("once", idempotency_key="k")
            again = await self.publish("twice", idempotency_key="k")
            encoded = base64.b64encode(b"\x00\xff").decode()
            await self.publish(None, b64data=encoded)
            heard = [await member.event() for _ in range(3)]
        self.assertEqual((first.offset, again.offset), (1, 1))
        self.assertEqual(heard, ["gone", "once", {"base64": encoded}])

    async def test_a_broadcast_has_an_answer_for_each_channel(self) -> None:
        """A name that no channel may have is an error in its place."""
        channels = [self.channel, "no,such,name", f"{self.channel}-2"]
        answer = await self.api.broadcast(cent.BroadcastRequest(channels=channels, data="x"))
        first, second, third = answer.responses
        assert first.result is not None
        assert second.error is not None
        assert third.result is not None
        self.assertEqual((first.result.offset, second.error.code, third.result.offset), (1, 107, 1))

    async def test_history_is_read_from_a_position_and_removed(self) -> None:
        """Without a limit the position alone; a position of another epoch is error 112."""
        for number in range(1, 6):
            await self.publish(number)
        nothing = await self.history()
        self.assertEqual((nothing.publications, nothing.offset), ([], 5))
        since = cent.StreamPosition(offset=2, epoch=nothing.epoch)
        page = await self.history(limit=2, since=since)
        self.assertEqual([(one.offset, one.data) for one in page.publications], [(3, 3), (4, 4)])
        newest = await self.history(limit=2, reverse=True)
        self.assertEqual([one.data for one in newest.publications], [5, 4])
        with self.assertRaises(cent.CentApiResponseError) as caught:
            await self.history(limit=2, since=cent.StreamPosition(offset=2, epoch="another"))
        self.assertEqual(caught.exception.code, 112)
        await self.api.history_remove(cent.HistoryRemoveRequest(channel=self.channel))
        self.assertEqual((await self.history(limit=10)).publications, [])

    async def test_history_names_the_client_that_published(self) -> None:
        """And what it said of itself."""
        async with self.member(name="Ada") as member:
            await member.socket.send_json({"action": "publish", "room": self.channel, "payload": "hi"})
            self.assertEqual(await member.event(), "hi")
            (kept,) = (await self.history(limit=10)).publications
            assert kept.info is not None
            self.assertEqual((kept.info.client, kept.info.user), (member.client, ""))

    async def test_presence_says_who_is_there(self) -> None:
        """By connection, and in numbers."""
        async with self.member(name="Ada") as member:
            found = await self.api.presence(cent.PresenceRequest(channel=self.channel))
            person = found.presence[member.client]
            self.assertEqual((person.client, person.user, person.chan_info), (member.client, "", {"name": "Ada"}))
            stats = await self.api.presence_stats(cent.PresenceStatsRequest(channel=self.channel))
            self.assertEqual((stats.num_clients, stats.num_users), (1, 1))

    async def test_channels_and_nodes_are_listed(self) -> None:
        """Channels with somebody in them, by a pattern."""
        async with self.member():
            found = await self.api.channels(cent.ChannelsRequest(pattern=f"{self.channel}*"))
            self.assertEqual({name: one.num_clients for name, one in found.channels.items()}, {self.channel: 1})
            (node,) = (await self.api.info(cent.InfoRequest())).nodes
            self.assertGreaterEqual(node.num_clients, 1)
            self.assertGreaterEqual(node.num_channels, 1)
            self.assertTrue(node.uid and node.name and node.version)

    async def test_a_client_is_subscribed_and_unsubscribed(self) -> None:
        """It hears the other channel between the two."""
        other = f"{self.channel}-2"
        async with self.member() as member:
            there = {"user": "", "client": member.client, "channel": other}
            await self.api.subscribe(cent.SubscribeRequest(**there, info={"by": "cent"}))
            await self.api.publish(cent.PublishRequest(channel=other, data="during"))
            self.assertEqual(await member.event(), "during")
            found = await self.api.presence(cent.PresenceRequest(channel=other))
            self.assertEqual(found.presence[member.client].chan_info, {"by": "cent"})
            await self.api.unsubscribe(cent.UnsubscribeRequest(**there))
            await self.api.publish(cent.PublishRequest(channel=other, data="after"))
            await self.publish("end")
            self.assertEqual(await member.event(), "end")

    async def test_a_client_is_disconnected_with_a_code(self) -> None:
        """Its own code and reason reach the client."""
        async with self.member() as member:
            farewell = cent.Disconnect(code=4500, reason="test")
            await self.api.disconnect(cent.DisconnectRequest(user="", client=member.client, disconnect=farewell))
            message = await member.socket.receive(timeout=PATIENCE)
            self.assertEqual((message.type, message.data, message.extra), (aiohttp.WSMsgType.CLOSE, 4500, "test"))

    async def test_a_user_that_is_not_here_is_no_error(self) -> None:
        """It may be on another node."""
        await self.api.disconnect(cent.DisconnectRequest(user="nobody"))
        await self.api.refresh(cent.RefreshRequest(user="nobody", expired=True))
        await self.api.subscribe(cent.SubscribeRequest(user="nobody", channel=self.channel))
        await self.api.unsubscribe(cent.UnsubscribeRequest(user="nobody", channel=self.channel))

    async def test_a_batch_has_a_reply_for_each_request(self) -> None:
        """One after the other, and all at once."""
        for parallel in (False, True):
            requests = [
                cent.PublishRequest(channel=self.channel, data=1),
                cent.PresenceStatsRequest(channel=self.channel),
                cent.BroadcastRequest(channels=[self.channel], data=2),
                cent.InfoRequest(),
            ]
            answer = await self.api.batch(cent.BatchRequest(requests=requests, parallel=parallel))
            published, stats, broadcast, info = answer.replies
            assert isinstance(published, cent.PublishResult)
            assert isinstance(stats, cent.PresenceStatsResult)
            assert isinstance(broadcast, cent.BroadcastResult)
            assert isinstance(info, cent.InfoResult)
            self.assertGreater(published.offset, 0)

    async def test_what_is_refused_is_an_error_with_a_code(self) -> None:
        """As cent raises it: of the API, of authorization, of the transport."""
        with self.assertRaises(cent.CentApiResponseError) as refused:
            await self.api.publish(cent.PublishRequest(channel="", data=1))
        self.assertEqual(refused.exception.code, 107)
        self.assertIn("empty", refused.exception.message)
        async with cent.AsyncClient(f"{URL}/api", "not the key") as stranger:
            with self.assertRaises(cent.CentUnauthorizedError):
                await stranger.info(cent.InfoRequest())
        with self.assertRaises(cent.CentTransportError) as unknown:
            await self.api.connections(cent.ConnectionsRequest(user="u", expression=""))
        self.assertEqual(unknown.exception.status_code, 404)

    async def test_the_blocking_client_does_the_same(self) -> None:
        """Another HTTP library below it."""
        with cent.Client(f"{URL}/api", KEY) as api:
            self.assertEqual(api.publish(cent.PublishRequest(channel=self.channel, data=1)).offset, 1)
            found = api.history(cent.HistoryRequest(channel=self.channel, limit=10))
            self.assertEqual([one.data for one in found.publications], [1])
            with self.assertRaises(cent.CentApiResponseError) as caught:
                api.history(cent.HistoryRequest(channel="a,b"))
            self.assertEqual(caught.exception.code, 107)


if __name__ == "__main__":
    unittest.main()
