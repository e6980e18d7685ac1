"""Back ends publish over HTTP, against a gateway on a real socket: what is answered, and what members hear of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest

from gateway import Gateway
from gateway.events import ApiRefused
from gateway.settings.config import GatewaySettings
from tests.support.client import connect, settings, when
from tests.support.endpoints import echo
from tests.support.raw_client import PATIENCE

Serve = Any
KEY = "3f9d2c"
SECRET = "as long as RFC 7518 wants it to be"


def bearer(user: str) -> dict[str, str]:
    """What a client of that name sends with its upgrade request."""
    token = jwt.encode({"sub": user}, SECRET, "HS256")
    return {"Authorization": f"Bearer {token}"}


class BackEnd:
    """One HTTP session with a key."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"X-API-Key": key}

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        given = self._headers if headers is None else headers
        async with self._session.post(self._url + path, data=body, headers=given) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.text()

    async def __call__(self, method: str, **fields: Any) -> Any:
        """What stands behind `result`."""
        status, answer = await self.post(f"/api/{method}", json.dumps(fields).encode())
        assert status == 200, answer
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, **fields: Any) -> Any:
        status, answer = await self.post(f"/api/{method}", json.dumps(fields).encode())
        assert status == 200, answer
        return answer["error"]


@asynccontextmanager
async def back_end(server: Any, key: str = KEY) -> AsyncIterator[BackEnd]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield BackEnd(session, server.url, key)


def with_key(key: str = KEY, **variables: str) -> GatewaySettings:
    return settings(API__KEY=key, **variables)


async def test_what_a_back_end_publishes_is_heard_by_members(serve: Serve) -> None:
    """In order, with the position it was answered; the payload arrives as it was."""
    server = await serve(settings=with_key())
    async with connect(server.ws()) as member, back_end(server) as api:
        await member.join("public:news")
        first = await api("publish", channel="public:news", data={"title": "Grüße", "n": 1.50})
        second = await api("publish", channel="public:news", data=None)
        heard = [await member.event() for _ in range(2)]
        assert [one["payload"] for one in heard] == [{"title": "Grüße", "n": 1.5}, None]
        assert [{"offset": one["offset"], "epoch": one["epoch"]} for one in heard] == [first, second]
        assert all("sender" not in one for one in heard)


async def test_a_back_end_that_publishes_one_after_the_other_keeps_their_order(serve: Serve) -> None:
    """Also among several channels, and with a hundred at once in one batch."""
    server = await serve(settings=with_key())
    async with connect(server.ws()) as member, back_end(server) as api:
        await member.join("a")
        await member.join("b")
        await api("broadcast", channels=["a", "b"], data=0)
        commands = [{"publish": {"channel": "ab"[number % 2], "data": number}} for number in range(1, 101)]
        status, answer = await api.post("/api/batch", json.dumps({"commands": commands}).encode())
        assert status == 200
        assert answer == {"replies": [{"publish": {}}] * 100}
        heard = [await member.event() for _ in range(102)]
    for room, first in (("a", 2), ("b", 1)):
        assert [one["payload"] for one in heard if one["room"] == room] == [0, *range(first, 101, 2)]


@pytest.mark.parametrize("parallel", [False, True])
async def test_an_error_in_a_batch_concerns_its_own_command(serve: Serve, parallel: bool) -> None:
    """Refused, unknown, of a wrong shape: each is answered in its place."""
    server = await serve(settings=with_key())
    commands = [
        {"publish": {"channel": "public:x", "data": 1}}, {"presence": {"channel": "other"}},
        {"history": {"channel": "public:x", "limit": -1}}, {"publsh": {}}, {}, {"publish": {"channel": 7}},
        {"info": {}},
    ]  # fmt: skip
    async with back_end(server) as api:
        body = json.dumps({"commands": commands, "parallel": parallel}).encode()
        _, answer = await api.post("/api/batch", body)
        published, absent, history, unknown, empty, wrong, info = answer["replies"]
        assert published["publish"]["offset"] == 1
        assert absent["presence"] == {"presence": {}}
        assert parallel or [one["data"] for one in history["history"]["publications"]] == [1]
        assert unknown["error"] == {"code": 104, "message": "there is no method 'publsh'; did you mean 'publish'?"}
        assert empty["error"]["code"] == 104
        assert wrong["error"] == {"code": 107, "message": "`channel`: expected `str`, got `int`"}
        assert info["info"]["nodes"][0]["num_clients"] == 0


