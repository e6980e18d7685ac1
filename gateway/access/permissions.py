"""
Whether somebody may: on endpoints before they are opened, and on topics before each act.

    permissions = [IsAuthenticated()]
    permissions = [HasRole("admin") | (HasRole("editor") & ~HasRole("banned"))]
    app.permits("team:*")(IsAuthenticated() & OwnTeam())

All in a list must agree. What is no plain True or False is an error and never a yes: a class that was not called
(`HasRole` for `HasRole("admin")`) would otherwise let everybody in.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import attrs

from ..arity import refusal
from ..reasons import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from .identity import Principal

    Permit: TypeAlias = Callable[[Principal, "Action", str], Any]
    """`(principal, action, topic)`, plain or a coroutine function: says True, False or Refused, or raises that."""

Action: TypeAlias = Literal["join", "publish", "history", "presence"]
"""What a client may want of a topic."""


class Identified(Protocol):
    """What asks for an endpoint; a `WebSocket` is one, so a permission may look at its path, headers and address."""

    @property
    def principal(self) -> Principal: ...


class Permission(ABC):
    """
    A yes or a no. Combines with `&`, `|` and `~`; the right one is not asked if the left one has decided.

    An own one overrides `__call__` for endpoints (sync, or a coroutine function), `permits` for topics, or both by way
    of `OfPrincipal`.
    """

    @abstractmethod
    def __call__(self, request: Identified, /) -> bool | Awaitable[bool]:
        """Whether this connection may open the endpoint. What it raises is a failure of the app, and no yes."""

    def permits(self, principal: Principal, action: Action, topic: str) -> bool:
        """
        Whether `principal` may do this in `topic`. What has to wait is a coroutine function of its own.

        Raises:
            TypeError: This permission only knows endpoints. A no would become a yes under `~`.
        """
        raise TypeError(f"could not ask {self!r} about {action} in {topic!r}: it has no permits(); write one")

    def __and__(self, other: Permission) -> Permission:
        return _Both(self, other) if isinstance(other, Permission) else NotImplemented

    def __or__(self, other: Permission) -> Permission:
        return _Either(self, other) if isinstance(other, Permission) else NotImplemented

    def __invert__(self) -> Permission:
        return _Not(self)


class OfPrincipal(Permission):
    """One that only asks who it is: the same for endpoints and for every topic."""

    @abstractmethod
    def holds(self, principal: Principal) -> bool: ...

    def __call__(self, request: Identified, /) -> bool:
        return self.holds(request.principal)

    def permits(self, principal: Principal, action: Action, topic: str) -> bool:
        return self.holds(principal)


@attrs.frozen
class IsAuthenticated(OfPrincipal):
    """Anybody who has an id."""

    def holds(self, principal: Principal) -> bool:
        return principal.is_authenticated


@attrs.frozen
class HasRole(OfPrincipal):
    """Who has this role; roles come from the authenticator or from the claim `roles` of a token."""

    role: str = attrs.field(validator=attrs.validators.instance_of(str))

    def holds(self, principal: Principal) -> bool:
        return self.role in principal.roles


@attrs.frozen
class _Both(Permission):
    left: Permission
    right: Permission

    async def __call__(self, request: Identified, /) -> bool:
        return await is_allowed(self.left, request) and await is_allowed(self.right, request)

    def permits(self, principal: Principal, action: Action, topic: str) -> bool:
        return self.left.permits(principal, action, topic) and self.right.permits(principal, action, topic)


@attrs.frozen
class _Either(Permission):
    left: Permission
    right: Permission

    async def __call__(self, request: Identified, /) -> bool:
        return await is_allowed(self.left, request) or await is_allowed(self.right, request)

    def permits(self, principal: Principal, action: Action, topic: str) -> bool:
        return self.left.permits(principal, action, topic) or self.right.permits(principal, action, topic)


@attrs.frozen
class _Not(Permission):
    inner: Permission

    async def __call__(self, request: Identified, /) -> bool:
        return not await is_allowed(self.inner, request)

    def permits(self, principal: Principal, action: Action, topic: str) -> bool:
        return not self.inner.permits(principal, action, topic)


async def is_allowed(permission: Callable[[Identified], bool | Awaitable[bool]], request: Identified) -> bool:
    """
    Asks one permission, or any function of the same shape, and waits for it if it has to.

    Raises:
        TypeError: It answered something else than True or False.
    """
    answer: object = permission(request)
    if inspect.isawaitable(answer):
        answer = await answer
    if not isinstance(answer, bool):
        raise TypeError(
            f"could not check {permission!r}: it answered {type(answer).__name__}, not True or False; "
            "if it is a class, write it with brackets"
        )
    return answer


async def are_allowed(
    permissions: Iterable[Callable[[Identified], bool | Awaitable[bool]]], request: Identified
) -> bool:
    """Whether all of them agree; in order, and the first no ends it. No permissions are a yes. Raises as above."""
    for permission in permissions:
        if not await is_allowed(permission, request):
            return False
    return True


async def check_permissions(
    permissions: Iterable[Callable[[Identified], bool | Awaitable[bool]]], request: Identified
) -> None:
    """
    Lets pass whom all of them allow.

    Raises:
        Refused: `unauthorized` if it may help to log in, else `permission_denied`.
        TypeError: As `is_allowed`.
    """
    if not await are_allowed(permissions, request):
        raise _no(request.principal)


def permit_by(permission: object) -> Permit:
    """
    How a function, or a `Permission`, is asked about topics.

    Raises:
        TypeError: It cannot be asked: it is a class, cannot be called, or not with these arguments.
    """
    if isinstance(permission, Permission):
        return permission.permits
    if isinstance(permission, type) or not callable(permission):
        raise TypeError(
            f"could not ask {permission!r} about topics: it is no function (principal, action, topic); "
            "if it is a class of permissions, write it with brackets"
        )
    wrong = refusal(permission, 3)
    if wrong is not None:
        raise TypeError(f"could not ask {permission!r} about topics: {wrong}: (principal, action, topic)")
    return permission


async def check_permit(permit: Permit, principal: Principal, action: Action, topic: str) -> None:
    """
    Lets pass what it says True to, and waits for that if it has to.

    Raises:
        Refused: What it raised or returned; for a False `unauthorized` if it may help to log in, else
            `permission_denied`.
        TypeError: It answered something else.
    """
    answer: object = permit(principal, action, topic)
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, Refused):
        raise answer
    if not isinstance(answer, bool):
        said = f"it answered {type(answer).__name__}, not True, False or Refused"
        raise TypeError(f"could not check {permit!r}: {said}; have it return one of these")
    if not answer:
        raise _no(principal)


def _no(principal: Principal) -> Refused:
    return Refused("permission_denied" if principal.is_authenticated else "unauthorized")
