"""Every key of a `[supervisor.NAME]` does what it says: each test here fails when the runtime ignores its key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from actors import DynamicSupervisor, MailboxFull, SystemFailed
from actors.events import ActorRestarted, ActorStopped
from actors.supervision import ChildSpec
from tests.support.configured import WORKER, Configured, Worker, checks, configured, fill

pytestmark = pytest.mark.actors

AT_ONCE = "backoff = { min = '0s', jitter = 0.0 }\n"


def two(supervisor: str, first: str = "", second: str = "") -> str:
    """Two workers, a and b, under `/s`."""
    return f"""
        [supervisor.s]
        children = ["a", "b"]
        {supervisor}
        [actor.a]
        {WORKER}{first}
        [actor.b]
        {WORKER}{second}
    """


async def incarnations(made: Configured, *paths: str) -> list[int]:
    await asyncio.sleep(30)
    return [made.ref(path).info().incarnation for path in paths]


def alive(made: Configured) -> list[str]:
    """The paths of all that live."""
    return [ref.path for ref in made.system.root.walk() if ref.is_alive()]


# --- who is restarted, and how often


@checks("supervisor.*.strategy")
@pytest.mark.parametrize(
    ("strategy", "expected"), [("one_for_one", [1, 2, 1]), ("one_for_all", [2, 2, 2]), ("rest_for_one", [1, 2, 2])]
)
async def test_the_strategy_says_who_is_restarted(tmp_path: Path, strategy: str, expected: list[int]) -> None:
    """The middle one of three fails."""
    text = f"[supervisor.s]\nchildren = ['a', 'b', 'c']\nstrategy = '{strategy}'\n"
    async with configured(tmp_path, text + "".join(f"[actor.{name}]\n{WORKER}" for name in "abc")) as made:
        await made.fail("/s/b")
        assert await incarnations(made, "/s/a", "/s/b", "/s/c") == expected


async def test_a_dynamic_supervisor_holds_what_is_spawned_under_it(tmp_path: Path) -> None:
    """Strategy `dynamic`: no children of the file, those of the program."""
    async with configured(tmp_path, "[supervisor.s]\nstrategy = 'dynamic'\n") as made:
        assert issubclass(made.ref("/s").actor_class, DynamicSupervisor)
        ref = made.system.spawn(Worker, under=made.ref("/s"))
        assert await ref.request("up") == "up"


@checks("supervisor.*.intensity")
@pytest.mark.parametrize("intensity", [0, 2])
async def test_intensity_restarts_are_forgiven(tmp_path: Path, intensity: int) -> None:
    """One more is one too many."""
    text = two(f"intensity = {intensity}\non_exceeded = 'stop_child'\n{AT_ONCE}")
    async with configured(tmp_path, text) as made:
        await made.fail("/s/a", intensity)
        assert made.ref("/s/a").info().restarts == intensity
        await made.fail("/s/a")
        assert made.system.find("/s/a") is None


@checks("supervisor.*.period")
@pytest.mark.parametrize(("period", "is_alive"), [("10s", True), ("1m", False)])
async def test_restarts_are_forgotten_after_the_period(tmp_path: Path, period: str, is_alive: bool) -> None:
    """Two failures, 20 s apart, with an intensity of 1."""
    text = two(f"intensity = 1\nperiod = '{period}'\non_exceeded = 'stop_child'\n{AT_ONCE}")
    async with configured(tmp_path, text) as made:
        for _ in range(2):
            await made.fail("/s/a")
            await asyncio.sleep(20)
        assert (made.system.find("/s/a") is not None) is is_alive


@checks("supervisor.*.intensity_scope")
@pytest.mark.parametrize(("scope", "is_alive"), [("child", True), ("supervisor", False)])
async def test_the_scope_says_whose_restarts_are_counted(tmp_path: Path, scope: str, is_alive: bool) -> None:
    """One failure of each, with an intensity of 1."""
    text = two(f"intensity = 1\nintensity_scope = '{scope}'\non_exceeded = 'stop_child'\n{AT_ONCE}")
    async with configured(tmp_path, text) as made:
        await made.fail("/s/a")
        await made.fail("/s/b")
        assert (made.system.find("/s/b") is not None) is is_alive


@checks("supervisor.*.on_exceeded")
@pytest.mark.parametrize(("on_exceeded", "stays"), [("stop_child", ["/", "/s", "/s/b"]), ("escalate", None)])
async def test_a_spent_budget_does_what_on_exceeded_says(tmp_path: Path, on_exceeded: str, stays: list[str]) -> None:
    """The child alone ends, or its supervisor begins anew, with all of its children."""
    async with configured(tmp_path, two(f"intensity = 0\non_exceeded = '{on_exceeded}'")) as made:
        before = made.ref("/s/b")
        await made.fail("/s/a")
        await asyncio.sleep(1)
        assert alive(made) == (stays or ["/", "/s", "/s/a", "/s/b"])
        assert before.is_alive() is (stays is not None)


@pytest.mark.parametrize("on_exceeded", ["exit", "stop_child"])
async def test_the_root_exits_when_its_budget_is_spent_unless_told_otherwise(tmp_path: Path, on_exceeded: str) -> None:
    """`exit` is the end of the system, and leaving it raises."""
    text = f"[supervisor.root]\nintensity = 0\non_exceeded = '{on_exceeded}'\n[actor.a]\n{WORKER}[actor.b]\n{WORKER}"
    ended = False
    try:
        async with configured(tmp_path, text) as made:
            await made.fail("/a")
            await asyncio.sleep(1)
            assert made.system.root.is_alive() is (on_exceeded == "stop_child")
    except SystemFailed:
        ended = True
    assert ended is (on_exceeded == "exit")


# --- the end


@checks("supervisor.*.auto_shutdown", "actor.*.significant")
@pytest.mark.parametrize(
    ("auto_shutdown", "ends", "is_alive"),
    [("any_significant", "a", False), ("all_significant", "a", True), ("all_significant", "ab", False)],
)
async def test_a_supervisor_ends_with_its_significant_children(
    tmp_path: Path, auto_shutdown: str, ends: str, is_alive: bool
) -> None:
    """With any of them, or with the last; the third child is not significant and does not count."""
    text = two(f"auto_shutdown = '{auto_shutdown}'", "significant = true\n", "significant = true\n")
    text = text.replace('["a", "b"]', '["a", "b", "c"]') + f"[actor.c]\n{WORKER}"
    async with configured(tmp_path, text) as made:
        for name in ends:
            made.ref(f"/s/{name}").tell("stop")
            await asyncio.sleep(1)
        assert (made.system.find("/s") is not None) is is_alive


async def test_the_end_of_an_insignificant_child_ends_nothing(tmp_path: Path) -> None:
    """Only those that are marked count."""
    text = two("auto_shutdown = 'any_significant'", "", "significant = true\n")
    async with configured(tmp_path, text) as made:
        made.ref("/s/a").tell("stop")
        await asyncio.sleep(1)
        assert alive(made) == ["/", "/s", "/s/b"]


# --- what it says for its children


ENDS = [("permanent", True, True), ("transient", False, True), ("temporary", False, False)]


async def survives(made: Configured) -> tuple[bool, bool]:
    """Whether `/s/a` is there after a stop, and `/s/b` after a failure."""
    made.ref("/s/a").tell("stop")
    await made.fail("/s/b")
    await asyncio.sleep(1)
    return made.system.find("/s/a") is not None, made.system.find("/s/b") is not None


@checks("supervisor.*.restart")
@pytest.mark.parametrize(("restart", "after_stop", "after_failure"), ENDS)
async def test_restart_of_a_supervisor_is_that_of_its_children(
    tmp_path: Path, restart: str, after_stop: bool, after_failure: bool
) -> None:
    """Those of the file, and those that the program spawns under it without a spec."""
    async with configured(tmp_path, two(f"restart = '{restart}'")) as made:
        assert await survives(made) == (after_stop, after_failure)
    async with configured(tmp_path, f"[supervisor.s]\nstrategy = 'dynamic'\nrestart = '{restart}'") as made:
        for name in "ab":
            made.system.spawn(Worker, name=name, under=made.ref("/s"))
        assert await survives(made) == (after_stop, after_failure)


@checks("actor.*.restart")
@pytest.mark.parametrize(("restart", "after_stop", "after_failure"), ENDS)
async def test_restart_of_an_actor_goes_before_that_of_its_supervisor(
    tmp_path: Path, restart: str, after_stop: bool, after_failure: bool
) -> None:
    """What is said nearer counts."""
    said = f"restart = '{restart}'\n"
    other = "temporary" if restart == "permanent" else "permanent"
    async with configured(tmp_path, two(f"restart = '{other}'", said, said)) as made:
        assert await survives(made) == (after_stop, after_failure)


async def stopping(made: Configured) -> float:
    """Seconds the system takes to stop."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await made.system.stop()
    return loop.time() - began


