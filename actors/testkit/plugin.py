"""
The pytest plugin: coroutine tests in virtual time, with a system of their own that is checked after them.

A coroutine test is run by this plugin if it asks for one of its fixtures or carries the marker `actors`; all others are
left to whoever runs them. Coroutine fixtures of such a test run on its loop as well. Nothing is patched, and nothing
happens to tests that ask for nothing.

    async def test_counts(system: ActorSystem) -> None: ...

    @pytest.mark.actors(real_time=True, in_place="never")      # real time; the rest is given to ActorSystem
    @pytest.mark.actors(real_time=True, loop=MovableTimeLoop)  # a class of loop
    @pytest.mark.allow_failures("ValueError")                  # by name: pytest would mark a class; none: any
    @pytest.mark.allow_dead_letters("stopped")                 # without arguments: any
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from actors.clock import VirtualClock
from actors.system import ActorSystem

from .fixtures import on_our_loop
from .threads import threads_at_work
from .tripwires import Tripwires
from .virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

FIXTURES = frozenset({"actor_loop", "system", "tripwires"})

MARKERS = """
actors(real_time=False, **settings): run this coroutine test on our loop; settings go to the ActorSystem of `system`
allow_failures(*names): actors may fail with errors of these names or below, or with any
allow_dead_letters(*reasons): messages may be lost for these reasons, or for any
allow_abandoned: handlers may swallow their cancellation
allow_open_futures: the test keeps futures that nobody settles
"""

FAILED = pytest.StashKey[bool]()

LEFT_TASKS_GRACE = 5.0
"""Seconds of the loop's time that cancelled left-overs of a failed test may take to end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "in virtual time, let the loop serve others after each turn of an actor, as it does under load"
    parser.getgroup("actors").addoption("--turns-apart", action="store_true", help=words)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS.strip().splitlines():
        config.addinivalue_line("markers", marker)


def _is_ours(item: pytest.Function) -> bool:
    return item.get_closest_marker("actors") is not None or not FIXTURES.isdisjoint(item.fixturenames)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A coroutine test with the marker alone gets its loop as any other: by the fixture, which also closes it."""
    for number, item in enumerate(items):
        if not isinstance(item, pytest.Function) or not _is_ours(item):
            continue
        items[number] = item = _as_collected(item)
        if "actor_loop" not in item.fixturenames:
            item.fixturenames.insert(0, "actor_loop")


def _as_collected(item: pytest.Function) -> pytest.Function:
    """As pytest made it: in its auto mode pytest-asyncio makes every coroutine test one that runs on a loop of its."""
    if not type(item).__module__.startswith("pytest_asyncio"):
        return item
    kept = {"callspec": getattr(item, "callspec", None), "callobj": item.obj, "fixtureinfo": item._fixtureinfo}
    plain: pytest.Function = pytest.Function.from_parent(
        item.parent, name=item.name, originalname=item.originalname, **kept
    )
    plain.own_markers = [marker for marker in item.own_markers if marker.name != "asyncio"]
    return plain


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Ahead of other plugins, which would give what is to be awaited a loop of theirs, as its test had."""
    if not isinstance(request.node, pytest.Function) or not _is_ours(request.node):
        return (yield)
    with on_our_loop(fixturedef, request):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """anyio runs what has a backend, which its marker and its auto mode also give to tests of ours."""
    if isinstance(item, pytest.Function) and _is_ours(item):
        item.funcargs.pop("anyio_backend", None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(inspect.unwrap(pyfuncitem.obj)) or not _is_ours(pyfuncitem):
        return None
    loop: Any = pyfuncitem.funcargs["actor_loop"]
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        loop.run_until_complete(pyfuncitem.obj(**wanted))
    except BaseException:
        pyfuncitem.stash[FAILED] = True
        raise
    return True


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    marker = request.node.get_closest_marker("actors")
    return dict(marker.kwargs) if marker is not None else {}


@pytest.fixture
def actor_loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """The loop of this test: virtual time, or with `actors(real_time=True)` a plain one. Closed after it."""
    settings = _settings(request)
    default = asyncio.new_event_loop if settings.get("real_time", False) else VirtualTimeLoop
    loop: asyncio.AbstractEventLoop = settings.get("loop", default)()
    try:
        yield loop
    finally:
        _end_tasks(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LEFT_TASKS_GRACE))


@pytest.fixture
def tripwires(request: pytest.FixtureRequest) -> Tripwires:
    """What this test allows, from its markers; more can be allowed while it runs."""
    wires = Tripwires()
    for marker in request.node.iter_markers():
        if marker.name.startswith("allow_") and hasattr(wires, marker.name):
            getattr(wires, marker.name)(*marker.args)
    return wires


@pytest.fixture
def system(
    request: pytest.FixtureRequest, actor_loop: asyncio.AbstractEventLoop, tripwires: Tripwires
) -> Iterator[ActorSystem]:
    """An actor system that runs; after the test it is stopped and checked by the tripwires."""
    settings = _settings(request)
    settings.pop("loop", None)
    if not settings.pop("real_time", False):
        apart = request.config.getoption("--turns-apart")
        settings.setdefault("clock", VirtualClock(actor_loop, (lambda: True) if apart else None))
    system = ActorSystem(request.node.name, **settings)
    gc.freeze()  # what exists now is not this test's: looking through what it leaves is quick
    try:
        actor_loop.run_until_complete(system.start())
        if isinstance(actor_loop, VirtualTimeLoop):
            actor_loop.hold_while(partial(threads_at_work, system))
        tripwires.watch(system)
        yield system
        actor_loop.run_until_complete(system.stop())
        if not request.node.stash.get(FAILED, False):  # one failure is enough to read
            tripwires.check(system)
    finally:
        gc.unfreeze()
