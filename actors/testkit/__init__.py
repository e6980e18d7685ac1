"""
What tests of actors need: virtual time, probes, exploration of orders, faults to order, tripwires.

The pytest fixtures `system`, `tripwires` and `actor_loop` come with the package (see `plugin`).
"""

from __future__ import annotations

from .conservation import assert_conservation
from .explore import ExplorationFailed, explore
from .faults import Injected, crash_on, delay_each, fail_start, hang_on
from .probe import TestProbe
from .tripwires import Tripwires
from .virtual_time import NothingWillHappen, VirtualTimeLoop, run

__all__ = [
    "ExplorationFailed",
    "Injected",
    "NothingWillHappen",
    "TestProbe",
    "Tripwires",
    "VirtualTimeLoop",
    "assert_conservation",
    "crash_on",
    "delay_each",
    "explore",
    "fail_start",
    "hang_on",
    "run",
]
