"""The command teaches, refuses what it cannot obey with exit code 2, and prints what can be pasted into a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from actors.config import Leaf
from gateway import app_target, cli
from gateway.config import GatewaySettings
from gateway.settings_sources import TABLES, load_settings, setting_leaves
from gateway.settings_text import EXAMPLES, assignment, default_lines, table_leaves

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an empty working directory and none of our variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HUBBUB_")]:
        monkeypatch.delenv(name)


def invoke(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=environ, prog_name="hubbub")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as a person would, in the working directory of the test."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [[], ["serve"], ["check"]])
def test_help_teaches_with_an_example(arguments: list[str]) -> None:
    """Who asks for help sees a line to copy."""
    result = invoke(*arguments, "--help")
    assert result.exit_code == 0
    assert "  hubbub " + "".join(arguments) in result.output.partition("\n\n")[2]


def test_help_says_the_rule_of_the_variables() -> None:
    """Nobody has to guess how a setting is spelled in the environment."""
    output = invoke("serve", "--help").output
    assert "two underscores for each dot" in output
    assert "HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE=128KiB" in output


def test_python_dash_m_gateway_is_the_same_command() -> None:
    """It works without an installed script, and calls itself hubbub."""
    done = run("-m", "gateway", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: hubbub [OPTIONS] COMMAND")


def test_the_version_is_printed() -> None:
    """One line, for a bug report."""
    assert invoke("--version").output.startswith("hubbub, version ")


# --- check


def test_the_printed_defaults_load_and_equal_the_defaults(tmp_path: Path) -> None:
    """A file made of them changes nothing."""
    file = tmp_path / "hubbub.toml"
    file.write_text(invoke("check", "--print-defaults").output)
    assert load_settings(file, {}, {}).settings == GatewaySettings()


def test_the_printed_defaults_have_every_key_with_a_reason() -> None:
    """Nothing can be configured that is not documented."""
    output = invoke("check", "--print-defaults").output
    said = {line.lstrip("# ").partition(" = ")[0].removesuffix(" is not set") for line in output.splitlines()}
    every = [leaf for path, leaf in setting_leaves().items() if path not in TABLES]
    every += [leaf for kind in TABLES.values() for leaf in table_leaves(kind)]
    assert {leaf.path.rpartition(".")[2] for leaf in every} <= said
    assert [leaf.path for leaf in every if not leaf.reason] == []


@pytest.mark.parametrize("table", EXAMPLES)
def test_a_commented_table_loads(tmp_path: Path, table: str) -> None:
    """Who removes the # has what the comments say."""
    heading, _, example = EXAMPLES[table]
    lines = default_lines()
    below = lines[lines.index(f"# [{heading}]") :]
    file = tmp_path / "hubbub.toml"
    commented = takewhile(lambda line: line.startswith("#"), below)
    file.write_text("\n".join(line.removeprefix("# ") for line in commented))
    found: Any = load_settings(file, {}, {}).settings
    for name in table.split("."):
        found = getattr(found, name)
    assert example in found.values()


def test_check_prints_each_setting_with_its_origin(tmp_path: Path) -> None:
    """Why is the port 9000? The line says it."""
    (tmp_path / "a.toml").write_text('[gateway]\nhost = "::1"\n[topics."a:*"]\nhistory = { size = 5 }\n')
    result = invoke("check", "a.toml", HUBBUB_PORT="9000")
    assert result.exit_code == 0
    said = {line.partition("  # from ")[0].strip(): line.partition("# from ")[2] for line in result.output.splitlines()}
    assert said['host = "::1"'] == "file a.toml"
    assert said["port = 9000"] == "env HUBBUB_PORT"
    assert said['uds = ""'] == "default"
    assert said['history = { size = 5, ttl = "1h", max_bytes = "1MiB" }'] == "file a.toml"
    assert said['join = "authenticated"'] == "default"
    assert "# other topics: closed" in result.output


def test_the_origins_stand_in_one_column() -> None:
    """A page of settings is read by eye; only a value that is longer than half a line pushes its own further."""
    lines = [line for line in invoke("check").output.splitlines() if "  # from " in line]
    columns = [line.index("  # from ") for line in lines if len(line.partition("  # from ")[0].rstrip()) <= 56]
    assert len(columns) > 30
    assert len(set(columns)) == 1


