"""Starts a gateway, runs `cent_test.py` beside it: `python against_a_gateway.py PYTHON`, by way of `run_cent.sh`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.process import serving  # noqa: E402 - the path has to be set first

KEY = "key-of-the-compliance-tests"
BOUND = 60.0
"""Seconds for all of it; it takes one."""


async def main(python: str) -> int:
    """The exit code: that of the tests, or 1 if the gateway did not end cleanly."""
    environ = {"HUBBUB_DEVELOPMENT": "true", "HUBBUB_GATEWAY__API__KEY": KEY, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as directory:
        async with serving(directory=Path(directory), environ=environ) as gateway:
            said = {"GATEWAY_URL": gateway.url, "GATEWAY_KEY": KEY}
            command = (python, "-W", "error", "-m", "unittest", "cent_test")
            tests = await asyncio.create_subprocess_exec(*command, cwd=HERE, env={**os.environ, **said})
            async with asyncio.timeout(BOUND):
                code = await tests.wait()
            gateway.send(signal.SIGTERM)
            ended = await gateway.exit_code()
            if ended or "Traceback" in gateway.output:
                print(f"the gateway ended with {ended} and said:\n{gateway.output}")
            return code or (1 if ended or "Traceback" in gateway.output else 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
