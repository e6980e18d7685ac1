"""TLS of our own: certificates made for the test, and the client of the `websockets` library."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import Gateway, WebSocket
from gateway.events import CertificateRenewed, ConnectionClosed
from gateway.settings.listen import TlsSettings
from gateway.settings.sources import load_settings
from gateway.web.listening import listener
from gateway.web.listening.tls import CannotUseCertificate, out_of_date, server_context
from tests.support.certificates import client_context, configured, encrypted, files
from tests.support.client import connect, refused, when
from tests.support.command import invoke
from tests.support.process import serving

Serve = Any
PEM = serialization.Encoding.PEM


async def test_messages_reach_everybody_over_tls(serve: Serve, tmp_path: Path) -> None:
    """Fan-out, in order; the address says https, the admin's does not."""
    server = await serve(settings=encrypted(tmp_path))
    assert server.url.startswith("https://127.0.0.1:")
    assert server.admin_url.startswith("http://127.0.0.1:")
    tls = client_context()
    async with connect(server.ws(), ssl=tls) as one, connect(server.ws(), ssl=tls) as two:
        for client in (one, two):
            await client.join("r")
        for number in range(100):
            await one.say(action="publish", room="r", payload=number)
        for client in (one, two):
            assert await client.payloads(100) == list(range(100))


async def test_big_messages_pass_whole_and_too_big_ones_close(serve: Serve, tmp_path: Path) -> None:
    """64 KiB are four TLS records each way; one byte more is 1009."""
    app = Gateway()

    @app.ws("/")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        async for one in ws:
            await ws.send_bytes(one.bytes())

    server = await serve(app, encrypted(tmp_path))
    facts = server.watch(ConnectionClosed)
    big = bytes(range(256)) * 256
    async with connect(server.ws("/"), ssl=client_context()) as client:
        for _ in range(20):
            await client.send(big)
            assert await client.receive() == big
        await client.send(big + b"!")
        assert (await client.closed())[0] == 1009
    await when(lambda: len(facts) == 1)
    assert facts[0].code == 1009


async def test_closes_of_both_sides_are_clean_over_tls(serve: Serve, tmp_path: Path) -> None:
    """The client's code is in the fact; the server's reaches the client; a cut is 1006."""
    server = await serve(settings=encrypted(tmp_path))
    facts = server.watch(ConnectionClosed)
    tls = client_context()
    async with connect(server.ws(), ssl=tls) as client:
        await client.close(4321, "enough")
        assert await client.closed() == (4321, "")
    async with connect(server.ws(), ssl=tls) as client:
        server.app.connections[client.id].close(4400, "go")
        assert await client.closed() == (4400, "go")
    async with connect(server.ws(), ssl=tls) as client:
        client.cut()
        await when(lambda: len(facts) == 3)
    assert [(fact.code, fact.ended_by) for fact in facts] == [(4321, "client"), (4400, "app"), (1006, "transport")]


@pytest.mark.slow
async def test_a_slow_reader_over_tls_costs_only_itself(serve: Serve, tmp_path: Path) -> None:
    """Backpressure passes through the encryption: it is closed, and the others have everything."""
    server = await serve(settings=encrypted(tmp_path))
    facts = server.watch(ConnectionClosed)
    tls = client_context()
    async with connect(server.ws(), ssl=tls) as slow, connect(server.ws(), ssl=tls) as quick:
        for client in (slow, quick):
            await client.join("r")
        slow.socket.transport.pause_reading()
        text = "x" * 30_000
        slowly = server.app.node.directory.get(slow.id)._actor
        for _ in range(1000):
            await server.app.room("r").broadcast(text)
            assert (await quick.event())["payload"] == text
            if not slowly.is_open:
                break
        await when(lambda: len(facts) == 1)
        assert (facts[0].connection, facts[0].ended_by) == (slow.id, "slow_consumer")
        assert (await quick.ask(action="ping"))["timestamp"] > 0


async def test_pages_that_came_over_tls_are_ours_and_others_are_not(serve: Serve, tmp_path: Path) -> None:
    """We know the scheme ourselves; without TLS nobody is answered at all."""
    server = await serve(settings=encrypted(tmp_path))
    port, tls = server.app.server.port, client_context()
    async with connect(server.ws(), ssl=tls, origin=f"https://127.0.0.1:{port}") as client:
        assert (await client.ask(action="ping"))["timestamp"] > 0
    assert (await refused(server.ws(), ssl=tls, origin=f"http://127.0.0.1:{port}"))[0] == 403


