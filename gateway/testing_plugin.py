"""
The pytest plugin: the fixture `gateway`, with which a test runs an app and talks to it.

    async def test_two_people_talk(gateway):
        async with gateway(app) as server:
            alice = await server.connect("/chat/7", principal="alice")
            ...

A coroutine test that asks for it is run by the plugin of `actors`, on a loop whose time can be moved on; no other
plugin is needed, and those for other coroutine tests are left in peace. If it fails, its report shows what was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .testing import Conversation, Server

CONVERSATION: pytest.StashKey[Conversation] = pytest.StashKey()

SECTION = "conversation with the gateway"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for the fixture, be it through another one: the marker chooses its loop."""
    if any("gateway" in getattr(item, "fixturenames", ()) for item in items):
        from actors.testkit.movable_time import MovableTimeLoop

        mark = pytest.mark.actors(real_time=True, loop=MovableTimeLoop)
        for item in items:
            if "gateway" in getattr(item, "fixturenames", ()):
                item.add_marker(mark, append=False)


@pytest.fixture
def gateway(request: pytest.FixtureRequest, actor_loop: object) -> Callable[..., Server]:
    """
    `async with gateway(app) as server:`; the arguments are those of `gateway.testing.Server`: `settings`, `config`.

    May be called several times: the servers share the time of the test, and nothing else.
    """
    from . import testing

    conversation = request.node.stash.setdefault(CONVERSATION, testing.Conversation())

    def serve(app: Any, **options: Any) -> Server:
        return testing.Server(app, conversation=conversation, **options)

    return serve


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    conversation = item.stash.get(CONVERSATION, None)
    if report.failed and conversation is not None and str(conversation):
        report.sections.append((SECTION, str(conversation)))
    return report
