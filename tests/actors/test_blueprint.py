"""A tree is planned before anything runs: what cannot be is said in letters, the rest is what will run."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from actors import ActorDeadError, ActorSystem, Child, SystemFailed
from actors.blueprint import Blueprint, PlannedActor, PlannedSupervisor, plan
from actors.class_path import import_actor
from actors.clock import VirtualClock
from actors.config import ConfigError
from actors.converter import strict_converter
from actors.drawing import tree_lines, worst_lines
from actors.events import ActorFailed
from actors.exhaustion import Exhaustion, exhaustion
from actors.mailbox import Mailbox
from actors.references import Part
from actors.settings import ROOT_SETTINGS, SHAPES, RuntimeSettings, SupervisorSettings, lay_over
from actors.supervision import Backoff, ChildSpec, SupervisorSpec
from tests.support.configured import WORKER, Worker

A, B = f"[actor.a]\n{WORKER}", f"[actor.b]\n{WORKER}"
FED = '[actor.f]\nclass = "tests.support.configured:Fed"\n'
FAILING = '[actor.f]\nclass = "tests.support.configured:Failing"\n'
PARTS = {
    "engine": Part("the engine"),
    "rooms": Part(
        "rooms",
        children="one per room",
        default=SupervisorSettings(strategy="dynamic", passivate_after=60.0),
        obeys={"intensity", "passivate_after", "mailbox"},
        choices={"strategy": ("dynamic",), "overflow": ("unbounded", "fail")},
        after=("engine",),
    ),
    "app": Part("the app", default=SupervisorSettings(), obeys={"children", "intensity"}),
    "web": Part("the web server", is_actor=False, is_last=True),
}
BUILT_IN = {"root": ROOT_SETTINGS, **{name: one.default for name, one in PARTS.items() if one.default is not None}}


def read(text: str, parts: bool = False) -> RuntimeSettings:
    values = lay_over(tomllib.loads(text), BUILT_IN if parts else {"root": ROOT_SETTINGS})
    found: RuntimeSettings = strict_converter(SHAPES).structure(values, RuntimeSettings)
    return found


def planned(text: str, parts: bool = False) -> Blueprint:
    return plan(read(text, parts), parts=PARTS, home="app") if parts else plan(read(text))


def letters(text: str, parts: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(text, parts)
    return [str(one).removeprefix("cannot read ") for one in caught.value.letters()]


def supervisor(blueprint: Blueprint, name: str) -> PlannedSupervisor:
    found = blueprint.find(name)
    assert isinstance(found, PlannedSupervisor)
    return found


def actor(blueprint: Blueprint, name: str) -> PlannedActor:
    found = blueprint.find(name)
    assert isinstance(found, PlannedActor)
    return found


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


def test_a_cycle_is_said_once() -> None:
    """Also when it hangs below something that is all right, and beside another."""
    text = "".join(f"[supervisor.{a}]\nchildren = ['{b}']\n" for a, b in ("xy", "yx", "pq", "qp"))
    assert len(letters(text)) == 2


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


# --- classes and arguments


@pytest.mark.parametrize(
    ("class_path", "said"),
    [
        ("tests.support.none:Worker", "class: there is no module tests.support.none; check its name"),
        ("none_such:Worker", "class: there is no module none_such; check its name"),
        ("tests.support.configured:Woker", 'class: tests.support.configured has no Woker; did you mean "Worker"?'),
        (
            "tests.support.configured:Configured",
            "class: tests.support.configured:Configured is the class Configured, no",
        ),
        ("tests.support.configured:WORKER", "class: tests.support.configured:WORKER is of type str, no actor"),
    ],
)
def test_a_class_that_is_no_actor_is_refused(class_path: str, said: str) -> None:
    """With the nearest one of the module."""
    assert letters(f"[actor.a]\nclass = '{class_path}'")[0].startswith("actor.a." + said)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("", 'actor.f.args: __init__ also needs "symbols"; add it'),
        (
            "args = { symbols = [], dept = 1 }",
            'actor.f.args.dept: __init__ takes no such argument; did you mean "depth"?',
        ),
        ("args = { symbol = [] }", 'actor.f.args.symbol: __init__ takes no such argument; did you mean "symbols"?'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(args: str, said: str) -> None:
    """Before anything runs, by name."""
    assert letters(FED + args)[0] == said


def test_a_fault_of_the_module_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its author needs the line, not a letter about a name."""
    (tmp_path / "blueprint_broken.py").write_text("import none_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="none_such_dependency"):
        import_actor("blueprint_broken:A")


def test_a_parameter_may_be_filled_in_by_the_program() -> None:
    """By the name of its annotation, which only a type checker may be able to resolve; what a file says goes first."""
    named = planned(FED.replace("Fed", "Asking") + "args = { clock = 1 }")
    assert actor(named, "f").wanted.args == {"clock": 1}
    filled = plan(read(FED.replace("Fed", "Asking")), fills=("Clock",))
    assert actor(filled, "f").wanted.filled == {"clock": "Clock"}


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


# --- starting


@pytest.mark.actors
async def test_a_system_from_a_file_is_up_when_it_is_entered(tmp_path: Path) -> None:
    """Every supervisor has its children, however deep."""
    file = tmp_path / "app.toml"
    file.write_text(f"[supervisor.x]\nchildren = ['y']\n[supervisor.y]\nchildren = ['a']\n{A}{B}")
    async with ActorSystem.from_toml(file) as system:
        assert [ref.path for ref in system.root.walk()] == ["/", "/x", "/x/y", "/x/y/a", "/b"]
        found = system.find("/x/y/a")
        assert found is not None
        assert await found.request("up") == "up"
        assert system.find("/x/z/a") is None


def test_a_letter_about_a_file_names_the_file(tmp_path: Path) -> None:
    """Also one about its tree."""
    file = tmp_path / "app.toml"
    file.write_text("[supervisor.x]\nchildren = ['y']")
    with pytest.raises(ConfigError, match=r"supervisor\.x\.children \(file .*app\.toml\): there is no"):
        ActorSystem.from_toml(file)


@pytest.mark.actors
@pytest.mark.allow_failures("TypeError", "RestartsExceeded")
async def test_a_child_that_cannot_be_made_fails_the_start() -> None:
    """And the tree is down again."""
    blueprint = planned("[supervisor.x]\nchildren = ['f']\n" + FAILING.replace("Failing", "Broken"))
    system = ActorSystem(blueprint=blueprint)
    with pytest.raises((SystemFailed, ActorDeadError)):
        await system.start()
    assert not system.root.is_alive()


@pytest.mark.actors
async def test_parts_and_additions_stand_where_they_belong(system: ActorSystem) -> None:
    """The program makes its parts; what it declares in code comes after what a file says; the rest it starts itself."""
    blueprint, order = planned(A, parts=True), []
    refs = await blueprint.start(
        system,
        {"engine": Child(Worker)},
        additions={"app": [Child(Worker, name="declared")]},
        started=lambda ref: order.append(ref.path),
    )
    assert order == ["/engine", "/rooms", "/app"]
    assert [ref.path for ref in refs["app"].children()] == ["/app/a", "/app/declared"]
    assert refs["engine"]._spec == ChildSpec("permanent")


@pytest.mark.actors
async def test_two_systems_run_from_one_blueprint(actor_loop: Any) -> None:
    """It holds no actor."""
    blueprint, clock = planned(A), VirtualClock(actor_loop)
    async with ActorSystem(blueprint=blueprint, clock=clock) as one, ActorSystem(blueprint=blueprint) as other:
        assert one.find("/a") is not other.find("/a")


# --- the worst case


def spec(intensity: int, **changes: Any) -> SupervisorSpec:
    return SupervisorSpec(intensity=intensity, backoff=Backoff(jitter=0.0), **changes)


def test_restarts_multiply_up_to_the_one_that_does_not_pass_it_on() -> None:
    """Each restart of a supervisor gives its children a new budget; times are the sums of the back-offs."""
    root, middle, leaf = spec(3, on_exceeded="exit"), spec(1), spec(2)
    assert exhaustion([root]) == Exhaustion(3, pytest.approx(0.3), 1, "exit")
    assert exhaustion([root, middle, leaf]) == Exhaustion(4 * 2 * 3 - 1, pytest.approx(0.3 + 4 * 2 * 0.1), 3, "exit")
    stops = spec(1, on_exceeded="stop_child")
    assert exhaustion([root, stops, leaf]) == Exhaustion(5, pytest.approx(0.2), 2, "stop_child")
    assert exhaustion([root, leaf, stops]) == Exhaustion(1, 0.0, 1, "stop_child")
    assert exhaustion([spec(0, on_exceeded="exit")]) == Exhaustion(0, 0.0, 1, "exit")


def test_a_back_off_that_is_slower_than_the_budget_is_for_ever() -> None:
    """Ten restarts take 32.7 s, and 30 s are looked at."""
    assert exhaustion([spec(10)]) is None
    assert exhaustion([spec(10, period=33.0)]) is not None
    assert exhaustion([spec(3), spec(10)]) is None


@pytest.mark.actors
async def test_the_worst_case_is_what_happens(actor_loop: Any) -> None:
    """A leaf that fails at once below two levels: so many failures, in that time, then the end."""
    blueprint = planned('[supervisor.x]\nintensity = 2\nchildren = ["f"]\nbackoff = { jitter = 0.0 }\n' + FAILING)
    expected = exhaustion([one.supervision for one in blueprint.path_to("f")])
    assert expected is not None
    system = ActorSystem(clock=VirtualClock(actor_loop), supervision=blueprint.root.supervision)
    await system.start()
    failed: list[ActorFailed] = []
    system.events.subscribe(ActorFailed, failed.append)
    await blueprint.start(system)
    await system.root.terminated
    with pytest.raises(SystemFailed):
        await system.stop()
    assert len([fact for fact in failed if isinstance(fact.error, ValueError)]) == expected.restarts + 1
    assert actor_loop.time() == pytest.approx(expected.seconds, rel=0.3)


def test_the_tree_is_drawn_in_columns_with_what_each_obeys() -> None:
    """What is not a default says who said it."""
    text = f"""
        [supervisor.feeds]
        strategy = "rest_for_one"
        children = ["a", "c"]
        [supervisor.pool]
        strategy = "dynamic"
        {A}restart = "permanent"
        shutdown = "0s"
        [actor.c]
        class = "tests.support.configured:Bounded"
    """
    origins = {"supervisor.feeds.strategy": "file x", "supervisor.feeds.backoff.min": "file x", "actors.x": "file x"}
    drawn = tree_lines(planned(text), {**origins, "supervisor.pool.strategy": "default"})
    assert [" ".join(line.split()) for line in drawn] == [
        "what restart stop within restarts forgiven mailbox said by",
        "/ one_for_one 3 in 1m, then exit",
        "├─ feeds rest_for_one permanent no limit 5 in 30s, then escalate file x: strategy, backoff",
        "│ ├─ a tests.support.configured:Worker permanent killed",
        "│ └─ c tests.support.configured:Bounded transient 5s 7, then drop_newest; told at 10,000",
        "└─ pool dynamic permanent no limit 5 in 30s each, then stop it",
        "└─ * transient 5s",
    ]
    assert len({line.index(word) for line, word in zip(drawn[2:4], ("permanent", "permanent"), strict=True)}) == 1


def test_the_worst_case_is_said_in_words() -> None:
    """One sentence for each supervisor with leaves."""
    text = f"""
        [supervisor.feeds]
        intensity = 2
        children = ["a"]
        [supervisor.slow]
        intensity = 10
        children = ["b"]
        [supervisor.pool]
        strategy = "dynamic"
        [supervisor.brief]
        strategy = "dynamic"
        restart = "temporary"
        {A}{B}[actor.c]
        {WORKER}
    """
    assert worst_lines(planned(text)) == [
        "below /: one that keeps failing is restarted at most 3 times in 300ms, then all of it ends",
        "below feeds: one that keeps failing is restarted at most 11 times in 700ms, then all of it ends",
        "below slow: one that keeps failing is restarted for ever: the back-off is slower than the budget",
        "below pool: one that keeps failing is restarted at most 5 times in 1.5s, then it alone is stopped",
        "below brief: none is ever restarted",
    ]
