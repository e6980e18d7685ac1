"""Asks: one answer or one error, in time, and never a future that stays open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pykka
import pytest

from actors import Actor, ActorDeadError, ActorSystem, AskedSelf, AskTimeout, ChildSpec, WouldBlockLoop
from actors.clock import VirtualClock
from actors.pykka.names import ActorStop, Envelope
from actors.testkit import TestProbe


class Answering(Actor):
    """Returns what it is asked; sleeps over numbers, raises errors."""

    def __init__(self) -> None:
        super().__init__()
        self.lives = self.actor_ref.info().incarnation

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, float):
            await asyncio.sleep(message)
        if message == "cancel me":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)
        return message


class Keyed(Actor):
    def __init__(self, _key: str) -> None:
        super().__init__()

    def on_receive(self, message: Any) -> Any:
        return message


async def test_a_request_gets_the_answer(system: ActorSystem) -> None:
    """What the handler returns, whether it waited or not."""
    ref = system.spawn(Answering)
    assert await ref.request("a") == "a"
    assert await ref.request(2.0) == 2.0


@pytest.mark.parametrize("kind", [Answering, Keyed])
async def test_a_deadline_that_is_no_number_is_refused(system: ActorSystem, kind: type[Actor]) -> None:
    """One nan in the heap of the loop, and timers of others never come due; nothing was sent."""
    ref = system.entity(Keyed, "1") if kind is Keyed else system.spawn(Answering)
    with pytest.raises(ValueError, match="a timeout of nan: give seconds"):
        await ref.request("a", timeout=float("nan"))
    assert await ref.request("b") == "b"


async def test_an_error_answers_the_ask_and_the_actor_runs_on(system: ActorSystem, facts: list[Any]) -> None:
    """pykka's default: the exception goes to the asker, and is a fact."""
    ref = system.spawn(Answering)
    with pytest.raises(LookupError):
        await ref.request(LookupError("no"))
    assert ref.info().restarts == 0
    assert [type(fact).__name__ for fact in facts] == ["AskFailed"]


@pytest.mark.allow_failures("ValueError")
@pytest.mark.parametrize(("error", "restarts"), [(LookupError("domain"), 0), (ValueError("bug"), 1)])
async def test_reply_errors_narrows_what_only_answers(system: ActorSystem, error: Exception, restarts: int) -> None:
    """A domain error answers; anything else answers and fails the actor too."""

    class Strict(Answering):
        reply_errors = (LookupError,)

    ref = system.spawn(Strict)
    with pytest.raises(type(error)):
        await ref.request(error)
    assert await ref.request("alive") == "alive"
    assert ref.info().restarts == restarts


async def test_a_late_answer_is_dropped_without_a_dead_letter(system: ActorSystem) -> None:
    """The asker gets AskTimeout at its deadline; the handler runs on to its end."""
    ref = system.spawn(Answering, name="slow")
    with pytest.raises(AskTimeout) as caught:
        await ref.request(7.0, timeout=2.0)
    assert asyncio.get_running_loop().time() == 2.0
    error = caught.value
    assert (error.waited, error.message_type, error.target) == (2.0, "float", "Answering (/slow)")
    assert "in the middle of float" in error.state
    assert await ref.request("next", timeout=10) == "next"
    assert ref.counts().handled == 2


@pytest.mark.allow_dead_letters("expired")
async def test_an_expired_ask_is_dropped_before_it_is_handled_and_counted(system: ActorSystem) -> None:
    """Nobody waits for it any more: no work is spent on it."""
    ref = system.spawn(Answering)
    ref.tell(5.0)
    with pytest.raises(AskTimeout, match="1 queued"):
        await ref.request("expires", timeout=1.0)
    assert await ref.request("end", timeout=10) == "end"
    assert system.dead_letters.counts == {"expired": 1}
    assert (ref.counts().handled, ref.counts().lost) == (2, 1)


@pytest.mark.allow_dead_letters("expired")
@pytest.mark.parametrize("is_entity", [False, True])
async def test_who_asked_in_vain_hears_of_the_timeout_whoever_notices_first(
    system: ActorSystem, is_entity: bool
) -> None:
    """The actor's turn or the asker's timer: it is AskTimeout, for the actor is alive, and says how long it waited."""
    ref = system.entity(Keyed, "a") if is_entity else system.spawn(Keyed, "a")
    with pytest.raises(AskTimeout, match="waited 0 s"):
        await ref.request("expires", timeout=0)
    assert system.dead_letters.counts == {"expired": 1}
    assert await ref.request("alive") == "alive"


