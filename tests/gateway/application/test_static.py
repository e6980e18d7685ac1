"""Files served by `app.static`: which paths there are, what they are called, and that there are no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from gateway import Gateway, WebSocket
from gateway.application.static_files import MAX_STATIC
from gateway.settings.sources import load_settings
from gateway.web.server import CSP


def site(directory: Path, **files: str) -> Path:
    """A directory with these files; `__` stands for a slash and `_` for a dot."""
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


class Browser:
    """Asks a gateway that runs, with paths as they are: nothing is normalised on this side."""

    def __init__(self, app: Gateway) -> None:
        self.app = app

    async def __aenter__(self) -> Browser:
        flags = {"--port": 0}
        await self.app.start(load_settings(None, {"HUBBUB_GATEWAY__ADMIN__LISTEN": "off"}, flags, app=True).settings)
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        await self.app.stop()

    async def get(self, path: str) -> tuple[int, str, Any]:
        """Status, text, headers."""
        url = yarl.URL(self.app.server.url + path, encoded=True)
        async with self.http.get(url, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers


def serving(prefix: str, directory: Path) -> Browser:
    app = Gateway()
    app.static(prefix, directory)
    return Browser(app)


pytestmark = pytest.mark.actors(real_time=True)


async def test_files_below_the_directory_are_served_below_the_prefix(tmp_path: Path) -> None:
    """Nested ones too; `index.html` is also the page of the prefix itself."""
    site(tmp_path, index_html="<p>home", app_js="let x", deep__down__a_css="p {}")
    async with serving("/site", tmp_path) as browser:
        for path, text in {
            "/site/": "<p>home",
            "/site/index.html": "<p>home",
            "/site/app.js": "let x",
            "/site/deep/down/a.css": "p {}",
        }.items():
            assert (await browser.get(path))[:2] == (200, text)
        for path in ("/", "/index.html", "/site/deep/", "/site/missing.js"):
            assert (await browser.get(path))[0] == 404


def test_a_directory_may_be_a_text(tmp_path: Path) -> None:
    """As people write it at first; and one that is not there is a letter."""
    app = Gateway()
    app.static("/", str(site(tmp_path, index_html="<p>home")))
    assert set(app.pages) == {"/", "/index.html"}
    with pytest.raises(ValueError, match=r"could not serve none_such: .*/none_such does not exist"):
        app.static("/", "none_such")


async def test_the_root_may_be_the_prefix(tmp_path: Path) -> None:
    """The page of a product is at /; endpoints and /ws stay where they are."""
    app = Gateway()

    @app.ws("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()

    app.static("/", site(tmp_path, index_html="<p>home"))
    async with Browser(app) as browser:
        assert (await browser.get("/"))[:2] == (200, "<p>home")
        async with browser.http.ws_connect(app.server.url + "/echo") as ws:
            assert not ws.closed


async def test_a_page_and_an_endpoint_may_have_one_path(tmp_path: Path) -> None:
    """Who upgrades means the endpoint, which was answered with the page; everybody else reads."""
    app = Gateway()

    @app.ws("/")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()

    app.static("/", site(tmp_path, index_html="<p>home", ws="a file", a_txt="a"))
    async with Browser(app) as browser:
        for path in ("/", "/ws"):
            async with browser.http.ws_connect(app.server.url + path) as ws:
                assert not ws.closed
        assert (await browser.get("/"))[:2] == (200, "<p>home")
        assert (await browser.get("/ws"))[:2] == (200, "a file")
        for upgrade, path, text in (("h2c", "/", "<p>home"), ("websocket", "/a.txt", "a")):
            offer = {"Connection": "Upgrade", "Upgrade": upgrade}
            async with browser.http.get(app.server.url + path, headers=offer) as answer:
                assert (answer.status, await answer.text()) == (200, text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.wasm", "application/wasm"),
        ("a.js.gz", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("none", "application/octet-stream"),
    ],
)
async def test_content_types_are_the_same_on_every_machine(tmp_path: Path, name: str, kind: str) -> None:
    """By Python's table and ours, not the system's; a browser told not to sniff refuses a script of the wrong type."""
    (tmp_path / name).write_bytes(b"x")
    async with serving("/", tmp_path) as browser:
        status, _, headers = await browser.get(f"/{name}")
        assert (status, headers["Content-Type"]) == (200, kind)
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_every_file_carries_the_content_security_policy(tmp_path: Path) -> None:
    """Nothing from elsewhere, nothing inline, in no frame."""
    async with serving("/", site(tmp_path, index_html="", a_js="")) as browser:
        for path in ("/", "/index.html", "/a.js"):
            assert (await browser.get(path))[2]["Content-Security-Policy"] == CSP
    assert "default-src 'none'" in CSP
    assert "unsafe" not in CSP


@pytest.mark.parametrize(
    "path",
    [
        "/site/../secret.txt", "/site/%2e%2e/secret.txt", "/site/..%2fsecret.txt", "/site/%2e%2e%2fsecret.txt",
        "/site/..%5csecret.txt", "/site//../../secret.txt", "/site/./../secret.txt", "/secret.txt", "//secret.txt",
        "/site/%00", "/site/a.txt%00.html", "/site/%252e%252e/secret.txt", "/site/%2e/a.txt",
    ],
)  # fmt: skip
async def test_there_is_no_way_out_of_the_directory(tmp_path: Path, path: str) -> None:
    """A path is looked up in a list that was made at the start; no path of a request ever meets the file system."""
    site(tmp_path, secret_txt="secret", site__a_txt="public")
    async with serving("/site", tmp_path / "site") as browser:
        status, text, _ = await browser.get(path)
        assert (status, "public" in text) == (404, False), text


async def test_names_of_files_are_no_patterns(tmp_path: Path) -> None:
    """Braces, spaces and umlauts are themselves: `{a}.txt` does not answer for `b.txt`."""
    for name in ("{a}.txt", "a b.txt", "ä.txt", "50%.txt"):
        (tmp_path / name).write_text(name)
    async with serving("/", tmp_path) as browser:
        for path, name in {
            "/%7Ba%7D.txt": "{a}.txt",
            "/a%20b.txt": "a b.txt",
            "/%C3%A4.txt": "ä.txt",
            "/50%25.txt": "50%.txt",
        }.items():
            assert (await browser.get(path))[:2] == (200, name)
        assert (await browser.get("/b.txt"))[0] == 404


async def test_a_file_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    """Edited: the new text. Added: not there. Removed: 404, not a traceback."""
    async with serving("/", site(tmp_path, a_txt="old", b_txt="b")) as browser:
        site(tmp_path, a_txt="new", c_txt="added")
        (tmp_path / "b.txt").unlink()
        assert (await browser.get("/a.txt"))[:2] == (200, "new")
        assert [(await browser.get(path))[0] for path in ("/b.txt", "/c.txt")] == [404, 404]


async def test_head_is_answered_without_a_body(tmp_path: Path) -> None:
    """Monitors ask that way."""
    async with (
        serving("/", site(tmp_path, a_txt="text")) as browser,
        browser.http.head(browser.app.server.url + "/a.txt") as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "")


def test_a_directory_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    """Missing, empty, or a file: when it is declared, not when somebody asks."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    letters = {
        "missing": "/missing does not exist; give a directory; one that is not absolute is looked for from where",
        "file": "/file is no directory; give a directory",
        "empty": "it has 0 files; give a directory of 1 to 1000",
    }
    for name, letter in letters.items():
        with pytest.raises(ValueError, match=letter):
            Gateway().static("/", tmp_path / name)


def test_a_directory_of_too_many_files_is_refused(tmp_path: Path) -> None:
    """Somebody served their home directory."""
    for number in range(MAX_STATIC + 1):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(ValueError, match="it has 1001 files"):
        Gateway().static("/", tmp_path)
    (tmp_path / "0.txt").unlink()
    app = Gateway()
    app.static("/", tmp_path)
    assert len(app.pages) == MAX_STATIC


def test_a_prefix_starts_with_a_slash(tmp_path: Path) -> None:
    """Anything else would never be asked for."""
    with pytest.raises(ValueError, match="under 'assets': a path starts with"):
        Gateway().static("assets", site(tmp_path, a_txt=""))
