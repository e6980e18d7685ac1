"""The law of the ledger, as an assertion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.system import ActorSystem


def assert_conservation(system: ActorSystem) -> None:
    """
    Every message that was accepted was handled, failed, was lost with a dead letter, or is queued.

    Exact between turns: call it from the test's own task, not while other threads tell.
    """
    counts = system.counts()
    if not counts.balanced:
        per_actor = "".join(f"\n  {ref.path}: {ref.counts()}" for ref in system.root.walk())
        raise AssertionError(f"messages do not add up: {counts}; gone: {system.env.ledger.settled}{per_actor}")
