"""`hubbub check`: settings with their origins, and the tree, as a file that loads; letters with exit code 2."""

from __future__ import annotations

import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from actors.config.config import Leaf
from gateway import Gateway, Room
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import TABLES, load_settings, setting_leaves
from gateway.settings.text import EXAMPLES, assignment, default_lines, table_leaves
from gateway.settings.topic import sections
from tests.support.command import invoke, run

pytestmark = pytest.mark.usefixtures("alone")

# --- the defaults


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


# --- what is in force


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
    assert said['# join = "authenticated"'] == "default, unless the app says otherwise"
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
    before = load_settings(tmp_path / "a.toml", {"HUBBUB_GATEWAY__LIMITS__BURST": "7"}, {}).settings
    assert settings == before
    assert [sections(one.topics).said("game:{id}") for one in (settings, before)] == [{"max_members"}] * 2


def test_what_nobody_wrote_into_a_section_is_left_to_the_app(tmp_path: Path) -> None:
    """What check says decides, decides: a line of the file against the app, and the app against a default."""
    (tmp_path / "a.toml").write_text('[topics."game:*"]\npublish = "nobody"\nmax_members = 4\n')
    printed = invoke("check", "a.toml").output.splitlines()
    rows = {line.partition("=")[0].strip(): line.partition("# from ")[2] for line in printed}
    app = Gateway()
    app.topic("game:{id}", join="nobody", publish="anyone", max_members=9, slow="drop_oldest")(Room)
    found = app.topics.within(load_settings(tmp_path / "a.toml", {}, {}, app=True).settings).settings_for("game:1")
    assert (found.publish, found.max_members) == ("nobody", 4)
    assert {rows["publish"], rows["max_members"]} == {"file a.toml"}
    assert (found.join, found.slow) == ("nobody", "drop_oldest")
    assert {rows["# join"], rows["# slow"]} == {"default, unless the app says otherwise"}


def test_hubbub_toml_of_the_working_directory_is_found(tmp_path: Path) -> None:
    """A file with that name is not ignored in favour of open topics."""
    (tmp_path / "hubbub.toml").write_text("[gateway]\nport = 1\n")
    output = invoke("check").output
    assert "file hubbub.toml" in output
    assert "development = false" in output


def test_what_code_says_is_shown_with_the_app_and_else_said_to_be_missing(tmp_path: Path) -> None:
    """Who reads that join is closed has to know whether the code was asked."""
    (tmp_path / "checked_game.py").write_text(
        "from gateway import Gateway, History, HeartbeatConfig, Room\n"
        "app = Gateway(heartbeat=HeartbeatConfig(ping_interval=7.0))\n"
        "@app.topic('game:{id}', publish='nobody', history=History(size=3))\n"
        "class Game(Room): ...\n"
    )
    (tmp_path / "a.toml").write_text('[topics."game:{id}"]\npresence = true\nhistory = { size = 5 }\n')
    without = invoke("check", "a.toml").output
    assert "# what code declares is not among these: hubbub check --app MODULE:APP" in without
    result = invoke("check", "a.toml", "--app", "checked_game:app")
    assert (result.exit_code, "is not among these" in result.output) == (0, False)
    said = {line.partition("  # from ")[0].strip(): line.partition("# from ")[2] for line in result.output.splitlines()}
    for line in (
        'publish = "nobody"',
        'ping_interval = "7s"',
    ):
        assert said[line] == "app checked_game:app"
    assert (said['join = "anyone"'], said["presence = true"]) == ("default of topics in code", "file a.toml")
    assert said['history = { size = 5, ttl = "1h", max_bytes = "1MiB" }'] == "file a.toml"
    (tmp_path / "again.toml").write_text(result.output)
    assert load_settings(tmp_path / "again.toml", {}, {}).settings.topics["game:{id}"].publish == "nobody"


def test_an_app_that_cannot_be_checked_is_a_letter() -> None:
    """As it is for serve."""
    result = invoke("check", "--app", "there_is_none:app")
    assert (result.exit_code, result.stderr[:52]) == (2, "cannot serve there_is_none:app: there is no module t")


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


@pytest.mark.slow
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


# --- the tree


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


@pytest.mark.slow
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


@pytest.mark.slow
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
