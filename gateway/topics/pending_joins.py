"""Joins on their way: first with app code, which may refuse, then with the engine, which may take its time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..messages.publications import Item
    from ..messages.topic_messages import Submit


@attrs.define(eq=False)
class Joining:
    """A join at the engine, and what was delivered to the others meanwhile."""

    submit: Submit
    response: object
    is_let_in: bool = False
    """Whether app code has said yes: then it is told that the client has left, whatever becomes of this."""
    missed_live: list[Item] = attrs.Factory(list)
    over: str = ""
    """Why it does not count any more; empty as long as it does."""
    untold: int = 0
    """Items that were accepted before it, and told to the others only after it began."""


class PendingJoins:
    """One join per client is at the engine: a later one replaces it. With app code there may be several."""

    def __init__(self) -> None:
        self._tickets: dict[int, Submit] = {}
        self._of_client: dict[str, list[int]] = {}
        """The tickets of each client that has some, oldest first."""
        self._over: dict[int, tuple[Submit, str]] = {}
        self._joining: dict[str, Joining] = {}

    def __len__(self) -> int:
        return len(self._tickets) + len(self._joining)

    def __contains__(self, client: str) -> bool:
        return client in self._joining or client in self._of_client

    @property
    def count(self) -> int:
        """Clients with a join under way, at most: who has one here and one there counts twice."""
        return len(self._of_client) + len(self._joining)

    def clients(self) -> Iterator[str]:
        """Each once."""
        yield from self._of_client
        yield from (client for client in self._joining if client not in self._of_client)

    # --- with app code

    def wait(self, ticket: int, submit: Submit) -> None:
        self._tickets[ticket] = submit
        self._of_client.setdefault(submit.origin.client, []).append(ticket)

    def take(self, ticket: int) -> Submit | None:
        """The join that app code has decided about; None if it is over already."""
        submit = self._tickets.pop(ticket, None)
        if submit is not None:
            theirs = self._of_client[submit.origin.client]
            theirs.remove(ticket)
            if not theirs:
                del self._of_client[submit.origin.client]
        return submit

    def end_early(self, ticket: int, reason: str) -> Submit | None:
        """As `take`, of a join that app code has yet to decide about: `ended_early` says so when it does."""
        submit = self.take(ticket)
        if submit is not None:
            self._over[ticket] = submit, reason
        return submit

    def ended_early(self, ticket: int) -> tuple[Submit, str] | None:
        """The join that was over before app code has decided about it now, and why; asked once."""
        return self._over.pop(ticket, None)

    def waits(self, ticket: int) -> bool:
        """Whether app code has yet to decide about it."""
        return ticket in self._tickets

    def tickets(self) -> list[int]:
        """All."""
        return list(self._tickets)

    def tickets_of(self, client: str, generation: int) -> list[int]:
        """Those of one client up to that generation."""
        theirs = self._of_client.get(client, ())
        return [ticket for ticket in theirs if self._tickets[ticket].generation <= generation]

    # --- with the engine

    @property
    def has_let_in(self) -> bool:
        """Whether somebody is about to be a member, if the engine has no objection."""
        return bool(self._joining)

    def begin(self, submit: Submit, response: object, *, is_let_in: bool = False, untold: int = 0) -> Joining:
        earlier = self._joining.get(submit.origin.client)
        if earlier is not None:
            earlier.over = "rejoined"
        joining = self._joining[submit.origin.client] = Joining(submit, response, is_let_in, untold=untold)
        return joining

    def end(self, joining: Joining) -> bool:
        """Whether it still counts: its client has neither left nor joined once more while the engine looked."""
        client = joining.submit.origin.client
        if self._joining.get(client) is not joining:
            return False
        del self._joining[client]
        return True

    def drop(self, client: str, generation: int, reason: str) -> bool:
        """Forgets the join of a client that has left; whether there was one up to that generation."""
        joining = self._joining.get(client)
        if joining is None or joining.submit.generation > generation:
            return False
        joining.over = reason
        del self._joining[client]
        return True

    def note(self, items: list[Item]) -> None:
        """What the members were told: whoever enters later may lack it."""
        for joining in self._joining.values():
            joining.missed_live.extend(items[joining.untold :])
            joining.untold = 0
