"""How a ref looks to code written for pykka: the proxy, and `actor_stopped` as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from ..errors import ActorDeadError
from .names import AttrInfo, introspect_attrs

if TYPE_CHECKING:
    from ..cell.cell import ActorRef

A = TypeVar("A", bound=pykka.Actor)

Attrs = dict[tuple[str, ...], AttrInfo]

_KNOWN = "_proxied_attrs"
"""Of a class: what it declares, and with that what the instance had that was looked at last."""


class Proxy(pykka.ActorProxy[A]):
    """
    pykka's proxy without its two costs: it introspects once per class (pykka: 1.4 ms each), and it reaches the instance
    through the ref, so that it works on after a restart. So does what it looks into (`traversable`).

    What an instance has beside its class is looked at for each proxy, and again for a name that was not there.
    """

    def __init__(self, *, actor_ref: pykka.ActorRef[A], attr_path: tuple[str, ...] = ()) -> None:
        if not actor_ref.is_alive():
            raise ActorDeadError(f"{actor_ref} not found")
        self.actor_ref = actor_ref
        self._attr_path = attr_path
        self._actor_proxies = {}
        self._callable_proxies = {}
        self._known_attrs = self._look()

    def _look(self) -> Attrs:
        cls, actor = self.actor_ref.actor_class, self._actor
        known: tuple[Attrs, Attrs] | None = cls.__dict__.get(_KNOWN)
        if known is None:
            declared = introspect_attrs(root=object.__new__(cls), proxy=self)
            known = declared, declared
        if actor is not None:
            own = _Own(str(actor), vars(actor) if hasattr(actor, "__dict__") else {})
            known = known[0], {**known[0], **introspect_attrs(root=own, proxy=self)}
            setattr(cls, _KNOWN, known)
        return known[1]  # between two instances: what the last one had that was looked at

    def __getattr__(self, name: str) -> Any:
        path = (*self._attr_path, name)
        if path not in self._known_attrs:
            self._known_attrs = self._look()
        found = self._known_attrs.get(path)
        if found is None:  # pykka would look once more, and warn once more of what it finds odd
            raise AttributeError(f"{self} has no attribute {name!r}")
        if found.traversable and not found.callable and path not in self._actor_proxies:
            self._actor_proxies[path] = Proxy(actor_ref=self.actor_ref, attr_path=path)
        return super().__getattr__(name)

    @property
    def _actor(self) -> Any:  # type: ignore[override]  # pykka: the instance that existed when the proxy was made
        return self.actor_ref._actor_weakref()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, pykka.ActorProxy):
            return False
        return self.actor_ref is other.actor_ref and self._attr_path == other._attr_path

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))


class _Own:
    """What is in the `__dict__` of an instance, and nothing of its class; it says that it is that instance."""

    def __init__(self, said: str, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._said = said

    def __str__(self) -> str:
        return self._said


class Stopped:
    """`actor_stopped`, pykka's `threading.Event`, as a view: nothing is allocated until somebody waits."""

    __slots__ = ("_ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        self._ref = ref

    def is_set(self) -> bool:
        return not self._ref.is_alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Blocks a plain thread until the actor is gone for good; False if `timeout` seconds passed first."""
        try:
            self._ref.terminated.get(timeout=timeout)
        except pykka.Timeout:
            return False
        return True