def test_what_check_prints_can_be_loaded_again(tmp_path: Path) -> None:
    """The effective settings are a file."""
    (tmp_path / "a.toml").write_text('[gateway]\nport = 1\n[topics."game:{id}"]\nmax_members = 4\n')
    again = tmp_path / "b.toml"
    again.write_text(invoke("check", "a.toml", HUBBUB_GATEWAY__LIMITS__BURST="7").output)
    settings = load_settings(again, {}, {}).settings
    assert settings == load_settings(tmp_path / "a.toml", {"HUBBUB_GATEWAY__LIMITS__BURST": "7"}, {}).settings


def test_hubbub_toml_of_the_working_directory_is_found(tmp_path: Path) -> None:
    """A file with that name is not ignored in favour of open topics."""
    (tmp_path / "hubbub.toml").write_text("[gateway]\nport = 1\n")
    output = invoke("check").output
    assert "file hubbub.toml" in output
    assert "development = false" in output


def test_without_a_file_check_shows_development_mode() -> None:
    """What `hubbub serve` would do, before it does."""
    values = tomllib.loads(invoke("check").output)
    assert values["development"] is True
    assert set(values["topics"]) == {"public:*", "private:*"}


def test_a_secret_is_masked() -> None:
    """The output of check goes into tickets."""
    leaf = Leaf("a.token", GatewaySettings, str, "", secret=True)
    assert assignment("token", "hunter2", leaf) == 'token = "***"'


def test_a_password_in_an_url_is_masked_also_when_it_is_refused(tmp_path: Path) -> None:
    """The URL is no secret, a part of it is."""
    (tmp_path / "a.toml").write_text('[engine]\nurl = "redis://me:hunter2@host/0"\n')
    assert '"redis://me:***@host/0" is refused' in invoke("check", "a.toml").output


FEEDS = """
[supervisor.feeds]
strategy = "rest_for_one"
intensity = 10
children = ["prices"]
[actor.prices]
class = "cli_feeds:Feed"
args = { url = "http://me:hunter2@host", api_token = "hunter2" }
"""
FEED = "from actors import Actor\nclass Feed(Actor):\n    def __init__(self, url, api_token, gateway: 'Gateway'): ...\n"


def test_check_draws_the_tree_and_says_the_worst_case(tmp_path: Path) -> None:
    """What runs, in start order, with who said what is no default; all of it comments of a file that loads."""
    (tmp_path / "cli_feeds.py").write_text(FEED)
    (tmp_path / "a.toml").write_text(FEEDS)
    done = run("-m", "gateway", "check", "a.toml")
    assert done.returncode == 0, done.stderr
    tree = [" ".join(line.split()) for line in done.stdout.partition("# --- the tree")[2].splitlines()]
    assert "# / one_for_one 3 in 1m, then exit" in tree
    said = "file a.toml: strategy, intensity, children"
    assert f"# │ └─ feeds rest_for_one permanent no limit 10 in 30s, then escalate {said}" in tree
    assert "# │ └─ prices cli_feeds:Feed transient 5s file a.toml: class, args" in tree
    assert "# └─ listener the web server" in tree
    assert (
        "# below topics: one that keeps failing is restarted at most 5 times in 1.5s, then it alone is stopped" in tree
    )
    assert "# below feeds: one that keeps failing is restarted for ever: the back-off is slower than the budget" in tree
    assert "hunter2" not in done.stdout
    assert set(tomllib.loads(done.stdout)["supervisor"]) == {"root", "topics", "connections", "app", "feeds"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Feed", "Fed", 'actor.prices.class (file a.toml): cli_feeds has no Fed; did you mean "Feed"?'),
        (
            "url = ",
            "ulr = ",
            'actor.prices.args.ulr (file a.toml): __init__ takes no such argument; did you mean "url"?',
        ),
        (
            '["prices"]',
            '["price"]',
            'supervisor.feeds.children (file a.toml): there is no supervisor or actor "price"; did',
        ),
    ],
)
@pytest.mark.parametrize("command", [["check", "a.toml"], ["serve", "--config", "a.toml"]])
def test_a_tree_that_cannot_be_is_a_letter_with_its_file(
    tmp_path: Path, command: list[str], old: str, new: str, said: str
) -> None:
    """For check, and before serve listens."""
    (tmp_path / "cli_feeds.py").write_text(FEED)
    (tmp_path / "a.toml").write_text(FEEDS.replace(old, new))
    done = run("-m", "gateway", *command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"cannot read {said}")


