"""Secrets of tokens that can be guessed: said once at the start, and by `hubbub check`; blank ones are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
import structlog

from gateway import JWT, Gateway
from gateway.access.tokens import Tokens
from gateway.settings.sources import load_settings
from tests.support.command import invoke

if TYPE_CHECKING:
    from pathlib import Path

LONG = "x" * 32


@pytest.mark.parametrize(
    ("secret", "algorithms", "is_weak"),
    [
        ("x" * 31, ["HS256"], True),
        (LONG, ["HS256"], False),
        ("ä" * 16, ["HS256"], False),
        (LONG, ["HS256", "HS512"], True),
        ("x" * 64, ["HS512"], False),
    ],
)
def test_a_secret_is_as_long_as_its_hash(secret: str, algorithms: list[str], is_weak: bool) -> None:
    """RFC 7518 3.2, in bytes, for the longest hash that is believed."""
    assert Tokens(secret, algorithms=algorithms).is_weak is is_weak


async def _warnings(app: Gateway, **environ: str) -> list[Any]:
    variables = {"HUBBUB_PORT": "0", "HUBBUB_GATEWAY__ADMIN__LISTEN": "127.0.0.1:0", **environ}
    with structlog.testing.capture_logs() as lines:
        await app.start(load_settings(None, variables, {}, app=True).settings)
        await app.stop()
    return [line for line in lines if line["event"] == "secret.too_short"]


@pytest.mark.actors(real_time=True)
async def test_a_short_secret_is_warned_of_once_at_the_start() -> None:
    """The setting's and those of authenticators, of the app and of one endpoint; the secret itself is in no line."""
    shared = JWT("short-one")
    app = Gateway(authenticators=[shared, JWT(LONG)])

    @app.ws("/", authenticators=[shared, JWT("other")])
    async def endpoint(ws: Any) -> None: ...

    secrets = {"HUBBUB_GATEWAY__AUTH__JWT_SECRET": "hunter2", "HUBBUB_GATEWAY__AUTH__JWT_SECRET_BEFORE": "hunter"}
    lines = await _warnings(app, **secrets)
    assert [(line["secret"], line["bytes"], line["wanted"]) for line in lines] == [
        ("gateway.auth.jwt_secret", 7, 32), ("gateway.auth.jwt_secret_before", 6, 32), ("JWT", 9, 32), ("JWT", 5, 32),
    ]  # fmt: skip
    assert {line["log_level"] for line in lines} == {"warning"}
    assert not any(word in str(lines) for word in ("hunter2", "short-one", "other"))


@attrs.define
class Key:
    """Compared by its value, as classes of attrs and data classes are, and so without a hash."""

    value: str

    def __call__(self, handshake: Any) -> None: ...


@pytest.mark.actors(real_time=True)
async def test_who_looks_for_weak_secrets_takes_any_authenticator() -> None:
    """One that has no hash is an authenticator like any other; the gateway starts with it."""
    app = Gateway(authenticators=[Key("a"), Key("a")])

    @app.ws("/", authenticators=Key("b"))
    async def endpoint(ws: Any) -> None: ...

    assert await _warnings(app) == []


@pytest.mark.actors(real_time=True)
async def test_a_long_secret_is_nobody_s_matter() -> None:
    """Nothing is said where nothing is wrong."""
    assert await _warnings(Gateway(authenticators=[JWT(LONG)]), HUBBUB_GATEWAY__AUTH__JWT_SECRET=LONG) == []


@pytest.mark.usefixtures("alone")
def test_check_warns_of_a_short_secret(tmp_path: Path) -> None:
    """On standard error, with its origin; what it prints stays a file that loads, and the exit code is 0."""
    done = invoke("check", HUBBUB_GATEWAY__AUTH__JWT_SECRET="hunter2")
    assert done.exit_code == 0
    assert done.stderr == (
        "warning of gateway.auth.jwt_secret (env HUBBUB_GATEWAY__AUTH__JWT_SECRET): it has 7 bytes, so it can be "
        "guessed from any one token; take 32 or more, as `openssl rand -base64 48` prints\n"
    )
    assert invoke("check", HUBBUB_GATEWAY__AUTH__JWT_SECRET=LONG).stderr == ""


@pytest.mark.usefixtures("alone")
def test_a_blank_secret_is_refused(tmp_path: Path) -> None:
    """A variable that is set to spaces believes nobody, and everybody: it is a mistake."""
    done = invoke("check", HUBBUB_GATEWAY__AUTH__JWT_SECRET="   ")
    assert done.exit_code == 2
    assert done.stderr.startswith("cannot read gateway.auth.jwt_secret (env HUBBUB_GATEWAY__AUTH__JWT_SECRET): ")


@pytest.mark.usefixtures("alone")
def test_check_reads_the_files_of_tls(tmp_path: Path) -> None:
    """A certificate that serve would not start with is a letter here, with the setting and where it came from."""
    (tmp_path / "a.toml").write_text('[gateway.tls]\ncertificate = "none.pem"\nkey = "none.key"\n')
    done = invoke("check", "a.toml")
    assert done.exit_code == 2
    assert done.stderr == (
        "cannot read gateway.tls.certificate (file a.toml): none.pem: No such file or directory; "
        "name the certificate and its chain in PEM as gateway.tls.certificate\n"
    )
