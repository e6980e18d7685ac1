"""Receipts: awaited, they tell; not awaited, a failure is a fact and a success is silent."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from gateway.messages.receipts import Receipt
from gateway.reasons import Refused

pytestmark = pytest.mark.actors

Lost = list[tuple[str, BaseException]]


def receipt(lost: Lost) -> Receipt[Any]:
    return Receipt("join x", lambda act, error: lost.append((act, error)))


async def turn() -> None:
    """What was put off to the loop's next turn has run."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_awaiting_gives_the_value_or_raises_the_refusal() -> None:
    """Before it is settled as well as after."""
    lost: Lost = []
    for settles_first in (True, False):
        good, bad = receipt(lost), receipt(lost)
        if not settles_first:
            asyncio.get_running_loop().call_soon(good.resolve, 1)
            asyncio.get_running_loop().call_soon(bad.fail, Refused("full"))
        else:
            good.resolve(1)
            bad.fail(Refused("full"))
        assert await good == 1
        with pytest.raises(Refused):
            await bad
    await turn()
    assert lost == []


async def test_a_failure_nobody_awaits_is_handed_over_once() -> None:
    """With the act it was."""
    lost: Lost = []
    error = Refused("full")
    one = receipt(lost)
    one.fail(error)
    one.fail(Refused("again"))
    assert lost == []
    await turn()
    assert lost == [("join x", error)]


async def test_a_success_nobody_awaits_is_silent() -> None:
    """Also when a failure comes after it."""
    lost: Lost = []
    one = receipt(lost)
    one.resolve(None)
    one.fail(Refused("late"))
    await turn()
    assert lost == []


async def test_a_callback_counts_as_awaiting() -> None:
    """It gets the value, or the error that refused it."""
    lost: Lost = []
    got: list[Any] = []
    good, bad, error = receipt(lost), receipt(lost), Refused("full")
    good.then(got.append)
    bad.then(got.append)
    good.resolve(1)
    bad.fail(error)
    await turn()
    assert (sorted(got, key=str), lost) == ([1, error], [])


async def test_awaiting_after_the_fact_was_published_still_raises() -> None:
    """Late is not never."""
    lost: Lost = []
    one = receipt(lost)
    one.fail(Refused("full"))
    await turn()
    assert len(lost) == 1
    with pytest.raises(Refused):
        await one


async def test_a_failure_on_a_plain_thread_is_handed_over() -> None:
    """There is no loop to wait a turn of."""
    lost: Lost = []
    one = receipt(lost)
    thread = threading.Thread(target=one.fail, args=(Refused("full"),))
    thread.start()
    thread.join()
    assert len(lost) == 1


async def test_cancelling_one_who_awaits_leaves_the_receipt_alone() -> None:
    """It is settled later all the same, and its failure is no fact: somebody did await it."""
    lost: Lost = []
    one = receipt(lost)

    async def wait() -> None:
        await one

    task = asyncio.get_running_loop().create_task(wait())
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    one.resolve(5)
    assert await one == 5


async def test_receipts_that_are_settled_from_the_start() -> None:
    """A value, or a failure that is handed over like any other."""
    lost: Lost = []
    assert await Receipt.of(3) == 3
    Receipt.failed("send", Refused("full"), lambda act, error: lost.append((act, error)))
    await turn()
    assert [act for act, _ in lost] == ["send"]


async def test_several_receipts_are_one_with_all_outcomes() -> None:
    """In their order, once the last is in; the first failure in that order is its failure."""
    first, second = Receipt[int]("one"), Receipt[int]("two")
    together = Receipt.all([first, second])
    second.resolve(2)
    assert not together.done()
    first.resolve(1)
    assert await together == (1, 2)
    assert await Receipt.all([]) == ()
    with pytest.raises(LookupError):
        await Receipt.all([Receipt.of(1), _failed(LookupError()), _failed(ValueError())])


async def test_any_number_of_receipts_can_be_one() -> None:
    """Settled before or after, in any order: thousands of rooms are left at once."""
    settled = [Receipt.of(number) for number in range(3000)]
    assert await Receipt.all(settled) == tuple(range(3000))
    late: list[Receipt[int]] = [Receipt() for _ in range(3000)]
    together = Receipt.all(late)
    for number, one in enumerate(reversed(late)):
        one.resolve(number)
    assert await together == tuple(reversed(range(3000)))


async def test_a_failure_among_several_is_one_fact() -> None:
    """Of the whole, if nobody awaits it; the single receipts are not lost as well."""
    lost: list[Any] = []

    def note(act: str, error: BaseException) -> None:
        lost.append(error)

    receipts: list[Receipt[Any]] = [Receipt("join", note) for _ in range(2)]
    Receipt.all([*receipts, Receipt.of(None)])  # one that cannot fail has nobody to tell
    error = LookupError()
    for one in receipts:
        one.fail(error)
    await asyncio.sleep(0)
    assert lost == [error]


def _failed(error: BaseException) -> Receipt[Any]:
    receipt: Receipt[Any] = Receipt()
    receipt.fail(error)
    return receipt
