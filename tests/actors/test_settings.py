"""Tables about actors are taken at their word; what contradicts itself is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from actors.config.config import ConfigError, field_docstrings, leaves
from actors.config.units import Duration
from actors.mail.mailbox import Mailbox
from actors.plan.settings import (
    ROOT_SETTINGS,
    SHAPES,
    ActorSettings,
    ActorsSettings,
    MailboxSettings,
    RuntimeSettings,
    SupervisorSettings,
    load_runtime,
)
from actors.supervision import Backoff, SupervisorSpec

EXAMPLE = """
[actors]
ask_timeout = "5s"

[actors.dispatcher]
throughput = 64
slice = "1ms"
stuck_warn = "1s"

[actors.mailbox.topic]
capacity = 10_000
high_water = 5_000
overflow = "fail"

[supervisor.root]
strategy = "one_for_one"
intensity = 3
period = "60s"
on_exceeded = "exit"

[supervisor.topics]
strategy = "dynamic"
mailbox = "topic"
restart = "transient"
intensity = 5
period = "30s"
intensity_scope = "child"
on_exceeded = "stop_child"
shutdown = "5s"
passivate_after = "2m"
backoff = { initial = "0s", min = "100ms", max = "10s", factor = 2.0, jitter = 0.2, reset_after = "30s" }

