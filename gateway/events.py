"""The gateway's facts. `telemetry` turns them into words and numbers; tests and pages read the same objects."""

from __future__ import annotations

import attrs

from .quick import quick


@quick(unsafe_hash=True, slots=False)  # telemetry then has its values as they are, in one step; so of the next one
class ConnectionOpened:
    """A connection was accepted. Exactly one for each, before its `ConnectionClosed`."""

    connection: str
    wire: str
    path: str
    address: str
    principal: str


@attrs.frozen
class ConnectionIdentified:
    """Who it is was found out after the upgrade, or confirmed by a newer token."""

    connection: str
    principal: str


@quick(kw_only=True, unsafe_hash=True, slots=False)
class ConnectionClosed:
    """Everything that answers "why was this user disconnected?". Exactly one per accepted connection."""

    connection: str
    principal: str
    address: str
    wire: str
    path: str
    seconds: float
    code: int
    reason: str
    ended_by: str
    """`client`, `heartbeat`, `slow_consumer`, `rate_limit`, `expired`, `auth`, `app`, `crash`, `shutdown`; or
    `transport`, which was lost."""
    last_inbound_age: float
    missed_pings: int
    outbox_bytes: int
    received: int
    """Messages."""
    batches_sent: int
    """An answer is one; what a topic had for it in one turn is one, however many messages: nobody counts those."""
    topics: tuple[str, ...]
    at: float


@attrs.frozen
class ConnectionRefused:
    """An upgrade was answered with an error, or a client was cut before it could ask: it was never a connection."""

    address: str
    path: str
    status: int
    reason: str
    origin: str = ""
    """Of the page, if that is why: what `gateway.allowed_origins` would have to name. Its first 200 characters."""


@attrs.frozen
class CertificateOutOfDate:
    """
    No client that looks at dates comes in by TLS: the certificate has expired, or is not valid yet.

    Said at the start, or within a minute of when it comes to that. Renew it, or set the clock; it is read again.
    """

    file: str
    problem: str
    """In OpenSSL's words."""


@attrs.frozen
class CertificateRenewed:
    """Who connects by TLS from now on gets the certificate that is in the file now."""

    file: str


@attrs.frozen
class CertificateNotRenewed:
    """
    The files of the certificate have changed, and are of no use: who connects gets the one that was there before.

    Said once for each change, and tried again every minute: of a renewal both files may not have been written yet.
    """

    file: str
    problem: str


@attrs.frozen
class ProxyNotTrusted:
    """
    Connections of one near address bring `X-Forwarded-For`, and `gateway.trusted_proxies` does not name it.

    Said once in the life of a gateway. Until it is named, all its clients have one address: in facts, in `ws.client`,
    and for the limits. Name it if it is a proxy of yours.
    """

    address: str
    """Empty for the peer of a Unix socket, which is named `unix`."""
    connections: int
    setting: str = "gateway.trusted_proxies"


@attrs.frozen
class TokenNotRead:
    """
    A client brought a bearer token to its upgrade, and is anonymous: there is neither a secret nor an authenticator.

    Said once in the life of a gateway, of clients of wires; the code of an endpoint may read a token itself.
    """

    address: str
    wire: str
    setting: str = "gateway.auth.jwt_secret"


@attrs.frozen
class ApiRefused:
    """A back end was answered with an error: a wrong key, a body that is none, or what may not or cannot be done."""

    address: str
    method: str
    """As it was asked for, at most 64 characters of it."""
    status: int
    reason: str


@attrs.frozen
class TopicOpened:
    """A topic has come to life: its first member, publication or question has come."""

    topic: str


@attrs.frozen
class TopicClosed:
    """A topic has ended; its offsets and history are the engine's, and the next one of that name goes on with them."""

    topic: str
    reason: str
    """`stopped`, mostly since nobody was in it any more; `failed`; `gave_up`, with its app code; or
    `not_begun`, by it."""


@attrs.frozen
class RoomJoined:
    """A connection has become a member of a topic."""

    topic: str
    connection: str
    principal: str


@attrs.frozen
class RoomLeft:
    """A connection is a member of a topic no longer, however that came. Exactly one for each `RoomJoined`."""

    topic: str
    connection: str
    reason: str


