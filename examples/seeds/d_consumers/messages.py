"""What clients may send; ping and pong are Chanx' own in the document."""

from __future__ import annotations

from typing import Literal

from gateway import message


@message
class PingMessage:
    action: Literal["ping"] = "ping"


@message
class PongMessage:
    action: Literal["pong"] = "pong"


@message
class EchoMessage:
    """Message type for echoing text."""
    action: Literal["echo"] = "echo"
    payload: str


MyIncomingMessage = PingMessage | EchoMessage
"""Custom incoming message container."""
