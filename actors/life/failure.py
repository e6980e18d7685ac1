"""That an instance has failed: no further message is handed to it, and its supervisor will decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka import ActorRegistry

from ..cell.cell import STARTING, STOPPING, SUSPENDED
from ..errors import in_short
from ..events import ActorFailed
from ..mail.ops import Fail, StopNow

if TYPE_CHECKING:
    from ..cell.cell import ActorRef

    Cell = ActorRef[Any]

NEVER_RAN = ("on_start", "restart")
"""What an instance was doing if it failed before its first message: no hook of an ending is due to it."""


def fail(cell: Cell, error: BaseException, doing: str) -> None:
    """The instance failed: no further message is handed to it, and its supervisor will decide. Loop thread only."""
    env = cell._env
    cell._last_error = in_short(error)
    env.events.publish(ActorFailed(cell, error, doing))
    if isinstance(error, (SystemExit, KeyboardInterrupt)) and env.fatal is None:
        env.fatal = error
    if cell._phase >= STOPPING:
        return
    cell._phase = STARTING if doing in NEVER_RAN else SUSPENDED
    cell._scheduled = True
    if env.pykka_compatible and not isinstance(error, Exception):
        ActorRegistry.stop_all(block=False)
        cell._post(StopNow())
    else:
        cell._post(Fail(error, doing))
