"""Proxies beyond pykka's own suite: what instances of one class differ in, and what a restart does not change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, ActorSystem, traversable
from actors.pykka.views import Proxy


class Playback:
    def __init__(self, name: str) -> None:
        self.name = name

    def play(self) -> str:
        return f"plays {self.name}"


class Player(Actor):
    """Its instances have what they are given: a function, an object to look into, or neither."""

    shown = "of the class"

    def __init__(self, given: Any = None) -> None:
        super().__init__()
        self.given = given
        self.lives = traversable(Playback("a life"))

    async def on_receive(self, message: Any) -> Any:
        raise message

    async def pre_restart(self, reason: BaseException | None) -> None:
        await asyncio.sleep(1)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]])
async def test_a_proxy_has_what_its_own_instance_has(system: ActorSystem, order: list[int]) -> None:
    """Whichever of its class was looked at first: one is called, one is looked into, one is read."""
    refs = [system.spawn(Player, given) for given in (None, lambda more: more + 1, traversable(Playback("song")))]
    proxies: Any = dict.fromkeys(range(3))
    for index in order:
        proxies[index] = refs[index].proxy()
    assert await proxies[0].given is None
    assert await proxies[1].given(1) == 2
    assert await proxies[2].given.play() == "plays song"
    assert await proxies[2].given.name == "song"


async def test_an_instance_may_hide_what_its_class_has(system: ActorSystem) -> None:
    """As with any attribute."""

    class Hiding(Player):
        def __init__(self) -> None:
            super().__init__()
            self.shown: Any = lambda: "of the instance"

    plain: Any = system.spawn(Player).proxy()
    hiding: Any = system.spawn(Hiding).proxy()
    assert await plain.shown == "of the class"
    assert await hiding.shown() == "of the instance"


@pytest.mark.allow_failures("ValueError")
async def test_what_is_looked_into_works_on_through_a_restart(system: ActorSystem) -> None:
    """Also in the middle of one, where there is no instance; pykka's own would hold the one that was, or raise."""
    ref = system.spawn(Player)
    before, in_between = ref.proxy(), ref.proxy()
    lives: Any = before.lives
    assert isinstance(lives, Proxy)
    assert await lives.name == "a life"
    ref.tell(ValueError())
    await asyncio.sleep(0.5)
    assert ref.info().phase == "restarting"
    asked = [lives.play(), in_between.lives.play(), ref.proxy().lives.play()]
    assert await asyncio.gather(*asked) == ["plays a life"] * 3
    assert ref.info().restarts == 1
    assert lives == ref.proxy().lives
    assert hash(lives) == hash(ref.proxy().lives)


async def test_what_is_added_later_is_found(system: ActorSystem) -> None:
    """By a second look, whatever it is; and what is not there at all is an AttributeError at once."""

    class Growing(Player):
        def on_receive(self, message: Any) -> Any:
            self.added = message

    ref = system.spawn(Growing)
    proxy: Any = ref.proxy()
    with pytest.raises(AttributeError, match="has no attribute 'added'"):
        _ = proxy.added
    await ref.request(traversable(Playback("late")))
    assert isinstance(proxy.added, Proxy)
    assert await proxy.added.play() == "plays late"


async def test_an_actor_that_keeps_its_own_proxy_is_told(system: ActorSystem, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, as pykka does, in pykka's words."""

    class Own(Player):
        def on_start(self) -> None:
            self.me = self.actor_ref.proxy()

    ref = system.spawn(Own)
    await asyncio.sleep(0)
    proxy: Any = ref.proxy()
    assert f"{ref} attribute 'me' is a proxy to itself" in caplog.text
    assert await proxy.lives.play() == "plays a life"
