"""Every key of a file about actors does what it says: each test fails when the runtime ignores its key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from actors import AskTimeout, MailboxFull
from actors.clock import VirtualClock
from actors.config.config import leaves
from actors.events import DeadLetter, HandlerStuck, MailboxOverflowed
from actors.plan.settings import SHAPES, ActorSettings, ActorsSettings, MailboxSettings, SupervisorSettings
from tests.actors import test_configured_supervisors
from tests.support.configured import WORKER, checked, checks, configured, fill

pytestmark = pytest.mark.actors

ELSEWHERE = {"supervisor.*.passivate_after"}
"""Refused by the runtime, which has nothing to passivate; `test_configured_tree` of the gateway has its test."""


def test_every_key_has_a_behaviour_test() -> None:
    """A key that is added to the settings, and not to a test here or of supervisors, fails this one."""
    tables = {"actors": ActorsSettings, "actors.mailbox.*": MailboxSettings, "supervisor.*": SupervisorSettings}
    kinds = {**tables, "actor.*": ActorSettings}
    every = {leaf.path for path, kind in kinds.items() for leaf in leaves(kind, path, SHAPES)} - {"actors.mailbox"}
    assert every == checked(globals(), vars(test_configured_supervisors)) | ELSEWHERE


# --- [actors]


@checks("actors.ask_timeout")
async def test_a_request_waits_as_long_as_ask_timeout_says(tmp_path: Path) -> None:
    """Who gives a timeout of his own is not concerned."""
    async with configured(tmp_path, "[actors]\nask_timeout = '2s'\n[actor.a]\n" + WORKER) as made:
        began = asyncio.get_running_loop().time()
        with pytest.raises(AskTimeout):
            await made.ref("/a").request(3.0)
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
        assert await made.ref("/a").request(3.0, timeout=10.0) == 3.0


@checks("actors.dispatcher.throughput")
@pytest.mark.parametrize(("throughput", "order"), [(2, "aabaa"), (64, "aaaab")])
async def test_an_actor_handles_throughput_messages_and_makes_room(tmp_path: Path, throughput: int, order: str) -> None:
    """The next actor does not wait for the whole mailbox of this one."""
    text = f"[actors.dispatcher]\nthroughput = {throughput}\n[actor.a]\n{WORKER}[actor.b]\n{WORKER}"
    async with configured(tmp_path, text) as made:
        seen: list[str] = []
        for name in "aaaab":
            made.ref(f"/{name}").tell(lambda name=name: seen.append(name))
        await asyncio.sleep(1)
        assert "".join(seen) == order


@checks("actors.dispatcher.slice")
@pytest.mark.parametrize(("slice_", "turns_of_the_loop"), [("10s", 1), ("1ms", 3)])
async def test_the_loop_gets_its_turn_after_a_slice(tmp_path: Path, slice_: str, turns_of_the_loop: int) -> None:
    """Three turns of 2 ms each: one go with a long slice, three with a short one."""
    names = "abc"
    text = f"[actors.dispatcher]\nslice = '{slice_}'\n" + "".join(f"[actor.{name}]\n{WORKER}" for name in names)
    clock = VirtualClock(asyncio.get_running_loop())
    worked = 0.0
    clock.tick = lambda: worked
    async with configured(tmp_path, text, clock) as made:
        passes, seen = 0, set()

        def count() -> None:
            nonlocal passes
            passes += 1
            asyncio.get_running_loop().call_soon(count)

        def work() -> None:
            nonlocal worked
            seen.add(passes)
            worked += 0.002

        asyncio.get_running_loop().call_soon(count)
        for name in names:
            made.ref(f"/{name}").tell(work)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(seen) == turns_of_the_loop


@checks("actors.dispatcher.stuck_warn")
@pytest.mark.parametrize(("stuck_warn", "named"), [("500ms", 1), ("1m", 0)])
async def test_a_handler_is_named_after_stuck_warn(tmp_path: Path, stuck_warn: str, named: int) -> None:
    """Once, and only if it took longer."""
    text = f"[actors.dispatcher]\nstuck_warn = '{stuck_warn}'\n[actor.a]\n{WORKER}"
    async with configured(tmp_path, text) as made:
        await made.ref("/a").request(3.0)
        assert len(made.of(HandlerStuck)) == named


# --- [actors.mailbox.NAME]


def mailbox(keys: str) -> str:
    return f"[actors.mailbox.m]\n{keys}\n[actor.a]\n{WORKER}mailbox = 'm'\n"


@checks("actors.mailbox.*.capacity", "actor.*.mailbox")
async def test_a_mailbox_holds_its_capacity(tmp_path: Path) -> None:
    """One more is refused; without a mailbox of that name there is no bound."""
    async with configured(tmp_path, mailbox("capacity = 3")) as made:
        assert await fill(made, 3) == [0, 1, 2]
        with pytest.raises(MailboxFull):
            await fill(made, 4)
    async with configured(tmp_path, f"[actors.mailbox.m]\ncapacity = 3\n[actor.a]\n{WORKER}") as made:
        assert len(await fill(made, 10)) == 10


@checks("actors.mailbox.*.overflow")
@pytest.mark.parametrize(("overflow", "kept"), [("drop_newest", [0, 1]), ("drop_oldest", [2, 3])])
async def test_a_full_mailbox_does_what_overflow_says(tmp_path: Path, overflow: str, kept: list[int]) -> None:
    """And what was dropped is a dead letter."""
    async with configured(tmp_path, mailbox(f"capacity = 2\noverflow = '{overflow}'")) as made:
        assert await fill(made, 4) == kept
        assert [letter.reason for letter in made.of(DeadLetter)] == ["mailbox_full"] * 2


@checks("actors.mailbox.*.high_water")
@pytest.mark.parametrize(("high_water", "told"), [(3, ["high_water"]), (5, [])])
async def test_a_mailbox_above_its_high_water_is_told(tmp_path: Path, high_water: int, told: list[str]) -> None:
    """Once per crossing."""
    async with configured(tmp_path, mailbox(f"high_water = {high_water}")) as made:
        await fill(made, 5)
        assert [fact.policy for fact in made.of(MailboxOverflowed)] == told


# --- [actor.NAME]


@checks("actor.*.class", "actor.*.args")
async def test_an_actor_is_made_of_its_class_and_arguments(tmp_path: Path) -> None:
    """By name; a list arrives as a tuple; a restarted one gets the same."""
    text = '[actor.a]\nclass = "tests.support.configured:Fed"\nargs = { symbols = ["EUR", "USD"], depth = 3 }\n'
    async with configured(tmp_path, text) as made:
        await made.fail("/a")
        actor = made.ref("/a")._actor
        assert (type(actor).__name__, actor.symbols, actor.depth) == ("Fed", ("EUR", "USD"), 3)
        assert made.ref("/a").info().incarnation == 2
