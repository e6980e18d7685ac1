"""The pytest plugin: which tests it runs, and what trips them."""

from __future__ import annotations

import pytest

from actors.testkit.tripwires import is_own

pytest_plugins = ["pytester"]

HEAD = """
import asyncio, threading, time
import pytest

from actors.testkit.tripwires import is_own
from actors import Actor, ActorSystem, LoopFuture

class Doing(Actor):
    async def on_receive(self, message):
        result = message(self)
        return await result if asyncio.iscoroutine(result) else result

def fail(_):
    raise ValueError("boom")
"""


def outcome(pytester: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(HEAD + body)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def test_it_runs_coroutine_tests_that_ask_for_it_and_no_others(pytester: pytest.Pytester) -> None:
    """By fixture or by marker; plain tests and other people's coroutines are left alone."""
    pytester.makeconftest(
        """
        import inspect

        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                pyfuncitem.user_properties.append(("somebody else's", pyfuncitem.name))
                pyfuncitem.obj().close()
                return True
        """
    )
    body = """
async def test_by_fixture(system):
    assert asyncio.get_running_loop().time() == 0.0

@pytest.mark.actors
async def test_by_marker():
    await asyncio.sleep(3600)

@pytest.mark.actors(real_time=True)
async def test_in_real_time(system):
    assert type(asyncio.get_running_loop()).__name__ != "VirtualTimeLoop"

async def test_of_somebody_else():
    raise RuntimeError("not for us")

def test_plain():
    pass

@pytest.fixture
def indirectly(system):
    return system

async def test_through_another_fixture(indirectly):
    assert indirectly.root.is_alive()

@pytest.mark.parametrize("number", [1, 2])
class TestInAClass:
    async def test_method(self, system, number):
        assert await system.spawn(Doing).request(lambda _: number) == number
"""
    outcome(pytester, body).assert_outcomes(passed=8)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("system.spawn(Doing).tell(fail); await asyncio.sleep(1)", "*actor failed: Doing*on function: ValueError*"),
        ("ref = system.spawn(Doing); ref.tell(1); ref.stop_now(); await asyncio.sleep(1)", "*dead letter: 1 to Doing*"),
        ("global kept; kept = LoopFuture()", "*future left open*"),
        ("system.env.dispatcher.loop.create_task(asyncio.sleep(1e9), name='mine')", "*task left behind*mine*"),
        ("system.spawn(Doing).tell(lambda _: time.sleep(1.1)); await asyncio.sleep(1)", "*kept the loop for 1.*"),
        ("system.spawn(Doing)._accepted += 1", "*messages do not add up*"),
        ("system.root._disown(system.spawn(Doing, name='lost'))", "*actor left alive: /lost*"),
        (
            "system.env.dispatcher.loop.call_soon(lambda: 1 / 0); await asyncio.sleep(1)",
            "*the loop reported*ZeroDivisionError*",
        ),
    ],
    ids=["failure", "letter", "future", "task", "blocked", "conservation", "alive", "loop"],
)
def test_a_tripwire_fails_the_test(pytester: pytest.Pytester, body: str, says: str) -> None:
    """Each of them alone, at the end of a test that passed."""
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    result = outcome(pytester, f"async def test_it(system):\n{lines}")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([says])


def test_what_a_test_allows_does_not_trip(pytester: pytest.Pytester) -> None:
    """By marker, and from within."""
    body = """
@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("failed")
async def test_by_marker(system):
    from actors import ChildSpec
    ref = system.spawn(Doing, spec=ChildSpec("temporary"))
    ref.tell(fail)
    ref.tell(fail)
    await asyncio.sleep(1)

async def test_from_within(system, tripwires):
    tripwires.allow_failures(ArithmeticError)
    system.spawn(Doing).tell(lambda _: 1 / 0)
    tripwires.allow_open_futures()
    global kept
    kept = LoopFuture()
    await asyncio.sleep(1)
"""
    outcome(pytester, body).assert_outcomes(passed=2)


