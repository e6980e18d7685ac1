"""Flags before environment before file before defaults, and the most specific pattern wins."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.config.config import ConfigError, field_docstrings
from actors.config.units import Duration, Size
from actors.supervision import Backoff
from gateway.engines.stream import History
from gateway.settings.config import SHAPES, GatewaySettings
from gateway.settings.listen import AdminSettings, ListenSettings
from gateway.settings.parts import BUILT_IN
from gateway.settings.sources import TABLES, Loaded, load_settings, setting_leaves, variables
from gateway.settings.topic import CLOSED, OPEN, TopicSettings
from gateway.settings.topic_patterns import MAX_REMEMBERED_TOPICS, TopicPattern, TopicTable

EXAMPLE = """
[gateway]
host = "127.0.0.1"
port = 8000
allowed_origins = ["https://example.org"]
public_url = ""

[gateway.admin]
listen = "127.0.0.1:8001"

[gateway.limits]
max_message = "64KiB"
messages_per_second = 50
burst = 100

[topics."public:*"]
join = "anyone"
publish = "anyone"
presence = true
history = { size = 100, ttl = "1h" }

[topics."private:*"]
join = "authenticated"

[engine]
url = "memory://"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hubbub.toml"


def load(file: Path, text: str = "", environ: dict[str, str] | None = None, **flags: object) -> Loaded:
    file.write_text(text)
    return load_settings(file, environ or {}, {f"--{name}": value for name, value in flags.items()})


def letter(file: Path, text: str = "", environ: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, text, environ, **flags)
    return str(caught.value).replace(f" (file {file})", " (file)")


def test_the_documented_example_is_read_as_documented(file: Path) -> None:
    """What the guide shows works, and means what it says."""
    settings = load(file, EXAMPLE).settings
    assert settings.gateway.allowed_origins == ("https://example.org",)
    assert settings.gateway.limits.max_message == 65_536
    assert settings.gateway.admin_address == ("127.0.0.1", 8001)
    table = settings.topic_table()
    assert table.settings_for("public:a") == attrs.evolve(OPEN, history=History(size=100, ttl=3600.0))
    assert table.settings_for("private:a") == TopicSettings(join="authenticated", publish="nobody")


def test_flags_go_before_environment_before_file_before_defaults(file: Path) -> None:
    """Four sources, one order, and each value knows its own."""
    text, environ = "[gateway]\nport = 1\n", {"HUBBUB_PORT": "2"}
    seen = [load(file), load(file, text), load(file, text, environ), load(file, text, environ, port=3)]
    assert [one.settings.gateway.port for one in seen] == [8000, 1, 2, 3]
    origins = [one.origins["gateway.port"] for one in seen]
    assert origins == ["default", f"file {file}", "env HUBBUB_PORT", "flag --port"]


def test_a_flag_that_was_not_given_changes_nothing(file: Path) -> None:
    """The command passes None for those."""
    assert load(file, "[gateway]\nport = 1\n", port=None).settings.gateway.port == 1


def test_every_setting_has_an_origin(file: Path) -> None:
    """`check` leaves no line without one."""
    assert set(setting_leaves()) - set(TABLES) <= set(load(file).origins)


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("HUBBUB_HOST", "::1", "host", "::1"),
        ("HUBBUB_GATEWAY__HOST", "8", "host", "8"),
        ("HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE", "128KiB", "limits.max_message", 131_072),
        ("HUBBUB_GATEWAY__LIMITS__OUTBOX_AGE", "5", "limits.outbox_age", 5.0),
        ("HUBBUB_GATEWAY__LIMITS__MAX_CONNECTIONS", "7", "limits.max_connections", 7),
        ("HUBBUB_GATEWAY__ALLOWED_ORIGINS", '["https://a"]', "allowed_origins", ("https://a",)),
    ],
)
def test_a_variable_is_written_as_in_the_file(file: Path, name: str, text: str, path: str, value: object) -> None:
    """Quotes may be left out; everything else is the same."""
    found: object = load(file, environ={name: text}).settings.gateway
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value


