"""How what the tree says is written in the answers of the HTTP API: the names are Centrifugo's."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ... import wire_json
from ...messages.commands import Published
from ...messages.publications import DEFAULT_EVENT
from ...reasons import Refused

if TYPE_CHECKING:
    from ...engines.stream import Entry, Position
    from ...messages.presence import Present
    from ...messages.publications import Publication, Sender

Answer = dict[str, object]
"""What stands behind `result`, or a part of it."""


def error_of(error: Refused) -> Answer:
    """The `error` of an answer: a number that programs compare, and words for whoever reads the log."""
    return {"code": error.code, "message": error.message}


def response(outcome: object) -> Answer:
    if isinstance(outcome, Refused):
        return {"error": error_of(outcome)}
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, Published)
    return {"result": published(outcome)}


def published(result: Published) -> Answer:
    """Empty for what has no place in a history."""
    return {} if result.position is None else place(result.position)


def place(position: Position) -> Answer:
    return {"offset": position.offset, "epoch": position.epoch}


def kept(entry: Entry[Publication]) -> Answer:
    publication = entry.publication
    answer = {**_data(publication), "offset": entry.offset}
    if publication.event != DEFAULT_EVENT:
        answer["event"] = publication.event
    if publication.sender is not None:
        answer["info"] = person(publication.sender)
    return answer


def _data(publication: Publication) -> Answer:
    """As it was published: JSON as it is, a text as one, bytes as `b64data`."""
    if publication.kind == "json":
        return {"data": wire_json.Raw(publication.payload)}
    if publication.kind == "text":
        return {"data": publication.payload.decode()}
    return {"data": None, "b64data": base64.b64encode(publication.payload).decode()}


def person(one: Present | Sender) -> Answer:
    """A connection. `conn_info` is what its token says of it, `chan_info` what it said when it joined."""
    said: Answer = {"client": one.client, "user": one.user}
    for key, info in (("conn_info", one.conn_info), ("chan_info", one.info)):
        if info is not None:
            said[key] = wire_json.Raw(info)
    return said
