"""
Runs other people's clients against a gateway: `python clients.py PYTHON [SUITE ...]`, by way of `run_clients.sh`.

Two gateways are started as processes of their own, in development mode: the default application, and one whose members
speak the raw wire, for the room that all wires share. Then each suite runs; a summary and an exit code say what came
of them. A gateway that did not end cleanly, or logged an error, is a failure like any other.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import attrs

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.process import Process, serving  # noqa: E402 - the path has to be set first

SECRET = "a secret of the compliance tests, long enough for HS256"
ENVIRON = {
    "HUBBUB_DEVELOPMENT": "true",
    "HUBBUB_GATEWAY__AUTH__JWT_SECRET": SECRET,
    # seconds instead of half a minute, so that silence and expiry can be waited for
    "HUBBUB_GATEWAY__AUTH__REFRESH_GRACE": "3s",
    "HUBBUB_GATEWAY__HEARTBEAT__PING_INTERVAL": "2s",
    "HUBBUB_GATEWAY__HEARTBEAT__PING_TIMEOUT": "2s",
    # the suites go as fast as they can; the rates have tests of their own
    "HUBBUB_GATEWAY__LIMITS__MESSAGES_PER_SECOND": "1000000",
    "HUBBUB_GATEWAY__LIMITS__BURST": "1000000",
    "PYTHONPATH": os.pathsep.join((str(HERE.parents[1]), str(HERE))),
}
BOUND = 180.0
"""Seconds for one suite: the longest takes half a minute."""
AT_ONCE = 2
"""Suites: they wait more than they work, for tokens to end and pings to come."""

PYTEST = (
    "-q -W error -c /dev/null --rootdir . --confcutdir . -o python_files=*_test.py -p no:cacheprovider "
    # the client leaves its sockets to the collector when it disconnects, which is no fault of ours
    "-p no:unraisableexception"
)
"""How pytest finds these tests and nothing of the project's own."""


@attrs.frozen
class Suite:
    """One client and its tests: a directory, and what runs the files in it."""

    directory: str
    client: str

    def command(self, python: str) -> Sequence[str]:
        if self.directory.endswith("_python"):
            return [python, "-m", "pytest", *PYTEST.split(), self.directory]
        files = sorted(str(file.relative_to(HERE)) for file in (HERE / self.directory).glob("*.test.mjs"))
        reporter = ["--test-reporter", "./support/reporter.mjs", "--test-reporter-destination", "stdout"]
        return ["node", "--test", "--test-concurrency", "4", *reporter, *files]


SUITES = (
    Suite("centrifuge_js", "npm centrifuge"),
    Suite("centrifuge_python", "PyPI centrifuge-python"),
    Suite("phoenix_js", "npm phoenix"),
    Suite("native", "wscat"),
    Suite("mixed", "all in one room"),
)


@attrs.frozen
class Outcome:
    name: str
    problem: str
    """Empty if all is well."""
    seconds: float

    def __str__(self) -> str:
        return f"{'failed' if self.problem else 'passed'}  {self.name:<44} {self.seconds:6.1f} s  {self.problem}"


async def run(suite: Suite, python: str, environ: Mapping[str, str]) -> Outcome:
    """Prints what it has to say as a whole, when it is done."""
    began = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        *suite.command(python),
        cwd=HERE,
        env={**os.environ, **environ},
        start_new_session=True,
        stdout=PIPE,
        stderr=STDOUT,
    )
    reading = asyncio.ensure_future(child.communicate())
    try:
        await asyncio.wait_for(asyncio.shield(reading), BOUND)
        problem = f"exit code {child.returncode}" if child.returncode else ""
    except TimeoutError:
        os.killpg(child.pid, signal.SIGKILL)  # a process for each file, in a group of its own
        problem = f"not done after {BOUND:g} s"
    said, _ = await reading
    print(f"--- {suite.directory}: {suite.client}\n{said.decode(errors='replace').rstrip()}", flush=True)
    return Outcome(f"{suite.directory} ({suite.client})", problem, time.monotonic() - began)


async def run_all(suites: Sequence[Suite], python: str, environ: Mapping[str, str]) -> list[Outcome]:
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(suite: Suite) -> Outcome:
        async with places:
            return await run(suite, python, environ)

    return await asyncio.gather(*map(in_turn, suites))


async def end(name: str, process: Process) -> Outcome:
    """Ends a gateway as an orchestrator would, and reads what it had to say."""
    began = time.monotonic()
    process.send(signal.SIGTERM)
    code = await process.exit_code()
    errors = list(error_lines(process.lines))
    for line in errors[:5]:
        print(f"{name} logged: {line[:2000]}")
    problems = [f"exit code {code}"] * bool(code) + [f"{len(errors)} errors in its log"] * bool(errors)
    return Outcome(f"{name} ended", ", ".join(problems), time.monotonic() - began)


def error_lines(lines: Sequence[str]) -> Iterator[str]:
    """The lines that say that something of ours went wrong: no test asks for that."""
    for line in lines:
        if not line.startswith("{"):
            if "Traceback" in line:
                yield line
            continue
        level = json.loads(line).get("level", "")
        if level in ("error", "critical"):
            yield line


async def main(python: str, names: Sequence[str]) -> int:
    chosen = [suite for suite in SUITES if not names or suite.directory in names]
    if unknown := set(names) - {suite.directory for suite in chosen}:
        known = ", ".join(suite.directory for suite in SUITES)
        print(f"cannot run {', '.join(sorted(unknown))}: there is no such suite; name some of {known}", file=sys.stderr)
        return 2
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        default = await stack.enter_async_context(serving(directory=directory, environ=ENVIRON))
        mixed = await stack.enter_async_context(serving("raw_members:app", directory=directory, environ=ENVIRON))
        environ = {
            "GATEWAY_PORT": str(default.port),
            "GATEWAY_MIXED_PORT": str(mixed.port),
            "GATEWAY_SECRET": SECRET,
            "PYTHONPATH": ENVIRON["PYTHONPATH"],
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # ours is found beside the support, and needs what is not there
        }
        outcomes = await run_all(chosen, python, environ)
        outcomes += [await end("the default gateway", default), await end("the mixed gateway", mixed)]
    print("\n" + "\n".join(map(str, outcomes)))
    return 1 if any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
