"""Authenticators: who believes a credential, who is asked first, and what waits for whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import attrs
import pytest

from actors.testkit import run
from gateway.access.authenticators import CHAIN_TIMEOUT, JWT, MAX_BLOCKING_LOADS, Bearer, CookieSession, identify
from gateway.access.identity import ANONYMOUS, Principal
from gateway.access.tokens import MAX_TOKEN
from gateway.reasons import InvalidToken, Refused
from tests.support.signed import SECRET, base64url, sealed, signed

Authenticator = Callable[[Any], Awaitable[Principal | None] | Principal | None]
NOW = 1_800_000_000.0
ADA = Principal("ada", frozenset({"admin"}))


@attrs.frozen
class Asked:
    """What a client brought; a handshake has more."""

    token: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    at: float = NOW


def with_cookie(text: str) -> Asked:
    return Asked(headers={"Cookie": text})


def found(
    authenticator: Callable[[Asked], Awaitable[Principal | None] | Principal | None], asked: Asked
) -> Principal | None:
    return run(identify([authenticator], asked))


# --- who believes it


def test_a_signed_token_says_who_it_is() -> None:
    """At the time of the handshake."""
    token = signed({"sub": "42", "exp": NOW + 1})
    principal = found(JWT(SECRET), Asked(token))
    assert principal is not None
    assert principal.id == "42"
    with pytest.raises(Refused, match="token_expired"):
        found(JWT(SECRET), Asked(token, at=NOW + 1))


def test_one_may_be_a_plain_function() -> None:
    """As every other function of an app; what it returns means the same."""
    assert found(lambda asked: ADA if asked.token == "known" else None, Asked("known")) is ADA
    assert found(lambda asked: ADA if asked.token == "known" else None, Asked()) is None


@pytest.mark.parametrize(
    "written", ['{\n "alg": "HS256"}', '{\t"alg":"HS256"}', ' \r\n{ "alg" : "HS256" }', '{"alg":"HS256"}']
)
def test_a_token_is_known_however_its_issuer_writes_json(written: str) -> None:
    """One whose header is indented was left to the next, and its client was nobody."""
    claims = base64url(b'{"sub":"42"}')
    token = sealed(f"{base64url(written.encode())}.{claims}")
    principal = found(JWT(SECRET), Asked(token))
    assert principal is not None
    assert principal.id == "42"
    with pytest.raises(InvalidToken):
        found(JWT("another"), Asked(token))


@pytest.mark.parametrize(
    "token", [None, "key-123", "a.b.c", "", "sk.live.x", "IFsx.b.c", "eyJh.b", "ewo.b.c.d.e", "%{.b.c"]
)
def test_what_is_no_jwt_is_left_to_the_next(token: str | None) -> None:
    """An API key is not a forged token."""
    assert found(JWT(SECRET), Asked(token)) is None


def test_a_forged_token_ends_it() -> None:
    """The next one is not asked."""
    asked: list[str] = []
    with pytest.raises(InvalidToken):
        run(identify([JWT(SECRET), Bearer(asked.append)], Asked(signed({"sub": "42"}, "other"))))
    assert asked == []


KEYS: dict[str, Any] = {"p": ADA, "s": "ada", "n": 7, "anonymous": ANONYMOUS}


async def load_async(key: str) -> Any:
    await asyncio.sleep(0)
    return KEYS.get(key)


class Store:
    """A callable object, as a bound client of a database is."""

    async def __call__(self, key: str) -> Any:
        return await load_async(key)

    async def load(self, key: str) -> Any:
        return await load_async(key)


LOADS = [KEYS.get, load_async, Store(), Store().load, partial(load_async), lambda key: load_async(key)]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    ("key", "principal"),
    [
        *[("p", ADA), ("s", Principal("ada")), ("n", Principal("7"))],
        *[("anonymous", ANONYMOUS), ("unknown", None)],
    ],
)
def test_an_app_looks_up_what_it_likes(load: Any, key: str, principal: Principal | None) -> None:
    """Sync or async; it finds a principal, a user's id, or nobody."""
    assert found(Bearer(load), Asked(key)) == principal
    assert found(CookieSession("sid", load), with_cookie(f"a=1; sid={key}")) == principal


