"""
The command `hubbub`: reads the settings, says what is wrong with them, and starts a gateway.

The only place that configures logging and the import path. What needs the gateway itself is imported by the command
that needs it, so `--help` and `check` answer at once and work while an application is broken.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs
import click
import structlog

from actors.config import ConfigError, Leaf, leaves, mask_passwords, quote_key, suggestion, to_toml

from .config import SHAPES, GatewaySettings, Loaded, TopicSettings, load_settings, setting_leaves
from .stream import History

DEFAULT_FILE = "hubbub.toml"
BAD_INPUT = 2
"""The exit code for what the person who called can mend; the same that click uses for a wrong flag."""
STOP_MARGIN = 5.0
"""Seconds a reloading parent waits beyond the drain before it kills: interpreters need a moment to go."""
COMMENT_WIDTH = 100
ORIGIN_COLUMN = 56
"""Characters after which a long value no longer pushes the origins of all other lines to the right."""


class CannotServe(Exception):
    """What was named on the command line is no gateway."""

    def __init__(self, target: str, problem: str, hint: str) -> None:
        super().__init__(target, problem, hint)
        self.target, self.problem, self.hint = target, problem, hint

    def __str__(self) -> str:
        return f"cannot serve {self.target}: {self.problem}; {self.hint}"


def _version() -> str:
    try:
        return importlib.metadata.version("hubbub")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "(not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(_version(), prog_name="hubbub")
def main() -> None:
    """
    Real-time WebSocket gateway on supervised actors.

    \b
    hubbub serve                      try it: loopback, open topics, a chat page
    hubbub serve chat:app --reload    develop an application
    hubbub check hubbub.toml          see what a configuration means
    """


@main.command()
@click.argument("app", required=False, metavar="[MODULE:APP]")
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, metavar="NUMBER", help="Port to listen on, 0 for any.  [default: 8000]")
@click.option("--config", "file", type=click.Path(path_type=Path), metavar="FILE", help="Settings, as TOML.")
@click.option("--reload", is_flag=True, help="Start again whenever a source file changes. For development.")
@click.option("--log-format", type=click.Choice(["auto", "console", "json"]), help="auto: console on a terminal.")
@click.pass_context
def serve(
    ctx: click.Context,
    app: str | None,
    host: str | None,
    port: int | None,
    file: Path | None,
    reload: bool,
    log_format: str | None,
) -> None:
    """
    Serves an application, or a pub/sub service that needs none.

    \b
    hubbub serve
    hubbub serve chat:app --port 9000
    hubbub serve --config hubbub.toml --log-format json

    MODULE:APP is an importable module, the working directory included, and the name of a Gateway in it.

    Without --config, hubbub.toml of the working directory is read if there is one. Without any file and without an
    application it runs in development mode: on loopback only, and topics are open to anyone.

    Settings come from flags, then the environment, then the file, then the defaults. A variable is HUBBUB_ and the
    path of the setting, in capitals, with two underscores for each dot; its value is written as in the file, and
    texts, durations and sizes need no quotes:

    \b
    HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE=128KiB    gateway.limits.max_message
    HUBBUB_GATEWAY__ALLOWED_ORIGINS='["https://example.org"]'
    HUBBUB_HOST, HUBBUB_PORT                      short for gateway.host, gateway.port

    It ends on SIGINT or SIGTERM after draining; a second signal ends it now. Exit code 2: a setting or MODULE:APP is
    wrong.
    """
    flags = {"--host": host, "--port": port, "--log-format": log_format}
    try:
        if reload:
            ctx.exit(_reload(app, file, flags))
        ctx.exit(_serve(app, file, flags))
    except (ConfigError, CannotServe) as error:
        _refuse(error)


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--print-defaults", is_flag=True, help="Print a file of every setting, with unit and reason.")
def check(file: Path | None, print_defaults: bool) -> None:
    """
    Prints the effective settings and where each of them comes from.

    \b
    hubbub check                                    hubbub.toml, or development mode
    hubbub check production.toml
    hubbub check --print-defaults > hubbub.toml     a file to start from

    The environment counts as it would for serve. Exit code 2: something is wrong, and said on standard error.
    """
    if print_defaults:
        click.echo("\n".join(default_lines()))
        return
    try:
        loaded = load_settings(file or default_file(), os.environ, {})
    except ConfigError as error:
        _refuse(error)
    click.echo("\n".join(effective_lines(loaded)))


def _refuse(error: ConfigError | CannotServe) -> NoReturn:
    for letter in error.letters() if isinstance(error, ConfigError) else [error]:
        click.echo(str(letter), err=True)
    sys.exit(BAD_INPUT)


def default_file() -> Path | None:
    """Returns `hubbub.toml` if the working directory has one: who wrote it does not expect to be ignored."""
    file = Path(DEFAULT_FILE)
    return file if file.exists() else None


# --- serve


def _serve(app: str | None, file: Path | None, flags: Mapping[str, object]) -> int:
    loaded = load_settings(file or default_file(), os.environ, flags, app=app is not None)
    configure_logging(loaded.settings.log.format)
    put_on_path(Path.cwd())
    gateway = _find_gateway(app) if app is not None else _demo_gateway()
    code: int = gateway.run_configured(loaded.settings)
    return code


def put_on_path(directory: Path) -> None:
    """Makes the modules in `directory` importable, ahead of all others, as `python -m` does."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _find_gateway(target: str) -> Any:
    found = import_app(target)
    from gateway.app import Gateway

    return expect(found, Gateway, target)


