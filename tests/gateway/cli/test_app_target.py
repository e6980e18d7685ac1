"""The application that is named to be served: found, or a letter; its own faults keep their traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import Gateway
from gateway.cli import app_target
from tests.support.command import run

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("chat", 'cannot serve chat: it is not module:name; write "chat:app"'),
        (":app", 'cannot serve :app: it is not module:name; write "chat:app"'),
        ("chat:", 'cannot serve chat:: it is not module:name; write "chat:app"'),
        ("cli_found.py", 'cannot serve cli_found.py: it names a file, not a module; write "cli_found:app"'),
        ("./cli_found.py:x", 'cannot serve ./cli_found.py:x: it names a file, not a module; write "cli_found:x"'),
        ("src/chat.py", 'cannot serve src/chat.py: it names a file, not a module; write "src.chat:app"'),
        ("src/chat:a", 'cannot serve src/chat:a: it names a file, not a module; write "src.chat:a"'),
        (
            "src/../cli_found.py:app",
            "cannot serve src/../cli_found.py:app: it names a file, not a module; start in src/.. and write",
        ),
        ("none.py:app", "cannot serve none.py:app: it is not module:name, and there is no file none.py; write"),
        (".chat:app", "cannot serve .chat:app: .chat is a relative name"),
        ("none_such:app", "cannot serve none_such:app: there is no module none_such; start in the directory"),
        ("cli_found.none:app", "cannot serve cli_found.none:app: there is no module cli_found.none"),
        ("cli_found:gatway", 'cannot serve cli_found:gatway: module cli_found has no gatway; did you mean "gateway"?'),
    ],
)
def test_what_cannot_be_imported_is_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    """Each way to misname an application says which it was."""
    (tmp_path / "cli_found.py").write_text("gateway = 1\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/chat.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(app_target.CannotServe) as caught:
        app_target.import_app(target)
    assert str(caught.value).startswith(said)


def test_only_what_is_meant_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is full of names that it has imported."""
    (tmp_path / "cli_one.py").write_text("from gateway import *\nchat = Gateway()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(app_target.CannotServe, match=r'module cli_one has no app; write one of "chat"$'):
        app_target.import_app("cli_one:app", Gateway)


@pytest.mark.slow
def test_serve_finds_modules_of_the_working_directory_and_exits_with_2(tmp_path: Path) -> None:
    """The module was found there, or the letter would say that there is none."""
    (tmp_path / "cli_app.py").write_text("gateway = 1\n")
    done = run("-c", "from hubbub import main; import sys; sys.path.remove(''); main()", "serve", "cli_app:app")
    assert done.stderr == "cannot serve cli_app:app: module cli_app has no app; make one there: app = Gateway()\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("source", "error"),
    [("import none_such_dependency", ModuleNotFoundError), ("1 / 0", ZeroDivisionError), ("len(5)", TypeError)],
)
def test_a_fault_of_the_application_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, error: type[Exception]
) -> None:
    """Its author needs the line, not a letter about a name."""
    name = f"cli_broken_{error.__name__.lower()}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error):
        app_target.import_app(f"{name}:app")


@pytest.mark.slow
def test_the_traceback_of_an_application_begins_in_it(tmp_path: Path) -> None:
    """Its own lines and what they called; not ours, click's and Python's on the way there."""
    (tmp_path / "cli_wrong.py").write_text(
        "from gateway import Gateway\napp = Gateway()\n@app.ws('/x')\ndef x(ws): ...\n"
    )
    done = run("-m", "gateway", "serve", "cli_wrong:app")
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "cli_wrong.py" in lines[1]
    assert "it is no coroutine function; write `async def`" in lines[-2]
    assert lines[-1] == "cannot serve cli_wrong:app: importing it raised TypeError; mend the line above"
    assert done.returncode == 2


def test_only_a_gateway_is_served() -> None:
    """A class in place of its instance is the usual slip, or what makes one: that is called in the module."""
    assert app_target.expect(5, int, "a:b") == 5
    with pytest.raises(app_target.CannotServe, match="cannot serve a:b: it is of type str; name an instance of int"):
        app_target.expect("x", int, "a:b")
    with pytest.raises(app_target.CannotServe, match="it is the class int"):
        app_target.expect(int, int, "a:b")
    with pytest.raises(
        app_target.CannotServe, match=r"of type function; .* int, as `app = run\(\)` in the module makes"
    ):
        app_target.expect(run, int, "a:make")