async def test_a_batch_in_a_batch_is_refused_in_words_that_help(serve: Serve) -> None:
    """There is such a method, so nobody is asked whether they meant it."""
    server = await serve(settings=with_key())
    async with back_end(server) as api:
        _, answer = await api.post("/api/batch", b'{"commands":[{"batch":{"commands":[]}}]}')
        message = "a batch holds no other batch; send its commands in this one, or one after the other"
        assert answer["replies"] == [{"error": {"code": 104, "message": message}}]


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("channel", ["", "a,b", "x" * 256])
async def test_what_is_no_name_of_a_topic_is_refused_whoever_is_here(serve: Serve, method: str, channel: str) -> None:
    """A mistake in a back end shows at once, not only once the user is connected."""
    server = await serve(settings=with_key())
    async with back_end(server) as api:
        assert (await api.error(method, user="nobody", channel=channel))["code"] == 107
        assert await api(method, user="nobody", channel="a") == {}


async def test_a_batch_is_of_a_thousand_commands_at_most(serve: Serve) -> None:
    """None is none; one more is refused before anything is done."""
    server = await serve(settings=with_key())
    async with back_end(server) as api:
        assert await api.post("/api/batch", b'{"commands":[]}') == (200, {"replies": []})
        many = [{"publish": {"channel": "c", "data": 1}}] * 1001
        assert (await api.error("batch", commands=many))["code"] == 106
        assert server.app.node.live.names() == ()


async def test_presence_history_and_channels_tell_what_is_here(serve: Serve) -> None:
    """Of a member that said something."""
    server = await serve(settings=with_key())
    async with connect(server.ws()) as member, back_end(server) as api:
        await member.join("public:a", info={"name": "Ada"})
        await member.publish("public:a", "hello")
        person = {"client": member.id, "user": "", "chan_info": {"name": "Ada"}}
        assert await api("presence", channel="public:a") == {"presence": {member.id: person}}
        assert await api("presence_stats", channel="public:a") == {"num_clients": 1, "num_users": 1}
        history = await api("history", channel="public:a", limit=10)
        (kept,) = history["publications"]
        assert (kept["data"], kept["offset"], history["offset"]) == ("hello", 1, 1)
        assert (kept["info"]["client"], kept["info"]["user"]) == (member.id, "")
        assert await api("channels", pattern="public:*") == {"channels": {"public:a": {"num_clients": 1}}}
        assert await api("history_remove", channel="public:a") == {}
        assert (await api("history", channel="public:a", limit=10))["publications"] == []
        (node,) = (await api("info"))["nodes"]
        assert (node["num_clients"], node["num_subs"], node["num_channels"]) == (1, 1, 1)


async def test_a_client_is_disconnected_with_the_code_of_the_back_end(serve: Serve) -> None:
    """And the reason; the other one of the same user is not."""
    server = await serve(settings=with_key())
    async with connect(server.ws()) as one, connect(server.ws()) as other, back_end(server) as api:
        farewell = {"code": 4321, "reason": "logged out elsewhere"}
        assert await api("disconnect", user="", client=one.id, disconnect=farewell) == {}
        assert await one.closed() == (4321, "logged out elsewhere")
        assert (await other.ask(action="ping"))["timestamp"] > 0


async def test_a_user_is_disconnected_everywhere(serve: Serve) -> None:
    """By the id in its token, with 3503; who is on the whitelist stays, and so does everybody else."""
    server = await serve(settings=with_key(AUTH__JWT_SECRET=SECRET))
    url, ada, bob = server.ws(), bearer("ada"), bearer("bob")
    async with (
        connect(url, headers=ada) as one, connect(url, headers=ada) as two, connect(url, headers=ada) as kept,
        connect(url, headers=bob) as other, back_end(server) as api,
    ):  # fmt: skip
        await api("disconnect", user="ada", whitelist=[kept.id])
        assert [await gone.closed() for gone in (one, two)] == [(3503, "disconnected by the server")] * 2
        for stays in (kept, other):
            assert (await stays.ask(action="ping"))["timestamp"] > 0


async def test_a_client_is_subscribed_and_unsubscribed_by_the_back_end(serve: Serve) -> None:
    """It is told so, hears what is published between the two, and nothing after."""
    server = await serve(settings=with_key())
    async with connect(server.ws()) as member, back_end(server) as api:
        await api("publish", channel="public:s", data="before")
        since = {"offset": 0}
        await api("subscribe", user="", client=member.id, channel="public:s", recover_since=since)
        assert (await member.event())["payload"] == "before"
        await api("publish", channel="public:s", data="during")
        assert (await member.event())["payload"] == "during"
        await api("unsubscribe", user="", client=member.id, channel="public:s")
        assert (await member.next())["action"] == "unsubscribed"
        await api("publish", channel="public:s", data="after")
        await member.join("public:t")
        await api("publish", channel="public:t", data="end")
        assert (await member.event())["payload"] == "end"


