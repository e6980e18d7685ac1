"""What cannot be is refused where it was written, by a letter that names it; not later, by a turn, in a log."""

from __future__ import annotations

import math
from typing import Any

import pykka
import pytest

from actors import Actor, ActorSystem, BadActor, Child, ChildSpec, Mailbox, NameTaken, Supervisor, SupervisorSpec
from actors.events import ActorFailed, Fact
from actors.testkit import assert_conservation


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


class Keyed(Actor):
    """An entity that does nothing."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def on_receive(self, message: Any) -> Any:
        return self.key, message


class Theirs(pykka.ThreadingActor):
    """pykka's own, which has a thread and no handlers that a turn could find."""


@pytest.mark.parametrize("wrong", ["Echo", None, int, object, Theirs, 5])
async def test_what_is_no_class_of_actors_is_not_spawned(system: ActorSystem, wrong: Any) -> None:
    """Nor kept as entities, nor by a supervisor, and nothing is left behind of it."""
    for give in (system.spawn, system.entities, Child, lambda kind: system.entity(kind, "key")):
        with pytest.raises(BadActor, match=r"subclass of actors\.Actor") as caught:
            give(wrong)
        assert repr(wrong) in str(caught.value)
    assert system.root.children() == ()


@pytest.mark.parametrize("name", ["", 0, 5, ["a"], b"a"])
async def test_a_name_is_a_text(system: ActorSystem, name: Any) -> None:
    """0 and "" were no names at all: nobody was found by them, and two could have them."""
    with pytest.raises(ValueError, match="cannot spawn Echo as") as caught:
        system.spawn(Echo, name=name)
    assert repr(name) in str(caught.value)


async def test_a_spec_is_a_child_spec(system: ActorSystem) -> None:
    """Wherever one is given."""
    wrong: Any = "permanent"
    parent = system.spawn(Echo)
    with pytest.raises(TypeError, match="with the spec 'permanent'"):
        system.spawn(Echo, spec=wrong)
    with pytest.raises(TypeError, match="with the spec 'permanent'"):
        await parent.request(lambda self: self.spawn(Echo, spec=wrong))
    with pytest.raises(TypeError, match="with the spec 'permanent'"):
        system.entities(Keyed, spec=wrong)
    with pytest.raises(TypeError, match="ChildSpec"):
        Child(Echo, spec=wrong)


async def test_a_parent_is_a_ref_of_the_same_system(system: ActorSystem) -> None:
    """A tree has one system: its clock, its letters, its dispatcher."""
    wrong: Any = "root"
    with pytest.raises(TypeError, match="under 'root'"):
        system.spawn(Echo, under=wrong)
    async with ActorSystem("other") as other:
        theirs = other.spawn(Echo)
        with pytest.raises(ValueError, match="another system"):
            system.spawn(Echo, under=theirs)
        assert theirs.children() == ()


@pytest.mark.parametrize("key", [5, 0, None, ["unhashable"]])
async def test_the_key_of_an_entity_is_a_text(system: ActorSystem, key: Any) -> None:
    """One that cannot be hashed made the region fail, and with it all that it keeps; 5 and "5" were two."""
    with pytest.raises(TypeError, match=r"give str\(key\)") as caught:
        system.entity(Keyed, key)
    assert repr(key) in str(caught.value)


async def test_an_entity_may_have_an_empty_key(system: ActorSystem) -> None:
    """It is a key as any other, only no name in a path."""
    entity = system.entity(Keyed, "")
    assert await entity.request("a") == ("", "a")
    assert await system.entity(Keyed, "").request("b") == ("", "b")


async def test_how_entities_are_kept_is_said_once(system: ActorSystem) -> None:
    """The letter speaks of them, not of what keeps them."""
    await system.entity(Keyed, "a").request("a")
    with pytest.raises(NameTaken, match=r"the entities of Keyed are kept: .* keeps them already"):
        system.entities(Keyed)


async def test_entities_give_way_to_an_actor_that_has_the_name_of_their_class(system: ActorSystem) -> None:
    """The name of a region is for people; nobody chose it."""
    named = system.spawn(Echo, name="Keyed")
    assert await system.entity(Keyed, "a").request("a") == ("a", "a")
    assert system.find("/Keyed") is named
    assert system.find(f"/{__name__}.Keyed/a") is not None


