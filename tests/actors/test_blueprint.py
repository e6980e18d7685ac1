"""A tree is planned before anything runs: what cannot be is said in letters, the rest is what will run."""

from __future__ import annotations

from typing import Any

import pytest

from actors.mail.mailbox import Mailbox
from actors.plan.blueprint import PlannedSupervisor
from actors.supervision import ChildSpec, SupervisorSpec
from tests.support.configured import WORKER
from tests.support.planned import A, B, actor, letters, planned, supervisor


def shape(node: Any) -> Any:
    """The names of a tree: a text for what has no children, else a dict of one."""
    if not isinstance(node, PlannedSupervisor):
        return node.name
    return {node.name: [shape(child) for child in node.children]}


# --- places


def test_who_is_named_by_nobody_stands_under_the_root_in_the_order_of_the_file() -> None:
    """After those that the root names; supervisors before actors."""
    text = f"[supervisor.root]\nchildren = ['b']\n[supervisor.s]\nchildren = []\n[actor.c]\n{WORKER}{A}{B}"
    assert shape(planned(text).root) == {"root": ["b", {"s": []}, "c", "a"]}


def test_supervisors_nest_in_any_order_of_the_file() -> None:
    """A name may be used before its table."""
    text = f"[supervisor.x]\nchildren = ['y', 'a']\n[supervisor.y]\nchildren = ['b']\n{A}{B}"
    assert shape(planned(text).root) == {"root": [{"x": [{"y": ["b"]}, "a"]}]}


def test_the_app_s_own_stand_under_its_home_and_the_parts_where_they_stand() -> None:
    """A supervisor or an actor that root names may stand between the parts."""
    assert shape(planned(A, parts=True).root) == {"root": ["engine", {"rooms": []}, {"app": ["a"]}, "web"]}
    text = f"[supervisor.root]\nchildren = ['engine', 'a', 'app', 'rooms', 'web']\n{A}{B}"
    assert shape(planned(text, parts=True).root) == {"root": ["engine", "a", {"app": ["b"]}, {"rooms": []}, "web"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[supervisor.x]\nchildren = ['aa']\n" + A, 'supervisor.x.children: there is no supervisor or actor "aa"; did'),
        ("[supervisor.x]\nchildren = ['root']\n", 'supervisor.x.children: "root" is above everything; remove it'),
        ("[supervisor.x]\nchildren = ['a', 'a']\n" + A, 'supervisor.x.children: "a" is a child of "x" already; name'),
        (
            "[supervisor.x]\nchildren = ['a']\n[supervisor.y]\nchildren = ['a']\n" + A,
            'supervisor.y.children: "a" is a child of "x" already; name it once',
        ),
        ("[supervisor.x]\nchildren = ['x']", 'supervisor.x.children: it is below itself: x -> x; remove "x"'),
        (
            "[supervisor.x]\nchildren = ['y']\n[supervisor.y]\nchildren = ['z']\n[supervisor.z]\nchildren = ['x']",
            "it is below itself: x -> y -> z -> x",
        ),
        ("[supervisor.a]\n" + A, 'actor.a: there is "a" already; choose another name'),
        (f"[actor.root]\n{WORKER}", 'actor.root: there is "root" already; choose another name'),
        (f'[actor."a/b"]\n{WORKER}', 'actor."a/b": it would be part of a path; use a name without /'),
        ("[supervisor.x]\nmailbox = 'm'", 'supervisor.x.mailbox: there is no mailbox "m"; remove it'),
        (f"[actors.mailbox.small]\n{A}mailbox = 'smal'", 'actor.a.mailbox: there is no mailbox "smal"; did you mean "'),
    ],
)
def test_a_name_that_refers_to_nothing_or_twice_is_refused(text: str, said: str) -> None:
    """With the nearest name that exists."""
    assert said in letters(text)[0]


def test_a_supervisor_is_not_sent_to_itself() -> None:
    """Its own name, which is mostly like that of its child, is no name for one."""
    said = letters("[supervisor.feeds]\nchildren = ['feed']\n")[0]
    assert 'there is no supervisor or actor "feed"' in said
    assert '"feeds"' not in said.partition(";")[2]


def test_a_cycle_is_said_once() -> None:
    """Also when it hangs below something that is all right, and beside another."""
    text = "".join(f"[supervisor.{a}]\nchildren = ['{b}']\n" for a, b in ("xy", "yx", "pq", "qp"))
    assert len(letters(text)) == 2


