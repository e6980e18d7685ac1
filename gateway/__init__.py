"""The WebSocket gateway built on supervised actors: sockets, rooms, channels, history, presence, recovery."""

from __future__ import annotations

from .app import Gateway
from .authenticators import JWT, Bearer, CookieSession
from .behaviour import Room
from .endpoint import WebSocketEndpoint
from .handlers import on
from .heartbeat import HeartbeatConfig
from .identity import Principal
from .member import Member
from .message_class import message
from .message_limit import Limit
from .middleware import Authenticate, LimitRate
from .permissions import HasRole, IsAuthenticated
from .reasons import InvalidData, InvalidJSON, InvalidText, Refused, WebSocketDisconnect
from .receipts import Receipt
from .router import WebSocketRouter
from .stream import History, Position
from .topic_handle import ChannelHandle, RoomHandle
from .websocket import ConnectionState, Frame, WebSocket

__all__ = [
    "JWT",
    "Authenticate",
    "Bearer",
    "ChannelHandle",
    "ConnectionState",
    "CookieSession",
    "Frame",
    "Gateway",
    "HasRole",
    "HeartbeatConfig",
    "History",
    "InvalidData",
    "InvalidJSON",
    "InvalidText",
    "IsAuthenticated",
    "Limit",
    "LimitRate",
    "Member",
    "Position",
    "Principal",
    "Receipt",
    "Refused",
    "Room",
    "RoomHandle",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketEndpoint",
    "WebSocketRouter",
    "message",
    "on",
]
