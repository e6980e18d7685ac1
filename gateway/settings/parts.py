"""
The parts of a gateway's tree, how each is supervised unless a file says otherwise, and what a file may say at all.

A key that nothing could obey is refused rather than accepted and forgotten: a socket that is gone cannot be restarted,
so no budget of restarts can be set for connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from actors.plan.references import STATIC, Part
from actors.plan.settings import ROOT, SupervisorSettings

if TYPE_CHECKING:
    from actors.plan.blueprint import Blueprint

    from .config import GatewaySettings

HOME = "app"
"""The supervisor of the app's actors that no other names."""
FILLED = ("Gateway",)
"""Classes; an app's actor with a parameter annotated so gets the running one."""
BUDGET = frozenset({"intensity", "period", "intensity_scope", "on_exceeded", "backoff"})
PASSIVATE_AFTER = 120.0
"""Seconds a topic without members keeps its actor: a reload of the page is over by then. Its stream stays."""

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "engine": Part("positions, history"),
        "topics": Part(
            "topics",
            children="one per live topic",
            default=SupervisorSettings(strategy="dynamic", shutdown=5.0, passivate_after=PASSIVATE_AFTER),
            obeys=BUDGET | {"shutdown", "mailbox", "passivate_after"},
            choices={
                "strategy": ("dynamic",),
                "restart": ("transient", "temporary"),  # a permanent one would come back from being passivated
                "overflow": ("unbounded", "fail"),  # what was accepted has its place in the order
            },
            after=("engine",),
        ),
        "heartbeat": Part("one timer wheel"),
        "connections": Part(
            "connections",
            children="one per socket",
            default=SupervisorSettings(strategy="dynamic", restart="temporary"),
            obeys={"shutdown", "mailbox"},
            # a bound would be met by the outbox first, and a full mailbox would fail the topic that answers
            choices={"strategy": ("dynamic",), "restart": ("temporary",), "overflow": ("unbounded",)},
            after=("engine", "topics", "heartbeat"),
        ),
        "app": Part(
            "the app's own actors",
            default=SupervisorSettings(intensity_scope="child", on_exceeded="stop_child"),
            obeys=BUDGET | {"auto_shutdown", "restart", "shutdown", "mailbox", "children"},
            choices={"strategy": STATIC},
            after=("engine", "topics", "heartbeat", "connections"),
        ),
        "listener": Part("the web server", is_actor=False, is_last=True),
    }
)
"""In start order."""

BUILT_IN: Mapping[str, SupervisorSettings] = MappingProxyType(
    {
        ROOT: SupervisorSettings(intensity=3, period=60.0, on_exceeded="exit", children=tuple(PARTS)),
        **{name: part.default for name, part in PARTS.items() if part.default is not None},
    }
)


def plan_tree(settings: GatewaySettings) -> Blueprint:
    """
    Returns the tree of a gateway with these settings. Imports the app's actors that they name.

    Raises:
        ConfigError: A class is none, or its arguments do not fit; `letters()` has all that was found.
    """
    from actors.plan.blueprint import plan

    return plan(settings.runtime, parts=PARTS, home=HOME, fills=FILLED)
