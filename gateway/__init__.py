"""The WebSocket gateway built on supervised actors: sockets, rooms, channels, history, presence, recovery."""

from __future__ import annotations

from .app import Gateway
from .authenticators import JWT, Bearer, CookieSession
from .behaviour import Room
from .endpoint import WebSocketEndpoint
from .handlers import on
from .handshake import Handshake
from .heartbeat import HeartbeatConfig
from .identity import Principal, TopicGrant
from .member import Member
from .message_class import message
from .message_limit import Limit
from .middleware import Authenticate, LimitRate
from .permissions import HasRole, IsAuthenticated, Permission
from .publications import Publication, Sender
from .reasons import (
    InvalidData,
    InvalidJSON,
    InvalidText,
    InvalidToken,
    NotAccepted,
    Refused,
    TopicKindError,
    WebSocketDisconnect,
    WouldStallTopic,
)
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
    "Handshake",
    "HasRole",
    "HeartbeatConfig",
    "History",
    "InvalidData",
    "InvalidJSON",
    "InvalidText",
    "InvalidToken",
    "IsAuthenticated",
    "Limit",
    "LimitRate",
    "Member",
    "NotAccepted",
    "Permission",
    "Position",
    "Principal",
    "Publication",
    "Receipt",
    "Refused",
    "Room",
    "RoomHandle",
    "Sender",
    "TopicGrant",
    "TopicKindError",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketEndpoint",
    "WebSocketRouter",
    "WouldStallTopic",
    "message",
    "on",
]