[actor.price_feed]
class = "examples.ticker:PriceFeed"
args = { symbols = ["EUR", "USD"] }
restart = "permanent"
"""


def load(tmp_path: Path, text: str) -> RuntimeSettings:
    (tmp_path / "app.toml").write_text(text)
    return load_runtime(tmp_path / "app.toml")


def letters(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [str(one).replace(f" (file {tmp_path / 'app.toml'})", "") for one in caught.value.letters()]


def test_the_documented_example_is_read_as_documented(tmp_path: Path) -> None:
    """And says nothing that is not a default, but for the names."""
    settings = load(tmp_path, EXAMPLE)
    assert settings.actors.dispatcher == ActorsSettings().dispatcher
    assert settings.actors.mailbox["topic"].mailbox() == Mailbox(10_000, "fail", 5_000)
    assert settings.supervisor["root"] == ROOT_SETTINGS
    assert settings.supervisor["topics"].backoff == Backoff()
    assert settings.actor["price_feed"].args == {"symbols": ("EUR", "USD")}


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """Nothing has to be said."""
    assert load(tmp_path, "") == RuntimeSettings()


def test_a_root_that_says_one_key_keeps_the_defaults_of_the_others(tmp_path: Path) -> None:
    """Its table is laid over that of the root, not over that of any supervisor; down to the back-off."""
    root = load(tmp_path, "[supervisor.root]\nperiod = '10s'\nbackoff = { max = '1s' }\n").supervisor["root"]
    assert root == attrs.evolve(ROOT_SETTINGS, period=10.0, backoff=Backoff(max=1.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[actors]\nask_timout = 1", 'actors.ask_timout: there is no such setting; did you mean "ask_timeout"?'),
        ("[actors]\nask_timeout = '0s'", "actors.ask_timeout: 0 s is out of range; write more than"),
        ("[actors.dispatcher]\nthroughput = 0", "actors.dispatcher.throughput: 0 is refused; it must be >= 1"),
        ("[actors.dispatcher]\nslice = false", "actors.dispatcher.slice: false is no duration; write a duration"),
        ("[actors.dispatcher]\nstuck_warn = '0s'", "actors.dispatcher.stuck_warn: 0.0 is refused; it must be > 0"),
        ("[actors.mailbox.a]\ncapacity = 0", "actors.mailbox.a.capacity: 0 is out of range"),
        ("[actors.mailbox.a]\ncapacity = '5'", 'actors.mailbox.a.capacity: "5" is a text; write a whole number'),
        ("[actors.mailbox.a]\noverflow = 'fail'", 'actors.mailbox.a.overflow: "fail" needs a capacity; add capacity'),
        ("[actors.mailbox.a]\noverflow = 'drop'", 'actors.mailbox.a.overflow: "drop" is no choice here; write one of'),
        ("[actors.mailbox.a]\ncapacity = 1\noverflow = 'unbounded'", 'actors.mailbox.a.overflow: "unbounded" contra'),
        ("[actors.mailbox.a]\ncapacity = 5\nhigh_water = 6", "actors.mailbox.a.high_water: 6 is above the capacity"),
        ("[supervisor.a]\nstrategy = 'one'", 'supervisor.a.strategy: "one" is no choice here; write one of "one_for_o'),
        ("[supervisor.a]\nintensity = -1", "supervisor.a.intensity: -1 is out of range"),
        ("[supervisor.a]\nperiod = '0s'", "supervisor.a.period: 0 s is out of range"),
        ("[supervisor.a]\nchildren = 'b'", 'supervisor.a.children: "b" is a text; write a list in brackets'),
        ("[supervisor.a]\nbackoff = { factor = 0.5 }", "supervisor.a.backoff.factor: 0.5 is refused; it must be >= 1"),
        ("[supervisor.a]\nbackoff = { jitter = 2.0 }", "supervisor.a.backoff.jitter: 2.0 is refused"),
        ("[supervisor.a]\nbackoff = { min = '20s' }", "supervisor.a.backoff.min: 20 s is longer than the max of 10 s"),
        ("[supervisor.root]\nbackoff = 5", "supervisor.root.backoff: 5 is a whole number; write a table"),
        ("[supervisor]\nroot = 5", "supervisor.root: 5 is a whole number; write a table"),
        ("supervisor = 5", "supervisor: 5 is a whole number; write a table"),
        ("[actor.a]\n", "actor.a.class: it is missing and has no default; add it"),
        ("[actor.a]\nclass = 'a.b'", 'actor.a.class: "a.b" is no import path; write "module:Class"'),
        ("[actor.a]\nclass = 'a:B'\nsignificant = 'false'", 'actor.a.significant: "false" is a text; write true or'),
        ("[actor.a]\nclass = 'a:B'\narg = {}", 'actor.a.arg: there is no such setting; did you mean "args"?'),
        ("[actr.a]\n", 'actr: there is no such setting; did you mean "actor"?'),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    """What could not be obeyed is not read."""
    assert letters(tmp_path, text)[0].startswith(f"cannot read {said}")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (MailboxSettings(), Mailbox()),
        (MailboxSettings(high_water=5), Mailbox(high_water=5)),
        (MailboxSettings(capacity=100), Mailbox(100, "fail", 50)),
        (MailboxSettings(capacity=1), Mailbox(1, "fail", 1)),
        (MailboxSettings(capacity=8, overflow="drop_oldest", high_water=8), Mailbox(8, "drop_oldest", 8)),
    ],
)
def test_a_mailbox_that_says_little_means_something(settings: MailboxSettings, expected: Mailbox) -> None:
    """A capacity alone fails the sender when it is reached, and is told of at half."""
    assert settings.mailbox() == expected


def test_what_depends_on_the_strategy_does() -> None:
    """Two children of a dynamic supervisor that crash do not stop all of them."""
    static, dynamic = SupervisorSettings(), SupervisorSettings(strategy="dynamic")
    assert (static.scope, static.then) == ("supervisor", "escalate")
    assert (dynamic.scope, dynamic.then) == ("child", "stop_child")


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one", "dynamic"])
def test_code_that_does_not_say_it_means_what_a_file_does(strategy: Any) -> None:
    """Whose budget, and what follows when it is spent; what is said counts."""
    code, file = SupervisorSpec(strategy), SupervisorSettings(strategy=strategy)
    assert (code.scope, code.on_exceeded) == (file.scope, file.then)
    said = SupervisorSpec(strategy, scope="supervisor", on_exceeded="escalate")
    assert (said.scope, said.on_exceeded) == ("supervisor", "escalate")


def test_every_key_has_a_reason() -> None:
    """Nothing can be configured that is not documented."""
    kinds = (ActorsSettings, MailboxSettings, SupervisorSettings, ActorSettings)
    assert [leaf.path for kind in kinds for leaf in leaves(kind, shapes=SHAPES) if not leaf.reason] == []


def test_every_number_of_foreign_classes_that_has_a_unit_is_read_with_it() -> None:
    """A float that says `Seconds` under it is a duration; a new one must be listed."""
    for kind, shapes in SHAPES.items():
        said = {name: Duration for name, text in field_docstrings(kind).items() if text.startswith("Seconds")}
        assert said == shapes, kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[actor.x]\nclass = "a:B"\nintensity = 3', 'actor.x.intensity (file): {}"supervisor.NAME.intensity"?'),
        (
            '[actor."a.b"]\nclass = "a:B"\ncapacity = 3',
            'actor."a.b".capacity (file): {}"actors.mailbox.NAME.capacity"?',
        ),
        ('[supervisor.x]\nclass = "a:B"', 'supervisor.x.class (file): {}"actor.NAME.class"?'),
        ("[actors.mailbox.x]\nchildren = []", 'actors.mailbox.x.children (file): {}"supervisor.NAME.children"?'),
        ("[supervisor.x]\nintensty = 3", 'supervisor.x.intensty (file): {}"intensity"?'),
        ("[supervisor.x.backoff]\nfactr = 3", 'supervisor.x.backoff.factr (file): {}"factor"?'),
    ],
)
def test_a_key_of_another_table_about_actors_is_sent_there(tmp_path: Path, text: str, said: str) -> None:
    """An actor has no intensity: its supervisor has."""
    file = tmp_path / "app.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_runtime(file)
    expected = "cannot read " + said.format("there is no such setting; did you mean ")
    assert str(caught.value).replace(f"(file {file})", "(file)") == expected
