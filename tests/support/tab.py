"""
One page of a browser, used the way a person uses it.

Rules of this file: every wait has a bound; clicks and keys are real input events at real coordinates, so a covered or
hidden button fails a test; what the page throws is collected in `Tab.errors`, so that a test can insist on none.

Theory of operation: one flat DevTools session per tab (https://chromedevtools.github.io/devtools-protocol/, domains
Runtime, Input, Network, Emulation). A wait is a promise inside the page, settled by a MutationObserver and a 50 ms
interval; the Python side only awaits the answer.

What it refuses to know: anything about the page under test.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import attrs

from tests.support.devtools import BrowserError, DevTools

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


@attrs.frozen
class ConsoleMessage:
    """One line of the page's console: `kind` as in `console.<kind>`, or `exception`, or the source of a log entry."""

    kind: str
    text: str


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
        await self.emulate_media({"prefers-color-scheme": colour_scheme})

    async def emulate_media(self, features: dict[str, str], *, medium: str = "") -> None:
        """Sets what media queries answer, by their names, and the medium: `print` lays the page out as for paper."""
        named = [{"name": name, "value": value} for name, value in features.items()]
        await self._call("Emulation.setEmulatedMedia", media=medium, features=named)

    async def run_first(self, js: str) -> None:
        """From the next page on, `js` runs in each before any script of its own."""
        await self._call("Page.addScriptToEvaluateOnNewDocument", source=js)

    async def set_offline(self, offline: bool) -> None:
        """Takes the network away or gives it back: new connections fail, and the page gets `offline` or `online`."""
        unlimited = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await self._call("Network.emulateNetworkConditions", offline=offline, **unlimited)

    async def close(self) -> None:
        """Closes the tab; its sockets close as when a person closes it."""
        await self._devtools.call("Target.closeTarget", targetId=self._target)

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._devtools.call(method, session=self._session, **params)

    async def prepare(self) -> None:
        """Once, before the first page: events of the page come from now on, and it has the focus whatever others do."""
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
