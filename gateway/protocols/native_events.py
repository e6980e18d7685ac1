"""What clients of the native wire read of a topic: publications, and the people in it, as objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import wire_json
from .json_shapes import Shape, value_of

if TYPE_CHECKING:
    from ..engines.stream import Position
    from ..messages.commands import Face
    from ..messages.presence import Present
    from ..messages.publications import PresenceChange, Publication


def event_of(publication: Publication, position: Position | None, face: Face) -> Shape:
    """A publication as the object that clients get, live, replayed and in history alike."""
    event: Shape = {
        "action": "event",
        face: publication.topic,
        "event": publication.event,
        "payload": value_of(publication.payload, publication.kind),
    }
    if position is not None:
        event["offset"], event["epoch"] = position.offset, position.epoch
    event["time"] = publication.at
    if publication.sender is not None:
        event["sender"] = {"client": publication.sender.client, "user": publication.sender.user}
    return event


def change_of(change: PresenceChange, face: Face) -> Shape:
    """Who came and who went."""
    joins, leaves = map(people_of, (change.diff.joins, change.diff.leaves))
    return {"action": "presence", face: change.topic, "joins": joins, "leaves": leaves}


def people_of(members: Iterable[Present]) -> list[Shape]:
    return [_person(one) for one in members]


def _person(one: Present) -> Shape:
    person: Shape = {"client": one.client, "user": one.user}
    info = one.conn_info if one.info is None else one.info
    if info is not None:
        person["info"] = wire_json.Raw(info)
    return person