def _demo_gateway() -> Any:
    from gateway.web.demo import create_demo_app

    return create_demo_app()


def import_app(target: str) -> object:
    """
    Returns what `module:name` names.

    Raises:
        CannotServe: There is no colon, no such module, or no such name in it.
        Exception: Whatever the module raises while it is imported; that traceback belongs to its author.
    """
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise CannotServe(target, "it is not module:name", f'write "{module_name or "chat"}:{name or "app"}"')
    module = _import(target, module_name)
    if not hasattr(module, name):
        known = [public for public in vars(module) if not public.startswith("_")]
        raise CannotServe(target, f"module {module_name} has no {name}", suggestion(name, known))
    return getattr(module, name)


def _import(target: str, name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise  # it exists, and imports something that does not
        raise CannotServe(
            target, f"there is no module {error.name}", f"start in the directory that has it; this is {Path.cwd()}"
        ) from None
    except TypeError:  # a relative name such as ".chat"
        raise CannotServe(target, f"{name} is a relative name", f'write "{name.lstrip(".")}:..."') from None


def expect(found: object, kind: type, target: str) -> object:
    """
    Returns `found` if it is a `kind`.

    Raises:
        CannotServe: It is something else.
    """
    if not isinstance(found, kind):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise CannotServe(target, f"it is {what}", f"name an instance of {kind.__name__}")
    return found


def _reload(app: str | None, file: Path | None, flags: Mapping[str, object]) -> int:
    from .reload import Reloader

    watched = file or default_file() or Path(DEFAULT_FILE)  # it may be written later
    return Reloader(
        child_command(app, file, flags),
        Path.cwd(),
        [watched.absolute()],
        patience=_drain_timeout(app, file, flags) + STOP_MARGIN,
        report=lambda line: click.echo(line, err=True),
    ).run()


def child_command(app: str | None, file: Path | None, flags: Mapping[str, object]) -> list[str]:
    """Returns the command of the same `serve` without --reload."""
    options = {**flags, "--config": file}
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    return [sys.executable, "-m", "gateway", "serve", *([app] if app is not None else []), *given]


def _drain_timeout(app: str | None, file: Path | None, flags: Mapping[str, object]) -> float:
    try:
        settings = load_settings(file or default_file(), os.environ, flags, app=app is not None).settings
    except ConfigError:  # the child says so, and is started again once it is mended
        settings = GatewaySettings()
    return settings.gateway.drain.timeout


# --- logging


def configure_logging(format_: str) -> None:
    """
    Sends every log line of this process to standard error, one per line.

    Args:
        format_: "console" for people, "json" for machines, "auto" for the one that fits standard error.
    """
    is_console = format_ == "console" or (format_ == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final = _console_processors() if is_console else _json_processors()
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _configure_standard_library(shared, final)


def _console_processors() -> list[Any]:
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _json_processors() -> list[Any]:
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]


def _configure_standard_library(shared: Sequence[Any], final: Sequence[Any]) -> None:
    """Lines of asyncio and aiohttp look like ours; from warnings on, since ours already tell the ordinary."""
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *final]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