# --- who may


async def test_without_a_key_there_is_nothing_here(serve: Serve) -> None:
    """404 as for any other path, also for who guesses one."""
    server = await serve()
    async with back_end(server, "") as api:
        for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "x"}, {"Authorization": "apikey "}):
            assert await api.post("/api/publish", b"{}", headers) == (404, "there is nothing at /api/publish\n")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": KEY + "0"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": "gr\u00fc\u00dfe"},
        {"Authorization": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": "apikey"},
    ],
)
async def test_a_missing_or_wrong_key_is_401_and_said_so(serve: Serve, headers: dict[str, str]) -> None:
    """In JSON; nothing is done, nothing is told of the key, and the attempt is a fact."""
    server = await serve(settings=with_key())
    facts = server.watch(ApiRefused)
    async with back_end(server) as api:
        status, answer = await api.post("/api/publish", b'{"channel":"a","data":1}', headers)
        assert (status, answer["error"]["code"]) == (401, 101)
        assert KEY not in answer["error"]["message"]
        assert server.app.node.live.names() == ()
    assert facts == [ApiRefused("127.0.0.1", "publish", 401, "unauthorized")]


async def test_who_tries_keys_is_named_behind_a_proxy(serve: Serve) -> None:
    """As who is refused an upgrade: by the client's address, not by the proxy's, which is everybody's."""
    server = await serve(settings=with_key(TRUSTED_PROXIES='["127.0.0.0/8"]'))
    facts = server.watch(ApiRefused)
    async with back_end(server) as api:
        await api.post("/api/publish", b"{}", {"X-API-Key": "guess", "X-Forwarded-For": "10.0.0.1, 203.0.113.1"})
    assert [fact.address for fact in facts] == ["203.0.113.1"]


async def test_the_key_comes_in_either_header_and_may_be_one_of_several(serve: Serve) -> None:
    """Both of a rotation count."""
    server = await serve(settings=with_key("old-key new-key"))
    async with back_end(server) as api:
        for headers in (
            {"X-API-Key": "old-key"},
            {"Authorization": "apikey new-key"},
            {"authorization": "ApiKey old-key"},
        ):
            assert (await api.post("/api/info", b"{}", headers))[0] == 200
        assert (await api.post("/api/info", b"{}", {"X-API-Key": "old-key new-key"}))[0] == 401


