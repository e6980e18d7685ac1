"""What a failing test of the fixture `gateway` shows: its conversation; and the page about such tests, held to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.testing import Conversation
from gateway.testing.conversation import MAX_LINES, MAX_SHOWN

pytest_plugins = ["pytester"]


def test_a_conversation_is_bounded_and_can_be_read() -> None:
    """The last lines, names side by side, long messages cut."""
    conversation = Conversation()
    assert [conversation.name("al") for _ in range(3)] == ["al", "al 2", "al 3"]
    for number in range(MAX_LINES + 1):
        conversation.note("al", ">", str(number))
    conversation.note("al 2", "<", "x" * (MAX_SHOWN + 1))
    conversation.is_over = True
    conversation.note("al", ">", "not any more")
    lines = str(conversation).splitlines()
    assert len(lines) == MAX_LINES
    assert (lines[0], lines[-1]) == ("al   > 2", f"al 2 < {'x' * MAX_SHOWN}... ({MAX_SHOWN + 1} in all)")


APP = """
from gateway import Gateway, WebSocket
app = Gateway()
@app.ws("/echo")
async def echo(ws):
    await ws.accept()
    async for frame in ws:
        if frame.text() == "crash":
            raise LookupError("as you wish")
        await ws.send_text(frame.text())
"""


def test_a_failure_shows_what_was_said(pytester: pytest.Pytester) -> None:
    """All of the test and nothing of its end; a test that passes shows nothing."""
    pytester.makepyfile(
        APP
        + """
async def test_fails(gateway):
    async with gateway(app) as server:
        alice = await server.connect("/echo", principal="alice")
        await alice.send("hello")
        await alice.receive()
        server.clock.advance(1)
        await alice.send("crash")
        assert (await alice.closed()).code == 1000

async def test_passes(gateway):
    async with gateway(app) as server:
        await (await server.connect("/echo")).send("quiet")
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- conversation with the gateway -*",
            "alice  + /echo",
            "alice  > hello",
            "alice  < hello",
            "clock  ~ 1 s",
            "alice  > crash",
            "server ! * failed on *: LookupError('as you wish')",
            "alice  x 1011 internal server error",
            "*short test summary*",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*quiet*")


def test_the_page_about_tests_is_true(pytester: pytest.Pytester) -> None:
    """Its app and its tests, as they stand there; and its conversation is what that test would show."""
    page = (Path(__file__).parents[3] / "docs" / "testing.md").read_text()
    files = re.findall(r"^```python\n# ([\w.]+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["app.py", "test_app.py", "conftest.py", "test_with_a_fixture.py"]
    for name, body in files:
        (pytester.path / name).write_text(body)
    pytester.syspathinsert()
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)
