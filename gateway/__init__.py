"""The WebSocket gateway built on supervised actors: sockets, rooms, channels, history, presence, recovery."""

from __future__ import annotations

from .access.authenticators import JWT, Bearer, CookieSession
from .access.handshake import Handshake
from .access.identity import Principal, TopicGrant
from .access.permissions import HasRole, IsAuthenticated, Permission
from .application.app import Gateway
from .application.router import WebSocketRouter
from .application.topic_handle import ChannelHandle, RoomHandle
from .endpoints.endpoint import WebSocketEndpoint
from .endpoints.middleware import Authenticate, LimitRate
from .endpoints.websocket import ConnectionState, Frame, WebSocket
from .engines.stream import History, Position
from .limits.message_limit import Limit
from .messages.handlers import on
from .messages.message_class import message
from .messages.publications import Publication, Sender
from .messages.receipts import Receipt
from .pulse.heartbeat import HeartbeatConfig
from .reasons import (
    InvalidData,
    InvalidJSON,
    InvalidText,
    InvalidToken,
    NotAccepted,
    Refused,
    TopicKindError,
    WebSocketDisconnect,
)
from .topics.behaviour import Room
from .topics.member import Member

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
    "message",
    "on",
]
