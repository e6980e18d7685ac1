"""
Drives a headless Chromium through the DevTools protocol, so that tests use a page the way a person does.

Rules of this file: every wait has a bound; clicks and keys are real input events at real coordinates, so a covered or
hidden button fails a test; what the page throws is collected in `Tab.errors`, so that a test can insist on none.

Theory of operation: one process with a fresh profile, one socket to its DevTools endpoint, one flat session per tab
(https://chromedevtools.github.io/devtools-protocol/, domains Target, Runtime, Input, Network, Emulation). A wait is a
promise inside the page, settled by a MutationObserver and a 50 ms interval; the Python side only awaits the answer.

What it refuses to know: anything about the page under test.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FLAGS = (
    "--headless",
    "--no-sandbox",  # test containers run as root, where Chromium refuses its own sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm of a container is 64 MiB, a renderer needs more
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",  # the second of two tabs would have its timers slowed to 1 Hz
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)
ENDPOINT = re.compile(rb"DevTools listening on (ws://\S+)")
KEYS = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("\t", 9), "ArrowDown": ("", 40), "ArrowUp": ("", 38)}

WAIT = """new Promise((resolve, reject) => {
  const began = performance.now();
  let thrown = null;
  const look = () => {
    let value;
    try { value = (%s); thrown = null; } catch (error) { thrown = error; }
    if (!value && performance.now() - began < %f) return;
    observer.disconnect();
    clearInterval(timer);
    if (value) resolve(value);
    else reject(new Error(thrown ? `it threw ${thrown}` : 'it stayed false'));
  };
  const observer = new MutationObserver(look);
  const timer = setInterval(look, 50);
  observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""

ELSEWHERE = ("navigated", "context was destroyed", "Cannot find context")
"""What Chromium says of an expression whose page was left before it was done."""

CENTRE = """(() => {
  const node = document.querySelector(%s);
  if (!node?.getClientRects().length) throw new Error('not visible');
  node.scrollIntoView({block: 'nearest', behavior: 'instant'});
  const box = node.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  if (!node.contains(top)) throw new Error(`covered by ${top ? top.outerHTML.slice(0, 120) : 'nothing'}`);
  return {x, y};
})()"""


class BrowserError(Exception):
    """The browser, or the page in it, did not do what the test asked."""


@attrs.frozen
class ConsoleMessage:
    """One line of the page's console: `kind` as in `console.<kind>`, or `exception`, or the source of a log entry."""

    kind: str
    text: str


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, None if there is none: the reason to skip a browser test."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class DevTools:
    """One connection to a browser's DevTools endpoint: calls with answers, and events by session."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}
        self._last_id = 0
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, *, session: str | None = None, timeout: float = 15.0, **params: Any) -> Any:
        """
        Calls `method` and returns its result; `session` names the tab, None the browser itself.

        Raises:
            BrowserError: The browser answered with an error, went away, or did not answer within `timeout` seconds.
        """
        self._last_id += 1
        answer = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        command = {"id": self._last_id, "method": method, "params": params}
        await self._socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        try:
            async with asyncio.timeout(timeout):
                reply = await answer
        except TimeoutError:
            raise BrowserError(f"cannot call {method}: no answer in {timeout} s; see whether the tab is busy") from None
        if "error" in reply:
            raise BrowserError(f"cannot call {method}: {reply['error']['message']}; check the arguments: {params}")
        return reply["result"]

    def listen(self, session: str, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Hands every later event of `session` to `listener(method, params)`, in order."""
        self._listeners[session] = listener

    async def close(self) -> None:
        """Closes the socket and fails what still waits; the browser itself goes on."""
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                self._dispatch(json.loads(text))
        gone = BrowserError("cannot reach the browser: its DevTools socket closed; look for a crash of the process")
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(gone)

    def _dispatch(self, frame: dict[str, Any]) -> None:
        if "id" in frame:
            answer = self._pending.pop(frame["id"])
            if not answer.done():
                answer.set_result(frame)
        elif (listener := self._listeners.get(frame.get("sessionId", ""))) is not None:
            listener(frame["method"], frame["params"])


class Tab:
    """One page. `console` is everything it said; `errors` is what no healthy page says."""

    def __init__(self, devtools: DevTools, session: str, target: str) -> None:
        self._devtools = devtools
        self._session = session
        self._target = target
        self._loaded = asyncio.Event()
        self.console: list[ConsoleMessage] = []
        self.errors: list[str] = []
        """Uncaught exceptions, `console.error`, refusals by the content security policy; not failed connections,
        which the browser itself reports whenever a server is away."""
        devtools.listen(session, self._on_event)

    async def goto(self, url: str, *, timeout: float = 15.0) -> None:
        """Opens `url` and returns after its load event."""
        self._loaded.clear()
        await self._call("Page.navigate", url=url)
        async with asyncio.timeout(timeout):
            await self._loaded.wait()

    async def reload(self, *, timeout: float = 15.0) -> None:
        """Loads the page again, as a person pressing F5; storage stays."""
        self._loaded.clear()
        await self._call("Page.reload")
        async with asyncio.timeout(timeout):
            await self._loaded.wait()

    async def evaluate(self, js: str, *, timeout: float = 15.0) -> Any:
        """The JSON value of the expression `js`; a promise is awaited, a throw raises `BrowserError`."""
        result = await self._call(
            "Runtime.evaluate", expression=js, awaitPromise=True, returnByValue=True, userGesture=True, timeout=timeout
        )
        if "exceptionDetails" in result:
            thrown = result["exceptionDetails"].get("exception", {}).get("description", "an exception").split("\n")[0]
            raise BrowserError(f"cannot evaluate {js[:200]!r}: {thrown}; run it in a console")
        return result["result"].get("value")

    async def wait_for(self, js: str, *, timeout: float = 10.0) -> Any:
        """
        Returns the first truthy value of the expression `js`, on this page or on one that the tab goes to meanwhile.

        Raises:
            BrowserError: It stayed false for `timeout` seconds; the message shows the page's text.
        """
        try:
            return await self._wait(js, asyncio.get_running_loop().time() + timeout)
        except BrowserError as error:
            seen = await self.evaluate("document.body.innerText")
            letter = f"cannot see {js!r} within {timeout} s: {error}; the page shows:\n{seen}"
            raise BrowserError(letter) from error

    async def _wait(self, js: str, until: float) -> Any:
        while True:
            left = max(0.0, until - asyncio.get_running_loop().time())
            try:
                return await self.evaluate(WAIT % (js, left * 1000), timeout=left + 5)
            except BrowserError as error:
                if not left or not any(words in str(error) for words in ELSEWHERE):
                    raise

    async def click(self, selector: str, *, timeout: float = 5.0) -> None:
        """
        Presses the mouse in the middle of the first match, once it is visible and nothing covers it.

        Raises:
            BrowserError: It was missing, hidden or covered for `timeout` seconds.
        """
        at = await self.wait_for(CENTRE % json.dumps(selector), timeout=timeout)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            where = {"x": at["x"], "y": at["y"]}
            await self._call("Input.dispatchMouseEvent", type=kind, button=button, clickCount=1, **where)

    async def type(self, selector: str, text: str) -> None:
        """Replaces what the field `selector` holds by `text`, as one insertion at the keyboard's focus."""
        await self.click(selector)
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        await self.write(text)

    async def write(self, text: str) -> None:
        """Inserts `text` wherever the focus is, in the place of what is selected there."""
        await self._call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Presses and releases `key`, one of `KEYS`, wherever the focus is."""
        text, code = KEYS[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self._call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        await self._call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def screenshot(self, path: Path | str) -> None:
        """Writes what is visible as PNG to `path`."""
        shot = await self._call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(Path(path).write_bytes, base64.b64decode(shot["data"]))

    async def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Makes the viewport `width` x `height` CSS pixels."""
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    async def prefer(self, colour_scheme: str) -> None:
        """Sets what `prefers-color-scheme` answers: `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": colour_scheme}]
        await self._call("Emulation.setEmulatedMedia", features=features)

    async def set_offline(self, offline: bool) -> None:
        """Takes the network away or gives it back: new connections fail, and the page gets `offline` or `online`."""
        unlimited = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await self._call("Network.emulateNetworkConditions", offline=offline, **unlimited)

    async def close(self) -> None:
        """Closes the tab; its sockets close as when a person closes it."""
        await self._devtools.call("Target.closeTarget", targetId=self._target)

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._devtools.call(method, session=self._session, **params)

    async def _prepare(self) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")
        await self._call("Emulation.setFocusEmulationEnabled", enabled=True)

    def _on_event(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.consoleAPICalled":
            words = [str(arg.get("value", arg.get("description"))) for arg in params["args"]]
            self._note(params["type"], " ".join(words), wrong=params["type"] in ("error", "assert"))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self._note("exception", details.get("exception", {}).get("description", details["text"]), wrong=True)
        elif method == "Log.entryAdded":
            entry = params["entry"]
            self._note(entry["source"], entry["text"], wrong=entry["level"] == "error" and entry["source"] != "network")

    def _note(self, kind: str, text: str, *, wrong: bool) -> None:
        self.console.append(ConsoleMessage(kind, text))
        if wrong:
            self.errors.append(text)


class Browser:
    """A Chromium process with a fresh profile, for the length of an `async with`."""

    def __init__(self, executable: str | None = None, *, start_timeout: float = 30.0) -> None:
        self._executable = executable
        self._start_timeout = start_timeout
        self._profile = tempfile.TemporaryDirectory(prefix="hubbub-browser-", ignore_cleanup_errors=True)

    async def __aenter__(self) -> Browser:
        executable = self._executable or find_chromium()
        if executable is None:
            raise BrowserError("cannot start a browser: no chromium in PATH; install the package chromium")
        self._process = await asyncio.create_subprocess_exec(
            executable,
            *FLAGS,
            f"--user-data-dir={self._profile.name}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # renderers and zygotes are children; the whole group ends with us
        )
        try:
            async with asyncio.timeout(self._start_timeout):
                self._devtools = DevTools(await connect(await self._endpoint(), max_size=None, proxy=None))
        except BaseException:
            await self._end()
            raise
        self._drain = asyncio.create_task(self._drain_stderr())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrowserError, ConnectionClosed):
            await self._devtools.call("Browser.close", timeout=5.0)
        await self._devtools.close()
        await self._end()
        await self._drain

    async def open(self, url: str, *, isolated: bool = False, width: int = 1280, height: int = 800) -> Tab:
        """
        Opens `url` in a new tab and returns after its load event.

        Tabs share cookies and storage, as those of one person; an `isolated` one has its own, as of another person.
        """
        where: dict[str, Any] = {"browserContextId": await self._new_context()} if isolated else {}
        target = (await self._devtools.call("Target.createTarget", url="about:blank", **where))["targetId"]
        attached = await self._devtools.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self._devtools, attached["sessionId"], target)
        await tab._prepare()
        await tab.resize(width, height)
        await tab.goto(url)
        return tab

    async def _new_context(self) -> str:
        context: str = (await self._devtools.call("Target.createBrowserContext"))["browserContextId"]
        return context

    async def _endpoint(self) -> str:
        """The line Chromium writes once it listens; an event, where the file DevToolsActivePort needs polling."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := ENDPOINT.search(line):
                return found[1].decode()
        raise BrowserError("cannot start the browser: it ended before it listened; run it by hand to see why")

    async def _drain_stderr(self) -> None:
        """Reads what Chromium complains about, lest a full pipe stops it."""
        assert self._process.stderr is not None
        while await self._process.stderr.read(65536):
            pass

    async def _end(self) -> None:
        """Waits 5 s for the process to end by itself, then ends the group it leads."""
        try:
            async with asyncio.timeout(5.0):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await asyncio.to_thread(self._profile.cleanup)
