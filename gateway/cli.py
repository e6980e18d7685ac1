"""
The command `hubbub`: reads the settings, says what is wrong with them, and starts a gateway.

Sets up logging, and the import path as only this does. What needs the gateway itself is imported by the command
that needs it, so `--help` and `check` answer at once and work while an application is broken.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from actors.config import ConfigError

from .app_target import CannotServe, author_frames, expect, import_app, put_on_path
from .config import GatewaySettings
from .logs import configure_logging
from .program import BAD_INPUT, DEFAULT_FILE, default_file, end_with, planned
from .settings_sources import load_settings
from .settings_text import default_lines, effective_lines, tree_comment

if TYPE_CHECKING:
    from .settings_sources import Loaded

NOTHING_KNOWN = 1
"""The exit code of `why` for a connection that nobody remembers."""
NOT_WRITTEN = 1
"""The exit code where standard output takes nothing."""
INTERRUPTED = 130
"""The exit code after Ctrl-C before it served: 128 and SIGINT, as shells have it."""
STOP_MARGIN = 5.0
"""Seconds a reloading parent waits beyond the drain before it kills: interpreters need a moment to go."""


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
    hubbub why ID                     why a connection ended
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
    application it runs in development mode: topics are open to anyone, and on loopback only, unless HUBBUB_DEVELOPMENT
    says that this is meant.

    Settings come from flags, then the environment, then the file, then the defaults. A variable is HUBBUB_ and the
    path of the setting, in capitals, with two underscores for each dot; its value is written as in the file, and
    texts, durations and sizes need no quotes:

    \b
    HUBBUB_GATEWAY__LIMITS__MAX_MESSAGE=128KiB    gateway.limits.max_message
    HUBBUB_GATEWAY__ALLOWED_ORIGINS='["https://example.org"]'
    HUBBUB_HOST, HUBBUB_PORT                      short for gateway.host, gateway.port

    It ends on SIGINT, SIGTERM or SIGHUP after draining; a second signal ends it now. Exit code 2: a setting or
    MODULE:APP is wrong.
    """
    flags = {"--host": host, "--port": port, "--log-format": log_format}
    try:
        if reload:
            ctx.exit(_reload(app, file, flags))
        ctx.exit(_serve(app, file, flags))
    except KeyboardInterrupt:  # while the application is imported; later it is a signal that drains
        sys.exit(INTERRUPTED)
    except (ConfigError, CannotServe) as error:
        _refuse(error)


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--app", "target", metavar="MODULE:APP", help="An application, whose code says more of topics.")
@click.option("--print-defaults", is_flag=True, help="Print a file of every setting, with unit and reason.")
def check(file: Path | None, target: str | None, print_defaults: bool) -> None:
    """
    Prints the effective settings, their origin, and the tree.

    Of each setting where it comes from; of the tree what stops when, and the worst case of restarts.

    \b
    hubbub check                                    hubbub.toml, or development mode
    hubbub check production.toml
    hubbub check --app chat:app                     with what its code declares
    hubbub check --print-defaults > hubbub.toml     a file to start from

    The actors that it names are imported, and the application if one is given. The environment counts as it would for
    serve. Exit code 2: something is wrong, and said on standard error.
    """
    if print_defaults:
        _print(default_lines())
        return
    try:
        loaded = load_settings(file or default_file(), os.environ, {}, app=target is not None)
        put_on_path(Path.cwd())
        blueprint = planned(loaded)
        problem = _check_certificate(loaded)
        if target is not None:
            loaded = _with_app(loaded, target)
    except (ConfigError, CannotServe) as error:
        _refuse(error)
    lines = effective_lines(loaded, has_app=target is not None)
    _print([*lines, "", *tree_comment(blueprint, loaded.origins)])
    _warn_of_secret(loaded)
    if problem is not None:
        click.echo(
            f"warning of gateway.tls.certificate: {problem}; clients will refuse it until it is renewed", err=True
        )


@main.command()
@click.option("--url", default="http://127.0.0.1:8001", show_default=True, help="The gateway's admin listener.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print one frame as plain text and end.")
def top(url: str, interval: float, once: bool) -> None:
    """
    Shows a running gateway: tree, mailboxes, restarts, who is busy.

    \b
    hubbub top
    hubbub top --url http://10.0.0.5:8001 --interval 5
    hubbub top --once | less

    MAILBOX is what waits and what is in hand, LEFT how many restarts the supervisor would still grant, IN HAND the
    message whose handler waits and since when. q or Ctrl-C leaves. Without a terminal to draw on it is --once.

    COLUMNS and LINES set the size of what --once prints, NO_COLOR=1 switches colours off. Exit code 2: there is no
    gateway at --url.
    """
    from .live import one_frame, watch
    from .web.admin_client import CannotWatch

    try:
        if once or not sys.stdout.isatty():
            _print(one_frame(url, interval))
        else:
            watch(url, interval)
    except CannotWatch as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)


