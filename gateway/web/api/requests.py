"""
What may be asked by `POST /api/METHOD`: one struct per method, and how a body becomes one.

The names are those of Centrifugo's server API (its `api.proto`), whose clients are to work unmodified. A field that is
not known is skipped, as it is there. A field that is known there, would change what happens, and is not served here is
refused by its name: whoever sends it would otherwise wait for an effect that never comes.

A payload is not decoded: it stays the JSON that it was (`Raw`) on its way to the clients.
"""

from __future__ import annotations

import base64
import binascii
import re
from fnmatch import translate
from typing import Annotated, Any, ClassVar

import msgspec

from ... import wire_json
from ...access.tokens import LAST_SECOND
from ...engines.stream import MAX_OFFSET, Position
from ...messages.publications import DEFAULT_EVENT, MAX_KEY
from ...reasons import InvalidJSON, Refused

MAX_CHANNELS = 1_000
"""Channels of one broadcast. Telling so many takes 8 ms, 25 ms if all have to be started (2026-11): nobody else has a
turn meanwhile, so more of them are several requests."""
MAX_COMMANDS = 1_000
"""Commands of one batch: 80 ms of work (2026-11), of which each command is a turn of its own."""

_ABSENT = msgspec.Raw()
_UNSET = frozenset((b"null", b"false", b"0", b'""', b"[]", b"{}"))
"""What a field may be that is not served: the same as leaving it out."""


Moment = Annotated[float, msgspec.Meta(le=float(LAST_SECOND))]
"""Seconds since 1970. Beyond the year 9999 they are milliseconds by mistake, as in a token."""


class Request(msgspec.Struct):
    """`unsupported`: fields of Centrifugo's that are not served here, with what to do instead."""

    unsupported: ClassVar[dict[str, str]] = {}


_NO_TAGS = {"tags": "put them into the data", "version": "publish in order", "version_epoch": "publish in order"}
_NO_SESSIONS = {"session": "name the client"}


class Since(msgspec.Struct):
    offset: Annotated[int, msgspec.Meta(le=MAX_OFFSET)] = 0
    epoch: str = ""


class Payload(Request):
    """What is published. `event` is ours: topics here have named events."""

    unsupported = _NO_TAGS

    data: msgspec.Raw = _ABSENT
    b64data: str = ""
    event: str = DEFAULT_EVENT
    skip_history: bool = False
    idempotency_key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""

    def payload(self) -> wire_json.Raw | bytes:
        """What is delivered: JSON that stays as it is, or bytes. Raises Refused if there is none, or no base64."""
        if self.b64data:
            return _bytes_of("b64data", self.b64data)
        payload = bytes(self.data)
        if not payload:
            raise Refused("bad_request", "`data` is missing: it is what subscribers get; send any JSON")
        return wire_json.Raw(one_line(payload))


class Publish(Payload, kw_only=True):
    channel: str


class Broadcast(Payload, kw_only=True):
    channels: tuple[str, ...]


class Subscribe(Request, kw_only=True):
    unsupported = _NO_SESSIONS | {
        "data": "publish it to the client", "b64data": "publish it to the client", "b64info": "send `info`",
        "override": "configure the topic",
    }  # fmt: skip

    user: str
    channel: str
    client: str = ""
    info: msgspec.Raw = _ABSENT
    recover_since: Since | None = None
    expire_at: Moment = 0

    def shown_info(self) -> bytes | None:
        """What the others see of the client in this channel."""
        info = one_line(bytes(self.info))
        return None if info in (b"", b"null") else info


class Unsubscribe(Request, kw_only=True):
    unsupported = _NO_SESSIONS

    user: str
    channel: str
    client: str = ""


class Farewell(msgspec.Struct):
    """How a connection is closed; without a code it is one after which clients do not come back."""

    code: int = 0
    reason: str = ""


class Disconnect(Request, kw_only=True):
    unsupported = _NO_SESSIONS

    user: str
    client: str = ""
    whitelist: tuple[str, ...] = ()
    """Clients that stay."""
    disconnect: Farewell | None = None


class Refresh(Request, kw_only=True):
    unsupported = _NO_SESSIONS | {"info": "let the client come with a newer token"}

    user: str
    client: str = ""
    expired: bool = False
    expire_at: Moment = 0


