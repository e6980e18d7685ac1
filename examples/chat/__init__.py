"""
A chat: rooms with behaviour, reached in two ways.

    hubbub serve examples.chat:app                # has a tiny page at http://127.0.0.1:8000
    python examples/chat/client.py --name Ada     # and this is for the terminal

The client speaks the native wire at /ws: named events, history, positions. Any WebSocket tool will do for the plain
endpoint, ws://127.0.0.1:8000/chat/lobby/Bob, which the page uses: text in, JSON out. Both are in the same room.
"""

from __future__ import annotations

from .rooms import app

__all__ = ["app"]
