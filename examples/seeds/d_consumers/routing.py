"""Which consumer answers where."""

from __future__ import annotations

from gateway import WebSocketRouter

from .consumers import ChatConsumer, EchoConsumer

websocket_urlpatterns = WebSocketRouter()
websocket_urlpatterns.add_route("/ws/echo/", EchoConsumer)
websocket_urlpatterns.add_route("/ws/chat/{room_id}/", ChatConsumer)
websocket_urlpatterns.add_route("/ws/chat/", ChatConsumer)  # the lobby
