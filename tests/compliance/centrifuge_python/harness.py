"""What the tests of the Python client share: journals of its events, clients that end with their test, tokens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import math
import os
import secrets
import time
import unittest
from collections.abc import Callable, Mapping
from typing import Any

from centrifuge import Client, ClientEventHandler, Subscription, SubscriptionEventHandler

PATIENCE = 30.0
"""Seconds until something must have happened: a loaded machine needs tenths, a broken server for ever."""
PORT = int(os.environ["GATEWAY_PORT"])
SECRET = os.environ["GATEWAY_SECRET"]

SOON = 4
"""Seconds of a token that is meant to run out: enough to come in with it on a loaded machine, and soon over."""


def topic_of(kind: str = "public") -> str:
    """A topic that no other test knows."""
    return f"{kind}:{secrets.token_hex(6)}"


def token_of(secret: str = SECRET, **claims: object) -> str:
    """A JWT signed with HS256; `exp` is in an hour unless it is given."""
    header, body = ({"alg": "HS256", "typ": "JWT"}, {"exp": seconds_from_now(3600), **claims})
    signed = b".".join(_encoded(json.dumps(one).encode()) for one in (header, body))
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _encoded(signature)).decode()


def seconds_from_now(seconds: int) -> int:
    """Whole seconds since 1970, as `exp` is written: so many from now, or a part of one more."""
    return math.ceil(time.time()) + seconds


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Journal:
    """What happened so far, in order, and a way to wait for more."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: object) -> None:
        self.entries.append(entry)
        self.recheck()

    def recheck(self) -> None:
        """Looks again at what is waited for, after something else than an entry changed."""
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, condition: Callable[[list[Any]], bool], what: str, patience: float = PATIENCE) -> list[Any]:
        """The entries as soon as they fulfil the condition."""
        try:
            async with asyncio.timeout(patience):
                while not condition(self.entries):
                    await self._news.wait()
        except TimeoutError:
            last = repr(self.entries[-1:])[:200]
            raise AssertionError(f"waited {patience:g} s in vain for {what}; there are {len(self)}: {last}") from None
        return self.entries

    async def until_count(self, count: int, patience: float = PATIENCE) -> list[Any]:
        return await self.until(lambda entries: len(entries) >= count, f"{count} entries", patience)


class _Journals:
    """One journal for each event, by its name without `on_`."""

    def __init__(self) -> None:
        self._journals: dict[str, Journal] = {}

    def __getitem__(self, name: str) -> Journal:
        return self._journals.setdefault(name, Journal())


def _writing(handler: type) -> type:
    """A handler class whose every event goes into a journal."""

    def writer(name: str) -> Callable[..., Any]:
        async def write(self: Any, context: object) -> None:
            self.journals[name].add(context)

        return write

    methods = {name: writer(name.removeprefix("on_")) for name in dir(handler) if name.startswith("on_")}
    return type(f"Writing{handler.__name__}", (handler,), methods)


_ClientWriter = _writing(ClientEventHandler)
_SubscriptionWriter = _writing(SubscriptionEventHandler)


class ClientTest(unittest.IsolatedAsyncioTestCase):
    """A test whose clients are disconnected at its end."""

    def client(self, port: int = PORT, **options: Any) -> tuple[Client, _Journals]:
        events = _ClientWriter()
        events.journals = _Journals()
        address = f"ws://127.0.0.1:{port}/connection/websocket"
        delays = {"min_reconnect_delay": 0.005, "max_reconnect_delay": 0.05, "proxy": None}
        client = Client(address, events, **{**delays, **options})
        self.addAsyncCleanup(client.disconnect)
        return client, events.journals

    async def connected(self, port: int = PORT, **options: Any) -> tuple[Client, _Journals]:
        client, journals = self.client(port, **options)
        await client.connect()
        await journals["connected"].until_count(1)
        return client, journals

    def subscription(self, client: Client, topic: str, **options: Any) -> tuple[Subscription, _Journals]:
        events = _SubscriptionWriter()
        events.journals = _Journals()
        delays = {"min_resubscribe_delay": 0.005, "max_resubscribe_delay": 0.05}
        return client.new_subscription(topic, events, **{**delays, **options}), events.journals

    async def subscribed(self, client: Client, topic: str, **options: Any) -> tuple[Subscription, _Journals]:
        subscription, journals = self.subscription(client, topic, **options)
        await subscription.subscribe()
        await journals["subscribed"].until_count(1)
        return subscription, journals

    def published(self, journals: _Journals) -> list[Any]:
        """The data of what a subscription received."""
        return [context.pub.data for context in journals["publication"].entries]


def fields(one: object, *names: str) -> Mapping[str, object]:
    """Some attributes of a context."""
    return {name: getattr(one, name) for name in names}
