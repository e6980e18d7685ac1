"""
What makes a class a message: the `action` that its JSON carries, and by which it is told from others.

    @message
    class Say:
        text: str

is an attrs class, frozen, with keyword arguments alone, and with the field `action = "say"`; so whatever writes JSON
writes the action with it. Dataclasses, attrs classes and msgspec structs are taken as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar, dataclass_transform, overload

import attrs
import msgspec

from actors.annotations import own_annotations

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ACTION = "action"
_MARK = "_message_action"
"""Class attribute of what `@message` made; others name their action by a field or a tag."""


@overload
def message(kind: type[T], /) -> type[T]: ...
@overload
def message(kind: str | None = None, /, *, action: str | None = None) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
def message(kind: Any = None, /, *, action: str | None = None) -> Any:
    """
    Makes a message of a class: `attrs.frozen(kw_only=True)`, with its `action` as the first field.

    The action is what is given here, `@message("say")`, or what the class declares, `action: Literal["say"] = "say"`,
    or its name in snake case.

    Raises:
        TypeError: It is a dataclass or a struct already, or declares another action than is given here.
    """
    if isinstance(kind, type):
        return _made(kind, action)
    return lambda found: _made(found, action if kind is None else kind)


def _made(kind: type, given: str | None) -> type:
    if "__attrs_attrs__" in vars(kind) or (is_schema(kind) and not hasattr(kind, _MARK)):
        raise TypeError(f"could not make a message of {kind.__name__}: it is one as it is; leave @message out")
    name = _chosen_action(kind, given)
    others = {field: shape for field, shape in own_annotations(kind).items() if field != ACTION}
    kind.__annotations__ = {ACTION: Literal[name], **others}
    setattr(kind, ACTION, attrs.field(default=name, init=False, repr=False))
    # no slots: Python sorts them, and messages would be written with their keys in the order of the alphabet
    made: type = attrs.frozen(kw_only=True, slots=False, field_transformer=_action_first)(kind)
    setattr(made, _MARK, name)
    return made


def _chosen_action(kind: type, given: str | None) -> str:
    declared = vars(kind).get(ACTION)
    if declared is not None and not isinstance(declared, str):
        raise TypeError(f"could not make a message of {kind.__name__}: its action is {declared!r}; use a string")
    if None not in (given, declared) and given != declared:
        words = f"it declares the action {declared!r}, and is given {given!r}; leave one of them out"
        raise TypeError(f"could not make a message of {kind.__name__}: {words}")
    if declared is None and ACTION in own_annotations(kind):
        words = 'its action has no value; write `action: Literal["say"] = "say"`'
        raise TypeError(f"could not make a message of {kind.__name__}: {words}")
    return checked_action(kind, snake_case(kind.__name__) if given is None and declared is None else given or declared)


def checked_action(kind: type, action: object) -> str:
    if not isinstance(action, str) or not action:
        raise TypeError(f"could not make a message of {kind.__name__}: its action is {action!r}; use a string")
    return action


def _action_first(_: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Also in a subclass, whose own fields attrs puts behind those of its bases."""
    return sorted(fields, key=lambda field: field.name != ACTION)


def snake_case(name: str) -> str:
    """`JoinRoom` is `join_room`, `HTTPError` is `http_error`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def is_schema(kind: object) -> bool:
    """Whether its values have fields that a frame can fill."""
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct) or attrs.has(kind) or hasattr(kind, "__dataclass_fields__")
    )


def action_of(value: object) -> str | None:
    """
    The action that a value is written with; None: it is no message but plain data.

    That is one of a class made by `@message`, of a struct whose `tag_field` is `action`, or of a class with a field
    `action` whose default it still has.
    """
    kind = type(value)
    if kind in _PLAIN:
        return None
    if hasattr(kind, _MARK):
        return str(getattr(kind, _MARK))
    if not is_schema(kind):
        return None
    if issubclass(kind, msgspec.Struct) and kind.__struct_config__.tag_field == ACTION:
        tag = kind.__struct_config__.tag
        return tag if isinstance(tag, str) else None
    declared = _default_of(kind)
    return declared if isinstance(declared, str) and getattr(value, ACTION, None) == declared else None


_PLAIN = frozenset((str, bytes, bytearray, dict, list, tuple, int, float, bool, type(None)))
"""What most payloads are; looking for more takes 1.5 us."""


def _default_of(kind: Any) -> object:
    """The default of the field `action`; None without such a field."""
    if attrs.has(kind):
        field = attrs.fields_dict(kind).get(ACTION)
        return None if field is None else field.default
    if hasattr(kind, "__dataclass_fields__"):
        found = kind.__dataclass_fields__.get(ACTION)
        return None if found is None else found.default
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    return dict(zip(reversed(names), reversed(defaults), strict=False)).get(ACTION)
