"""
Who the client of one connection is: not known yet, being found out, known, and known only for a while.

Theory of operation. An identity comes at one of two moments: with the upgrade request, or by the first command of a
client whose wire has one. Either way the application's authenticators are asked first, in the session, and then the
configured secret, here. While that is under way the client's commands are held, in order. On a wire that begins with it
the answer leaves before anything else, and carries the topics that the server has joined the client to; elsewhere the
client may be in topics already, so that it is answered at once and told of each topic as any that the server joins.

    UNKNOWN --first command--> OPENING --found, joined--> KNOWN --token ends, grace over--> closed
       `--------deadline-------> closed as `stale`

What it refuses to know: sockets, frames, topics. Its host, the connection machine, has those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..access import expiry
from ..access.identity import Principal
from ..messages.commands import Identified, Identify, Join, Renewed, Reply
from ..messages.connection_messages import Close
from ..reasons import InvalidToken, Refused
from .opening import Opening

if TYPE_CHECKING:
    from ..endpoints.tickets import Ticket
    from ..messages.commands import Command, Result
    from ..node import Node
    from ..protocols.base import Wire
    from ..settings.auth import AuthSettings
    from ..sockets.outlet import Outlet
    from .replies import Replies


def may_open(auth: AuthSettings, wire: Wire, principal: Principal) -> bool:
    """Whether the upgrade may be answered with 101: to the unknown only where they may stay, or can log in yet."""
    return principal.is_authenticated or auth.anonymous or wire.logs_in


class Host(Protocol):
    """What the connection machine does for it."""

    def adopt(self, principal: Principal) -> None: ...
    def ask_application(self, command: Identify | None) -> None: ...
    def carry_out(self, command: Command) -> None: ...
    def join_for_server(self, join: Join) -> None: ...
    def end(self, close: Close) -> None: ...
    def call_at(self, what: str, at: float) -> None: ...


class Identification:
    """One per connection."""

    __slots__ = (
        "_host", "_login_until", "_node", "_opening", "_outlet", "_replies", "_ticket", "_warn_at", "_wire", "is_known",
        "principal",
    )  # fmt: skip

    def __init__(self, node: Node, ticket: Ticket, host: Host, outlet: Outlet, replies: Replies) -> None:
        self._node = node
        self._ticket = ticket
        self._wire = wire = ticket.wire
        self._host = host
        self._outlet = outlet
        self._replies = replies
        self._opening: Opening | None = None
        self._warn_at = expiry.warn_at(node.wall(), ticket.principal.expires)
        """When to tell the client that its identity ends; None: it was told, or need not be."""
        self._login_until = 0.0
        """Until when it has time to say who it is."""
        self.principal = ticket.principal
        self.is_known = not wire.identifies_first and self._may_stay(ticket.principal)

    # --- at the upgrade

    def opened(self) -> None:
        """The socket is there: from now on the client has `authenticate_within` seconds, or its token's."""
        if not self.is_known:
            self._watch_login()
            return
        if self._watch_expiry() and self._wire.can_be_joined:
            for topic in self.principal.topics:
                self._host.join_for_server(Join(topic, Reply("subscribe", topic=topic, is_by_server=True)))

    def told(self, principal: Principal) -> None:
        """App code of an endpoint, or what stands around it, says who it is, at any time."""
        self._adopt(principal)
        self.is_known = self._may_stay(principal)
        self._watch_expiry()
        if not self.is_known and self._outlet.socket is not None:  # logged out: it has as long for the next login
            self._watch_login()

    def _watch_login(self) -> None:
        self._login_until = self._node.now() + self._node.auth.authenticate_within
        self._host.call_at("identity", self._login_until)

    def overdue(self) -> None:
        """The deadline has come; or a wheel that was made anew, and knows of none, asks whether it has."""
        if self.is_known:
            return
        if self._node.now() < self._login_until:
            self._host.call_at("identity", self._login_until)
        else:
            self._host.end(Close("stale", ended_by="auth"))

    # --- by a command

    def holds(self, command: Command) -> bool:
        """Whether the command waits until the client is known."""
        if self._opening is None:
            return False
        self._opening.held.append(command)
        return True

    def begin(self, command: Identify) -> None:
        """The client says who it is."""
        if self.is_known and self.principal.is_authenticated:
            self.renew(command.reply, command.token)
            return
        self._opening = Opening(command)
        if self._node.authenticators and (self._is_asked_first or command.token or command.data):
            self._host.ask_application(command)
        else:
            self.found(command, None)

    def found(self, command: Identify | None, principal: Principal | Refused | InvalidToken | None) -> None:
        """What the application says; None: it does not know this client."""
        if command is None:
            self._found_at_upgrade(principal)
            return
        if self._opening is None or self._opening.command is not command:
            return  # its connection ends
        try:
            token = command.token or (self._ticket.handshake.token if self._is_asked_first else None)
            self._welcome(self._opening, self._decide(principal, token))
        except InvalidToken:
            self._invalid(command.reply)
        except Refused as error:
            self._refuse(self._opening, error)

    @property
    def _is_asked_first(self) -> bool:
        """Whether nobody has looked yet at what came with the upgrade: the application does, with the first command."""
        return bool(self._node.authenticators) and self._wire.identifies_first

    def _refuse(self, opening: Opening, error: Refused) -> None:
        """On a wire that begins with a token nothing more can be done; elsewhere the client goes on as whom it was."""
        self._replies.answer(opening.command.reply, error)
        self._opening = None
        if not self._wire.identifies_first:
            self._go_on(opening)
            return
        for command in opening.held:
            self._replies.give(command.reply.size_bytes)

    def _go_on(self, opening: Opening) -> None:
        """With what was held behind it, as far as to the next one that says who the client is: that holds the rest."""
        for command in opening.held:
            if not self.holds(command):
                self._host.carry_out(command)

    def drop(self) -> None:
        """The connection ends: whoever is being found out comes in no more, and what waits behind that is not done."""
        opening, self._opening = self._opening, None
        for command in () if opening is None else (opening.command, *opening.held):
            self._replies.give(command.reply.size_bytes)

    def _found_at_upgrade(self, found: Principal | Refused | InvalidToken | None) -> None:
        try:
            principal = self._decide(found, self._ticket.handshake.token)
            if not may_open(self._node.auth, self._wire, principal):
                raise Refused("unauthorized")
        except InvalidToken:
            self._ticket.refuse(self._ticket.refused_as, "invalid token")
            return
        except Refused as error:
            self._ticket.refuse(500 if error.reason == "internal" else self._ticket.refused_as, error.message)
            return
        self._adopt(principal)
        self.is_known = not self._wire.identifies_first and self._may_stay(principal)
        self._ticket.decide(self._ticket.subprotocol)

    def _decide(self, found: Principal | Refused | InvalidToken | None, token: str | None) -> Principal:
        """Whom the application does not know, the configured secret may. Raises Refused, InvalidToken."""
        if isinstance(found, Exception):
            raise found
        return found or self._from_token(token)

    def _from_token(self, token: str | None) -> Principal:
        """By the configured secret. Raises InvalidToken, or Refused("token_expired")."""
        if not token:
            return self.principal
        if self._node.tokens is None:
            raise InvalidToken("nobody here knows it", "set gateway.auth.jwt_secret, or write an authenticator")
        return self._node.tokens.principal(token, self._node.wall())

    def _welcome(self, opening: Opening, principal: Principal) -> None:
        if not self._may_stay(principal):
            raise Refused("unauthorized", "log in first: this server is for the authenticated")
        self.is_known = True
        self._adopt(principal)
        if not self._watch_expiry():
            return
        joins = opening.joins(dict.fromkeys(principal.topics))
        if joins and self._wire.identifies_first:
            self._outlet.hold()
            opening.expect(joins)
        for join in joins:
            self._host.join_for_server(join)
        self._finish_if_complete()

    def note(self, reply: Reply, result: Result) -> bool:
        """Whether this answers a join that the opening waits for."""
        if self._opening is None or not self._opening.note(reply, result):
            return False
        self._finish_if_complete()
        return True

    def _finish_if_complete(self) -> None:
        opening = self._opening
        if opening is None or not self.is_known or not opening.is_complete:
            return
        self._opening = None
        identified = Identified(self._ticket.client, self.principal, self._expires_in(), opening.joined)
        self._replies.answer_first(opening.command.reply, identified)
        self._go_on(opening)

    def check_known(self) -> None:
        """Raises Refused as long as it has not said who it is."""
        if not self.is_known:
            raise Refused("unauthorized", "log in first")

    def refused(self) -> None:
        """What the client asked: where it has to say first who it is, anything else before that is its end."""
        if not self.is_known and self._wire.identifies_first:
            self._host.end(Close("bad_request", ended_by="client"))

    # --- a newer token

    def renew(self, reply: Reply, token: str | None) -> None:
        """Of the connection."""
        try:
            principal = self._from_token(token)
            if principal.id != self.principal.id:
                raise InvalidToken("it is of another user; open another connection")
        except InvalidToken:
            self._invalid(reply)
            return
        self._adopt(principal)
        self._watch_expiry()
        self._replies.answer(reply, Renewed(self._ticket.client, self._expires_in()))

    def _invalid(self, reply: Reply) -> None:
        """A wire that begins with a token ends with a bad one."""
        error = Refused("unauthorized", "invalid token")
        if self._wire.identifies_first:
            self._host.end(Close("invalid_token", ended_by="auth"))
        elif self._opening is not None:
            self._refuse(self._opening, error)
        else:
            self._replies.answer(reply, error)

    # --- the end of it

    def look(self) -> bool:
        """The wheel says that it is time to. Returns whether it may stay for now; else it is closed."""
        wall, hard, expires = self._node.wall(), self._ticket.expires_at, self.principal.expires
        ends = [hard] if hard is not None else []
        if expires is not None:
            grace, warn_at = (self._node.auth.refresh_grace, self._warn_at) if self._wire.renews else (0.0, None)
            decision = expiry.after(wall, expires, grace=grace, warn_at=warn_at)
            if isinstance(decision, expiry.Warn):
                self._warn_at = None
                self._outlet.put(self._wire.expiring(decision.seconds))
            ends.append(wall if isinstance(decision, expiry.Over) else decision.at)
        if not ends:
            return True
        if min(ends) <= wall:
            self._host.end(Close("expired", ended_by="expired"))
            return False
        self._host.call_at("expiry", self._node.now() + min(ends) - wall)
        return True

    def _watch_expiry(self) -> bool:
        """As `look`, of an identity that is taken now."""
        return (self.principal.expires is None and self._ticket.expires_at is None) or self.look()

    def _expires_in(self) -> float | None:
        expires = self.principal.expires
        return None if expires is None else max(0.0, expires - self._node.wall())

    def _adopt(self, principal: Principal) -> None:
        if principal.expires != self.principal.expires:
            self._warn_at = expiry.warn_at(self._node.wall(), principal.expires)
        self.principal = principal
        self._host.adopt(principal)

    def _may_stay(self, principal: Principal) -> bool:
        return principal.is_authenticated or self._node.auth.anonymous
