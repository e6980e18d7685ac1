"""
The command `hubbub`, before anything of it is imported: that takes a second on a slow machine, in which somebody may
have changed their mind.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""The exit code of what Ctrl-C has ended before it served: 128 and SIGINT, as shells have it."""


def main() -> None:
    """Ctrl-C ends it without a word, and the version is said without the rest."""
    try:
        _open_streams()
        if sys.argv[1:] == ["--version"]:
            _say_version()
        else:
            _command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


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


def _say_version() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        said = version("hubbub")
    except PackageNotFoundError:  # as in gateway.cli
        said = "(not installed)"
    sys.stdout.write(f"hubbub, version {said}\n")


def _command() -> None:
    from gateway.cli import main as command

    command(prog_name="hubbub")


if __name__ == "__main__":
    main()
