"""Permissions: a yes only where somebody said True."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gateway.access.identity import ANONYMOUS, Principal
from gateway.access.permissions import (
    HasRole,
    Identified,
    IsAuthenticated,
    OfPrincipal,
    Permission,
    are_allowed,
    check_permissions,
    check_permit,
    permit_by,
)
from gateway.reasons import Refused

ADA = Principal("ada", frozenset({"admin"}))
BOB = Principal("bob")


@attrs.frozen
class Request:
    """What an endpoint is asked with; a WebSocket has more."""

    principal: Principal
    path: str = "/"


@attrs.frozen
class Says(OfPrincipal):
    """A constant, which counts how often it was asked."""

    answer: bool
    asked: list[bool] = attrs.field(factory=list, eq=False)

    def holds(self, principal: Principal) -> bool:
        self.asked.append(True)
        return self.answer


class OwnsPath(Permission):
    """One that looks at the request and takes its time, as a database does."""

    async def __call__(self, request: Identified, /) -> bool:
        await asyncio.sleep(0)
        assert isinstance(request, Request)
        return request.path == f"/{request.principal.id}"


def allows(permissions: list[Any], principal: Principal = ADA, path: str = "/") -> bool:
    """What an endpoint with these permissions says."""
    return asyncio.run(are_allowed(permissions, Request(principal, path)))


@pytest.mark.parametrize(
    ("permission", "anonymous", "bob", "ada"),
    [
        (IsAuthenticated(), False, True, True),
        (HasRole("admin"), False, False, True),
        (~IsAuthenticated(), True, False, False),
        (IsAuthenticated() & ~HasRole("admin"), False, True, False),
        (HasRole("admin") | ~IsAuthenticated(), True, False, True),
    ],
)
def test_who_it_is_decides_alike_for_endpoints_and_topics(
    permission: Permission, anonymous: bool, bob: bool, ada: bool
) -> None:
    """One declaration, two places."""
    for principal, expected in ((ANONYMOUS, anonymous), (BOB, bob), (ADA, ada)):
        assert allows([permission], principal) is expected
        assert permission.permits(principal, "join", "room") is expected


@pytest.mark.parametrize(("principal", "reason"), [(ANONYMOUS, "unauthorized"), (BOB, "permission_denied")])
def test_a_refusal_says_whether_a_login_may_help(principal: Principal, reason: str) -> None:
    """401 for whom we do not know, 403 for whom we do."""
    with pytest.raises(Refused) as caught:
        asyncio.run(check_permissions([HasRole("admin")], Request(principal)))
    assert caught.value.reason == reason
    asyncio.run(check_permissions([HasRole("admin")], Request(ADA)))


def test_all_in_a_list_must_agree_and_the_first_no_ends_it() -> None:
    """An empty list is a yes."""
    no, never = Says(False), Says(True)
    assert allows([])
    assert allows([Says(True), Says(True)])
    assert not allows([no, never])
    assert never.asked == []


COMBINATIONS: list[tuple[Callable[[Permission, Permission], Permission], Callable[[bool, bool], bool]]] = [
    (lambda left, right: left & right, lambda left, right: left and right),
    (lambda left, right: left | right, lambda left, right: left or right),
    (lambda left, right: ~(left & right), lambda left, right: not (left and right)),
    (lambda left, right: ~(left | ~right), lambda left, right: not (left or not right)),
]


@pytest.mark.parametrize(("combine", "logic"), COMBINATIONS)
def test_combinations_are_those_of_logic(
    combine: Callable[[Permission, Permission], Permission], logic: Callable[[bool, bool], bool]
) -> None:
    """For each pair of answers."""
    for left, right in itertools.product([True, False], repeat=2):
        permission = combine(Says(left), Says(right))
        assert allows([permission]) is logic(left, right)
        assert permission.permits(ADA, "publish", "room") is logic(left, right)


def test_the_right_side_is_not_asked_if_the_left_one_has_decided() -> None:
    """It may be a query."""
    right = Says(True)
    for permission in (Says(False) & right, Says(True) | right):
        allows([permission])
        permission.permits(ADA, "join", "room")
    assert right.asked == []


def test_an_own_permission_may_wait_and_combine() -> None:
    """It sees all of the request."""
    assert allows([OwnsPath()], ADA, "/ada")
    assert not allows([OwnsPath()], ADA, "/bob")
    assert allows([OwnsPath() | HasRole("admin")], ADA, "/bob")
    assert allows([~OwnsPath()], ADA, "/bob")


def test_a_function_is_a_permission_for_endpoints() -> None:
    """Sync or not."""
    assert allows([lambda request: request.path == "/"])
    assert not allows([lambda request: False])


def test_a_permission_for_endpoints_is_no_answer_for_topics() -> None:
    """Neither yes nor no: with `~`, a no would be a yes."""
    for permission in (OwnsPath(), ~OwnsPath(), Says(True) & OwnsPath()):
        with pytest.raises(TypeError, match=r"about history in 'room': it has no permits"):
            permission.permits(ADA, "history", "room")


@pytest.mark.parametrize("slip", [HasRole, lambda request: request.principal.id, lambda request: None])
def test_what_is_no_yes_or_no_lets_nobody_in(slip: Any) -> None:
    """A class without brackets makes an object, which is true."""
    for permission in (slip, lambda request: slip(request)):
        with pytest.raises(TypeError):
            allows([permission])


def test_what_a_permission_raises_is_not_a_yes() -> None:
    """It reaches the caller, who knows whose failure that is."""

    def fails(request: object) -> bool:
        raise KeyError("database")

    with pytest.raises(KeyError):
        allows([fails])


def test_permissions_are_values() -> None:
    """They compare and print as they were written."""
    assert HasRole("admin") & IsAuthenticated() == HasRole("admin") & IsAuthenticated()
    assert repr(HasRole("admin")) == "HasRole(role='admin')"
    with pytest.raises(TypeError):
        HasRole("admin") | "editor"  # type: ignore[operator]


# --- of topics


def verdict(permission: Any, principal: Principal = BOB) -> str:
    """What somebody who wants to join "room" is told: yes, or the reason."""
    try:
        asyncio.run(check_permit(permit_by(permission), principal, "join", "room"))
    except Refused as error:
        return error.reason
    return "yes"


async def later(principal: Principal, action: str, topic: str) -> bool:
    await asyncio.sleep(0)
    return (principal.id, action, topic) == ("bob", "join", "room")


def test_who_may_in_a_topic_is_said_by_a_function_or_by_a_permission() -> None:
    """Plain, a coroutine function, an object of this module, or one with an own `permits`."""
    assert verdict(lambda principal, action, topic: topic == "room") == "yes"
    assert verdict(later) == "yes"
    assert verdict(later, ADA) == "permission_denied"
    assert verdict(HasRole("admin"), ADA) == "yes"
    assert verdict(IsAuthenticated() & HasRole("admin")) == "permission_denied"


def test_a_no_says_why_or_whether_a_login_may_help() -> None:
    """Returned or raised, a `Refused` is the answer."""
    full = Refused("full", "come tomorrow")
    assert verdict(lambda *_: full) == "full"

    def raises(*_: object) -> bool:
        raise full

    assert verdict(raises) == "full"
    assert verdict(lambda *_: False, ANONYMOUS) == "unauthorized"


@pytest.mark.parametrize("answer", [None, 1, "yes", [], object()])
def test_in_a_topic_as_well_only_true_is_a_yes(answer: object) -> None:
    """A function without a return lets nobody in."""
    with pytest.raises(TypeError, match="not True, False or Refused"):
        verdict(lambda *_: answer)


@pytest.mark.parametrize("wrong", [HasRole, IsAuthenticated, None, "admin"])
def test_what_cannot_be_asked_about_topics_is_told_when_it_is_declared(wrong: Any) -> None:
    """A class without brackets would be called with three arguments, and fail for the first client."""
    with pytest.raises(TypeError, match="no function"):
        permit_by(wrong)