# --- what would not be obeyed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[supervisor.root]\non_exceeded = 'escalate'", 'supervisor.root.on_exceeded: "escalate" has nobody above it'),
        ("[supervisor.root]\nstrategy = 'dynamic'", 'supervisor.root.strategy: "dynamic" has no start order'),
        ("[supervisor.x]\non_exceeded = 'exit'", 'supervisor.x.on_exceeded: "exit" is for root alone'),
        (
            f"[supervisor.x]\nstrategy = 'dynamic'\nchildren = ['a']\n{A}",
            "supervisor.x.children: children of a dynamic",
        ),
        (
            "[supervisor.x]\nstrategy = 'dynamic'\nauto_shutdown = 'any_significant'",
            "supervisor.x.auto_shutdown: a dyn",
        ),
        ("[supervisor.x]\npassivate_after = '1m'", "supervisor.x.passivate_after: nothing below it can be passivated"),
        (f"{A}significant = true", 'actor.a.significant: "root" never shuts down by itself; give it an auto_shutdown'),
        (
            f"[supervisor.root]\nauto_shutdown = 'any_significant'\n{A}significant = true\nrestart = 'permanent'",
            "actor.a.significant: a permanent actor never ends by itself",
        ),
    ],
)
def test_what_would_mean_nothing_is_refused(text: str, said: str) -> None:
    """A key is obeyed, or it is an error; never accepted and forgotten."""
    assert letters(text)[0].startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[supervisor.rooms]\nstrategy = 'one_for_all'", 'supervisor.rooms.strategy: "one_for_all" makes no sense for'),
        ("[supervisor.rooms]\nperiod = '1s'", "supervisor.rooms.period: nothing in rooms could obey it; remove it"),
        ("[supervisor.app]\npassivate_after = '1s'", "supervisor.app.passivate_after: nothing below it can be passiv"),
        (
            "[actors.mailbox.m]\ncapacity = 5\noverflow = 'drop_oldest'\n[supervisor.rooms]\nmailbox = 'm'",
            'supervisor.rooms.mailbox: its overflow, "drop_oldest", would break what rooms promise; name one with over',
        ),
        ("[supervisor.engine]\n", 'supervisor.engine: there is "engine" already'),
        (f"[actor.web]\n{WORKER}", 'actor.web: there is "web" already'),
        (
            "[supervisor.x]\nchildren = ['engine']",
            'supervisor.x.children: "engine" stands under root, and nowhere else',
        ),
        ("[supervisor.root]\nchildren = ['engine', 'web']", 'supervisor.root.children: "rooms", "app" is missing; add'),
        (
            "[supervisor.root]\nchildren = ['web', 'engine', 'rooms', 'app']",
            'supervisor.root.children: "web" needs all others to be up; write it last',
        ),
        (
            "[supervisor.root]\nchildren = ['rooms', 'engine', 'app', 'web']",
            'supervisor.root.children: "rooms" needs "engine" to be up; write it after that',
        ),
    ],
)
def test_what_a_part_cannot_obey_is_refused(text: str, said: str) -> None:
    """A program says which keys its own supervisors have, and which order its parts need."""
    assert any(one.startswith(said) for one in letters(text, parts=True)), letters(text, parts=True)


def test_every_letter_is_said_not_only_the_first() -> None:
    """One run of check, all the errors."""
    text = (
        f"[supervisor.x]\nchildren = ['y']\non_exceeded = 'exit'\nmailbox = 'm'\n{A}significant = true\nmailbox = 'n'"
    )
    assert len(letters(text)) == 5


# --- what is planned


def test_specs_are_those_of_the_tables() -> None:
    """What is said nearer counts, and the defaults depend on the strategy."""
    text = f"""
        [actors.mailbox.m]
        capacity = 4
        [supervisor.s]
        strategy = "rest_for_one"
        intensity = 9
        period = "9s"
        restart = "permanent"
        shutdown = "9s"
        mailbox = "m"
        auto_shutdown = "any_significant"
        children = ["a", "b"]
        [supervisor.d]
        strategy = "dynamic"
        {A}{B}restart = "temporary"
        shutdown = "1s"
    """
    blueprint = planned(text)
    found = supervisor(blueprint, "s")
    assert found.supervision == SupervisorSpec("rest_for_one", 9, 9.0, auto_shutdown="any_significant")
    assert found.spec == ChildSpec("transient"), "a permanent one would come back from its own end"
    assert actor(blueprint, "a").spec == ChildSpec("permanent", 9.0, mailbox=Mailbox(4, "fail", 2))
    assert actor(blueprint, "b").spec == ChildSpec("temporary", 1.0, mailbox=Mailbox(4, "fail", 2))
    dynamic = supervisor(blueprint, "d")
    assert (dynamic.supervision.scope, dynamic.supervision.on_exceeded) == ("child", "stop_child")
    assert dynamic.spec == ChildSpec("permanent")
    assert [one.name for one in blueprint.path_to("b")] == ["root", "s"]
    assert [one.name for one in blueprint.path_to("s")] == ["root", "s"]
    assert blueprint.path_to("x") == ()
