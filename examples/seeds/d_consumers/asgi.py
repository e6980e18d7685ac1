"""The application: `hubbub serve examples.seeds.d_consumers.asgi:application`."""

from __future__ import annotations

from gateway import Gateway

from .routing import websocket_urlpatterns

application = Gateway()
application.mount(websocket_urlpatterns)
