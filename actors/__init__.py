"""Supervised actors for asyncio: pykka's model, restarts under the same ref, every queue watched."""

from __future__ import annotations

from pykka import ActorProxy, traversable

from .actor import Actor, handles
from .blocking import BlockingActor, run_blocking
from .cell import ActorInfo, ActorRef
from .clock import Clock
from .dispatcher import DispatcherSettings
from .environment import Counts
from .errors import (
    ActorDeadError,
    AskedSelf,
    AskTimeout,
    BadActor,
    MailboxFull,
    NameTaken,
    NotCharged,
    NotInSystem,
    RestartsExceeded,
    SystemFailed,
    WouldBlockLoop,
)
from .future import LoopFuture
from .mailbox import Mailbox
from .messages import ChildFailed, HighWater, Request, Signal, Terminated
from .supervision import Backoff, ChildSpec, SupervisorSpec
from .supervisor import Child, DynamicSupervisor, Supervisor
from .system import ActorSystem
from .timers import Timers
from .turn import tell_many

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorInfo",
    "ActorProxy",
    "ActorRef",
    "ActorSystem",
    "AskTimeout",
    "AskedSelf",
    "Backoff",
    "BadActor",
    "BlockingActor",
    "Child",
    "ChildFailed",
    "ChildSpec",
    "Clock",
    "Counts",
    "DispatcherSettings",
    "DynamicSupervisor",
    "HighWater",
    "LoopFuture",
    "Mailbox",
    "MailboxFull",
    "NameTaken",
    "NotCharged",
    "NotInSystem",
    "Request",
    "RestartsExceeded",
    "Signal",
    "Supervisor",
    "SupervisorSpec",
    "SystemFailed",
    "Terminated",
    "Timers",
    "WouldBlockLoop",
    "handles",
    "run_blocking",
    "tell_many",
    "traversable",
]
