"""Facts that nobody listens to: those that would be missed are said on the logger `actors`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from actors import Actor, ActorSystem, ChildSpec, SupervisorSpec
from actors.events import ActorFailed, HandlerAbandoned, HandlerStuck, MessageUnhandled

pytestmark = pytest.mark.actors


class Worker(Actor):
    def on_receive(self, message: Any) -> None:
        raise ValueError(message)


class Idler(Actor):
    pass


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "actors"]


async def test_a_failure_that_nobody_listens_to_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Once, with who failed, at what, and its traceback; what is answered to an asker is not."""
    async with ActorSystem() as system:
        worker = system.spawn(Worker, name="worker")
        with pytest.raises(ValueError, match="asked"):
            await worker.request("asked")
        worker.tell("told")
        await worker.stop()
    assert said(caplog) == ["Worker (/worker) failed, doing str"]
    record = caplog.records[0]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "told"


async def test_who_listens_has_the_words(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said beside a subscriber; when it leaves, facts are unheard again."""
    heard: list[ActorFailed] = []
    async with ActorSystem() as system:
        assert not system.events.wants(ActorFailed)
        leave = system.events.subscribe(ActorFailed, heard.append)
        for words in ("heard", "unheard"):
            worker = system.spawn(Worker, spec=ChildSpec("temporary"))
            worker.tell(words)
            await worker.terminated
            leave()
    assert [str(fact.error) for fact in heard] == ["heard"]
    assert len(said(caplog)) == 1


async def test_what_else_would_be_missed_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A child that was given up, a message without a handler, a handler that is stuck or was let go."""
    once = SupervisorSpec(intensity=0, on_exceeded="stop_child")
    async with ActorSystem(supervision=once) as system:
        idler = system.spawn(Idler, name="idler")
        idler.tell(5)
        worker = system.spawn(Worker, name="worker")
        worker.tell("told")
        await worker.terminated
        system.events.publish(HandlerStuck(idler, "int", 1.25, "line 5", blocks_loop=True))
        system.events.publish(HandlerAbandoned(idler, 1.0))
        system.events.publish(MessageUnhandled(idler, "str"))
    assert sorted(said(caplog)) == [
        "Guardian (/) gave up on Worker (/worker), then stop_child: ValueError('told')",
        "Idler (/idler) has been at a int for 1.25 s, and the loop waits\nline 5",
        "Idler (/idler) has no handler for a int, and no on_receive",
        "Idler (/idler) has no handler for a str, and no on_receive",
        "Idler (/idler) was killed, and went on for more than 1 s: its handler was let go",
        "Worker (/worker) failed, doing str",
    ]
