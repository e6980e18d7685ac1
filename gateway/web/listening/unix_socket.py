"""
The Unix socket of the public listener: the file it leaves behind, who may open it, who has it already.

asyncio removes any socket file it finds, also that of a gateway that runs. Here somebody who listens is left alone.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

PATIENCE = 1.0
"""Seconds for the question whether somebody listens; a local connect is answered, or waits for a full backlog."""


class UnixSocket:
    """
    A socket file, from `bind` to `remove`.

    Args:
        mode: Permissions of the file; to connect takes the right to write.
    """

    def __init__(self, path: str, mode: int) -> None:
        self.path = Path(path)
        self._mode = mode
        self._made: tuple[int, int] | None = None

    def bind(self) -> socket.socket:
        """
        A socket bound to the path, not yet listening, so that nobody comes in before the permissions are set.

        Raises:
            OSError: Somebody listens there, there is a file that is no socket, or it cannot be made.
        """
        self._clear()
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.setblocking(False)
            bound.bind(str(self.path))
            self.path.chmod(self._mode)
        except BaseException:
            bound.close()
            raise
        self._made = _identity(self.path)
        return bound

    def remove(self) -> None:
        """The file goes with its gateway, unless another one has put its own there."""
        if self._made is not None and _identity(self.path) == self._made:
            self.path.unlink(missing_ok=True)
        self._made = None

    def _clear(self) -> None:
        """Away with what a gateway left behind that was killed."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise OSError("there is a file that is no socket")
        if self._is_listened_on():
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self.path.unlink(missing_ok=True)

    def _is_listened_on(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(PATIENCE)
            try:
                asking.connect(str(self.path))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # a full backlog, or no right to ask: somebody has it
                return True
            return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