def test_every_wrong_setting_is_a_letter_and_the_exit_code_is_2(tmp_path: Path) -> None:
    """No traceback: the reader wrote the file, not the program."""
    (tmp_path / "bad.toml").write_text('[gateway]\nport = "5"\nhots = "x"\n')
    done = run("-m", "gateway", "check", "bad.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        'cannot read gateway.hots (file bad.toml): there is no such setting; did you mean "host"?',
        'cannot read gateway.port (file bad.toml): "5" is a text; write a whole number',
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "cannot read gateway.port (flag --port): 70000 is out of range"),
        (["--config", "none.toml"], "cannot read none.toml: no such file or directory; check the path"),
        (["--host", "0.0.0.0"], 'cannot read gateway.host (flag --host): "0.0.0.0" is not loopback'),
    ],
)
def test_serve_refuses_bad_settings_before_it_does_anything(arguments: list[str], said: str) -> None:
    """Nothing listens with settings nobody meant."""
    result = invoke("serve", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)


# --- the application


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("chat", 'cannot serve chat: it is not module:name; write "chat:app"'),
        (":app", 'cannot serve :app: it is not module:name; write "chat:app"'),
        ("chat:", 'cannot serve chat:: it is not module:name; write "chat:app"'),
        ("src/chat.py", 'cannot serve src/chat.py: it is not module:name; write "src.chat:app"'),
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
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(app_target.CannotServe) as caught:
        app_target.import_app(target)
    assert str(caught.value).startswith(said)


def test_serve_finds_modules_of_the_working_directory_and_exits_with_2(tmp_path: Path) -> None:
    """The module was found there, or the letter would say that there is none."""
    (tmp_path / "cli_app.py").write_text("gateway = 1\n")
    done = run("-c", "from gateway.cli import main; import sys; sys.path.remove(''); main()", "serve", "cli_app:app")
    assert done.stderr == 'cannot serve cli_app:app: module cli_app has no app; write one of "gateway"\n'
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
    """A class in place of its instance is the usual slip."""
    assert app_target.expect(5, int, "a:b") == 5
    with pytest.raises(app_target.CannotServe, match="cannot serve a:b: it is of type str; name an instance of int"):
        app_target.expect("x", int, "a:b")
    with pytest.raises(app_target.CannotServe, match="it is the class int"):
        app_target.expect(int, int, "a:b")


def test_the_reloaded_command_is_the_same_without_reload() -> None:
    """What was not given stays not given."""
    command = cli.child_command("a:b", Path("c.toml"), {"--host": None, "--port": 0})
    assert command == [sys.executable, "-m", "gateway", "serve", "a:b", "--port", "0", "--config", "c.toml"]


# --- logging


def log(format_: str) -> str:
    """Returns what a process with this format writes for one line of ours and one of the standard library."""
    done = run(
        "-c",
        "import logging, structlog; from gateway.logs import configure_logging\n"
        f"configure_logging({format_!r})\n"
        "structlog.get_logger().info('room.joined', room='a')\n"
        "structlog.get_logger().debug('too.quiet')\n"
        "logging.getLogger('asyncio').warning('slow %s', 'callback')\n"
        "logging.getLogger('aiohttp.access').info('GET /')\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("format_", ["json", "auto"])
def test_without_a_terminal_every_line_is_json(format_: str) -> None:
    """Also those of the libraries; standard output stays free."""
    ours, theirs = map(json.loads, log(format_).splitlines())
    assert (ours["event"], ours["room"], ours["level"]) == ("room.joined", "a", "info")
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}(\.\d{6})?Z", line["timestamp"]) for line in (ours, theirs))
    assert (theirs["event"], theirs["level"]) == ("slow callback", "warning")


def test_console_lines_are_for_people() -> None:
    """Asked for, they come without a terminal too, and then without colours."""
    ours, theirs = log("console").splitlines()
    assert "room.joined" in ours
    assert "room=a" in ours
    assert "\x1b" not in ours
    assert "slow callback" in theirs