async def test_a_cancelled_request_leaves_the_message(system: ActorSystem) -> None:
    """Cancellation of the asker is safe: the message is handled, the answer dropped."""
    ref = system.spawn(Answering)
    ref.tell(1.0)
    asking = asyncio.create_task(ref.request("still handled"))
    await asyncio.sleep(0.5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await ref.request("end")
    assert ref.counts().handled == 3


@pytest.mark.allow_failures("ValueError")
async def test_asks_wait_through_a_restart(system: ActorSystem) -> None:
    """Queued asks survive, in order, and the new instance answers them."""
    ref = system.spawn(Answering)
    ref.tell(1.0)
    ref.tell(ValueError("boom"))
    answers = [ref.ask(number, block=False) for number in range(3)]
    assert [await answer for answer in answers] == [0, 1, 2]
    assert ref.info().restarts == 1


@pytest.mark.allow_failures("ValueError")
@pytest.mark.allow_dead_letters("expired")
async def test_the_deadline_of_an_ask_runs_on_through_a_restart(system: ActorSystem) -> None:
    """Back-off does not stretch it: the ask expires, is dropped and counted."""
    ref = system.spawn(Answering)
    ref.tell(ValueError("first: mended at once"))
    ref.tell(ValueError("second: mended after about 0.1 s"))
    with pytest.raises(AskTimeout, match="restarting"):
        await ref.request("too late", timeout=0.05)
    assert await ref.request("in time") == "in time"
    assert system.dead_letters.counts == {"expired": 1}


@pytest.mark.allow_dead_letters("stopped")
async def test_asks_that_nobody_will_answer_end_in_actor_dead_error(system: ActorSystem) -> None:
    """On a final stop every queued ask is answered with the reason."""
    ref = system.spawn(Answering)
    ref.tell(1.0)
    answers = [ref.ask(number, block=False) for number in range(3)]
    ref.stop_now()
    for answer in answers:
        with pytest.raises(ActorDeadError) as caught:
            await answer
        assert caught.value.reason == "stopped"


async def test_the_ask_in_hand_of_a_killed_actor_ends_in_actor_dead_error(system: ActorSystem) -> None:
    """The asker sees who died, never the cancellation that killed it."""
    ref = system.spawn(Answering, spec=ChildSpec("temporary"))
    asking = asyncio.create_task(ref.request(3.0))
    await asyncio.sleep(1)
    ref.kill()
    with pytest.raises(ActorDeadError) as caught:
        await asking
    assert caught.value.reason == "killed"
    assert not ref.is_alive()


@pytest.mark.allow_failures("CancelledError")
async def test_a_handler_that_cancels_itself_does_not_cancel_its_asker(system: ActorSystem) -> None:
    """`CancelledError` stays inside the actor that was cancelled."""
    ref = system.spawn(Answering)
    with pytest.raises(ActorDeadError):
        await ref.request("cancel me")
    assert await ref.request("runs again") == "runs again"


@pytest.mark.allow_failures("GeneratorExit")
async def test_a_base_exception_does_not_spread_to_the_asker(system: ActorSystem) -> None:
    """It fails the actor that raised it; the asker gets an ordinary error with it as the cause."""
    ref = system.spawn(Answering)
    with pytest.raises(ActorDeadError) as caught:
        await ref.request(GeneratorExit())
    assert isinstance(caught.value.__cause__, GeneratorExit)
    await asyncio.sleep(0.1)
    assert ref.info().restarts == 1


async def test_asking_oneself_raises_at_once(system: ActorSystem) -> None:
    """It would wait for its own next turn; also after the handler was suspended."""

    class Narcissus(Actor):
        async def on_receive(self, message: Any) -> Any:
            if message == "later":
                await asyncio.sleep(1)
            return await self.actor_ref.request("mirror")

    ref = system.spawn(Narcissus)
    for message in ("now", "later"):
        with pytest.raises(AskedSelf, match="itself"):
            await ref.request(message)


async def test_an_actor_may_ask_another_that_asks_a_third(system: ActorSystem) -> None:
    """Asks chain without a deadlock; AskedSelf has no false alarms."""

    class Relay(Actor):
        def __init__(self, next_one: Any) -> None:
            super().__init__()
            self.next_one = next_one

        async def on_receive(self, message: Any) -> Any:
            return [message, await self.next_one.request(message)]

    last = system.spawn(Answering)
    first = system.spawn(Relay, system.spawn(Relay, last))
    assert await first.request("m") == ["m", ["m", "m"]]


async def test_blocking_calls_on_the_loop_s_thread_are_refused(system: ActorSystem) -> None:
    """`ask` and `get` would stop the loop for everyone; nothing was sent, and the error names what to use."""
    ref = system.spawn(Answering)
    with pytest.raises(WouldBlockLoop, match="request"):
        ref.ask("blocks")
    assert ref.counts().accepted == 0
    answer = ref.ask("does not", block=False)
    with pytest.raises(WouldBlockLoop, match="await"):
        answer.get()
    assert await answer == "does not"


@pytest.mark.actors(real_time=True)
async def test_a_plain_thread_may_block_for_an_answer(system: ActorSystem) -> None:
    """pykka's `ask` off the loop: blocks that thread, serves the rest."""
    ref = system.spawn(Answering)
    assert await asyncio.to_thread(ref.ask, "from a thread", timeout=5) == "from a thread"


async def test_a_probe_can_be_asked_and_replies(system: ActorSystem) -> None:
    """A stand-in answers when the test says so."""
    probe = await TestProbe.start(system)
    asking = asyncio.create_task(probe.ref.request("question"))
    await probe.expect("question")
    probe.reply("answer")
    assert await asking == "answer"


@pytest.mark.allow_dead_letters("stopped")
async def test_every_stop_is_answered(system: ActorSystem) -> None:
    """Several stops at once, and one on top of a stop that takes its time: each future is settled with True."""

    class Slow(Answering):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(1)

    ref = system.spawn(Slow)
    ref.tell(1.0)
    stops = [ref.stop(), ref.stop()]
    await asyncio.sleep(1.5)
    stops.append(ref.stop())
    assert [await stop for stop in stops] == [True, True, True]


@pytest.mark.allow_abandoned
@pytest.mark.allow_dead_letters
async def test_a_stop_is_answered_when_its_actor_had_to_be_abandoned(system: ActorSystem) -> None:
    """No path leaves a future open, not even that of a hook which swallows its cancellation."""

    class Parent(Actor):
        pass

    class Stubborn(Answering):
        async def on_stop(self) -> None:  # type: ignore[override]
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue

    parent = system.spawn(Parent)
    ref = system.spawn(Stubborn, under=parent, spec=ChildSpec(shutdown=1.0))
    stop = ref.stop()
    await asyncio.sleep(0.1)
    await parent.stop()
    assert stop.done()
    assert await stop is True


@pytest.mark.parametrize("message", ["at once", 1.0, LookupError("no")])
async def test_a_callback_of_its_answer_that_raises_does_no_harm_to_who_answers(
    system: ActorSystem, message: object
) -> None:
    """Whether the handler waited, returned or raised: it is reported to the loop, the actor neither fails nor stops."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    ref = system.spawn(Answering)
    answer = ref.ask(message, block=False)
    answer.add_done_callback(_raise_cancelled)
    assert await ref.request("again") == "again"
    assert (ref.info().restarts, ref.counts().balanced) == (0, True)
    assert [type(error) for error in reported] == [asyncio.CancelledError]


def _raise_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("message", "outcome"),
    [("now", "now"), (2.0, 2.0), (LookupError("no"), LookupError), (SystemExit(), ActorDeadError)],
)
@pytest.mark.actors
async def test_an_envelope_put_by_hand_is_answered_whatever_kind_of_future_it_has(
    message: object, outcome: Any
) -> None:
    """One of pykka's threads is set as ours is, and so is one that was set already: it keeps what it has."""
    system = ActorSystem(clock=VirtualClock(asyncio.get_running_loop()))
    await system.start()
    ref = system.spawn(Answering)
    future, settled = pykka.ThreadingFuture[Any](), pykka.ThreadingFuture[Any]()
    settled.set("before")
    for reply_to in (future, settled):
        ref.put(Envelope(message, reply_to=reply_to))
    assert await ref.request("alive", timeout=60) == "alive"
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            future.get(timeout=0)
    else:
        assert future.get(timeout=0) == outcome
    assert settled.get(timeout=0) == "before"
    assert ref.counts().balanced
    with contextlib.suppress(SystemExit):
        await system.stop()


@pytest.mark.allow_dead_letters("stopped")
async def test_a_stop_put_by_hand_is_answered_and_what_came_too_late_as_well(system: ActorSystem) -> None:
    """pykka's own stop message in an envelope with a future of its threads; behind it an ask that nobody handles."""
    ref = system.spawn(Answering)
    stopped, late = pykka.ThreadingFuture[Any](), pykka.ThreadingFuture[Any]()
    ref.put(Envelope(ActorStop(), reply_to=stopped))
    ref.put(Envelope("late", reply_to=late))
    await ref.terminated
    assert stopped.get(timeout=0) is True
    with pytest.raises(ActorDeadError):
        late.get(timeout=0)
