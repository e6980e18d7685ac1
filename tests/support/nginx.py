"""
nginx with the configuration of `examples/deploy`, as it is or moved: other ports and places, one worker, nothing else.

Pages reach it as `https://example.org`, the name in that file, with a certificate of the test's own authority.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trustme

from .process import ROOT, free_ports
from .raw_client import PATIENCE

CONFIGURATION = ROOT / "examples" / "deploy" / "nginx.conf"
NAME = "example.org"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
"""Of the package nginx; not in everybody's PATH."""
MAY_SKIP = NGINX is None and "CI" not in os.environ
"""Without an nginx nothing is shown, which is fine at somebody's desk and a failure where it counts."""


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """`text` with each key replaced by its value; fails for a key that is not there exactly once."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times, not once"
        text = text.replace(old, new)
    return text


def moved(directory: Path, http: int, https: int, gateway: int) -> dict[str, str]:
    """What has to be replaced so that it runs here, as anybody and beside others."""
    temporary = "".join(
        f" {kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return {
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen [::]:80;": "",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "listen [::]:443 ssl;": "",
        "proxy_pass http://127.0.0.1:8000;": f"proxy_pass http://127.0.0.1:{gateway};",
        "pid /run/nginx.pid;": f"pid {directory}/nginx.pid;",
        "error_log /var/log/nginx/error.log warn;": "error_log stderr notice;",
        "access_log /var/log/nginx/access.log sockets;": f"access_log {directory}/access.log sockets;",
        "worker_processes auto;": "worker_processes 1;",  # so that its log says when a reload is through
        "http {\n": f"http {{{temporary}\n",
    }


def lay_out(directory: Path, text: str) -> ssl.SSLContext:
    """Writes `nginx.conf`, and the certificate where it looks for it; returns what trusts that."""
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME, "localhost")
    (directory / "tls").mkdir(parents=True)
    (directory / "nginx.conf").write_text(text)
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(directory / "tls" / "fullchain.pem", append=number > 0)
    certificate.private_key_pem.write_to_path(directory / "tls" / "privkey.pem")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    return trusting


def command(directory: Path, *arguments: str) -> list[str]:
    assert NGINX is not None, "cannot run nginx: there is none; install the package nginx-light"
    return [NGINX, "-p", str(directory), "-c", "nginx.conf", "-e", "stderr", *arguments]


@attrs.frozen
class Nginx:
    """One that runs. Ports of the loopback."""

    http: int
    https: int
    trusting: ssl.SSLContext
    directory: Path
    child: asyncio.subprocess.Process

    @property
    def access_log(self) -> Path:
        """Whole when it has ended."""
        return self.directory / "access.log"

    def reached(self, address: str = "127.0.0.1") -> dict[str, Any]:
        """For `connect("wss://example.org/...", **nginx.reached())`: from this address of the loopback."""
        return {
            "host": "127.0.0.1",
            "port": self.https,
            "ssl": self.trusting,
            "local_addr": (address, 0),
        }

    async def point(self, old: int, new: int) -> None:
        """Sends whoever comes from now on to another gateway: the file is changed and reloaded, no socket is cut."""
        file = self.directory / "nginx.conf"
        file.write_text(
            replaced(file.read_text(), {f"proxy_pass http://127.0.0.1:{old};": f"proxy_pass http://127.0.0.1:{new};"})
        )
        self.child.send_signal(signal.SIGHUP)
        await self.said("gracefully shutting down")  # the old worker, which then accepts nobody

    async def said(self, text: str) -> None:
        """Waits for a line of its log. Nobody reads in between: it says some ten lines, and a pipe holds 64 KiB."""
        assert self.child.stderr is not None
        so_far = ""
        async with asyncio.timeout(PATIENCE):
            while text not in so_far:
                line = await self.child.stderr.readline()
                assert line, f"nginx ended without {text!r}:\n{so_far}"
                so_far += line.decode()


@asynccontextmanager
async def nginx_before(gateway: int, directory: Path, **changes: str) -> AsyncIterator[Nginx]:
    """
    Runs the example before the gateway at this port; ended at the end.

    Args:
        changes: More to replace: `proxy_read_timeout="2s"` for the value of that directive.
    """
    http = free_ports(2)
    https = http + 1
    text = replaced(CONFIGURATION.read_text(), moved(directory, http, https, gateway))
    lines = {next(line for line in text.splitlines() if line.split()[:1] == [name]): name for name in changes}
    text = replaced(text, {line: f"{name} {changes[name]};" for line, name in lines.items()})
    trusting = lay_out(directory, text)
    child = await asyncio.create_subprocess_exec(
        *command(directory, "-g", "daemon off;"), stderr=asyncio.subprocess.PIPE
    )
    nginx = Nginx(http, https, trusting, directory, child)
    try:
        await nginx.said("start worker process ")  # its sockets listen since before the first of them
        yield nginx
    finally:
        if child.returncode is None:
            child.terminate()
        async with asyncio.timeout(PATIENCE):
            await child.communicate()
