"""
The command `hubbub`, before anything of it is imported: that takes a second on a slow machine, in which somebody may
have changed their mind. Help is said without the gateway, which is imported by the command that runs.
"""

from __future__ import annotations

import errno
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    import click

NOT_WRITTEN = 1
"""The exit code where standard output takes nothing."""
INTERRUPTED = 130
"""The exit code of what Ctrl-C has ended before it served: 128 and SIGINT, as shells have it."""


def main() -> None:
    """Ctrl-C ends it without a word, and the version is said without the rest; a full disk is a letter."""
    try:
        _open_streams()
        if sys.argv[1:] == ["--version"]:
            sys.stdout.write(f"hubbub, version {version()}\n")
            sys.stdout.flush()
        else:
            command()(prog_name="hubbub")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        if "gateway.cli.verbs" in sys.modules:  # a command has begun: until then only help and the version are written
            raise
        not_written(error)


def not_written(error: OSError) -> NoReturn:
    """Ends the process, whose standard output is full, or has no reader any more, of which there is no more to say."""
    if error.errno != errno.EPIPE:
        sys.stderr.write(f"could not write to standard output: {error.strerror}; make room, or write elsewhere\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter tries again when it ends
    sys.exit(NOT_WRITTEN)


def _open_streams() -> None:
    """
    What it was started without, as some daemons start others, leads nowhere: the number of standard error would be that
    of the next file, which is the socket of a client in the end.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free, so this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def version() -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("hubbub")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "(not installed)"


def _number(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """A nan is within any range, and as seconds never over."""
    import click

    if value != value:
        raise click.BadParameter("nan is no number", context, parameter)
    return value


def command() -> click.Group:
    """All of it, as click has it; what a command is and does stands in the function of its name."""
    import click

    hubbub = click.Group(
        "hubbub",
        help=inspect.cleandoc(HELP),
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    click.version_option(version(), prog_name="hubbub")(hubbub)

    def add(run: Callable[..., None], *params: click.Parameter) -> None:
        says = inspect.cleandoc(run.__doc__ or "")
        hubbub.add_command(click.Command(run.__name__, params=list(params), callback=run, help=says))

    path, option = click.Path(path_type=Path), click.Option
    add(
        serve,
        click.Argument(["app"], required=False, metavar="[MODULE:APP]"),
        option(["--host"], metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]"),
        option(["--port"], type=int, metavar="NUMBER", help="Port to listen on, 0 for any.  [default: 8000]"),
        option(["--config", "file"], type=path, metavar="FILE", help="Settings, as TOML."),
        option(["--reload"], is_flag=True, help="Start again whenever a source file changes. For development."),
        option(["--log-format"], type=click.Choice(["auto", "console", "json"]), help="auto: console on a terminal."),
    )
    add(
        check,
        click.Argument(["file"], required=False, type=path),
        option(["--app", "target"], metavar="MODULE:APP", help="An application, whose code says more of topics."),
        option(["--print-defaults"], is_flag=True, help="Print a file of every setting, with unit and reason."),
    )
    url: dict[str, Any] = {
        "default": "http://127.0.0.1:8001", "show_default": True, "help": "The gateway's admin listener.",
    }  # fmt: skip
    add(
        top,
        option(["--url"], **url),
        option(
            ["--interval"],
            type=click.FloatRange(0.1, 3600.0),
            callback=_number,
            default=1.0,
            show_default=True,
            help="Seconds.",
        ),
        option(["--once"], is_flag=True, help="Print one frame as plain text and end."),
    )
    add(
        why,
        click.Argument(["connection"], required=False, metavar="[ID]"),
        option(["--principal"], metavar="NAME", help="The connections of this principal, without an ID."),
        option(["--limit"], type=click.IntRange(1, 1000), default=20, show_default=True, help="Lines of such a list."),
        option(["--url"], **url),
    )
    return hubbub


HELP = """
    Real-time WebSocket gateway on supervised actors.

    \b
    hubbub serve                      try it: loopback, open topics, a chat page
    hubbub serve chat:app --reload    develop an application
    hubbub check hubbub.toml          see what a configuration means
    hubbub why ID                     why a connection ended
"""


def serve(app: str | None, file: Path | None, reload: bool, **flags: Any) -> None:
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
    from gateway.cli import verbs as cli

    cli.serve(app, file, {f"--{name.replace('_', '-')}": value for name, value in flags.items()}, reload=reload)


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
    from gateway.cli import verbs as cli

    cli.check(file, target, print_defaults=print_defaults)


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
    from gateway.cli import verbs as cli

    cli.top(url, interval, once=once)


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
    from gateway.cli import verbs as cli

    cli.why(connection, principal, limit, url)


if __name__ == "__main__":
    main()
