"""How a ref looks to code written for pykka: the proxy, and `actor_stopped` as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from .errors import ActorDeadError
from .pykka_names import introspect_attrs

if TYPE_CHECKING:
    from .cell import ActorRef

A = TypeVar("A", bound=pykka.Actor)

_KNOWN = "_proxied_attrs"


class Proxy(pykka.ActorProxy[A]):
    """
    pykka's proxy without its two costs: it introspects once per class (pykka: 1.4 ms each), and it reaches the instance
    through the ref, so that it works on after a restart.

    An attribute that only instances have is found by pykka's own second look, at the current one.
    """

    def __init__(self, *, actor_ref: pykka.ActorRef[A], attr_path: tuple[str, ...] = ()) -> None:
        if not actor_ref.is_alive():
            raise ActorDeadError(f"{actor_ref} not found")
        self.actor_ref = actor_ref
        self._attr_path = attr_path
        self._actor_proxies = {}
        self._callable_proxies = {}
        cls = actor_ref.actor_class
        known = cls.__dict__.get(_KNOWN)
        if known is None:
            actor = self._actor
            blank = object.__new__(cls) if actor is None else actor  # between two instances: what the class has
            known = introspect_attrs(root=blank, proxy=self)
            setattr(cls, _KNOWN, known)
        self._known_attrs = known

    @property
    def _actor(self) -> Any:  # type: ignore[override]  # pykka: the instance that existed when the proxy was made
        return self.actor_ref._actor_weakref()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, pykka.ActorProxy):
            return False
        return self.actor_ref is other.actor_ref and self._attr_path == other._attr_path

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))


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