async def test_no_page_of_another_origin_may_read_an_answer(serve: Serve) -> None:
    """No CORS header, whoever asks, and no answer to a preflight."""
    server = await serve(settings=with_key())
    async with aiohttp.ClientSession() as session:
        headers = {"X-API-Key": KEY, "Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
        async with session.post(f"{server.url}/api/info", data=b"{}", headers=headers) as answer:
            assert answer.status == 200
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        async with session.options(f"{server.url}/api/info", headers=headers) as answer:
            assert answer.status == 405
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


# --- what is no request


async def test_a_body_that_is_no_json_is_400_and_says_where(serve: Serve) -> None:
    """Truncated, no UTF-8, too deep."""
    server = await serve(settings=with_key())
    facts = server.watch(ApiRefused)
    bodies = {
        b'{"channel": "a", "data": nope}': "the body is no JSON: JSON is malformed: invalid character (byte 26)",
        b'{"channel": "a"': "the body is no JSON: Input data was truncated",
        b'{"channel": "a", "data": "\xff"}': "the body is no JSON: no UTF-8 (byte 26)",
        b'{"channel": "a", "data": %s1%s}' % (b"[" * 100, b"]" * 100): "nested too deeply, the limit is 100 levels",
    }
    async with back_end(server) as api:
        for body, said in bodies.items():
            status, answer = await api.post("/api/publish", body)
            assert (status, answer["error"]["code"]) == (400, 107)
            assert said in answer["error"]["message"]
    assert [(fact.status, fact.reason) for fact in facts] == [(400, "bad_request")] * len(bodies)


async def test_a_method_that_is_none_is_404_and_names_the_nearest(serve: Serve) -> None:
    """And of what was made up no more than 64 characters are kept."""
    server = await serve(settings=with_key())
    facts = server.watch(ApiRefused)
    async with back_end(server) as api:
        status, answer = await api.post("/api/broadcats", b"{}")
        assert (status, answer["error"]["code"]) == (404, 104)
        assert answer["error"]["message"] == "there is no method 'broadcats'; did you mean 'broadcast'?"
        assert (await api.post("/api/" + "x" * 500, b"{}"))[0] == 404
        status, answer = await api.post("/api", b"{}")
        assert (status, answer["error"]["message"]) == (
            404, "no method is named; write it into the path, as in /api/publish, or the command",
        )  # fmt: skip
    assert [fact.method for fact in facts] == ["broadcats", "x" * 64, ""]


@pytest.mark.parametrize("path", ["/api/", "/api/publish/", "/api/publish/now", "/api/a%2Fb", "/api//publish"])
async def test_a_path_below_ours_that_is_no_method_is_answered_as_one_that_is_none(serve: Serve, path: str) -> None:
    """404 in JSON, as of a method; 401 first, as everywhere; and without a key it is the 404 of any path."""
    server, closed = await serve(settings=with_key()), await serve()
    async with back_end(server) as api, back_end(closed) as nobody:
        status, answer = await api.post(path, b"{}")
        assert (status, answer["error"]["code"]) == (404, 104)
        assert (await api.post(path, b"{}", {}))[0] == 401
        assert (await nobody.post(path, b"{}"))[0] == 404


@pytest.mark.parametrize("path", ["/api/publish", "/api", "/api/nothing", "/api/info?api_key=x"])
async def test_a_get_is_told_to_post(serve: Serve, path: str) -> None:
    """405 in JSON, for who tries a method in a browser; 404 where there is no key, or the path only looks so."""
    server, closed = await serve(settings=with_key()), await serve()
    async with aiohttp.ClientSession() as session:
        async with session.get(server.url + path) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
            words = "GET asks for nothing here; send a POST, with the fields as JSON in its body"
            assert await answer.json() == {"error": {"code": 107, "message": words}}
        async with session.get(f"{server.url}/apis") as answer:
            assert answer.status == 404
        async with session.get(closed.url + path) as answer:
            assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_what_an_app_serves_below_the_same_path_is_its_own(serve: Serve) -> None:
    """Endpoints and pages are found before the GET is refused."""
    app = Gateway()

    app.ws("/api/ws")(echo)
    server = await serve(app, settings=with_key())
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/ws") as answer:
        assert answer.status == 426


async def test_a_body_of_a_mebibyte_is_taken_and_a_larger_one_is_413(serve: Serve) -> None:
    """Also one that does not say how large it is; the next request is served."""
    server = await serve(settings=with_key())
    frame = b'{"channel":"a","data":"%s"}'
    fits = frame % (b"x" * (1024 * 1024 - len(frame) + 2))
    assert len(fits) == 1024 * 1024

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(fits), 65_536):
            yield fits[start : start + 65_536]
        yield b" "

    async with back_end(server) as api:
        assert (await api.post("/api/publish", fits))[0] == 200
        for body in (io.BytesIO(fits + b" "), in_pieces()):
            status, answer = await api.post("/api/publish", body)
            assert (status, answer["error"]["code"]) == (413, 106)
        assert await api("publish", channel="a", data=1) == {}


async def test_info_needs_no_body(serve: Serve) -> None:
    """Nor does anything else that has nothing to say."""
    server = await serve(settings=with_key())
    async with back_end(server) as api:
        for method in ("info", "channels"):
            assert (await api.post(f"/api/{method}", b""))[0] == 200
        assert (await api.post("/api/publish", b""))[1]["error"]["message"] == "`channel` is missing"


async def test_a_gateway_that_is_about_to_stop_says_so(serve: Serve) -> None:
    """503 with when to come back, to who has a key; whoever has none learns nothing."""
    server = await serve(settings=with_key(DRAIN__SPREAD="20s"))
    async with connect(server.ws()), back_end(server) as api:
        assert await api("publish", channel="a", data=1) == {}  # a connection that is kept: no new one is accepted
        draining = asyncio.ensure_future(server.app.drain())
        await when(lambda: server.app.node.is_draining)
        status, answer = await api.post("/api/publish", b'{"channel":"a","data":1}')
        assert (status, answer["error"]["code"]) == (503, 108)
        assert "about to stop" in answer["error"]["message"]
        assert (await api.post("/api/publish", b"{}", {}))[0] == 401
        draining.cancel()
        await asyncio.wait({draining})


async def test_refusals_are_counted_by_reason(serve: Serve) -> None:
    """In the metrics; what was asked for is no label."""
    server = await serve(settings=with_key())
    async with back_end(server) as api:
        await api.post("/api/publish", b"{}", {})
        await api.error("presence", channel="a,b")
        async with aiohttp.ClientSession() as session, session.get(server.admin_url + "/metrics") as metrics:
            text = await metrics.text()
    assert 'hubbub_api_refused_total{reason="unauthorized"} 1.0' in text
    assert 'hubbub_api_refused_total{reason="bad_request"} 1.0' in text