def test_every_setting_outside_of_named_tables_has_a_variable() -> None:
    """One rule, no exceptions to learn: HUBBUB_, the path, two underscores for each dot."""
    long = set(variables()) - {"HUBBUB_HOST", "HUBBUB_PORT"}
    assert long == {"HUBBUB_" + path.upper().replace(".", "__") for path in setting_leaves() if path not in TABLES}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"HUBBUB_PROT": "1"}, 'HUBBUB_PROT: there is no such environment variable; did you mean "HUBBUB_PORT"?'),
        ({"HUBBUB_PORT": "x"}, 'gateway.port (env HUBBUB_PORT): "x" is a text; write a whole number'),
        ({"HUBBUB_PORT": "1\nport = 2"}, 'gateway.port (env HUBBUB_PORT): "1\\nport = 2" is a text'),
        ({"HUBBUB_DEVELOPMENT": "yes"}, 'development (env HUBBUB_DEVELOPMENT): "yes" is a text; write true or false'),
        (
            {"HUBBUB_PORT": "1", "HUBBUB_GATEWAY__PORT": "1"},
            "HUBBUB_PORT: HUBBUB_GATEWAY__PORT is set as well; keep one of them",
        ),
    ],
)
def test_a_wrong_variable_is_refused(file: Path, environ: dict[str, str], said: str) -> None:
    """A misspelt variable never passes for a setting that was made."""
    assert letter(file, environ=environ).startswith(f"cannot read {said}")


def test_other_variables_are_nobody_s_business(file: Path) -> None:
    """Only names with our prefix are looked at."""
    assert load(file, environ={"HUBBUBX": "1", "PORT": "x"}).settings == GatewaySettings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[gateway.limits]\nmax_mesage = 1",
            'gateway.limits.max_mesage (file): there is no such setting; did you mean "max_message"?',
        ),
        ("[gateway]\nport = 70000", "gateway.port (file): 70000 is out of range; write a number from 0 to 65535"),
        ("[gateway.limits]\nburst = 0", "gateway.limits.burst (file): 0 is refused; it must be > 0"),
        ('[gateway]\nallowed_origins = ["https://A"]', 'gateway.allowed_origins (file): "https://A" is refused'),
        ('[gateway]\nallowed_origins = ["https://ä"]', 'gateway.allowed_origins (file): "https://ä" is refused'),
        ('[gateway]\nallowed_origins = ["http://a:80"]', 'gateway.allowed_origins (file): "http://a:80" is refused'),
        ('[gateway]\nallowed_origins = ["https://a:443"]', 'gateway.allowed_origins (file): "https://a:443" is'),
        ('[gateway]\npublic_url = "https://ä/x"', 'gateway.public_url (file): "https://ä/x" is refused'),
        ('[gateway]\nuds = "a\\u0000b"', 'gateway.uds (file): "a\\u0000b" is refused'),
        ('[gateway.limits]\nmax_message = "4GiB"', "gateway.limits.max_message (file): 4294967296 is refused"),
        ('[gateway]\nallowed_origins = ["https://a/"]', 'gateway.allowed_origins (file): "https://a/" is refused'),
        ('[gateway]\npublic_url = "example.org"', 'gateway.public_url (file): "example.org" is refused'),
        ('[gateway.auth]\njwt_secret_before = "x"', "gateway.auth.jwt_secret: its value, a secret and not shown, has"),
        ('[gateway]\nhost = ""', 'gateway.host (file): "" is refused'),
        ('[gateway]\nhost = "[::1]"', 'gateway.host (file): "[::1]" is refused; write an address such as "0.0.0.0" or'),
        ('[gateway]\nhost = "a:8000"', 'gateway.host (file): "a:8000" is refused'),
        ('[gateway.admin]\nlisten = "8001"', 'gateway.admin.listen (file): "8001" is refused; write "host:port"'),
        ('[gateway.admin]\nlisten = "127.0.0.1:8000"', "gateway.admin.listen (file): 127.0.0.1:8000 is the public"),
        ("[gateway]\nport = 65535", "gateway.admin.listen"),
        ('[gateway.drain]\nspread = "1m"', "gateway.drain.spread (file): 60 s is longer than the timeout of 20 s"),
        ('[gateway.heartbeat]\nping_timeout = "1s"', "gateway.heartbeat.ping_timeout (file): 1 s is not above"),
        ('[topics."a:*"]\njoin = "all"', 'topics."a:*".join (file): "all" is no choice here'),
        ('[topics."a:*"]\nhistory = { sise = 1 }', 'topics."a:*".history.sise (file): there is no such setting; did'),
        ('[topics."a:*"]\nmax_members = 0', 'topics."a:*".max_members (file): 0 is out of range'),
        ('[topics."a*b"]\n', 'topics."a*b" (file): a * is only allowed last'),
        ('[topics."{a}"]\n[topics."{b}"]\n', 'topics."{a}" (file): it matches the same names as "{b}"'),
        ('[engine]\nurl = "memory"', 'engine.url (file): "memory" is refused'),
        ('[gateway]\nuds = "/run/h.sock"\nport = 9000', "gateway.port (file): gateway.uds is"),
        ('[actors]\nask_timeout = 5\n[actors.dispatcher]\nslise = 1', "actors.dispatcher.slise (file): there is no su"),
        ('[supervisor.topics]\nintensity = "5"', 'supervisor.topics.intensity (file): "5" is a text; write a whole'),
        ('[supervisor.topics]\nmailbox = "m"', 'supervisor.topics.mailbox (file): there is no mailbox "m"'),
        ('[supervisor.root]\nchildren = ["engine"]', "supervisor.root.children (file): "),
        ('[actor.engine]\nclass = "a:B"', 'actor.engine (file): there is "engine" already'),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(file: Path, text: str, said: str) -> None:
    """What could not be obeyed is not read."""
    assert letter(file, text).startswith(f"cannot read {said}")