def test_another_failure_than_the_allowed_one_trips(pytester: pytest.Pytester) -> None:
    """An allowance names what it allows."""
    body = """
@pytest.mark.allow_failures("LookupError")
async def test_it(system):
    system.spawn(Doing).tell(fail)
    await asyncio.sleep(1)
"""
    outcome(pytester, body).assert_outcomes(passed=1, errors=1)


def test_a_failed_test_is_reported_once(pytester: pytest.Pytester) -> None:
    """What it left behind is no second failure."""
    body = """
async def test_it(system):
    system.spawn(Doing).tell(fail)
    await asyncio.sleep(1)
    assert False
"""
    outcome(pytester, body).assert_outcomes(failed=1)


def test_a_weak_proxy_of_what_is_gone_trips_nothing(pytester: pytest.Pytester) -> None:
    """The search for actors that outlive their test looks at all objects, and touches none that is not one."""
    body = """
import weakref

class Gone: ...

kept = []

async def test_it(system):
    kept.append(weakref.proxy(Gone()))
    system.spawn(Doing)
"""
    outcome(pytester, body).assert_outcomes(passed=1)


def test_turns_may_be_apart(pytester: pytest.Pytester) -> None:
    """With the option a task has its step between the turns of two actors; without it behind both."""
    body = """
async def test_it(system):
    order = []

    class Last(Actor):
        def on_receive(self, message):
            order.append("last")

    class First(Actor):
        def on_receive(self, message):
            asyncio.get_running_loop().call_soon(order.append, "loop")
            last.tell("go on")

    last = system.spawn(Last)
    system.spawn(First).tell("begin")
    await asyncio.sleep(1)
    assert order == ["loop", "last"]
"""
    outcome(pytester, body).assert_outcomes(failed=1)
    outcome(pytester, body, "--turns-apart").assert_outcomes(passed=1)


def test_what_fixtures_of_a_test_await_is_awaited_on_its_loop(pytester: pytest.Pytester) -> None:
    """Before it and after it, of functions and of classes; the others are left to whoever knows them."""
    body = """
ended = []

@pytest.fixture
async def started(system):
    await asyncio.sleep(3600)
    return system.spawn(Doing)

@pytest.fixture
async def answered(started):
    loop = asyncio.get_running_loop()
    yield await started.request(lambda _: loop)
    await asyncio.sleep(3600)
    ended.append(asyncio.get_running_loop() is loop)

async def test_it(answered):
    assert answered is asyncio.get_running_loop()
    assert answered.time() >= 3600.0

class TestMethods:
    @pytest.fixture
    async def mine(self, system):
        yield self

    async def test_it(self, mine):
        assert mine is self

def test_its_end():
    assert ended == [True]

@pytest.fixture
async def of_somebody_else():
    pass

def test_of_somebody_else(of_somebody_else):
    pass
"""
    result = outcome(pytester, body)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*requested an async fixture 'of_somebody_else'*"])


def test_a_fixture_that_fails_on_our_loop_fails_its_test(pytester: pytest.Pytester) -> None:
    """Before its `yield`, behind it, and by another one."""
    body = """
@pytest.fixture(params=["before", "behind", "again"])
async def failing(request, system):
    if request.param == "before":
        raise LookupError("before")
    yield
    if request.param == "behind":
        raise LookupError("behind")
    yield

async def test_it(failing):
    pass
"""
    result = outcome(pytester, body)
    result.assert_outcomes(passed=2, errors=3)
    result.stdout.fnmatch_lines(["*LookupError: before*", "*LookupError: behind*", "*failing: it has a second yield*"])


@pytest.mark.parametrize(
    ("took", "worked", "waits", "own"), [(3.0, 2.9, 0, True), (3.0, 0.0, 1, True), (3.0, 0.1, 0, False)]
)
def test_a_turn_is_blamed_for_its_own_time_only(took: float, worked: float, waits: int, own: bool) -> None:
    """It computed, or it waited for something; a machine that was busy with others is no fault of a test."""
    assert is_own(took, worked, waits) is own
