"""The command as a person gives it: within this process, or to a Python of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from hubbub import command

ROOT = Path(__file__).parents[2]


def invoke(*arguments: str, **environ: str) -> Result:
    """Runs `hubbub` in this process; `environ` is laid over the environment."""
    return CliRunner().invoke(command(), arguments, env=environ, prog_name="hubbub")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as a person would, in the working directory of the test."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