def test_a_unix_socket_can_be_added_to_a_file_of_defaults(file: Path) -> None:
    """The lines of host and port that were only kept are no contradiction."""
    text = '[gateway]\nhost = "127.0.0.1"\nport = 8000\nuds = "/run/h.sock"'
    assert load(file, text).settings.gateway.uds == "/run/h.sock"
    assert letter(file, text, port=8000).startswith("cannot read gateway.port (flag --port): gateway.uds is")


def test_a_password_in_a_url_is_not_repeated_by_a_letter(file: Path) -> None:
    """A letter ends in logs."""
    assert "hunter2" not in letter(file, '[engine]\nurl = "REDIS://me:hunter2@host"')


def test_a_value_where_a_table_belongs_is_refused_although_a_flag_is_below_it(file: Path) -> None:
    """A flag does not paper over a broken file."""
    assert letter(file, "gateway = 5", port=1).startswith("cannot read gateway")


@pytest.mark.parametrize(
    ("port", "listen", "address"),
    [
        (8000, "", ("127.0.0.1", 8001)),
        (0, "", ("127.0.0.1", 0)),
        (8000, "off", None),
        (8000, "[::1]:9", ("::1", 9)),
        (65_535, "off", None),
    ],
)
def test_the_admin_listener_is_on_loopback_unless_said(port: int, listen: str, address: object) -> None:
    """Default: the port after the gateway's; a chosen port 0 stays the system's choice."""
    assert ListenSettings(port=port, admin=AdminSettings(listen=listen)).admin_address == address


def test_a_supervisor_of_the_gateway_s_own_keeps_the_defaults_that_a_file_does_not_say(file: Path) -> None:
    """One key is one key, and each knows where it came from."""
    loaded = load(file, "[supervisor.topics]\nintensity = 9\nbackoff = { max = '1s' }\n")
    expected = attrs.evolve(BUILT_IN["topics"], intensity=9, backoff=Backoff(max=1.0))
    assert loaded.settings.supervisor["topics"] == expected
    assert loaded.settings.supervisor["app"] == BUILT_IN["app"]
    assert loaded.origins["supervisor.topics.intensity"] == f"file {file}"
    assert GatewaySettings().supervisor == BUILT_IN


def test_the_actors_table_has_variables(file: Path) -> None:
    """As everything that has no names of the user's in its path."""
    settings = load(
        file, environ={"HUBBUB_ACTORS__ASK_TIMEOUT": "2s", "HUBBUB_ACTORS__DISPATCHER__SLICE": "2ms"}
    ).settings
    assert (settings.actors.ask_timeout, settings.actors.dispatcher.slice) == (2.0, 0.002)


# --- development mode


def test_without_file_and_app_it_is_development_mode() -> None:
    """To try it needs no file: public and other names are open, private ones need a principal."""
    loaded = load_settings(None, {}, {})
    table = loaded.settings.topic_table()
    assert loaded.settings.development
    assert table.settings_for("public:a") == attrs.evolve(OPEN, history=History(size=100, ttl=3600.0))
    assert (table.settings_for("private:a").join, table.settings_for("private:a").publish) == ("authenticated",) * 2
    assert table.settings_for("anything") == OPEN
    assert loaded.origins['topics."public:*".join'] == "development mode"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_implied_development_mode_stays_on_loopback(host: str) -> None:
    """Open topics are never public by accident."""
    with pytest.raises(ConfigError, match="is not loopback, and without a file every topic is open to anyone"):
        load_settings(None, {}, {"--host": host})


def test_development_mode_that_was_asked_for_may_leave_loopback() -> None:
    """Who says so twice means it."""
    loaded = load_settings(None, {"HUBBUB_DEVELOPMENT": "true"}, {"--host": "0.0.0.0"})
    assert loaded.settings.topic_table().settings_for("anything") == OPEN