# --- what check prints


def effective_lines(loaded: Loaded) -> list[str]:
    """Returns the settings as TOML, each line with `# from` and its origin; secrets are masked."""
    rows = list(_effective_rows(loaded))
    width = min(max(len(text) for text, origin in rows if origin), ORIGIN_COLUMN)
    return [f"{text:<{width}}  # from {origin}" if origin else text for text, origin in rows][1:]


_Row = tuple[str, str]


def _effective_rows(loaded: Loaded) -> Iterator[_Row]:
    settings = loaded.settings
    table = None
    for leaf in setting_leaves().values():
        if leaf.path == "topics":
            yield from _topic_rows(loaded)
            continue
        above, _, key = leaf.path.rpartition(".")
        if above != table:
            yield from _heading(above)
            table = above
        yield assignment(key, _value_at(settings, leaf.path), leaf), loaded.origins[leaf.path]


def _topic_rows(loaded: Loaded) -> Iterator[_Row]:
    for pattern, topic in loaded.settings.topics.items():
        path = f"topics.{quote_key(pattern)}"
        yield from _heading(path)
        for leaf in _topic_leaves():
            yield assignment(leaf.path, getattr(topic, leaf.path), leaf), _origin(loaded, f"{path}.{leaf.path}")
    others = "open to anyone, this is development mode" if loaded.settings.development else "closed"
    yield from [("", ""), (f"# other topics: {others}", "")]


def _topic_leaves() -> list[Leaf]:
    """The keys of one pattern; `history` is one of them, as the inline table that people write."""
    nested = {leaf.path: leaf for leaf in leaves(TopicSettings, shapes=SHAPES)}
    return [
        nested.get(field.name) or Leaf(field.name, TopicSettings, History, field.default)
        for field in attrs.fields(TopicSettings)
    ]


def _origin(loaded: Loaded, path: str) -> str:
    below = (origin for said, origin in loaded.origins.items() if said == path or said.startswith(path + "."))
    return next(below, "default")


def _heading(table: str) -> Iterator[_Row]:
    yield "", ""
    if table:
        yield f"[{table}]", ""


def _value_at(settings: object, path: str) -> object:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def assignment(key: str, value: object, leaf: Leaf) -> str:
    """Returns `key = value` as TOML; a secret, and a password in a URL, as `***`; a comment if there is no value."""
    if value is None:
        return f"# {key} is not set"
    return f"{key} = " + ('"***"' if leaf.secret else mask_passwords(to_toml(value, leaf.shape, SHAPES)))


def default_lines() -> list[str]:
    """Returns a TOML file of every setting with its default, unit and reason; reading it changes nothing."""
    table = None
    lines = ["# Every setting of hubbub with its default. Durations: 500ms 30s 2m 24h 1d. Sizes: 512B 64KiB 1MiB."]
    for leaf in setting_leaves().values():
        if leaf.path == "topics":
            lines += _default_topic_lines()
            continue
        above, _, key = leaf.path.rpartition(".")
        lines += [text for text, _ in _heading(above)] if above != table else []
        table = above
        lines += [*_comment(leaf), assignment(key, leaf.default, leaf)]
    return lines


def _default_topic_lines() -> list[str]:
    lines = ['[topics."news:*"]', *(line for leaf in _topic_leaves() for line in _topic_key(leaf))]
    about = [
        "# One table for each pattern of topic names: a whole name, a prefix and *, or a template such as",
        '# "game:{game_id}". The most specific one counts. A name that no pattern matches is closed.',
    ]
    return ["", *about, *(f"# {line}" for line in lines)]


def _topic_key(leaf: Leaf) -> list[str]:
    return [*_comment(leaf), assignment(leaf.path, leaf.default, leaf)]


def _comment(leaf: Leaf) -> list[str]:
    text = f"{leaf.unit.capitalize()}. {leaf.reason}" if leaf.unit else leaf.reason
    return [f"# {line}" for line in textwrap.wrap(text, COMMENT_WIDTH)]
