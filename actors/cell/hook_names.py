"""
A hook that is misspelt would never be called, and nothing would ever say so: the class statement does.

Methods of one's own may begin with `on_` too. One is taken for a mistake only if it is like a hook, has no mark by
which somebody finds it, overrides nothing, and no code of its class uses it.
"""

from __future__ import annotations

import inspect
from types import CodeType
from typing import TYPE_CHECKING

import attrs

from ..config.config import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIXES = ("on_", "pre_", "post_")
"""How the names of hooks begin."""

LIKENESS = 0.75
"""Of the words behind the prefixes, as difflib measures it: 1 is equal. Of two swapped letters in a word of four it is
this, `join` and `jion`; `status` and `start` have 0.73, `move` and `leave` 0.67."""


@attrs.frozen
class HookNames:
    """The hooks of one kind of class."""

    names: frozenset[str]

    @classmethod
    def of(cls, owner: type) -> HookNames:
        """Every method that begins as hooks do, inherited ones too."""
        return cls(frozenset(name for name in dir(owner) if name.startswith(PREFIXES)))

    def misspelt(self, owner: type) -> str | None:
        """The letter about the first hook that a class body has misspelt; None, as almost always: that takes 2 us."""
        for name, method in vars(owner).items():
            if name.startswith(PREFIXES) and name not in self.names and _is_unheard_of(name, method, owner):
                meant = self._meant(name)
                if meant is not None and not _is_used(name, owner):
                    return f"could not make {owner.__name__}: there is no hook {name}; did you mean {meant}?"
        return None

    def _meant(self, name: str) -> str | None:
        """The hook that a name is like; one with the same prefix, else `post_restart` before `pre_restart`."""
        prefix, word = _parts(name)
        if not any(known.startswith(prefix) for known in self.names):
            return None
        close = nearest(word, {_parts(known)[1] for known in self.names}, likeness=LIKENESS)
        found = sorted(known for known in self.names if _parts(known)[1] == close)
        return next((known for known in found if known.startswith(prefix)), found[0] if found else None)


def _parts(name: str) -> tuple[str, str]:
    prefix, line, word = name.partition("_")
    return prefix + line, word


def _is_unheard_of(name: str, method: object, owner: type) -> bool:
    """Whether it is a method, overrides none, and no decorator has left an attribute on it by which it is found."""
    if not callable(method) or any(hasattr(base, name) for base in owner.__bases__):
        return False
    return all(left.startswith("__") for left in getattr(method, "__dict__", ()))  # `__wrapped__` marks nothing


def _is_used(name: str, owner: type) -> bool:
    """Whether other code of the class has the name, or puts names together with its prefix: `f"on_{event}"`."""
    wanted = {name, _parts(name)[0]}
    return any(not wanted.isdisjoint(_words_of(code)) for code in _code_beside(name, owner))


def _code_beside(name: str, owner: type) -> Iterator[CodeType]:
    """Of the methods of a class and its bases, but for those of that name."""
    for base in owner.__mro__:
        for key, member in vars(base).items():
            code = getattr(inspect.unwrap(member), "__code__", None) if callable(member) and key != name else None
            if isinstance(code, CodeType):
                yield code


def _words_of(code: CodeType) -> Iterator[str]:
    """The attributes, globals and texts that code names, and those of the functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _words_of(constant)