def test_with_an_app_nothing_is_open_that_nobody_declared() -> None:
    """An application says itself who may do what."""
    settings = load_settings(None, {}, {}, app=True).settings
    assert (settings.development, settings.topics) == (False, {})
    assert settings.topic_table().settings_for("public:a") == CLOSED


def test_with_a_file_a_name_that_no_pattern_matches_is_closed(file: Path) -> None:
    """Who declares topics means those and no others."""
    assert load(file, EXAMPLE).settings.topic_table().settings_for("other") == CLOSED


def test_a_declared_pattern_replaces_that_of_development_mode(file: Path) -> None:
    """As a whole, so that a table in the file reads as what it is."""
    settings = load(file, 'development = true\n[topics."public:*"]\njoin = "nobody"\n').settings
    assert settings.topics["public:*"] == TopicSettings(join="nobody")
    assert set(settings.topics) == {"public:*", "private:*"}


# --- topics


def test_the_most_specific_pattern_wins() -> None:
    """A whole name, then the longest literal prefix, then a template before a star."""
    patterns = ["*", "game:*", "game:{id}", "game:{id}:chat", "game:7", "game:7*", "game:{id}:*"]
    table = TopicTable({text: TopicSettings(max_members=i + 1) for i, text in enumerate(patterns)}, CLOSED)
    names = ["x", "game:8", "game:7", "game:77", "game:8:chat", "game:8:x", "game:"]
    chosen = [patterns[(table.settings_for(name).max_members or 0) - 1] for name in names]
    assert chosen == ["*", "game:{id}", "game:7", "game:7*", "game:{id}:chat", "game:{id}:*", "game:*"]


def test_a_template_names_the_parts_it_matched() -> None:
    """A placeholder is at least one character and never crosses a colon."""
    pattern = TopicPattern("game:{game_id}:v{version}")
    assert pattern.match("game:7:v2") == {"game_id": "7", "version": "2"}
    assert [pattern.match(name) for name in ("game::v2", "game:7:8:v2", "game:7:v", "xgame:7:v2")] == [None] * 4


def test_a_pattern_has_no_other_magic() -> None:
    """Dots, question marks and brackets are what they are."""
    assert TopicPattern("a.b?[c]*").match("a.b?[c]d") == {}
    assert TopicPattern("a.b?[c]*").match("axb?[c]d") is None


@pytest.mark.parametrize(
    "text", ["", "a*b", "**", "*a", "{", "a}", "{a-b}", "{}", "{a}{b}", "{a}-{b}", "{a}:{a}", "a,b", "a" * 256]
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """A pattern that could not match what its author had in mind is no pattern."""
    with pytest.raises(ConfigError):
        TopicPattern(text)


@given(st.text(alphabet="ab:*{}x", max_size=12), st.text(alphabet="ab:*{}x", max_size=12))
def test_any_text_is_a_pattern_or_refused_and_any_name_has_settings(text: str, name: str) -> None:
    """No name that a stranger sends, and no pattern that a person writes, ends in a traceback."""
    try:
        table = TopicTable({text: OPEN}, CLOSED)
    except ConfigError:
        return
    expected = OPEN if TopicPattern(text).match(name) is not None else CLOSED
    assert table.settings_for(name) is expected
    assert table.settings_for(name) is expected


def test_the_table_remembers_a_bounded_number_of_names() -> None:
    """A scan of names costs time, not memory."""
    table = TopicTable({"a*": OPEN}, CLOSED)
    for number in range(MAX_REMEMBERED_TOPICS + 10):
        table.settings_for(f"a{number}")
    assert table._remembered.cache_info().currsize == MAX_REMEMBERED_TOPICS


def test_settings_cannot_be_changed_once_read() -> None:
    """What was read at the edge is what runs."""
    settings = GatewaySettings(topics={"a": OPEN})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.development = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.topics["b"] = OPEN  # type: ignore[index]


def test_every_number_of_foreign_classes_that_has_a_unit_is_read_with_it() -> None:
    """A float that says `Seconds` under it is a duration, an int that says `Bytes` a size; a new one must be listed."""
    for kind, shapes in SHAPES.items():
        docs = field_docstrings(kind)
        assert docs
        said: dict[str, object] = {name: Duration for name, text in docs.items() if text.startswith("Seconds")}
        said |= {name: Size for name, text in docs.items() if text.startswith("Bytes")}
        assert said == shapes, kind
