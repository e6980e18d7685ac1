"""`ref.info()`: what a person wants to know of an actor, read when asked for."""

from __future__ import annotations

import asyncio

import pytest

from actors import Actor, ActorRef, ActorSystem, ChildSpec, DynamicSupervisor, NotCharged, SupervisorSpec, handles
from actors.cell.environment import MAX_CLASSES, OTHERS, Ledger
from actors.errors import MAX_SHORT, in_short


class Worker(Actor):
    @handles(str)
    async def work(self, what: str) -> None:
        await asyncio.sleep(float(what))

    @handles(int)
    def answer(self, number: int) -> int:
        return number

    @handles(Exception)
    def fail(self, error: Exception) -> None:
        raise error


class Boss(Actor):
    supervision = SupervisorSpec(intensity=2, period=10.0, on_exceeded="stop_child")


async def settled(ref: ActorRef[Worker]) -> None:
    """Waits for an answer, which is behind everything told before, also across a restart."""
    assert await ref.request(1, timeout=60.0) == 1


async def test_an_idle_actor_has_no_errors_no_watchers_and_nothing_in_hand(system: ActorSystem) -> None:
    """What never happened is not there, and was never written down."""
    ref = system.spawn(Worker)
    info = ref.info()
    assert (info.doing, info.doing_for, info.last_error, info.watchers) == (None, None, None, 0)
    assert ref._rare is None


async def test_the_age_of_the_message_in_hand_grows_with_the_clock(system: ActorSystem) -> None:
    """Seconds since its handler first had to wait; gone with the message."""
    ref = system.spawn(Worker)
    ref.tell("60")
    await asyncio.sleep(0)
    await asyncio.sleep(12.5)
    assert ref.info().doing == "str"
    assert ref.info().doing_for == pytest.approx(12.5, abs=0.1)
    await asyncio.sleep(60)
    assert ref.info().doing_for is None


async def test_a_tick_in_hand_goes_by_the_name_of_its_message(system: ActorSystem) -> None:
    """An envelope says nothing to a reader."""

    class Clockwork(Worker):
        def on_start(self) -> None:
            self.timers.once("x", "60", 1.0)

    ref = system.spawn(Clockwork)
    await asyncio.sleep(2)
    assert ref.info().doing == "str"


@pytest.mark.allow_failures("ValueError")
async def test_the_budget_left_goes_down_with_each_restart_and_comes_back(system: ActorSystem) -> None:
    """It is what the supervisor would grant now, so it recovers by itself."""
    boss = system.spawn(Boss)
    ref = system.spawn(Worker, under=boss)
    assert ref.info().budget_left == 2
    ref.tell(ValueError("one"))
    await settled(ref)
    assert (ref.info().budget_left, ref.info().restarts) == (1, 1)
    await asyncio.sleep(10)
    assert ref.info().budget_left == 2


@pytest.mark.allow_failures("ValueError")
async def test_below_a_dynamic_supervisor_each_child_has_a_budget_of_its_own(system: ActorSystem) -> None:
    """One that crashes does not use up its siblings' restarts."""
    parent = system.spawn(DynamicSupervisor)
    first, second = system.spawn(Worker, under=parent), system.spawn(Worker, under=parent)
    first.tell(ValueError("one"))
    await settled(first)
    assert (first.info().budget_left, second.info().budget_left) == (4, 5)


async def test_who_is_never_restarted_has_no_budget(system: ActorSystem) -> None:
    """The root and what is temporary: 0 would look like trouble."""
    temporary = system.spawn(Worker, spec=ChildSpec(restart="temporary"))
    assert system.root.info().budget_left is None
    assert temporary.info().budget_left is None


@pytest.mark.allow_failures("ValueError")
async def test_the_last_error_outlives_the_restart_that_mended_it(system: ActorSystem) -> None:
    """Type and text; the traceback, which keeps every frame alive, is not kept."""
    ref = system.spawn(Worker)
    ref.tell(ValueError("first\nand a second line"))
    ref.tell(ValueError("last"))
    await settled(ref)
    assert ref.info().last_error == "ValueError: last"
    assert [type(value) for name, value in (ref._rare or {}).items() if name == "_last_error"] == [str]


