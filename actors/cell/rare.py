"""Attributes that few cells ever have, kept out of their slots: 8 bytes each, a hundred thousand times."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

V = TypeVar("V")


class Rare(Generic[V]):
    """A descriptor: None until set, then kept in the dict `_rare` of its owner, which is made at the first of them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, cell: None, owner: type) -> Rare[V]: ...
    @overload
    def __get__(self, cell: object, owner: type) -> V | None: ...
    def __get__(self, cell: Any, owner: type) -> Rare[V] | V | None:
        if cell is None:
            return self
        rare = cell._rare
        return None if rare is None else rare.get(self._name)

    def __set__(self, cell: Any, value: V | None) -> None:
        if cell._rare is None:
            cell._rare = {}
        cell._rare[self._name] = value
