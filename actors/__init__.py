"""Supervised actors for asyncio: pykka's model, restarts under the same ref, every queue watched."""

from __future__ import annotations

from pykka import ActorProxy, traversable

from .actor import Actor
from .blocking import BlockingActor, run_blocking
from .cell.cell import ActorRef
from .cell.environment import Counts
from .cell.handler_table import HandlerTable, handles
from .cell.info import ActorInfo
from .cell.piping import PipeFailed
from .cell.timers import Timers
from .clock import Clock
from .entities import EntityRef
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
from .mail.mailbox import Mailbox
from .mail.messages import ChildFailed, HighWater, ReceiveTimeout, Request, Signal, Terminated
from .mail.stash import Stashed, StashFull
from .supervision import Backoff, ChildSpec, SupervisorSpec
from .supervisor import Child, DynamicSupervisor, Supervisor
from .system import ActorSystem
from .tree import ClassMetrics, TreeNode
from .turns.dispatcher import DispatcherSettings
from .turns.in_place import by_shortcut, is_idle, is_on_its_thread, run_now, tell_many, tell_some
from .turns.watchdog import patiently

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