STUBBORN = 'class = "tests.support.configured:Stubborn"\n'


@checks("supervisor.*.shutdown", "actor.*.shutdown")
@pytest.mark.parametrize(
    ("above", "own", "seconds"),
    [("", "", 5), ("shutdown = '2s'", "", 2), ("shutdown = '2s'", "shutdown = '9s'", 9), ("", "shutdown = '0s'", 0)],
)
async def test_shutdown_says_how_long_stopping_may_take(tmp_path: Path, above: str, own: str, seconds: int) -> None:
    """The supervisor's counts for children that do not say their own; both give way to OTP's 5 s."""
    text = f"[supervisor.s]\nchildren = ['a']\n{above}\n[actor.a]\n{STUBBORN}{own}\n"
    async with configured(tmp_path, text) as made:
        assert await stopping(made) == pytest.approx(seconds, abs=1.5)  # 1 s of grace for what was cut short


@checks("supervisor.*.mailbox")
async def test_mailbox_of_a_supervisor_is_that_of_its_children(tmp_path: Path) -> None:
    """Of actors that name none, and of what is spawned under a dynamic one."""
    text = "[actors.mailbox.m]\ncapacity = 3\n[actors.mailbox.n]\ncapacity = 5\n"
    async with configured(tmp_path, text + two("mailbox = 'm'", "mailbox = 'n'")) as made:
        assert [made.ref(path).actor_class.mailbox.capacity for path in ("/s/a", "/s/b")] == [5, 3]
    async with configured(tmp_path, text + "[supervisor.s]\nstrategy = 'dynamic'\nmailbox = 'm'") as made:
        refs = [made.system.spawn(Worker, name=name, under=made.ref("/s")) for name in "ab"]
        with pytest.raises(MailboxFull):
            await fill(made, 4, "/s/a")
        assert refs[0].actor_class is refs[1].actor_class
        other = made.system.spawn(Worker, under=made.ref("/s"), spec=ChildSpec())
        assert other.actor_class is Worker


