"""
Tests of an app: a real gateway on loopback, clients to talk to it, and a clock to move on.

pytest's fixture `gateway` makes these; see `gateway.testing_plugin`.
"""

from __future__ import annotations

from .client import Client, NotConnected, NotReceived
from .closed import Closed
from .conversation import Conversation
from .facts import Facts, NeverHappened
from .server import Server

__all__ = ["Client", "Closed", "Conversation", "Facts", "NeverHappened", "NotConnected", "NotReceived", "Server"]