@main.command()
@click.argument("connection", required=False, metavar="[ID]")
@click.option("--principal", metavar="NAME", help="The connections of this principal, without an ID.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Lines of such a list.")
@click.option("--url", default="http://127.0.0.1:8001", show_default=True, help="The gateway's admin listener.")
def why(connection: str | None, principal: str | None, limit: int, url: str) -> None:
    """
    Tells why a connection ended, or how an open one is.

    In sentences, with what to do about it.

    \b
    hubbub why 6f1f7f8e-3a0c-4f7e-9d0a-0c7d8a5b1e11
    hubbub why --principal ada
    hubbub why                                         everybody who left lately

    The ID is what the upgrade was answered with (Hubbub-Connection), and what the log calls connection. The last 1,000
    connections that ended are known. Exit code 1: nothing is known of that ID. 2: there is no gateway at --url.
    """
    from .inquiry import about, about_all
    from .web.admin_client import CannotWatch
    from .why import UNKNOWN, plain

    if connection is not None and principal is not None:
        raise click.UsageError("an ID names one connection, --principal all of one principal; give one of them")
    try:
        lines = about_all(url, principal, limit) if connection is None else about(url, connection)
    except CannotWatch as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)
    if lines is None:
        click.echo(UNKNOWN.format(id=plain(connection or "")), err=True)
        sys.exit(NOTHING_KNOWN)
    _print(lines)


def _with_app(loaded: Loaded, target: str) -> Loaded:
    """What is in force once that application is served. Raises CannotServe."""
    gateway = _find_gateway(target)
    from .app_settings import laid_over

    return laid_over(loaded, gateway, f"app {target}")


def _check_certificate(loaded: Loaded) -> str | None:
    """What is wrong with its dates. Raises ConfigError for files that `serve` would not start with."""
    from .web.tls import CannotUseCertificate, out_of_date, server_context

    tls = loaded.settings.gateway.tls
    try:
        context = server_context(tls)
    except CannotUseCertificate as error:
        path = "gateway.tls.key" if error.file == tls.key else "gateway.tls.certificate"
        raise ConfigError(path, f"{error.file}: {error.problem}", error.hint, origin=loaded.origins[path]) from None
    return None if context is None else out_of_date(context, tls.certificate)


def _warn_of_secret(loaded: Loaded) -> None:
    from .tokens import Tokens

    path, secret = "gateway.auth.jwt_secret", loaded.settings.gateway.auth.jwt_secret
    tokens = Tokens(secret) if secret else None
    if tokens is not None and tokens.is_weak:
        fact = f"it has {tokens.bytes} bytes, so it can be guessed from any one token"
        hint = f"take {tokens.wanted} or more, as `openssl rand -base64 48` prints"
        click.echo(f"warning of {path} ({loaded.origins[path]}): {fact}; {hint}", err=True)


def _print(lines: Iterable[str]) -> None:
    """To standard output, or a letter. That a reader such as `head` has gone is for click."""
    try:
        click.echo("\n".join(lines))
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        click.echo(f"could not write to standard output: {error.strerror}; make room, or write elsewhere", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter tries again when it ends
        sys.exit(NOT_WRITTEN)


def _refuse(error: ConfigError | CannotServe) -> NoReturn:
    end_with(error.letters() if isinstance(error, ConfigError) else [error])


# --- serve


def _serve(app: str | None, file: Path | None, flags: Mapping[str, object]) -> int:
    loaded = load_settings(file or default_file(), os.environ, flags, app=app is not None)
    configure_logging(loaded.settings.log.format)
    put_on_path(Path.cwd())
    planned(loaded)
    gateway = _find_gateway(app) if app is not None else _default_gateway(loaded.settings)
    code: int = gateway.run_configured(loaded.settings)
    from .web.process import leave_within

    leave_within(code)
    return code


def _find_gateway(target: str) -> Any:
    try:
        found = import_app(target)
    except CannotServe:
        raise
    except Exception as error:
        traceback.print_exception(type(error), error, author_frames(error.__traceback__))
        raise CannotServe(target, f"importing it raised {type(error).__name__}", "mend the line above") from error
    from gateway.app import Gateway

    return expect(found, Gateway, target)


def _default_gateway(settings: GatewaySettings) -> Any:
    """Nothing but what is configured; the demo, whose clients may provoke what they like, in development mode only."""
    if settings.development:
        from gateway.web.demo import create_demo_app

        return create_demo_app()
    from gateway.app import Gateway

    return Gateway()


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