@checks("supervisor.*.children")
@pytest.mark.parametrize("order", ["abc", "cab"])
async def test_children_start_in_order_and_stop_in_the_reverse(tmp_path: Path, order: str) -> None:
    """In a supervisor, and in the root."""
    for table, base in (("root", "/"), ("s", "/s/")):
        listed = ", ".join(f"'{name}'" for name in order)
        text = f"[supervisor.{table}]\nchildren = [{listed}]\n" + "".join(f"[actor.{one}]\n{WORKER}" for one in "abc")
        async with configured(tmp_path, text) as made:
            assert [path.removeprefix(base) for path in alive(made)][-3:] == list(order)
            await made.system.stop()
            ended = [fact.ref.path.removeprefix(base) for fact in made.of(ActorStopped)]
            assert ended[:3] == list(reversed(order))


# --- backoff


async def delays(tmp_path: Path, backoff: str, failures: int, apart: float = 0.0) -> list[float]:
    """The delays before each restart of an actor that fails as soon as it runs, or so much later."""
    text = two(f"intensity = 50\nbackoff = {{ {backoff} }}")
    async with configured(tmp_path, text) as made:
        for _ in range(failures):
            made.ref("/s/a").tell(ValueError())
            await made.ref("/s/a").request("up", timeout=60)
            await asyncio.sleep(apart)
        return [fact.delay for fact in made.of(ActorRestarted)]


@checks(*(f"supervisor.*.backoff.{key}" for key in ("initial", "min", "max", "factor")))
async def test_restarts_are_delayed_as_backoff_says(tmp_path: Path) -> None:
    """`initial`, then `min`, times `factor` each time, up to `max`."""
    said = "initial = '3s', min = '1s', factor = 3.0, max = '5s', jitter = 0.0"
    assert await delays(tmp_path, said, 4) == [3.0, 1.0, 3.0, 5.0]


@checks("supervisor.*.backoff.jitter")
async def test_delays_are_spread_by_jitter(tmp_path: Path) -> None:
    """By up to that fraction, both ways; without it they are all alike."""
    steady = "min = '1s', factor = 1.0, jitter = 0.0"
    assert set((await delays(tmp_path, steady, 20))[1:]) == {1.0}
    spread = (await delays(tmp_path, steady.replace("0.0", "0.5"), 20))[1:]
    assert len(set(spread)) == 19
    assert 0.5 <= min(spread) < 1 < max(spread) <= 1.5


@checks("supervisor.*.backoff.reset_after")
@pytest.mark.parametrize(("reset_after", "expected"), [("10s", [0.0, 0.0, 0.0]), ("1m", [0.0, 1.0, 2.0])])
async def test_health_for_reset_after_is_a_new_beginning(
    tmp_path: Path, reset_after: str, expected: list[float]
) -> None:
    """Failures 20 s apart."""
    said = f"min = '1s', jitter = 0.0, reset_after = '{reset_after}'"
    assert await delays(tmp_path, said, 3, apart=20) == expected
