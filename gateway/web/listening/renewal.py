"""A certificate that is renewed while the gateway runs: its files are looked at, and read again when they changed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...events import CertificateNotRenewed, CertificateOutOfDate, CertificateRenewed
from .tls import CannotUseCertificate, out_of_date, server_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...settings.listen import TlsSettings

LOOK_EVERY: Final = 60.0
"""Seconds. Certificates are renewed weeks before they end. A look is two `stat` and, for the dates, a handshake in
memory: 2 ms (2026-11, RSA of 2,048 bits)."""


class Renewal:
    """
    Of one listener. Who connects gets what the files say; connections that are open keep what they began with.

    A renewal writes two files, one after the other. What cannot be used is said once, the certificate before it stays,
    and at each look it is tried again.

    Args:
        context: What the listener encrypts with, from `server_context`.
        publish: Is told the facts.
    """

    def __init__(self, settings: TlsSettings, context: ssl.SSLContext, publish: Callable[[object], None]) -> None:
        self._settings = settings
        self._publish = publish
        self._current = context
        self._used = self._refused = self._stamp()
        self._problem: str | None = None
        """With its dates, as it was told."""
        self._timer: asyncio.TimerHandle | None = None
        context.sni_callback = self._choose

    def start(self) -> None:
        """Looks at once, and again and again on the loop that runs."""
        self._look_again(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK_EVERY, self._look_again, loop)
        self.look()

    def look(self) -> None:
        """Reads the files if they have changed, and says what is the matter with their dates."""
        stamp, file = self._stamp(), self._settings.certificate
        if stamp != self._used:
            try:
                self._current = server_context(self._settings) or self._current
            except CannotUseCertificate as error:
                if stamp != self._refused:
                    self._refused = stamp
                    self._publish(CertificateNotRenewed(error.file, error.problem))
            else:
                self._used = self._refused = stamp
                self._publish(CertificateRenewed(file))
        problem = out_of_date(self._current, file) if stamp == self._used else self._problem
        if problem is not None and problem != self._problem:
            self._publish(CertificateOutOfDate(file, problem))
        self._problem = problem

    def _choose(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """In the handshake of each client, also of one that names no host: what it is shown."""
        connection.context = self._current

    def _stamp(self) -> tuple[object, ...]:
        """Says the same for as long as the files do."""
        return tuple(map(_stamp_of, (self._settings.certificate, self._settings.key)))


def _stamp_of(file: str) -> object:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