class Channel(Request, kw_only=True):
    """Of `presence`, `presence_stats` and `history_remove`."""

    channel: str


class History(Request, kw_only=True):
    channel: str
    limit: int = 0
    """Publications at most; 0 asks for the position alone, less for all that are kept (1,000 in one answer)."""
    since: Since | None = None
    reverse: bool = False


_BRACKETS = re.compile(r"\[!?+\]?+[^\]]*+\]")
"""As `fnmatch` reads them: what is behind the first, or behind the !, does not close them."""
_NOTHING = translate("[b-a]")


class Channels(Request):
    pattern: str = ""

    def checked_pattern(self) -> str:
        """
        `*`, `?` and `[a-z]` as in a shell; `*` takes in colons.

        Raises Refused for what would be read as text, and for a range that no character is in.
        """
        if re.search(r"[{}\\]", self.pattern):
            raise Refused("bad_request", "`pattern` has braces or a backslash; use *, ? and [a-z], or ask twice")
        if "[" in _BRACKETS.sub("", self.pattern):
            raise Refused("bad_request", "`pattern` has a [ that is not closed; write [a-z], or [[] for the character")
        for brackets in _BRACKETS.findall(self.pattern):
            if translate(brackets) == _NOTHING:
                raise Refused("bad_request", f"nothing is in {brackets} of `pattern`; write the lower end first")
        return self.pattern or "*"


class Info(Request):
    """About the nodes; nothing to be said."""


class Batch(Request, kw_only=True):
    commands: list[dict[str, msgspec.Raw]]
    parallel: bool = False


_fields: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Reader:
    """Makes requests of one kind of bodies. One decoder per kind, made once."""

    def __init__(self, kind: type[Request]) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._unsupported = kind.unsupported
        names = "|".join(kind.unsupported)
        self._suspects = re.compile(rb'"(?:%s)"' % names.encode()) if names else None

    def read(self, body: bytes) -> Any:
        """
        The request in a body that `check_body` has let through.

        Raises:
            Refused: `bad_request`, naming the field; `not_available` for what is not served here.
            InvalidJSON: It is no JSON; says where.
        """
        try:
            request = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Refused("bad_request", _letter(str(error))) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidJSON(str(error), "", 0) from None
        if self._suspects is not None and self._suspects.search(body):
            self._refuse_unsupported(body)
        return request

    def _refuse_unsupported(self, body: bytes) -> None:
        for name, value in _fields.decode(body).items():
            if name in self._unsupported and bytes(value) not in _UNSET:
                hint = self._unsupported[name]
                raise Refused("not_available", f"`{name}` is not served here; leave it out, and {hint} instead")


def check_body(body: bytes) -> None:
    """
    Looks at what decoding would skip: a payload is handed to other people as it came in.

    Raises:
        InvalidJSON: It is no UTF-8, or nests more deeply than anything here reads.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"no UTF-8 (byte {error.start})", "", 0) from None
    if wire_json.is_too_deep(body):
        raise InvalidJSON(f"nested too deeply, the limit is {wire_json.MAX_DEPTH} levels", "", 0)


def one_line(payload: bytes) -> bytes:
    """The same JSON without line ends: some wires end their messages with one, and a body may be written for people."""
    if b"\n" in payload or b"\r" in payload:
        return msgspec.json.format(payload, indent=-1)
    return payload


def position_of(since: Since | None) -> Position | None:
    return None if since is None else Position(since.offset, since.epoch)


def check_count(name: str, count: int, most: int) -> None:
    """Raises Refused if a list is empty or too long."""
    if not count:
        raise Refused("bad_request", f"`{name}` is empty; name at least one")
    if count > most:
        raise Refused("limit_exceeded", f"`{name}` has {count} entries; send at most {most} at once")


def _bytes_of(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad_request", f"`{name}` is no base64: {error}") from None


_PLACE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<place>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*?)`.*")


def _letter(problem: str) -> str:
    """What msgspec says of a wrong type, with the field first: `channel`: expected `str`, got `int`."""
    missing = _MISSING.fullmatch(problem)
    if missing is not None:
        return f"`{missing['name']}` is missing"
    found = _PLACE.fullmatch(problem)
    place, said = ("the body", problem) if found is None else (f"`{found['place']}`", found["problem"])
    return f"{place}: {said[:1].lower()}{said[1:]}"