async def test_who_begins_no_handshake_is_let_go(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent client holds a file that nobody counts; the loop's own patience is a minute."""
    monkeypatch.setattr(listener, "HANDSHAKE_WITHIN", 0.05)
    server = await serve(settings=encrypted(tmp_path))
    for begun in (b"", b"\x16\x03\x01"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.app.server.port)
        writer.write(begun)
        async with asyncio.timeout(30):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()


async def test_old_versions_of_tls_are_not_spoken(serve: Serve, tmp_path: Path) -> None:
    """RFC 8996."""
    context = server_context(encrypted(tmp_path).gateway.tls)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def pair(directory: Path, certificate: Path, key: Path) -> Any:
    file = directory / "pair.toml"
    file.write_text(f"[gateway.tls]\ncertificate = '{certificate}'\nkey = '{key}'\n")
    return load_settings(file, {}, {}).settings.gateway.tls


def test_without_a_certificate_nothing_is_encrypted(tmp_path: Path) -> None:
    """The default."""
    assert server_context(load_settings(None, {}, {}).settings.gateway.tls) is None


def test_files_that_are_of_no_use_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    """A letter for each: missing, a directory, something else, of another pair, encrypted, damaged."""
    certificate, key = files(tmp_path)
    other_certificate, other_key = files(tmp_path, "localhost")
    locked, damaged = tmp_path / "locked.key", tmp_path / "damaged.pem"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for one, two, said in (
        (tmp_path / "none.pem", key, r"none\.pem for TLS: No such file"),
        (certificate, tmp_path, "for TLS: Is a directory"),
        (key, key, r"key for TLS: there is no CERTIFICATE in it; name the certificate"),
        (certificate, certificate, r"pem for TLS: there is no PRIVATE KEY in it; name its private key"),
        (certificate, other_key, r"localhost\.key for TLS: it is not the key of .*127\.0\.0\.1\.pem"),
        (other_certificate, locked, r"locked\.key for TLS: it is encrypted"),
        (damaged, key, r"damaged\.pem for TLS: OpenSSL says"),
    ):
        with pytest.raises(CannotUseCertificate, match=said):
            server_context(pair(tmp_path, one, two))


YEARS = [datetime(year, 1, 1, tzinfo=UTC) for year in (2001, 2002, 2100, 2101)]


@pytest.mark.parametrize(
    ("dates", "problem"),
    [(YEARS[:2], "certificate has expired"), (YEARS[2:], "certificate is not yet valid"), (YEARS[::3], None)],
)
def test_a_certificate_that_clients_refuse_for_its_dates_is_said(
    tmp_path: Path, dates: list[datetime], problem: str | None
) -> None:
    """In OpenSSL's words, as a warning of `check`: it can be served, and a test of somebody may want to."""
    certificate, key = files(tmp_path, not_before=dates[0], not_after=dates[1])
    context = server_context(TlsSettings(certificate=str(certificate), key=str(key)))
    assert context is not None
    found = out_of_date(context, str(certificate))
    assert (found or "").startswith(problem or "")  # OpenSSL says more of it since 3.6
    assert (found is None) == (problem is None)
    file = configured(tmp_path, certificate, key)
    said = invoke("check", str(file))
    assert said.exit_code == 0
    assert (f"warning of gateway.tls.certificate: {problem}" in said.stderr) is (problem is not None)


def test_a_certificate_of_a_kind_that_not_every_client_has_can_be_served(tmp_path: Path) -> None:
    """Whether its dates are right cannot be asked by a client as ours then; that keeps nobody from starting."""
    key = ec.generate_private_key(ec.SECP256K1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, YEARS[0], YEARS[3]).sign(key, hashes.SHA256())
    file = tmp_path / "both.pem"
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(PEM, *plain) + made.public_bytes(PEM))
    context = server_context(TlsSettings(certificate=str(file), key=str(file)))
    assert context is not None
    assert out_of_date(context, str(file)) is None


@pytest.mark.slow
async def test_a_process_with_an_expired_certificate_says_so_as_it_starts(tmp_path: Path) -> None:
    """Once, with the file; nothing else would tell why nobody comes, for such clients leave before they ask."""
    certificate, key = files(tmp_path, not_before=YEARS[0], not_after=YEARS[1])
    async with serving("--config", str(configured(tmp_path, certificate, key)), directory=tmp_path) as process:
        line = json.loads(await process.line_with("certificate.out_of_date"))
    assert (line["level"], line["file"], line["problem"]) == ("warning", str(certificate), "certificate has expired")


@pytest.mark.slow
async def test_a_process_speaks_tls_or_says_why_it_cannot(tmp_path: Path) -> None:
    """On the loop it runs on in production; exit code 1 and one line without a traceback."""
    certificate, key = files(tmp_path)
    file = configured(tmp_path, certificate, key)
    async with serving("--config", str(file), directory=tmp_path) as process:
        assert f"https://127.0.0.1:{process.port}" in await process.line_with("is listening at")
        url = process.ws.replace("ws:", "wss:")
        async with connect(url, ssl=client_context()) as one, connect(url, ssl=client_context()) as two:
            await asyncio.gather(one.join("r"), two.join("r"))
            await one.publish("r", "x" * 60_000)
            assert await two.payloads(1) == ["x" * 60_000]
            await two.close(4001)
    key.unlink()
    async with serving("--config", str(file), directory=tmp_path, started=False) as process:
        assert await process.exit_code() == 1
    assert f"could not use {key} for TLS: No such file or directory" in process.output
    assert "Traceback" not in process.output


async def test_a_renewed_certificate_is_served_and_nobody_is_cut(serve: Serve, tmp_path: Path) -> None:
    """Who is connected stays so; who comes then gets the new one, though it names no host."""
    server = await serve(settings=encrypted(tmp_path))
    renewed = server.watch(CertificateRenewed)
    async with connect(server.ws(), ssl=client_context()) as before:
        newer = tmp_path / "newer"
        newer.mkdir()
        for new, old in zip(files(newer), (tmp_path / "127.0.0.1.pem", tmp_path / "127.0.0.1.key"), strict=True):
            old.write_bytes(new.read_bytes())
        server.app.server._renewal.look()
        assert len(renewed) == 1
        async with connect(server.ws(), ssl=client_context()) as after:
            shown = [
                client.socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
                for client in (before, after)
            ]
            assert shown[0] != shown[1]
            for client in (before, after):
                await client.join("r")
            await before.publish("r", "hello")
            assert (await after.event())["payload"] == "hello"
