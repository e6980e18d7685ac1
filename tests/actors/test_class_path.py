"""Classes and arguments that a file names: found and fitted before anything runs, or a letter with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.plan.blueprint import plan
from actors.plan.class_path import import_actor
from tests.support.planned import FED, actor, letters, planned, read


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
