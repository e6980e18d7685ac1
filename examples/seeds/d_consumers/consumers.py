"""An echo for those who are logged in, and a chat by room."""

from __future__ import annotations

from collections.abc import Iterable

from gateway import CookieSession, IsAuthenticated, WebSocket, WebSocketEndpoint, on

from .messages import EchoMessage, MyIncomingMessage, PongMessage

SESSIONS = {"your_session_id": "ada", "another_session_id": "grace"}


def username_of(session_id: str) -> str | None:
    """Where a web framework would read its table of sessions; it may block."""
    return SESSIONS.get(session_id)


class EchoConsumer(WebSocketEndpoint):
    """Simple echo consumer with authentication."""
    # Use our authentication and permissions
    authenticators = [CookieSession("sessionid", username_of)]
    permissions = [IsAuthenticated()]

    # Specify message schema for validation
    @on(MyIncomingMessage)
    async def receive_message(self, ws: WebSocket, message):
        """Handle incoming validated messages."""
        if message.action == "echo":
            # Echo the message back to the sender
            await ws.send(EchoMessage(payload=f"Echo: {message.payload}"))
        elif message.action == "ping":
            # Handle ping message
            await ws.send(PongMessage())


class ChatConsumer(WebSocketEndpoint):
    """Chat consumer with room-based groups."""
    authenticators = [CookieSession("sessionid", username_of)]
    permissions = [IsAuthenticated()]

    async def rooms(self) -> Iterable[str]:
        """Build channel groups based on URL parameters."""
        # Get room_id from URL kwargs
        room_id = self.ws.path_params.get("room_id", "lobby")
        return [f"chat_{room_id}"]

    @on(MyIncomingMessage)
    async def receive_message(self, ws: WebSocket, message):
        """Handle incoming messages and broadcast to group."""
        if message.action == "echo":
            # Send to the whole group instead of just the sender
            await self.broadcast(
                EchoMessage(payload=f"{self.principal.id}: {message.payload}")
            )
