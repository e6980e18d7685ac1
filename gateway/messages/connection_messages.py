"""What the machine of a connection and its session are told: by the socket, the wheel, app code, and each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..quick import quick

if TYPE_CHECKING:
    from ..access.identity import Principal
    from ..access.permissions import Action
    from ..reasons import InvalidToken, Refused
    from ..sockets.socket import Socket
    from .commands import Face, Identify
    from .publications import Kind
    from .receipts import Receipt

# --- socket to connection


@quick(eq=False)
class Opened:
    """The 101 is out; the machine has its socket."""

    socket: Socket


@attrs.define(eq=False)
class Received:
    """One whole message of the client."""

    data: str | bytes


@attrs.frozen(eq=False)
class TooFast:
    """A frame for the endpoint that came too fast."""

    data: str | bytes
    wait: float
    """Seconds until one may come."""


@attrs.frozen(eq=False)
class Writable:
    """The transport has room again."""


@quick(eq=False)
class SocketClosed:
    """The transport is gone; the last message of a socket."""

    code: int
    reason: str
    clean: bool


@attrs.frozen(eq=False)
class Due:
    """The wheel says that a deadline of this connection has come."""

    what: str


# --- session and connection


@attrs.frozen(eq=False)
class Kick:
    """App code ends a membership of its own client."""

    topic: str
    reason: str
    may_return: bool
    code: int | None


@quick(eq=False)
class Accept:
    subprotocol: str | None
    receipt: Receipt[None] | None
    """None: nobody waits for the socket."""


@attrs.frozen(eq=False)
class Refuse:
    status: int
    text: str


@quick(eq=False)
class Send:
    """App code speaks to its own client, outside any topic; its wire frames it."""

    payload: bytes
    kind: Kind
    receipt: Receipt[None]


@attrs.frozen(eq=False)
class Close:
    """Ends the connection. `reason` is a name of the table; else `code` and `text` pass through as given."""

    reason: str | None = None
    code: int = 1000
    text: str = ""
    ended_by: str = "app"


@attrs.frozen(eq=False)
class Adopt:
    """From app code of an endpoint: who this client is, from now on."""

    principal: Principal


@attrs.frozen(eq=False)
class Beat:
    """App code has the heartbeat of this connection stopped, or going on."""

    is_on: bool


@attrs.frozen(eq=False)
class LeaveAll:
    """App code leaves all rooms, or all channels, of this connection."""

    face: Face
    receipt: Receipt[None]


@attrs.frozen(eq=False)
class HookFailed:
    """To the session: an `on_connect` of the app has raised."""

    error: BaseException


@attrs.frozen(eq=False)
class Ended:
    """To the session: the socket is gone."""

    code: int
    reason: str


@attrs.frozen(eq=False)
class SessionDone:
    """From the session: app code has had its last word."""

    error: BaseException | None = None


@attrs.frozen(eq=False)
class AskIdentity:
    """To the session: what do the application's authenticators say to this client?"""

    command: Identify | None


@attrs.frozen(eq=False)
class Known:
    """From the session: what the application's authenticators found."""

    command: Identify | None
    """What asked for it; None: the upgrade request."""
    principal: Principal | Refused | InvalidToken | None
    """None: nobody knows this client."""


@attrs.frozen(eq=False)
class AskPermit:
    """To the session: may this client do that?"""

    principal: Principal
    version: int
    """Of what the client has been granted; see `clearance`."""
    topic: str
    action: Action


@attrs.frozen(eq=False)
class Permitted:
    """From the session: what the application says to it."""

    version: int
    topic: str
    action: Action
    error: Refused | None = None
    """None: yes."""


@attrs.frozen(eq=False)
class ForgetPermissions:
    """From app code: what was granted to this client has to be asked again."""
