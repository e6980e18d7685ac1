"""A supervisor and its children, who note when they start and stop; the strategies they are tried under."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

from actors import Actor, ActorRef, ActorSystem, Backoff, ChildSpec, Supervisor, SupervisorSpec

NO_WAIT = Backoff(min=0.0, jitter=0.0)

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic"]
STRATEGIES: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one", "dynamic")
TOGETHER: tuple[Strategy, ...] = ("one_for_all", "rest_for_one")


def spec(**changes: Any) -> SupervisorSpec:
    return SupervisorSpec(**{"intensity": 10, "period": 100.0, "backoff": NO_WAIT, **changes})


def supervising(supervision: SupervisorSpec) -> type[Supervisor]:
    return cast("type[Supervisor]", type("Parent", (Supervisor,), {"supervision": supervision}))


class Worker(Actor):
    """Notes its starts (+) and stops (-); fails on errors, sleeps over floats, echoes the rest."""

    def __init__(self, diary: list[str], plan: list[str] | None = None) -> None:
        """`plan`: what goes wrong in the next instances, one word each: "init", "start", or "fine"."""
        super().__init__()
        self.diary, self.name = diary, self.actor_ref._name
        self.plan = plan.pop(0) if plan else "fine"
        if self.plan == "init":
            raise ValueError("__init__")

    async def on_start(self) -> None:  # type: ignore[override]
        if self.plan == "start":
            raise ValueError("on_start")
        self.diary.append(f"+{self.name}")

    async def on_stop(self) -> None:  # type: ignore[override]
        self.diary.append(f"-{self.name}")

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        return message


class Team:
    """A supervisor with children, and the diary of their starts and stops."""

    def __init__(self, system: ActorSystem, supervision: SupervisorSpec) -> None:
        self.system = system
        self.diary: list[str] = []
        self.parent = system.spawn(supervising(supervision))
        self.refs: dict[str, ActorRef[Any]] = {}

    def add(self, name: str, restart: Any = "transient", cls: type[Actor] = Worker, **more: Any) -> ActorRef[Any]:
        shutdown = more.pop("shutdown", None)
        child = ChildSpec(restart, shutdown)
        ref: ActorRef[Any] = self.system.spawn(cls, self.diary, under=self.parent, name=name, spec=child, **more)
        self.refs[name] = ref
        return ref

    async def settle(self, seconds: float = 1.0) -> list[str]:
        """Lets everything happen; returns what was noted since the last time."""
        await asyncio.sleep(seconds)
        noted, self.diary[:] = list(self.diary), []
        return noted

    def phases(self) -> dict[str, str]:
        return {name: ref.info().phase for name, ref in self.refs.items()}

    def incarnations(self) -> list[int]:
        return [ref.info().incarnation for ref in self.refs.values()]
