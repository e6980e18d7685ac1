"""
Lets pykka's own test-suite, unmodified, run against our actors.

Its conftest takes its runtime from `pykka.ThreadingActor` and `pykka.ThreadingFuture`; loaded before it (`-p`), this
puts the production classes there, in a system created with `pykka_compatible=True` on a loop in a background thread.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pykka

from actors import Actor, ActorRef, ActorSystem, LoopFuture
from actors.life.starting import spawn
from actors.supervision import TEMPORARY


class Home:
    """Where `start()` puts actors: pykka never restarts one, so each is temporary."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.system = ActorSystem("pykka", pykka_compatible=True)
        threading.Thread(target=self._serve, name="loop", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self.system.start(), self.loop).result(10)
        pykka.ActorRegistry.unregister(self.system.root)  # the suite counts the actors it started itself

    @property
    def env(self) -> Any:
        return self.system.env

    def spawn(self, actor_class: type[Any], /, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        return spawn(self.env, self.system.root, actor_class, (args, kwargs), None, TEMPORARY)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


class CompliantActor(Actor):
    """The production class, at home in a system that promises what pykka promises."""

    home = Home()


pykka.ThreadingActor = CompliantActor  # type: ignore[misc, assignment]
pykka.ThreadingFuture = LoopFuture  # type: ignore[misc, assignment]