async def test_an_error_that_answers_an_ask_is_not_the_actor_s_last_error(system: ActorSystem) -> None:
    """A refusal is an ordinary answer, and writing each down would cost every one of them."""
    ref = system.spawn(Worker)
    with pytest.raises(ValueError, match="no"):
        await ref.request(ValueError("no"))
    assert ref.info().last_error is None


async def test_watchers_are_counted(system: ActorSystem) -> None:
    """How many are told when it ends."""

    class Watcher(Actor):
        def __init__(self, target: ActorRef[Worker]) -> None:
            super().__init__()
            self.watch(target)

    ref = system.spawn(Worker)
    for _ in range(2):
        system.spawn(Watcher, ref)
    assert ref.info().watchers == 2


# --- an error in short


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a\n  b\tc"), "ValueError: a b c"),
        (KeyError(), "KeyError"),
        (Mute(), "Mute: its text cannot be had: RuntimeError"),
    ],
)
def test_an_error_in_short_is_one_line(error: Exception, said: str) -> None:
    """Also of one whose own `__str__` is broken: telling of a failure must not be the next."""
    assert in_short(error) == said


def test_an_error_in_short_is_short() -> None:
    """It is kept per actor."""
    assert len(in_short(ValueError("x" * 10_000_000))) == MAX_SHORT


def test_an_error_that_is_not_charged_is_told_by_its_cause() -> None:
    """Who pays is no news; what broke is."""
    error = NotCharged("the member pays")
    error.__cause__ = ValueError("real")
    assert in_short(error) == "ValueError: real"
    assert in_short(NotCharged("on purpose")) == "NotCharged: on purpose"


# --- by class


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters
async def test_totals_of_a_class_do_not_go_down_when_its_actors_end(system: ActorSystem) -> None:
    """A counter that goes down reads as a restarted process to whoever computes rates."""
    ref = system.spawn(Worker)
    ref.tell("0")
    ref.tell(ValueError("one"))
    await settled(ref)
    before = system.metrics()[Worker.__qualname__]
    await ref.stop()
    after = system.metrics()[Worker.__qualname__]
    assert (before.actors, after.actors) == (1, 0)
    assert (before.handled, before.failed, before.restarts) == (2, 1, 1)
    assert (after.failed, after.restarts) == (1, 1)
    assert after.handled == 3  # the stop was a message as well


async def test_a_class_whose_actors_came_and_went_between_two_looks_is_there(system: ActorSystem) -> None:
    """Short lives count: a gateway's sessions are such."""
    for _ in range(3):
        ref = system.spawn(Worker)
        ref.tell("0")
        await ref.stop()
    metrics = system.metrics()[Worker.__qualname__]
    assert (metrics.actors, metrics.queued, metrics.handled) == (0, 0, 6)


@pytest.mark.allow_dead_letters
async def test_the_metrics_agree_with_the_counts_of_the_system(system: ActorSystem) -> None:
    """Two ways through the same ledger."""
    refs = [system.spawn(Worker) for _ in range(5)]
    for ref in refs:
        ref.tell("0")
    await refs[0].stop()
    counts, metrics = system.counts(), system.metrics().values()
    assert sum(one.handled for one in metrics) == counts.handled
    assert sum(one.queued for one in metrics) == counts.queued


def test_classes_beyond_the_bound_share_one_account() -> None:
    """A program that makes classes as it runs makes no metric grow for ever; what was counted stays where it was."""
    ledger = Ledger()
    for number in range(MAX_CLASSES + 50):
        ledger.settle(f"c{number}", 1, 1, 0, 0)
    assert len(ledger.accounts()) == MAX_CLASSES + 1
    assert ledger.accounts()[OTHERS].handled == 50
    assert (ledger.label("c0"), ledger.label(f"c{MAX_CLASSES}")) == ("c0", OTHERS)
    assert ledger.settled.handled == MAX_CLASSES + 50


async def test_top_names_those_with_most_of_it_first(system: ActorSystem) -> None:
    """By what waits, and by what was handled."""
    busy, full = system.spawn(Worker, name="busy"), system.spawn(Worker, name="full")
    for _ in range(3):
        busy.tell("0")
    await settled(busy)
    for _ in range(4):
        full.tell("1")
    assert system.top(1, "mailbox")[0].path == "/full"
    assert system.top(1, "handled")[0].path == "/busy"
    await settled(full)
