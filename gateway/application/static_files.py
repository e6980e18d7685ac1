"""The files of a directory as pages: listed once, read when they are asked for."""

from __future__ import annotations

import mimetypes
from pathlib import Path

MAX_STATIC = 1_000
"""Files one call of `static` may serve: a page and its parts, not a file server."""


def pages_of(prefix: str, directory: Path | str) -> dict[str, tuple[Path, str]]:
    """
    URL path to (file, content type), `index.html` at the prefix itself as well.

    Raises:
        ValueError: The prefix is no path; or it is no directory, or has no file or more than 1,000.
    """
    if not prefix.startswith("/"):
        raise ValueError(f'could not serve {directory} under {prefix!r}: a path starts with "/"; write "/{prefix}"')
    directory = Path(directory)
    if not directory.is_dir():
        what = "is no directory" if directory.exists() else "does not exist"
        words = "give a directory; one that is not absolute is looked for from where the process was started"
        raise ValueError(f"could not serve {directory}: {directory.absolute()} {what}; {words}")
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    if not 0 < len(found) <= MAX_STATIC:
        raise ValueError(
            f"could not serve {directory}: it has {len(found)} files; give a directory of 1 to {MAX_STATIC}"
        )
    pages: dict[str, tuple[Path, str]] = {}
    for path in found:
        name = path.relative_to(directory).as_posix()
        page = pages[prefix.rstrip("/") + "/" + name] = (path, content_type(name))
        if name == "index.html":
            pages[prefix.rstrip("/") + "/"] = page
    return pages


def content_type(name: str) -> str:
    """By Python's own table: what the system's files say would differ from one machine to the next."""
    kind, encoding = mimetypes.MimeTypes().guess_type(name, strict=False)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return "text/javascript" if kind == "application/javascript" else kind  # RFC 9239 6
