"""Channels and their handles over real sockets: events that have handlers, publishers, subscribers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway import Gateway, History, Member, Refused, WebSocket, WebSocketEndpoint
from tests.support.client import connect
from tests.support.typed import Said, Say, says

Serve = Callable[..., Awaitable[Any]]


async def test_e5_a_channel_handles_its_events_and_publishes_for_its_clients(serve: Serve) -> None:
    """What has a handler is not fanned out by itself; the publisher does not get what is published for it."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on("message")
    async def relay(member: Member, data: Any) -> None:
        await chat.publish("message", {"said": data}, publisher=member)

    @chat.on(Say)
    def say(member: Member, message: Say) -> Said:
        return Said(user=member.id, text=message.text)

    server = await serve(app)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        for client in (ada, bob):
            assert (await client.ask(action="subscribe", channel="chat"))["status"] == "subscribed"
        await ada.ask(action="publish", channel="chat", payload="hi")
        event = await bob.event()
        assert event["payload"] == {"said": "hi"}
        wrong = await ada.ask(action="publish", channel="chat", event="say", payload={"text": None})
        assert wrong["error"]["field"] == "text"
        chat.publish(None, Said(user="app", text="for all"))
        assert [(await client.event())["event"] for client in (ada, bob)] == ["said", "said"]


async def test_e5_a_publisher_is_shown_as_the_sender(serve: Serve) -> None:
    """Member or WebSocket; app code alone has none."""
    app = Gateway()
    chat = app.channel("chat", history=History(size=5, ttl=60.0))

    @chat.on("message")
    def relay(member: Member, data: Any) -> Any:
        return chat.publish("message", data, publisher=member)

    server = await serve(app)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        await bob.ask(action="subscribe", channel="chat")
        assert (await ada.ask(action="publish", channel="chat", payload="hi"))["offset"] == 1
        assert (await bob.event())["sender"]["client"] == ada.id
        chat.publish("message", "from nobody")
        assert "sender" not in await bob.event()


async def test_e5_handle_runs_the_handler_as_if_the_client_had_sent_it(serve: Serve) -> None:
    """Who has not subscribed too; an event without a handler, or a connection that is gone, is refused."""
    app = Gateway()
    chat = app.channel("chat")

    @chat.on("message")
    async def relay(member: Member, data: Any) -> Any:
        return chat.publish("message", data, publisher=member)

    @app.ws("/plain")
    class Plain(WebSocketEndpoint):
        encoding = "json"

        async def on_receive(self, ws: WebSocket, data: Any) -> None:
            try:
                await chat.handle(data["event"], data.get("who", ws), data["data"])
            except Refused as error:
                ws.send_json({"refused": error.reason, "why": error.message})

    server = await serve(app)
    async with connect(server.ws()) as bob, connect(server.ws("/plain")) as ada:
        await bob.ask(action="subscribe", channel="chat")
        await ada.say(event="message", data={"user": "John", "message": "Hello everyone!"})
        event = await bob.event()
        assert (event["event"], event["payload"]["user"]) == ("message", "John")
        assert [member.id for member in await chat.subscribers()] == [bob.id]
        assert (await says(ada, event="mesage", data=1))["why"] == "chat handles no 'mesage'; did you mean 'message'?"
        assert (await says(ada, event="message", who="nobody", data=1))["refused"] == "not_available"
