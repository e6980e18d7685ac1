"""
What the command `hubbub` does: reads the settings, says what is wrong with them, and starts a gateway.

Sets up logging, and the import path as only this does. How the commands are given, and their help, is in `hubbub.py`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from actors.config.config import ConfigError
from hubbub import not_written

from ..settings.config import GatewaySettings
from ..settings.program import BAD_INPUT, DEFAULT_FILE, default_file, end_with, planned
from ..settings.sources import load_settings
from ..settings.text import default_lines, effective_lines, tree_comment
from ..telemetry.logs import configure_logging
from .app_target import CannotServe, author_frames, expect, import_app, put_on_path

if TYPE_CHECKING:
    from ..settings.sources import Loaded

NOTHING_KNOWN = 1
"""The exit code of `why` for a connection that nobody remembers."""
INTERRUPTED = 130
"""The exit code after Ctrl-C before it served: 128 and SIGINT, as shells have it."""
STOP_MARGIN = 5.0
"""Seconds a reloading parent waits beyond the drain before it kills: interpreters need a moment to go."""


def serve(app: str | None, file: Path | None, flags: Mapping[str, object], *, reload: bool) -> None:
    """Ends the process with its exit code."""
    try:
        sys.exit(_reload(app, file, flags) if reload else _serve(app, file, flags))
    except KeyboardInterrupt:  # while the application is imported; later it is a signal that drains
        sys.exit(INTERRUPTED)
    except (ConfigError, CannotServe) as error:
        _refuse(error)


def check(file: Path | None, target: str | None, *, print_defaults: bool) -> None:
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


def top(url: str, interval: float, *, once: bool) -> None:
    from .admin_client import CannotWatch
    from .live import one_frame, watch

    try:
        if once or not sys.stdout.isatty():
            _print(one_frame(url, interval))
        else:
            watch(url, interval)
    except CannotWatch as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)


def why(connection: str | None, principal: str | None, limit: int, url: str) -> None:
    from .admin_client import CannotWatch
    from .inquiry import about, about_all
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
    from ..web.listening.tls import CannotUseCertificate, out_of_date, server_context

    tls = loaded.settings.gateway.tls
    try:
        context = server_context(tls)
    except CannotUseCertificate as error:
        path = "gateway.tls.key" if error.file == tls.key else "gateway.tls.certificate"
        raise ConfigError(path, f"{error.file}: {error.problem}", error.hint, origin=loaded.origins[path]) from None
    return None if context is None else out_of_date(context, tls.certificate)


def _warn_of_secret(loaded: Loaded) -> None:
    from ..access.tokens import Tokens

    for path, secret in loaded.settings.gateway.auth.secrets.items():
        tokens = Tokens(secret)
        if tokens.is_weak:
            fact = f"it has {tokens.bytes} bytes, so it can be guessed from any one token"
            hint = f"take {tokens.wanted} or more, as `openssl rand -base64 48` prints"
            click.echo(f"warning of {path} ({loaded.origins[path]}): {fact}; {hint}", err=True)


def _print(lines: Iterable[str]) -> None:
    """To standard output, or a letter."""
    try:
        click.echo("\n".join(lines))
    except OSError as error:
        not_written(error)


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
    from ..web.process import leave_within

    leave_within(code)
    return code


def _find_gateway(target: str) -> Any:
    from ..application.app import Gateway

    try:
        found = import_app(target, Gateway)
    except CannotServe:
        raise
    except Exception as error:
        traceback.print_exception(type(error), error, author_frames(error.__traceback__))
        raise CannotServe(target, f"importing it raised {type(error).__name__}", "mend the line above") from error
    return expect(found, Gateway, target)


def _default_gateway(settings: GatewaySettings) -> Any:
    """Nothing but what is configured; the demo, whose clients may provoke what they like, in development mode only."""
    if settings.development:
        from ..demo import create_demo_app

        return create_demo_app()
    from ..application.app import Gateway

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
