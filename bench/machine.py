"""Where it was measured: processor, cores, kernel, Python. A figure without these is a rumour."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import attrs


@attrs.frozen
class Machine:
    processor: str
    cores: int
    kernel: str
    python: str
    compiler: str
    load: float
    """The load average of the minute before, which should be near nought; whatever else runs is in the figures."""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _compiler() -> str:
    try:
        done = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, timeout=10)
    except OSError:
        return "none"
    return f"gcc {done.stdout.strip()}"


def this_machine() -> Machine:
    cores = len(os.sched_getaffinity(0))
    kernel = f"{platform.system()} {platform.release()}"
    return Machine(_processor(), cores, kernel, platform.python_version(), _compiler(), os.getloadavg()[0])


def stolen_in(text: str, core: int) -> float:
    """Of /proc/stat: seconds since its start in which this core had work and the host ran something else."""
    counted = next((line.split() for line in text.splitlines() if line.startswith(f"cpu{core} ")), [])
    return int(counted[8]) / os.sysconf("SC_CLK_TCK") if len(counted) > 8 else 0.0


def stolen(core: int) -> float:
    """As the kernel says now; 0.0 where it does not."""
    file = Path("/proc/stat")
    return stolen_in(file.read_text(), core) if file.exists() else 0.0


def cores_for() -> tuple[int, int]:
    """The core of the server and the core of the load; the same one twice if there is but one."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[1 % len(mine)]
