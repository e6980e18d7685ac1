"""A class of actors with one thing changed by whoever starts them: its mailbox, or how it supervises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ..mail.mailbox import Mailbox

T = TypeVar("T", bound=type)

MAX_REMEMBERED = 256
"""Pairs of class and mailbox remembered per system, some 2 KiB each; one of a larger number is made anew each time."""


def variant(actor_class: T, /, **attributes: Any) -> T:
    """
    Returns a subclass with other class attributes and the same name.

    A turn reads what it needs from the class, so an actor with a mailbox of its own costs nothing while it runs.
    """
    named = {name: getattr(actor_class, name) for name in ("__module__", "__qualname__", "__doc__")}
    body = {**named, "__slots__": (), **attributes}  # without the slots an actor without attributes would get a dict
    return type(actor_class)(actor_class.__name__, (actor_class,), body)


class Variants:
    """The classes of one system that have another mailbox than they declare, each made once. Any thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[type, Mailbox], type] = {}

    def with_mailbox(self, actor_class: T, mailbox: Mailbox) -> T:
        key = (actor_class, mailbox)
        known: Any = self._known.get(key)
        if known is None:
            known = variant(actor_class, mailbox=mailbox)
            if len(self._known) < MAX_REMEMBERED:
                self._known[key] = known
        found: T = known
        return found