@attrs.frozen
class HistoryRecovered:
    """A client came back with a position, and was told what it had missed, or that it cannot be told all of it."""

    topic: str
    connection: str
    recovered: bool
    """Whether nothing is missing."""
    missed: int
    """Publications that it was told now."""
    reason: str | None
    """Why not, if it is not recovered."""


@attrs.frozen
class CommandRefused:
    """A client was answered with an error."""

    connection: str
    action: str
    reason: str


@attrs.frozen
class TopicNotDeclared:
    """
    A client was refused because no `[topics."pattern"]` and no `@app.topic` matches the name; `CommandRefused` follows.

    It is told what any other is who may not. If clients should get in, declare the topic; else the name is wrong there.
    """

    connection: str
    topic: str
    """As it was asked for, at most `max_topic_name_bytes` long."""


@attrs.frozen
class MessageDropped:
    """One message too many, of a kind whose limit drops them: `@on(..., limit=Limit(..., on_excess="drop"))`."""

    connection: str
    path: str
    topic: str
    """Empty: sent to the endpoint itself."""


@quick(unsafe_hash=True)
class MessagePublished:
    """A topic has accepted a publication. Built only if somebody subscribes."""

    topic: str
    size_bytes: int
    members: int


@attrs.frozen
class PublicationDropped:
    """A slow consumer lost one; its topic's policy allows that."""

    topic: str
    connection: str
    policy: str


@attrs.frozen
class ConsumerSlowed:
    """A connection's transport is full; what follows waits in its outbox."""

    connection: str


@attrs.frozen
class HeartbeatMissed:
    """A peer has not answered a ping in time; what that means is its endpoint's `HeartbeatConfig`."""

    connection: str
    missed: int
    """In a row."""


@attrs.frozen
class ReceiptFailed:
    """An act of app code failed and nobody awaited its receipt; none for what a gateway that stops has refused."""

    act: str
    error: BaseException


@attrs.frozen
class EngineRestarted:
    """Positions and history are served again; live topics read on from their last offset."""

    incarnation: int


@attrs.frozen
class HistoriesGaveWay:
    """So many topics have lost what they kept, within the last minute, because all together kept too much."""

    topics: int


@attrs.frozen
class GatewayStarted:
    """The gateway listens, and what it needs is there."""

    url: str
    admin_url: str | None
    development: bool


@attrs.frozen
class TopicsLeftOpen:
    """
    Anybody may join these, or publish to them: by what code or the file says of them, or by the default of both.

    Said once at the start, outside of development mode and where clients need no token. Code that declares a topic
    leaves it open unless it, or the file, says otherwise; an `on_join` that refuses is not seen from here.
    """

    patterns: tuple[str, ...]
    """The first twenty."""
    count: int
    """Of all."""


@attrs.frozen
class GatewayDraining:
    """The gateway takes no new connections, and lets go of those that it has."""

    connections: int
    """That were open."""
    seconds: float
    """That they have at most."""


@attrs.frozen
class DevelopmentExposed:
    """Every topic is open to anyone, and not only from this machine; said once, at the start."""

    host: str
    setting: str = "development"


@attrs.frozen
class GatewayStopped:
    """The tree is down and nothing listens any more; the last fact there is."""

    seconds: float
    """Since it had started."""


@attrs.frozen
class SecretTooShort:
    """
    Tokens are believed whose secret has fewer bytes than its hash, so that it can be guessed from any one of them.

    Said once for each, at the start. RFC 7518 3.2 wants as many; `openssl rand -base64 48` prints more.
    """

    secret: str
    """Its setting, or `JWT` for an authenticator of the app."""
    bytes: int
    wanted: int


Fact = (
    ConnectionOpened
    | ConnectionIdentified
    | ConnectionClosed
    | ConnectionRefused
    | CertificateOutOfDate
    | CertificateRenewed
    | CertificateNotRenewed
    | ProxyNotTrusted
    | TokenNotRead
    | ApiRefused
    | TopicOpened
    | TopicClosed
    | RoomJoined
    | RoomLeft
    | HistoryRecovered
    | CommandRefused
    | TopicNotDeclared
    | MessageDropped
    | MessagePublished
    | PublicationDropped
    | ConsumerSlowed
    | HeartbeatMissed
    | ReceiptFailed
    | EngineRestarted
    | HistoriesGaveWay
    | GatewayStarted
    | TopicsLeftOpen
    | GatewayDraining
    | DevelopmentExposed
    | GatewayStopped
    | SecretTooShort
)
