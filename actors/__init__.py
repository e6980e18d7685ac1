"""Supervised actors for asyncio: pykka's model, restarts under the same ref, every queue watched."""

from __future__ import annotations

from pykka import ActorProxy, traversable

from .actor import Actor
from .blocking import BlockingActor, run_blocking
from .cell import ActorRef
from .clock import Clock
from .dispatcher import DispatcherSettings
from .entities import EntityRef
from .environment import Counts
from .errors import (
    ActorDeadError,
    AskCycleError,
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
from .handler_table import HandlerTable, handles
from .in_place import by_shortcut, is_idle, is_on_its_thread, run_now, tell_many, tell_some
from .info import ActorInfo
from .mailbox import Mailbox
from .messages import ChildFailed, HighWater, ReceiveTimeout, Request, Signal, Terminated
from .piping import PipeFailed
from .stash import Stashed, StashFull
from .supervision import Backoff, ChildSpec, SupervisorSpec
from .supervisor import Child, DynamicSupervisor, Supervisor
from .system import ActorSystem
from .timers import Timers
from .tree import ClassMetrics, TreeNode
from .watchdog import patiently

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorInfo",
    "ActorProxy",
    "ActorRef",
    "ActorSystem",
    "AskCycleError",
    "AskTimeout",
    "AskedSelf",
    "Backoff",
    "BadActor",
    "BlockingActor",
    "Child",
    "ChildFailed",
    "ChildSpec",
    "ClassMetrics",
    "Clock",
    "Counts",
    "DispatcherSettings",
    "DynamicSupervisor",
    "EntityRef",
    "HandlerTable",
    "HighWater",
    "LoopFuture",
    "Mailbox",
    "MailboxFull",
    "NameTaken",
    "NotCharged",
    "NotInSystem",
    "PipeFailed",
    "ReceiveTimeout",
    "Request",
    "RestartsExceeded",
    "Signal",
    "StashFull",
    "Stashed",
    "Supervisor",
    "SupervisorSpec",
    "SystemFailed",
    "Terminated",
    "Timers",
    "TreeNode",
    "WouldBlockLoop",
    "by_shortcut",
    "handles",
    "is_idle",
    "is_on_its_thread",
    "patiently",
    "run_blocking",
    "run_now",
    "tell_many",
    "tell_some",
    "traversable",
]
