"""An actor of an app gets the gateway it runs in, if its `__init__` asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

import gateway
from actors import Actor, SystemFailed, handles
from gateway import Gateway
from gateway.application.injection import with_gateway
from gateway.settings.sources import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Gateway(title="here")
OTHER = Gateway(title="other")


class ByString(Actor):
    def __init__(self, one: int, app: Gateway) -> None:
        super().__init__()


class ByPath(Actor):
    def __init__(self, *, app: gateway.Gateway) -> None:
        super().__init__()


class ByClass(Actor):
    def __init__(self, app: Any) -> None:
        super().__init__()

    __init__.__annotations__["app"] = Gateway


class Quoted(Actor):
    def __init__(self, app: "Gateway") -> None:  # noqa: UP037  # as people write it who do not import annotations
        super().__init__()


class WithDefault(Actor):
    def __init__(self, app: Gateway | None = None, second: Gateway = OTHER) -> None:
        super().__init__()


class AsksForNothing(Actor):
    def __init__(self, app: str = "a Gateway", *more: Any, **others: Any) -> None:
        super().__init__()


class Plain(Actor):
    """No `__init__` of its own."""


@attrs.define(eq=False, slots=False)
class Made(Actor):
    """Its `__init__` is made by attrs."""

    one: int
    app: Gateway


@pytest.mark.parametrize("kind", [ByString, ByPath, ByClass, Quoted, Made])
def test_a_parameter_annotated_gateway_is_filled_in(kind: type[Actor]) -> None:
    """Whether the annotation is the class, its name, its path, or quoted: the import may be for type checkers only."""
    assert with_gateway(kind, (), {}, HERE) == {"app": HERE}


def test_what_was_given_is_left_alone() -> None:
    """By position or by name: whoever says which gateway it shall be gets that one."""
    assert with_gateway(ByString, (1, OTHER), {}, HERE) == {}
    assert with_gateway(ByString, (1,), {"app": OTHER}, HERE) == {"app": OTHER}
    assert with_gateway(ByPath, (), {"app": OTHER}, HERE) == {"app": OTHER}


def test_only_an_annotation_of_just_that_class_asks() -> None:
    """`Gateway | None` has an answer of its own; a default does not speak against being filled in."""
    assert with_gateway(WithDefault, (), {}, HERE) == {"second": HERE}


@pytest.mark.parametrize("kind", [AsksForNothing, Plain])
def test_who_does_not_ask_gets_nothing(kind: type[Actor]) -> None:
    """Names, values and catch-alls of parameters mean nothing."""
    assert with_gateway(kind, (), {"other": 1}, HERE) == {"other": 1}


def test_what_was_given_is_not_changed() -> None:
    """The keyword arguments of the app stay as they are; a second gateway may be started with them."""
    given = {"one": 1}
    with_gateway(ByString, (), given, HERE)
    assert given == {"one": 1}


# --- in a gateway that runs


class Told(Actor):
    """Notes which gateway each of its instances got."""

    def __init__(self, seen: list[Gateway], app: Gateway, *, noted: str = "") -> None:
        super().__init__()
        seen.append(app)
        self.noted = noted

    @handles(bytes)
    def what_is_noted(self, _: bytes) -> str:
        return self.noted

    @handles(str)
    def crash(self, _: str) -> None:
        raise OSError("as asked")


def quiet() -> Any:
    return load_settings(None, {"HUBBUB_GATEWAY__ADMIN__LISTEN": "off"}, {"--port": 0}, app=True).settings


@pytest.mark.actors(real_time=True)
async def test_each_instance_gets_the_gateway_that_runs_it() -> None:
    """Also the one that comes after a crash; and its ref is under /app."""
    seen: list[Gateway] = []
    app = Gateway()
    app.actor(Told, seen, name="told", noted="by keyword")
    await app.start(quiet())
    try:
        ref = app.system.find("/app/told")
        assert ref is not None
        assert await ref.request(b"", timeout=5.0) == "by keyword"
        ref.tell("crash")
        restarted = await ref.request(0, timeout=5.0)
        assert restarted is None
    finally:
        await app.stop()
    assert seen == [app, app]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


@pytest.mark.actors(real_time=True)
async def test_what_is_still_missing_fails_the_start_and_leaves_nothing_behind() -> None:
    """The gateway does not come up half; it can be stopped, and says that it does not run."""
    incomplete = Gateway(title="incomplete")
    incomplete.actor(ByString)
    with pytest.raises(SystemFailed) as failed:
        await incomplete.start(quiet())
    assert any("missing 1 required positional argument: 'one'" in str(error) for error in causes(failed.value))
    with pytest.raises(RuntimeError, match="'incomplete': the gateway is not running"):
        _ = incomplete.node
    await incomplete.stop()


class Talkative(Actor):
    """Publishes for as long as it lives, its last word included."""

    def __init__(self, errors: list[BaseException], app: Gateway) -> None:
        super().__init__()
        self.errors = errors
        self.channel = app.channel("last words")

    def on_stop(self) -> None:
        try:
            self.channel.publish("bye", {}).then(lambda _: None)
        except RuntimeError as error:
            self.errors.append(error)


@pytest.mark.actors(real_time=True)
async def test_actors_of_an_app_may_publish_until_they_are_gone() -> None:
    """The gateway stops being usable after its tree is down, not before."""
    errors: list[BaseException] = []
    app = Gateway()
    app.actor(Talkative, errors)
    await app.start(quiet())
    await app.stop()
    assert errors == []
