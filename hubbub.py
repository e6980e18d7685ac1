"""
The command `hubbub`, before anything of it is imported: that takes a second on a slow machine, in which somebody may
have changed their mind.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""The exit code of what Ctrl-C has ended before it served: 128 and SIGINT, as shells have it."""


def main() -> None:
    """Ctrl-C ends it without a word, and the version is said without the rest."""
    try:
        if sys.argv[1:] == ["--version"]:
            _say_version()
        else:
            _command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


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