@pytest.mark.parametrize("children", [[Echo], [None], ["x"]])
async def test_a_supervisor_is_given_children(system: ActorSystem, children: Any) -> None:
    """It failed at each start instead, until the system had ended."""
    with pytest.raises(TypeError, match=r"give a Child\(\.\.\.\)"):
        system.spawn(Supervisor, children)


async def test_two_children_of_a_supervisor_with_one_name_are_refused(system: ActorSystem) -> None:
    """Likewise."""
    with pytest.raises(NameTaken, match="two children with the name 'a'"):
        system.spawn(Supervisor, [Child(Echo, name="a"), Child(Echo), Child(Echo), Child(Echo, name="a")])


async def test_a_watch_is_for_a_ref(system: ActorSystem) -> None:
    """`self.watch(self)` is a slip of those who come from elsewhere."""
    ref = system.spawn(Echo)
    for name, args in (("watch", ()), ("unwatch", ()), ("watch_with", ("gone",))):
        with pytest.raises(TypeError, match=r"cannot watch <.*Echo object.*give a ref"):
            await ref.request(lambda self, name=name, args=args: getattr(self, name)(self, *args))
        with pytest.raises(TypeError, match="cannot watch 5"):
            await ref.request(lambda self, name=name, args=args: getattr(self, name)(5, *args))


async def test_who_subscribes_says_to_which_class_of_facts(system: ActorSystem) -> None:
    """A text, or the union of all, is published by nobody."""
    wrong: Any
    for wrong in ("ActorFailed", Fact, None):
        with pytest.raises(TypeError, match="cannot subscribe to"):
            system.events.subscribe(wrong, print)
    for wrong in (5, None):
        with pytest.raises(TypeError, match="cannot hear of ActorFailed: give a function, or the ref"):
            system.events.subscribe(ActorFailed, wrong)


async def test_refusals_leave_nothing_behind(system: ActorSystem) -> None:
    """Names are free, and the books balance."""
    wrong: Any = 5
    with pytest.raises(TypeError):
        system.spawn(Echo, name="echo", spec=wrong)
    assert await system.spawn(Echo, name="echo", spec=ChildSpec("temporary")).request("up") == "up"
    assert_conservation(system)


@pytest.mark.parametrize("backoff", [None, 5, "1s"])
def test_a_back_off_is_one(backoff: Any) -> None:
    """None, for none, made the first failure of a child go round in its supervisor for ever."""
    with pytest.raises(TypeError, match=r"'backoff' must be .*Backoff"):
        SupervisorSpec(backoff=backoff)


@pytest.mark.parametrize(
    "said", [{"capacity": "5"}, {"capacity": 1.5}, {"high_water": "5"}, {"high_water": -1}, {"high_water": math.nan}]
)
def test_the_bounds_of_a_mailbox_are_numbers(said: Any) -> None:
    """A turn compares with them; one that could not left its actor standing."""
    with pytest.raises((TypeError, ValueError), match=next(iter(said))):
        Mailbox(**{"overflow": "fail" if "capacity" in said else "unbounded", **said})


@pytest.mark.parametrize(
    "said",
    [
        {"ask_timeout": "5s"},
        {"ask_timeout": math.nan},
        {"ask_timeout": -1},
        {"supervision": "one_for_all"},
        {"dispatcher": 5},
        {"in_place": "sometimes"},
    ],
)
def test_what_a_system_is_given_is_looked_at_when_it_is_made(said: Any) -> None:
    """Not when it is started, or when the first one asks."""
    (name, value), *_ = said.items()
    with pytest.raises((TypeError, ValueError), match=f"cannot make system 'x' with the {name} {value!r}"):
        ActorSystem("x", **said)


@pytest.mark.parametrize("said", [{"args": 5}, {"kwargs": []}, {"name": 5}, {"name": ""}])
def test_what_a_child_is_given_is_looked_at_when_it_is_made(said: Any) -> None:
    """Its supervisor met it at each start, until the system had ended."""
    with pytest.raises((TypeError, ValueError)):
        Child(Echo, **said)