@pytest.mark.parametrize("wrong", [True, "", {"id": 1}, 1.5, [ADA]])
def test_what_is_no_user_is_an_error_of_the_app(wrong: Any) -> None:
    """It would otherwise be somebody. The letter names no credential."""
    with pytest.raises(TypeError, match="load returned") as caught:
        found(Bearer(lambda token: wrong), Asked("hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "asked", [Asked(), Asked(""), Asked("a b"), Asked("\x00"), Asked("ä"), Asked("x" * (MAX_TOKEN + 1))]
)
def test_what_cannot_be_a_token_is_not_looked_up(asked: Asked) -> None:
    """The database never sees it."""
    seen: list[str] = []
    assert found(Bearer(seen.append), asked) is None
    assert seen == []


def test_a_session_without_its_cookie_is_not_looked_up() -> None:
    """Also if the request brought a token."""
    seen: list[str] = []
    assert found(CookieSession("sid", seen.append), Asked("token", {"Cookie": "other=1"})) is None
    assert seen == []


# --- the chain


def test_the_first_who_knows_the_client_decides() -> None:
    """In order; the others are not asked. If nobody does, the answer is None."""
    asked: list[str] = []

    def named(name: str, answer: Principal | None) -> Any:
        async def authenticator(handshake: Asked) -> Principal | None:
            asked.append(name)
            return answer

        return authenticator

    chain = [named("first", None), named("second", ADA), named("third", Principal("eve"))]
    assert run(identify(chain, Asked())) == ADA
    assert asked == ["first", "second"]
    assert run(identify([named("only", None)], Asked("token"))) is None
    assert run(identify([], Asked("token"))) is None


def test_what_an_authenticator_raises_is_the_caller_s() -> None:
    """Its refusal, and its failure, a TimeoutError of its database included."""
    for error in (Refused("banned"), KeyError("x"), TimeoutError("database")):

        async def fails(handshake: Asked, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            found(fails, Asked())
        assert caught.value is error


@pytest.mark.parametrize("wrong", ["ada", True, 0])
def test_an_authenticator_that_returns_something_else_is_an_error(wrong: object) -> None:
    """A true value is not yet somebody."""

    async def slips(handshake: Asked) -> Any:
        return wrong

    with pytest.raises(TypeError, match="return a Principal, or None"):
        found(slips, Asked())


def test_a_class_that_was_not_made_knows_nobody() -> None:
    """`Bearer` instead of `Bearer(load)` must not let anybody in."""
    for slip in (JWT, Bearer):
        with pytest.raises((TypeError, AttributeError)):
            found(slip, Asked("token"))  # type: ignore[arg-type]


def test_all_of_them_together_have_three_seconds() -> None:
    """Then the client is told that it may try again; two of 2 s are too slow as well."""

    async def slow(handshake: Asked) -> None:
        await asyncio.sleep(2)

    async def asked() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await identify([slow], Asked()) is None
        with pytest.raises(Refused) as caught:
            await identify([slow, slow], Asked())
        assert (caught.value.reason, caught.value.temporary) == ("timed_out", True)
        return loop.time() - begun

    assert run(asked()) == pytest.approx(2 + CHAIN_TIMEOUT)


# --- what blocks


class Gate:
    """A `load` that hangs until it is let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.entered = threading.Semaphore(0)

    def __call__(self, key: str) -> str:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.release()
        assert self.open.wait(10)
        with self.lock:
            self.inside -= 1
        return key


def test_a_blocking_load_does_not_block_the_loop() -> None:
    """It runs on another thread."""
    threads: set[int] = set()

    def load(key: str) -> str:
        threads.add(threading.get_ident())
        return key

    assert found(CookieSession("sid", load), with_cookie("sid=a")) == Principal("a")
    assert threading.get_ident() not in threads


def test_blocking_loads_are_bounded_and_one_nobody_waits_for_keeps_its_place() -> None:
    """A store that hangs takes so many threads and no more, however many clients come and go."""
    gate = Gate()
    session = CookieSession("sid", gate)

    async def storm() -> list[Principal | None]:
        impatient = [asyncio.ensure_future(session(with_cookie(f"sid={n}"))) for n in range(MAX_BLOCKING_LOADS)]
        await asyncio.to_thread(gate.entered.acquire)
        for one in impatient:
            one.cancel()
        await asyncio.gather(*impatient, return_exceptions=True)
        patient = [asyncio.ensure_future(session(with_cookie(f"sid={n}"))) for n in range(2 * MAX_BLOCKING_LOADS)]
        await asyncio.sleep(0)
        gate.open.set()
        return await asyncio.gather(*patient)

    with asyncio.Runner() as runner:
        found = runner.run(storm())
    assert [one.id for one in found if one is not None] == [str(n) for n in range(2 * MAX_BLOCKING_LOADS)]
    assert gate.most <= MAX_BLOCKING_LOADS


def test_one_authenticator_serves_several_loops() -> None:
    """It is made when a module is imported, and tests run many loops."""
    session = CookieSession("sid", str)

    async def crowd() -> int:
        return len(await asyncio.gather(*(session(with_cookie("sid=a")) for _ in range(3 * MAX_BLOCKING_LOADS))))

    assert [run(crowd()), run(crowd())] == [3 * MAX_BLOCKING_LOADS] * 2
